#include "server/rpc/writer.h"

#include <utility>

#include "server/rpc/buffers.h"

namespace storegate::rpc {

void Writer::Send(std::string message, std::function<void(bool)> sent) {
  {
    std::lock_guard lock(mutex_);
    if (!ended_ && !end_) {
      sent_ = std::move(sent);
      return Start(std::move(message));
    }
  }
  sent(false);
}

void Writer::SendLatest(std::string message) {
  std::lock_guard lock(mutex_);
  if (ended_ || end_) return;
  if (writing_) {
    next_ = std::move(message);
  } else {
    Start(std::move(message));
  }
}

void Writer::Finish(const grpc::Status& status) {
  std::lock_guard lock(mutex_);
  if (writing_) {
    if (!end_) end_ = status;
  } else {
    End(status);
  }
}

bool Writer::OnWritten(bool ok) {
  std::function<void(bool)> sent;
  {
    std::lock_guard lock(mutex_);
    writing_ = false;
    sent = std::exchange(sent_, nullptr);
    if (!ok) {
      End(grpc::Status::CANCELLED);
    } else if (next_) {
      Start(*std::exchange(next_, std::nullopt));
      ok = false;
    } else if (end_) {
      End(*end_);
      ok = false;
    }
  }
  if (sent) sent(ok);
  return ok;
}

void Writer::Start(std::string message) {
  writing_ = headed_ = true;
  stream_->Write(ToBuffer(std::move(message)), written_);
}

void Writer::End(const grpc::Status& status) {
  if (std::exchange(ended_, true)) return;
  stream_->Finish(status, finished_);
}

}  // namespace storegate::rpc
