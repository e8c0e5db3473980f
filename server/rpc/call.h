// Call: one generic call, from the slot that waits for it to its last event.
//
// Its events arrive on its queue's thread, which alone touches it, with two
// exceptions from any thread: the handler's `done`, and a talk's Line. Who claims the
// ticket answers; everybody else finds it taken. A call lives until its last event
// arrived, and an answer is an event, so that who holds the claim finds the call
// alive; while it starts the answer, a reference keeps it so. The ticket outlives
// both.
//
// A method that streams answers through a Writer, which the handler holds in place of
// the call: a message may come at any time, also when the call is gone.
//
// gRPC tells when a call is over (kDone), also when its client went away: then what
// waits for the database need not be done any more.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/rpc/deadlines.h"
#include "server/rpc/talk.h"
#include "server/rpc/writer.h"
#include "server/schema/schema.h"
#include "server/service/service.h"

namespace storegate::rpc {

class CallQueue;

class Call final : private Deadlines::Entry, private Line {
 public:
  // What gRPC returns when an operation of a call is done.
  enum class Event { kAccepted, kRead, kWritten, kFinished, kDone };
  struct Tag {
    Call* call;
    Event event;
  };

  // Waits for a call to come.
  static void Arm(CallQueue* queue);

  // One event. Drops the queue's reference with the last one.
  void Handle(Event event, bool ok);

  // Its deadline has come, or the drain is over: answers with `status` unless it
  // is answered already; then the answer may be stuck with a client that does not
  // read, and the call is cut off.
  void Expire(const Status& status);

  static Call* From(Deadlines::Entry* entry) { return static_cast<Call*>(entry); }

 private:
  struct Ticket {
    explicit Ticket(Call* call) : call(call) {}
    bool Claim() { return !claimed.exchange(true, std::memory_order_acq_rel); }

    Call* const call;  // alive until its answer is an event
    std::atomic<bool> claimed{false};
  };

  explicit Call(CallQueue* queue) : queue_(queue), ticket_(std::make_shared<Ticket>(this)) {}
  ~Call() = default;

  void Unref();
  void OnAccepted();
  void OnRead(bool ok);
  void OnDone();
  // Hands the request over to the handler.
  void Dispatch();
  void AnswerOnce(const Status& status);
  // REQUIRES: claimed. Any thread.
  void Answer(const Status& status, std::string response);
  void LogFailure(const Status& status) const;
  bool streams() const { return method_->operation == schema::Operation::kStream; }
  // Makes `call` one that streams.
  void OpenStream(service::Call* call);

  // --- Of a talk (talk_call.cc) ---
  void Read() override;
  void Write(std::string message) override;
  void Head(const std::string& key, const std::string& value) override;
  void Trail(const std::string& key, const std::string& value) override;
  void Finish(const grpc::Status& status) override;
  void OnTalkRead(bool ok);

  CallQueue* const queue_;
  const std::shared_ptr<Ticket> ticket_;
  std::atomic<int> references_{1};  // the queue's, and that of who is answering
  Tag accepted_tag_{this, Event::kAccepted};
  Tag read_tag_{this, Event::kRead};
  Tag finished_tag_{this, Event::kFinished};
  Tag done_tag_{this, Event::kDone};

  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  const schema::Method* method_ = nullptr;
  Deadline deadline_;
  grpc::ByteBuffer request_;
  bool reading_ = false;
  bool finished_ = false;
  bool done_ = false;

  std::unique_ptr<Talk> talk_;
  // Of a talk, and of a method that streams; else null.
  std::shared_ptr<Writer> writer_;
  Tag written_tag_{this, Event::kWritten};
};

}  // namespace storegate::rpc
