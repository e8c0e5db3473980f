#include "server/rpc/testing.h"

#include <mutex>
#include <utility>

#include "server/rpc/status.h"
#include "storegate/v1/testing.pb.h"

namespace storegate::rpc {
namespace {

constexpr std::string_view kReset = "/storegate.v1.Testing/Reset";
constexpr size_t kQueueMax = 1000;

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

class ResetTalk : public Talk {
 public:
  ResetTalk(const std::function<Status()>& reset, WorkerPool* pool, Line* line)
      : reset_(reset), pool_(pool), caller_(std::make_shared<Caller>(line)) {}

  void OnMessage(std::string_view bytes) override {
    v1::ResetRequest request;
    if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return caller_->Answer(Malformed());
    }
    if (!pool_->TrySubmit([&reset = reset_, caller = caller_] { caller->Answer(reset()); })) {
      caller_->Answer(Status(Code::kResourceExhausted, "QUEUE_FULL",
                             "too many resets wait for each other"));
    }
  }
  void OnEnd() override { caller_->Answer(Malformed()); }
  void OnGone() override { caller_->Gone(); }

 private:
  const std::function<Status()>& reset_;
  WorkerPool* const pool_;
  const std::shared_ptr<Caller> caller_;
};

}  // namespace

Testing::Testing(std::function<Status()> reset)
    : reset_(std::move(reset)), pool_(/*threads=*/1, kQueueMax) {}

std::unique_ptr<Talk> Testing::Open(std::string_view path, Line* line) {
  if (path != kReset) return nullptr;
  return std::make_unique<ResetTalk>(reset_, &pool_, line);
}

}  // namespace storegate::rpc
