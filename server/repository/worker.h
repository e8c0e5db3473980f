// Worker: one thread of a lane, with a session of its own. Takes what waits, puts
// together what can go together, makes one call, answers each.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "server/repository/breaker.h"
#include "server/repository/holding.h"
#include "server/repository/read_batch.h"
#include "server/repository/task_queue.h"
#include "server/repository/watched_session.h"

namespace storegate::repository {

class Worker {
 public:
  struct Options {
    Backend::Use use = Backend::Use::kRead;
    std::chrono::milliseconds slow_query{1000};
    // After so long with nothing to do the session is closed; 0: never.
    std::chrono::milliseconds idle_timeout{0};
    // Called when the database stopped answering, after the tasks at hand have been
    // answered.
    std::function<void()> lost;
  };

  // What it is given outlives it.
  Worker(Backend* backend, TaskQueue* queue, Breaker* breaker, Options options);

  // Opens the session. What Backend::Connect says.
  Status Connect();

  // Until the queue is closed. Call it on the worker's own thread.
  void Run();

  // What the session is used for. Any thread.
  const Holding& holding() const { return holding_; }

 private:
  bool TakeTasks();
  void RunTasks();
  void DropExpired();
  bool HaveSession();
  void RunReads();
  void Fetch();
  void RunWrites();
  void RunSession();

  Backend* const backend_;
  TaskQueue* const queue_;
  Breaker* const breaker_;
  const Options options_;

  TaskQueue::Seat seat_;
  Holding holding_;
  // Null until there is a connection, and after one was lost or given up.
  std::unique_ptr<WatchedSession> session_;
  // The tasks at hand. With what follows, kept to use its memory again.
  std::vector<Task> batch_;
  std::vector<PointRead*> reads_;
  ReadBatch gets_;
  ReadBatch single_;
  std::vector<Write*> writes_;
};

}  // namespace storegate::repository
