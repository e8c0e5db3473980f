#include "server/rpc/health.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <mutex>
#include <unordered_set>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/rpc/status.h"

namespace storegate::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ServingStatus = HealthCheckResponse::ServingStatus;

Status Ending() {
  return Status(Code::kUnavailable, "SHUTTING_DOWN", "the server is shutting down");
}

}  // namespace

// One mutex for all: the statuses, and the state of each watch.
class Health::Impl : public grpc::health::v1::Health::CallbackService {
 public:
  explicit Impl(const std::vector<std::string>& stores) {
    entries_[""].status = HealthCheckResponse::NOT_SERVING;
    for (const std::string& store : stores) {
      entries_[store].status = HealthCheckResponse::NOT_SERVING;
    }
  }

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const HealthCheckRequest* request,
                                  HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<HealthCheckResponse>* Watch(grpc::CallbackServerContext* context,
                                                       const HealthCheckRequest* request) override;

  void Set(bool serving, const std::string* store);
  void Stop();
  void Close();

 private:
  class Watcher;
  struct Entry {
    ServingStatus status = HealthCheckResponse::SERVICE_UNKNOWN;
    std::unordered_set<Watcher*> watchers;
  };
  void Update(Entry* entry, ServingStatus status);

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // as many as there are stores, and ""
  // Watches of names that are not served; they hear of SERVICE_UNKNOWN, and then
  // of the end.
  Entry unknown_;
  bool stopped_ = false;
  bool closed_ = false;
};

// Sends the latest status; what changed and changed back meanwhile is not sent.
class Health::Impl::Watcher : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  Watcher(Impl* health, Entry* entry) : health_(health), entry_(entry) {}

  // REQUIRES of these: health_->mutex_ is held.
  void Send() {
    if (writing_ || finished_) return;
    if (health_->closed_) return End(ToGrpc(Ending()));
    if (sent_ && response_.status() == entry_->status) return;
    response_.set_status(entry_->status);
    sent_ = writing_ = true;
    StartWrite(&response_);
  }
  void End(const grpc::Status& status) {
    if (finished_) return;
    finished_ = true;
    Finish(status);
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(health_->mutex_);
    writing_ = false;
    if (!ok) return End(grpc::Status::CANCELLED);
    Send();
  }
  void OnCancel() override {
    std::lock_guard lock(health_->mutex_);
    // Else OnWriteDone comes, and ends it.
    if (!writing_) End(grpc::Status::CANCELLED);
  }
  void OnDone() override {
    {
      std::lock_guard lock(health_->mutex_);
      entry_->watchers.erase(this);
    }
    delete this;
  }

 private:
  Impl* const health_;
  Entry* const entry_;
  // Guarded by health_->mutex_.
  HealthCheckResponse response_;
  bool sent_ = false;
  bool writing_ = false;
  bool finished_ = false;
};

grpc::ServerUnaryReactor* Health::Impl::Check(grpc::CallbackServerContext* context,
                                              const HealthCheckRequest* request,
                                              HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  grpc::Status status = grpc::Status::OK;
  {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(request->service());
    if (found == entries_.end()) {
      status = ToGrpc(Status(Code::kNotFound, "UNKNOWN_SERVICE", "no such service"));
    } else {
      response->set_status(found->second.status);
    }
  }
  reactor->Finish(status);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* Health::Impl::Watch(
    grpc::CallbackServerContext* context, const HealthCheckRequest* request) {
  std::lock_guard lock(mutex_);
  const auto found = entries_.find(request->service());
  Entry* const entry = found == entries_.end() ? &unknown_ : &found->second;
  auto* const watcher = new Watcher(this, entry);
  entry->watchers.insert(watcher);
  watcher->Send();
  return watcher;
}

void Health::Impl::Update(Entry* entry, ServingStatus status) {
  entry->status = status;
  for (Watcher* watcher : entry->watchers) watcher->Send();
}

void Health::Impl::Set(bool serving, const std::string* store) {
  const ServingStatus status =
      serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  for (auto& [name, entry] : entries_) {
    if (store == nullptr || *store == name) Update(&entry, status);
  }
}

void Health::Impl::Stop() {
  std::lock_guard lock(mutex_);
  stopped_ = true;
  for (auto& [name, entry] : entries_) Update(&entry, HealthCheckResponse::NOT_SERVING);
}

void Health::Impl::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  for (auto& [name, entry] : entries_) Update(&entry, entry.status);
  Update(&unknown_, unknown_.status);
}

Health::Health(const std::vector<std::string>& stores) : impl_(new Impl(stores)) {}
Health::~Health() = default;
grpc::Service* Health::service() { return impl_.get(); }
void Health::Set(bool serving) { impl_->Set(serving, nullptr); }
void Health::Set(const std::string& store, bool serving) { impl_->Set(serving, &store); }
void Health::Stop() { impl_->Stop(); }
void Health::Close() { impl_->Close(); }

}  // namespace storegate::rpc
