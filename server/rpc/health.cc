#include "server/rpc/health.h"

#include <grpcpp/grpcpp.h>

#include <map>
#include <mutex>
#include <optional>
#include <unordered_set>

#include "grpc/health/v1/health.pb.h"
#include "server/rpc/status.h"

namespace storegate::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ServingStatus = HealthCheckResponse::ServingStatus;

constexpr std::string_view kCheck = "/grpc.health.v1.Health/Check";
// grpc.health.v1 has no field for it.
constexpr char kReasonKey[] = "storegate-reason";
constexpr size_t kReasonBytesMax = 1024;
constexpr std::string_view kWatch = "/grpc.health.v1.Health/Watch";

bool Parse(std::string_view bytes, HealthCheckRequest* request) {
  return request->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

Status Malformed() {
  return Status(Code::kInvalidArgument, "MALFORMED_REQUEST", "no HealthCheckRequest was sent");
}

Status Ending() {
  return Status(Code::kUnavailable, "SHUTTING_DOWN", "the server is shutting down");
}

}  // namespace

// One mutex for all: the statuses, and who watches them.
class Health::Impl {
 public:
  explicit Impl(const std::vector<std::string>& stores) {
    entries_[""].status = HealthCheckResponse::NOT_SERVING;
    for (const std::string& store : stores) {
      entries_[store].status = HealthCheckResponse::NOT_SERVING;
    }
  }

  void Set(bool serving, const std::string* store);
  void SetReason(std::string_view reason);
  void Stop();
  void Close();

 private:
  friend class Health;
  class Check;
  class Watch;
  struct Entry {
    ServingStatus status = HealthCheckResponse::SERVICE_UNKNOWN;
    std::unordered_set<Watch*> watches;
  };
  void Update(Entry* entry, ServingStatus status);

  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // as many as there are stores, and ""
  // Watches of names that are not served; they hear of SERVICE_UNKNOWN, and then
  // of the end.
  Entry unknown_;
  std::string reason_;  // "" for none
  bool stopped_ = false;
  bool closed_ = false;
};

class Health::Impl::Check : public Talk {
 public:
  Check(Impl* health, Line* line) : health_(health), line_(line) {}

  void OnMessage(std::string_view bytes) override {
    HealthCheckRequest request;
    if (!Parse(bytes, &request)) return line_->Finish(ToGrpc(Malformed()));
    HealthCheckResponse response;
    {
      std::lock_guard lock(health_->mutex_);
      const auto found = health_->entries_.find(request.service());
      if (found == health_->entries_.end()) {
        return line_->Finish(
            ToGrpc(Status(Code::kNotFound, "UNKNOWN_SERVICE", "no such service")));
      }
      response.set_status(found->second.status);
      if (!health_->reason_.empty()) line_->Trail(kReasonKey, health_->reason_);
    }
    line_->Write(response.SerializeAsString());
    line_->Finish(grpc::Status::OK);
  }
  void OnEnd() override { line_->Finish(ToGrpc(Malformed())); }
  void OnGone() override {}

 private:
  Impl* const health_;
  Line* const line_;
};

// Sends the latest status; what changed and changed back meanwhile may not be sent.
class Health::Impl::Watch : public Talk {
 public:
  Watch(Impl* health, Line* line) : health_(health), line_(line) {}

  void OnMessage(std::string_view bytes) override {
    HealthCheckRequest request;
    if (!Parse(bytes, &request)) return line_->Finish(ToGrpc(Malformed()));
    std::lock_guard lock(health_->mutex_);
    const auto found = health_->entries_.find(request.service());
    entry_ = found == health_->entries_.end() ? &health_->unknown_ : &found->second;
    entry_->watches.insert(this);
    Send();
  }
  void OnEnd() override { line_->Finish(ToGrpc(Malformed())); }
  void OnGone() override {
    std::lock_guard lock(health_->mutex_);
    if (entry_ != nullptr) entry_->watches.erase(this);
  }

  // REQUIRES: health_->mutex_ is held.
  void Send() {
    if (health_->closed_) return line_->Finish(ToGrpc(Ending()));
    if (sent_ == entry_->status) return;
    sent_ = entry_->status;
    if (!health_->reason_.empty()) line_->Head(kReasonKey, health_->reason_);
    HealthCheckResponse response;
    response.set_status(entry_->status);
    line_->Write(response.SerializeAsString());
  }

 private:
  Impl* const health_;
  Line* const line_;
  // Guarded by health_->mutex_:
  Entry* entry_ = nullptr;  // null until the request is there
  std::optional<ServingStatus> sent_;
};

void Health::Impl::Update(Entry* entry, ServingStatus status) {
  entry->status = status;
  for (Watch* watch : entry->watches) watch->Send();
}

void Health::Impl::Set(bool serving, const std::string* store) {
  const ServingStatus status =
      serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  std::lock_guard lock(mutex_);
  if (stopped_) return;
  if (serving && store == nullptr) reason_.clear();
  for (auto& [name, entry] : entries_) {
    if (store == nullptr || *store == name) Update(&entry, status);
  }
}

void Health::Impl::SetReason(std::string_view reason) {
  std::string text(reason.substr(0, kReasonBytesMax));
  for (char& c : text) {
    if (c < 0x20 || c > 0x7e) c = '?';
  }
  std::lock_guard lock(mutex_);
  reason_ = std::move(text);
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
std::unique_ptr<Talk> Health::Open(std::string_view path, Line* line) {
  if (path == kCheck) return std::make_unique<Impl::Check>(impl_.get(), line);
  if (path == kWatch) return std::make_unique<Impl::Watch>(impl_.get(), line);
  return nullptr;
}
void Health::Set(bool serving) { impl_->Set(serving, nullptr); }
void Health::Set(const std::string& store, bool serving) { impl_->Set(serving, &store); }
void Health::SetReason(std::string_view reason) { impl_->SetReason(reason); }
void Health::Stop() { impl_->Stop(); }
void Health::Close() { impl_->Close(); }

}  // namespace storegate::rpc
