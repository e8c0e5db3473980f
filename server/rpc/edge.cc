#include "server/rpc/edge.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "server/rpc/call.h"
#include "server/service/service.h"

namespace storegate::rpc {
namespace {

// Armed slots a queue. Calls past them wait in gRPC for the next one.
constexpr int kSlots = 256;
// Events handled as one batch.
constexpr int kBatchMax = 128;

gpr_timespec ToTimespec(Deadline deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  const int64_t nanos =
      std::max<int64_t>(0, std::chrono::duration_cast<std::chrono::nanoseconds>(left).count());
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_nanos(nanos, GPR_TIMESPAN));
}

Status DeadlineExceeded() {
  return Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                "the call's deadline passed before there was an answer");
}

Status DrainOver() {
  return Status(Code::kCancelled, "SHUTTING_DOWN",
                "the server shut down before there was an answer");
}

}  // namespace

CallQueue::CallQueue(EdgeState* state, std::unique_ptr<grpc::ServerCompletionQueue> cq)
    : state_(state),
      cq_(std::move(cq)),
      calls_max_(std::max(1, state->options.max_calls / std::max(1, state->options.threads))),
      deadlines_(std::chrono::steady_clock::now()) {}

CallQueue::~CallQueue() { Join(); }

void CallQueue::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CallQueue::Join() {
  if (thread_.joinable()) {
    thread_.join();
  } else if (!shut_down_) {
    // Never started. A queue must be drained before it is destroyed.
    shut_down_ = true;
    cq_->Shutdown();
    void* tag;
    for (bool ok; cq_->Next(&tag, &ok);) {
    }
  }
}

void CallQueue::Run() {
  for (int i = 0; i < kSlots; ++i) Arm();
  while (Drain()) {
    const Deadline now = std::chrono::steady_clock::now();
    deadlines_.Advance(now, [](Deadlines::Entry* entry) {
      Call::From(entry)->Expire(DeadlineExceeded());
    });
    if (!state_->draining.load(std::memory_order_acquire)) continue;
    if (now >= state_->drain_until.load(std::memory_order_relaxed)) {
      deadlines_.Clear([](Deadlines::Entry* entry) { Call::From(entry)->Expire(DrainOver()); });
    }
    // A `done` on another thread may start the answer of a call at any time, which a
    // queue that is shut down would not survive: only when all have ended.
    if (state_->server_down.load(std::memory_order_acquire) && !shut_down_ &&
        calls_.load(std::memory_order_acquire) == 0) {
      shut_down_ = true;
      cq_->Shutdown();
    }
  }
}

gpr_timespec CallQueue::WaitUntil() const {
  std::optional<Deadline> next = deadlines_.Next();
  if (state_->draining.load(std::memory_order_acquire) && !shut_down_) {
    const Deadline soon = std::chrono::steady_clock::now() + Deadlines::kTick;
    next = next ? std::min(*next, soon) : soon;
  }
  return next ? ToTimespec(*next) : gpr_inf_future(GPR_CLOCK_MONOTONIC);
}

bool CallQueue::Drain() {
  void* tag;
  bool ok;
  grpc::CompletionQueue::NextStatus got = cq_->AsyncNext(&tag, &ok, WaitUntil());
  if (got == grpc::CompletionQueue::TIMEOUT) return true;
  const service::Batch batch;
  for (int n = 1; got == grpc::CompletionQueue::GOT_EVENT; ++n) {
    const Call::Tag event = *static_cast<Call::Tag*>(tag);
    event.call->Handle(event.event, ok);
    if (n == kBatchMax) return true;
    got = cq_->AsyncNext(&tag, &ok, gpr_time_0(GPR_CLOCK_MONOTONIC));
  }
  return got != grpc::CompletionQueue::SHUTDOWN;
}

void CallQueue::Arm() {
  ++slots_;
  calls_.fetch_add(1, std::memory_order_relaxed);
  Call::Arm(this);
}

void CallQueue::OnSlotUsed(bool ok) {
  --slots_;
  if (ok && !state_->draining.load(std::memory_order_relaxed)) Arm();
}

std::unique_ptr<Talk> CallQueue::OpenTalk(const std::string& path, Line* line) {
  for (TalkService* service : state_->talks) {
    if (std::unique_ptr<Talk> talk = service->Open(path, line)) return talk;
  }
  return nullptr;
}

Edge::Edge(const schema::Schema& schema, const Server::Handler& handler, const Options& options,
           std::vector<TalkService*> talks, Corks& corks)
    : state_{schema, handler, options, std::move(talks), corks, {}} {}

void Edge::Register(grpc::ServerBuilder* builder) {
  builder->RegisterAsyncGenericService(&state_.generic);
  for (int i = 0; i < std::max(1, state_.options.threads); ++i) {
    queues_.push_back(std::make_unique<CallQueue>(&state_, builder->AddCompletionQueue()));
  }
}

void Edge::Start() {
  for (const auto& queue : queues_) queue->Start();
}

void Edge::Drain(Deadline until) {
  state_.drain_until.store(until, std::memory_order_relaxed);
  state_.draining.store(true, std::memory_order_release);
}

void Edge::Stop() {
  state_.server_down.store(true, std::memory_order_release);
  for (const auto& queue : queues_) queue->Join();
}

}  // namespace storegate::rpc
