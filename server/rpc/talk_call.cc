// Call: what it does for a talk. Messages are written from any thread, one at a time.
#include <utility>

#include "server/rpc/buffers.h"
#include "server/rpc/call.h"
#include "server/rpc/edge.h"
#include "server/rpc/status.h"

namespace storegate::rpc {

void Call::Read() {
  reading_ = true;
  stream_.Read(&request_, &read_tag_);
}

void Call::OnTalkRead(bool ok) {
  if (done_) return;
  if (!ok) return talk_->OnEnd();
  if (request_.Length() > queue_->options().max_request_bytes) {
    request_.Clear();
    return Finish(ToGrpc(Status(Code::kResourceExhausted, "REQUEST_TOO_LARGE",
                                "the request is larger than this server takes")));
  }
  talk_->OnMessage(TakeBytes(&request_));
}

void Call::Write(std::string message) {
  std::lock_guard lock(line_mutex_);
  if (finishing_ || end_) return;
  if (writing_) {
    next_message_ = std::move(message);
  } else {
    StartWrite(std::move(message));
  }
}

void Call::Head(const std::string& key, const std::string& value) {
  std::lock_guard lock(line_mutex_);
  if (!finishing_ && !std::exchange(headed_, true)) context_.AddInitialMetadata(key, value);
}

void Call::Trail(const std::string& key, const std::string& value) {
  std::lock_guard lock(line_mutex_);
  if (!finishing_ && !end_) context_.AddTrailingMetadata(key, value);
}

void Call::StartWrite(std::string message) {
  writing_ = headed_ = true;
  stream_.Write(ToBuffer(std::move(message)), &written_tag_);
}

void Call::OnWritten(bool ok) {
  {
    std::lock_guard lock(line_mutex_);
    writing_ = false;
    if (!ok) return StartFinish(grpc::Status::CANCELLED);
    if (next_message_) return StartWrite(*std::exchange(next_message_, std::nullopt));
    if (end_) return StartFinish(*end_);
  }
  if (!done_) talk_->OnSent();
}

void Call::Finish(const grpc::Status& status) {
  std::lock_guard lock(line_mutex_);
  if (writing_) {
    if (!end_) end_ = status;
  } else {
    StartFinish(status);
  }
}

void Call::StartFinish(const grpc::Status& status) {
  if (std::exchange(finishing_, true)) return;
  stream_.Finish(status, &finished_tag_);
}

}  // namespace storegate::rpc
