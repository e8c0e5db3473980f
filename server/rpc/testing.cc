#include "server/rpc/testing.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "server/rpc/status.h"
#include "storegate/v1/testing.pb.h"

namespace storegate::rpc {
namespace {

constexpr std::string_view kReset = "/storegate.v1.Testing/Reset";

Status Malformed() {
  return Status(Code::kInvalidArgument, "MALFORMED_REQUEST", "no ResetRequest was sent");
}

// A call that waits for its answer, which may come when it is gone.
class Caller {
 public:
  explicit Caller(Line* line) : line_(line) {}

  void Answer(const Status& status) {
    std::lock_guard lock(mutex_);
    if (line_ == nullptr) return;
    if (status.ok()) line_->Write(v1::ResetResponse().SerializeAsString());
    line_->Finish(ToGrpc(status));
  }
  void Gone() {
    std::lock_guard lock(mutex_);
    line_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Line* line_;  // null once the call is over; guarded by mutex_
};

}  // namespace

class Testing::Impl {
 public:
  explicit Impl(std::function<Status()> reset)
      : reset_(std::move(reset)), thread_([this] { Run(); }) {}

  ~Impl() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void Submit(std::shared_ptr<Caller> caller) {
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(caller));
    }
    changed_.notify_one();
  }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      const std::shared_ptr<Caller> caller = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      caller->Answer(reset_());
      lock.lock();
    }
  }

  const std::function<Status()> reset_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  std::deque<std::shared_ptr<Caller>> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

namespace {

class ResetTalk : public Talk {
 public:
  ResetTalk(std::function<void(std::shared_ptr<Caller>)> submit, Line* line)
      : submit_(std::move(submit)), caller_(std::make_shared<Caller>(line)) {}

  void OnMessage(std::string_view bytes) override {
    v1::ResetRequest request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return caller_->Answer(Malformed());
    }
    submit_(caller_);
  }
  void OnEnd() override { caller_->Answer(Malformed()); }
  void OnGone() override { caller_->Gone(); }

 private:
  const std::function<void(std::shared_ptr<Caller>)> submit_;
  const std::shared_ptr<Caller> caller_;
};

}  // namespace

Testing::Testing(std::function<Status()> reset) : impl_(new Impl(std::move(reset))) {}
Testing::~Testing() = default;

std::unique_ptr<Talk> Testing::Open(std::string_view path, Line* line) {
  if (path != kReset) return nullptr;
  return std::make_unique<ResetTalk>(
      [this](std::shared_ptr<Caller> caller) { impl_->Submit(std::move(caller)); }, line);
}

}  // namespace storegate::rpc
