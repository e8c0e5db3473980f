// Edge: serves a schema's methods through AsyncGenericService, on a few threads,
// each draining a completion queue of its own. What is drained together is handed
// to the handler within one service::Batch.
//
// Why this way (measured, a Get from the database): the callback API costs twice
// the CPU, for threads that wake each other; one pool of slots for all methods
// costs less memory than slots for each.
#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "server/base/time.h"
#include "server/rpc/corks.h"
#include "server/rpc/deadlines.h"
#include "server/rpc/server.h"
#include "server/rpc/talk.h"
#include "server/schema/schema.h"

namespace storegate::rpc {

// What the queues share.
struct EdgeState {
  const schema::Schema& schema;
  const Server::Handler& handler;
  const Options& options;
  const std::vector<TalkService*> talks;
  Corks& corks;
  grpc::AsyncGenericService generic;

  // How Stop proceeds. `drain_until` is set before `draining`.
  std::atomic<Deadline> drain_until{};
  std::atomic<bool> draining{false};
  std::atomic<bool> server_down{false};
};

// One completion queue and its thread, on which all is called unless it says more.
class CallQueue {
 public:
  CallQueue(EdgeState* state, std::unique_ptr<grpc::ServerCompletionQueue> cq);
  ~CallQueue();

  // From outside.
  void Start();
  void Join();

  // For its calls.
  grpc::AsyncGenericService* generic() { return &state_->generic; }
  grpc::ServerCompletionQueue* cq() { return cq_.get(); }
  const schema::Schema& schema() const { return state_->schema; }
  const Server::Handler& handler() const { return state_->handler; }
  const Options& options() const { return state_->options; }
  Deadlines& deadlines() { return deadlines_; }
  Corks& corks() { return state_->corks; }
  // Null: no service of the edge's own has the method.
  std::unique_ptr<Talk> OpenTalk(const std::string& path, Line* line);
  // Calls that slots wait for are calls too.
  bool over_limit() const { return calls_.load(std::memory_order_relaxed) > calls_max_ + slots_; }
  bool draining() const { return state_->draining.load(std::memory_order_acquire); }
  // A slot got a call (or, when not `ok`, none any more).
  void OnSlotUsed(bool ok);
  // From any thread; the queue may be gone afterwards.
  void OnCallDestroyed() { calls_.fetch_sub(1, std::memory_order_acq_rel); }

 private:
  void Run();
  void Arm();
  // Handles what is there, waiting for the first. False once the queue is shut down.
  bool Drain();
  gpr_timespec WaitUntil() const;

  EdgeState* const state_;
  const std::unique_ptr<grpc::ServerCompletionQueue> cq_;
  const size_t calls_max_;
  Deadlines deadlines_;
  size_t slots_ = 0;  // armed
  std::atomic<size_t> calls_{0};  // armed, or got and not destroyed
  bool shut_down_ = false;
  std::thread thread_;
};

class Edge {
 public:
  // All outlive the edge.
  Edge(const schema::Schema& schema, const Server::Handler& handler, const Options& options,
       std::vector<TalkService*> talks, Corks& corks);

  // In this order. Register before the server is built, Start after.
  void Register(grpc::ServerBuilder* builder);
  void Start();
  // Calls that are not answered by `until` are answered CANCELLED. Call before
  // grpc::Server::Shutdown.
  void Drain(Deadline until);
  // Call after grpc::Server::Shutdown, or when no server could be built.
  void Stop();

 private:
  EdgeState state_;
  std::vector<std::unique_ptr<CallQueue>> queues_;
};

}  // namespace storegate::rpc
