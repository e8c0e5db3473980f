// Worker: one thread of a lane, with a session of its own. Takes what waits, puts
// together what can go together, makes one call, answers each.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "server/repository/breaker.h"
#include "server/repository/task_queue.h"
#include "server/repository/watched_session.h"

namespace storegate::repository {

class Worker {
 public:
  // What it is given outlives it. `lost` is called when the database stopped
  // answering, after the tasks at hand have been answered.
  Worker(Backend* backend, Backend::Use use, TaskQueue* queue, Breaker* breaker,
         std::chrono::milliseconds slow_query, std::function<void()> lost);

  // Opens the session. What Backend::Connect says.
  Status Connect();

  // Until the queue is closed. Call it on the worker's own thread.
  void Run();

 private:
  struct Reader {
    PointRead* read;
    size_t slot;  // which of GetRequest::values it asked for
  };

  void DropExpired();
  bool HaveSession();
  void RunReads();
  void Fetch(const GetRequest& request, std::span<Reader> readers);
  void RunWrites();
  void RunSession();

  Backend* const backend_;
  const Backend::Use use_;
  TaskQueue* const queue_;
  Breaker* const breaker_;
  const std::chrono::milliseconds slow_query_;
  const std::function<void()> lost_;

  // Null until there is a connection, and after one was lost.
  std::unique_ptr<WatchedSession> session_;
  // The tasks at hand. With what follows, kept to use its memory again.
  std::vector<Task> batch_;
  std::vector<PointRead*> reads_;
  std::vector<Reader> readers_;
  std::vector<Found> found_;
  std::vector<Write*> writes_;
  std::string rows_;
};

}  // namespace storegate::repository
