#include "server/rpc/call.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "server/base/burst.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/rpc/buffers.h"
#include "server/rpc/edge.h"
#include "server/rpc/status.h"

namespace storegate::rpc {
namespace {

constexpr std::chrono::milliseconds kTooManyCallsDelay{1000};
// How long the last message of a stream whose deadline has come may take.
constexpr std::chrono::milliseconds kLastMessage{1000};

// What is left of the deadline that the client set, `most` at most; empty: it set none.
std::optional<std::chrono::milliseconds> TimeLeft(const grpc::GenericServerContext& context,
                                                  std::chrono::milliseconds most) {
  const gpr_timespec asked = context.raw_deadline();
  if (gpr_time_cmp(asked, gpr_inf_future(asked.clock_type)) == 0) return std::nullopt;
  const gpr_timespec left = gpr_time_sub(asked, gpr_now(asked.clock_type));
  const int64_t millis = left.tv_sec >= most.count() / 1000 + 1
                             ? most.count()
                             : left.tv_sec * 1000 + left.tv_nsec / 1000000;
  return std::chrono::milliseconds(std::clamp<int64_t>(millis, 0, most.count()));
}

// The deadline that the client asked for, within what is allowed.
Deadline DeadlineOf(const grpc::GenericServerContext& context, const Options& options) {
  const Deadline now = std::chrono::steady_clock::now();
  return now + TimeLeft(context, options.max_deadline).value_or(options.default_deadline);
}

// A stream takes the time that its client gives it.
Deadline StreamDeadlineOf(const grpc::GenericServerContext& context) {
  const auto left = TimeLeft(context, std::chrono::hours(24 * 365));
  return left ? std::chrono::steady_clock::now() + *left : Deadline::max();
}

Status UnknownMethod(const std::string& path) {
  return Status(Code::kUnimplemented, "UNKNOWN_METHOD", "no method " + Quoted(path));
}

Status NoMessage() {
  return Status(Code::kUnimplemented, "WRONG_MESSAGE_COUNT",
                "the method takes exactly one request message; none was sent");
}

Status TooLarge(size_t limit, size_t actual) {
  return Status(Code::kResourceExhausted, "REQUEST_TOO_LARGE",
                "the request has " + std::to_string(actual) + " bytes; at most " +
                    std::to_string(limit) + " are taken")
      .With("limit", std::to_string(limit))
      .With("actual", std::to_string(actual));
}

Status TooManyCalls(size_t limit) {
  return Status(Code::kResourceExhausted, "TOO_MANY_CALLS",
                "more than " + std::to_string(limit) + " calls are under way")
      .With("limit", std::to_string(limit))
      .WithRetryDelay(kTooManyCallsDelay);
}

}  // namespace

void Call::Arm(CallQueue* queue) {
  Call* const call = new Call(queue);
  call->context_.AsyncNotifyWhenDone(&call->done_tag_);
  queue->generic()->RequestCall(&call->context_, &call->stream_, queue->cq(), queue->cq(),
                                &call->accepted_tag_);
}

void Call::Handle(Event event, bool ok) {
  switch (event) {
    case Event::kAccepted:
      queue_->OnSlotUsed(ok);
      if (!ok) {  // the server shuts down
        Unref();
        return;
      }
      OnAccepted();
      return;
    case Event::kRead:
      reading_ = false;
      OnRead(ok);
      break;
    case Event::kWritten:
      if (writer_->OnWritten(ok) && talk_ != nullptr && !done_) talk_->OnSent();
      break;
    case Event::kFinished:
      finished_ = true;
      queue_->deadlines().Remove(this);
      break;
    case Event::kDone:
      done_ = true;
      OnDone();
      break;
  }
  if (finished_ && done_ && !reading_) Unref();
}

void Call::Unref() {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  CallQueue* const queue = queue_;
  delete this;
  queue->OnCallDestroyed();
}

void Call::OnAccepted() {
  deadline_ = DeadlineOf(context_, queue_->options());
  queue_->deadlines().Add(this, deadline_);
  if (queue_->over_limit()) return AnswerOnce(TooManyCalls(queue_->options().max_calls));
  method_ = queue_->schema().FindMethod(context_.method());
  if (method_ == nullptr) {
    writer_ = std::make_shared<Writer>(&stream_, &written_tag_, &finished_tag_);
    talk_ = queue_->OpenTalk(context_.method(), this);
    if (talk_ == nullptr) return AnswerOnce(UnknownMethod(context_.method()));
    // It may stay open for long; gRPC ends it where the client set a deadline.
    queue_->deadlines().Remove(this);
  }
  Read();
}

void Call::OnRead(bool ok) {
  if (talk_ != nullptr) return OnTalkRead(ok);
  if (ticket_->claimed.load(std::memory_order_relaxed)) return;  // expired meanwhile
  if (!ok) return AnswerOnce(NoMessage());
  const size_t limit = queue_->options().max_request_bytes;
  if (request_.Length() > limit) {
    const size_t actual = request_.Length();
    request_.Clear();
    return AnswerOnce(TooLarge(limit, actual));
  }
  Dispatch();
}

// Mostly because it was answered. If not, the client went away: the claim tells
// whoever still works on it that nobody waits.
void Call::OnDone() {
  if (talk_ != nullptr) {
    Finish(grpc::Status::CANCELLED);
    talk_->OnGone();
  } else {
    AnswerOnce(Status(Code::kCancelled, "CANCELLED", "the client went away"));
  }
}

void Call::Dispatch() {
  service::Call call;
  call.method = method_;
  call.request = TakeBytes(&request_);
  call.deadline = deadline_;
  call.settled = &ticket_->claimed;
  call.done = [ticket = ticket_](const Status& status, std::string response) {
    if (ticket->Claim()) ticket->call->Answer(status, std::move(response));
  };
  if (streams()) OpenStream(&call);
  queue_->handler()(std::move(call));
}

void Call::OpenStream(service::Call* call) {
  // The default deadline was for the request to come; what is read for the stream has
  // bounds of its own.
  call->deadline = deadline_ = StreamDeadlineOf(context_);
  queue_->deadlines().Remove(this);
  queue_->deadlines().Add(this, deadline_);
  writer_ = std::make_shared<Writer>(&stream_, &written_tag_, &finished_tag_);
  call->send = [writer = writer_](std::string message, std::function<void(bool)> sent) {
    writer->Send(std::move(message), std::move(sent));
  };
}

void Call::AnswerOnce(const Status& status) {
  if (ticket_->Claim()) Answer(status, {});
}

void Call::Answer(const Status& status, std::string response) {
  // Its last event may arrive before the call that starts it returns.
  references_.fetch_add(1, std::memory_order_relaxed);
  if (Burst::on()) queue_->corks().Cork(context_.peer());
  if (status.ok() && writer_ == nullptr) {
    stream_.WriteAndFinish(ToBuffer(std::move(response)), grpc::WriteOptions(), grpc::Status::OK,
                           &finished_tag_);
  } else {
    if (status.code() == Code::kInternal || status.code() == Code::kUnknown) LogFailure(status);
    if (writer_ != nullptr) {
      writer_->Finish(ToGrpc(status));
    } else {
      stream_.Finish(ToGrpc(status), &finished_tag_);
    }
  }
  Unref();
}

void Call::LogFailure(const Status& status) const {
  Log(Level::kError, "call failed",
      {{"method", method_ == nullptr ? "" : method_->full_name.c_str()},
       {"code", CodeName(status.code())},
       {"reason", status.reason()}});
}

void Call::Expire(const Status& status) {
  if (!ticket_->Claim()) return context_.TryCancel();
  Answer(status, {});
  // The message that is on its way goes first, and a client that does not read holds it
  // up; at the end of the drain gRPC cuts off whatever is left.
  if (writer_ != nullptr && !queue_->draining()) {
    queue_->deadlines().Add(this, std::chrono::steady_clock::now() + kLastMessage);
  }
}

}  // namespace storegate::rpc
