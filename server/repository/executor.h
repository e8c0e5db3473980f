// Executor: runs sessions on threads. Lanes have their own threads and bounded
// queues, so that slow lists do not hold up reads by id. A worker takes all that
// waits, puts together what can go together, makes one call, answers each.
//
// What goes together: Gets of one entity by the same key; independent writes.
// A read that starts after a write was acknowledged sees it: reads are never
// answered from one that began before they were submitted.
//
// When a session answers UNAVAILABLE, the database is probed by one thread, with
// growing pauses, and everything else that reads (or writes: each on its own) is
// refused at once until it answers. No write is tried again by the executor.
//
// Submit functions: any thread, never block. Each calls `done` exactly once,
// from a worker, or from the calling thread when the task is refused:
//   RESOURCE_EXHAUSTED, reason QUEUE_FULL, with retry delay  the lane's queue is full
//   DEADLINE_EXCEEDED                    dropped before it cost the database anything
//   UNAVAILABLE, reason SHUTTING_DOWN    after Stop
//   UNAVAILABLE, reason DATABASE_UNAVAILABLE  no session could be had
//   else what the session says
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/repository/backend.h"

namespace storegate::repository {

enum class Lane { kPoint, kWrite, kScan };

struct ExecutorOptions {
  // Threads, and so sessions, a lane. kWrite is 1 where the database has one
  // writer (SQLite).
  int point_threads = 2;
  int write_threads = 1;
  int scan_threads = 2;
  // Tasks that may wait in each lane.
  size_t queue_max = 10000;
  // Tasks put into one call at most.
  size_t batch_max = 128;
  // A call to a session that takes longer is logged with entity and duration,
  // without values.
  std::chrono::milliseconds slow_query{1000};
};

// One row asked for by key.
struct PointRead {
  const schema::Entity* entity = nullptr;
  const schema::Key* key = nullptr;
  KeyValues values;
  bool with_secrets = false;
  Deadline deadline = Deadline::max();
  // `row` is the record's wire bytes, valid during the call; empty when !found.
  std::function<void(const Status&, Found, std::string_view row)> done;
};

// A write that happens all or not at all. `done` gets it back with its outcomes.
// A non-OK status means that nothing happened (UNKNOWN: nobody knows).
struct WriteTask {
  std::unique_ptr<Write> write;
  Deadline deadline = Deadline::max();
  std::function<void(const Status&, std::unique_ptr<Write>)> done;
};

// Anything else that needs a session: lists, counts, several steps in a row.
struct SessionTask {
  Lane lane = Lane::kScan;
  std::string what;  // for the slow log: "library.v1.Book list"
  Deadline deadline = Deadline::max();
  // Not OK: the session is null and must not be touched.
  std::function<void(const Status&, Session*)> run;
};

class Executor {
 public:
  // `backend` outlives the executor.
  Executor(Backend* backend, ExecutorOptions options);
  // Stops first.
  ~Executor();

  // Opens every session, so that the first calls find them warm. UNAVAILABLE
  // when the database does not answer, or what else Backend::Connect says; the
  // executor is stopped then. Call once, before anything else.
  Status Start();

  void Submit(PointRead read);
  void Submit(WriteTask write);
  void Submit(SessionTask task);

  // While one of these lives on a thread, what that thread submits is gathered
  // and handed over once, at its end: one lock and at most one wake-up a lane.
  // Within another one it adds nothing. Executors outlive it.
  class Gather {
   public:
    Gather();
    ~Gather();
    Gather(const Gather&) = delete;
    Gather& operator=(const Gather&) = delete;
  };

  // Refuses what comes, drops what waits (UNAVAILABLE), waits for what runs. Any
  // thread but from a task's callback; again does nothing.
  void Stop();

  Backend& backend() { return *backend_; }

  // True while the last call to the database did get an answer from it. Recovers
  // by itself: a database that stopped answering is probed until it does.
  bool healthy() const;

 private:
  struct Impl;
  Backend* backend_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::repository
