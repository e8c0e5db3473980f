#include "tests/fault/faulty_backend.h"

#include <utility>

namespace storegate::test {
namespace {

using repository::Backend;
using repository::Session;

class FaultySession : public repository::ForwardingSession {
 public:
  FaultySession(std::unique_ptr<Session> to, std::shared_ptr<Faults> faults)
      : ForwardingSession(std::move(to)), faults_(std::move(faults)) {}

  Status Get(const repository::GetRequest& request, repository::WireSink* sink,
             std::vector<repository::Found>* found) override {
    return Around(Op::kGet, [&] { return to().Get(request, sink, found); });
  }
  Status List(const repository::Query& query, repository::Sink* sink) override {
    return Around(Op::kList, [&] { return to().List(query, sink); });
  }
  Result<int64_t> Count(const repository::Query& query) override {
    int64_t count = 0;
    Status status = Around(Op::kCount, [&] {
      Result<int64_t> result = to().Count(query);
      if (result.ok()) count = *result;
      return result.status();
    });
    if (!status.ok()) return status;
    return count;
  }
  Status Apply(std::span<repository::Write* const> writes) override {
    return Around(Op::kApply, [&] { return to().Apply(writes); });
  }

 private:
  template <typename Call>
  Status Around(Op op, Call call) {
    if (std::optional<Status> fault = faults_->AskBefore(op)) return *fault;
    faults_->Count(op);
    Status status = call();
    if (!status.ok()) return status;
    if (std::optional<Status> fault = faults_->AskAfter(op)) return *fault;
    return status;
  }

  std::shared_ptr<Faults> faults_;
};

class FaultyBackend : public repository::ForwardingBackend {
 public:
  FaultyBackend(std::unique_ptr<Backend> to, std::shared_ptr<Faults> faults)
      : ForwardingBackend(std::move(to)), faults_(std::move(faults)) {}

  // Hooks may wait, which who calls StartGet must not.
  repository::Capabilities capabilities() const override {
    repository::Capabilities capabilities = ForwardingBackend::capabilities();
    capabilities.start_get = false;
    return capabilities;
  }

  Result<std::unique_ptr<Session>> Connect(Use use) override {
    if (std::optional<Status> fault = faults_->AskBefore(Op::kConnect)) return *fault;
    faults_->Count(Op::kConnect);
    Result<std::unique_ptr<Session>> session = to().Connect(use);
    if (!session.ok()) return session;
    return std::unique_ptr<Session>(new FaultySession(std::move(*session), faults_));
  }

 private:
  std::shared_ptr<Faults> faults_;
};

}  // namespace

void Faults::Before(Hook hook) {
  std::lock_guard<std::mutex> lock(mutex_);
  before_ = std::move(hook);
}

void Faults::After(Hook hook) {
  std::lock_guard<std::mutex> lock(mutex_);
  after_ = std::move(hook);
}

void Faults::Clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  before_ = nullptr;
  after_ = nullptr;
}

std::optional<Status> Faults::AskBefore(Op op) {
  Hook hook;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    hook = before_;
  }
  return hook ? hook(op) : std::nullopt;  // unlocked: a hook may wait
}

std::optional<Status> Faults::AskAfter(Op op) {
  Hook hook;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    hook = after_;
  }
  return hook ? hook(op) : std::nullopt;
}

int Faults::calls(Op op) const {
  std::lock_guard<std::mutex> lock(mutex_);
  return calls_[static_cast<int>(op)];
}

void Faults::Count(Op op) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++calls_[static_cast<int>(op)];
}

void Gate::Pass() {
  std::unique_lock<std::mutex> lock(mutex_);
  ++arrivals_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return open_; });
}

void Gate::AwaitArrivals(int count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this, count] { return arrivals_ >= count; });
}

void Gate::Open() {
  std::lock_guard<std::mutex> lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

std::unique_ptr<repository::Backend> WithFaults(std::unique_ptr<repository::Backend> backend,
                                                std::shared_ptr<Faults> faults) {
  return std::make_unique<FaultyBackend>(std::move(backend), std::move(faults));
}

}  // namespace storegate::test
