// Call: what it does for a talk.
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

void Call::Write(std::string message) { writer_->SendLatest(std::move(message)); }

void Call::Head(const std::string& key, const std::string& value) {
  writer_->BeforeFirst([&] { context_.AddInitialMetadata(key, value); });
}

void Call::Trail(const std::string& key, const std::string& value) {
  writer_->BeforeEnd([&] { context_.AddTrailingMetadata(key, value); });
}

void Call::Finish(const grpc::Status& status) { writer_->Finish(status); }

}  // namespace storegate::rpc
