// Executor: runs sessions on threads. Lanes have their own threads and bounded
// queues, so that slow lists do not hold up reads by id. A worker takes all that
// waits, puts together what can go together, makes one call, answers each.
//
// What goes together: Gets of one entity by the same key; independent writes.
// A read that starts after a write was acknowledged sees it: reads are never
// answered from one that began before they were submitted.
//
// Where a backend can start a Get without waiting, the thread that submitted reads
// runs them itself, on a spare session and with a bounded wait (spot_reads.h).
//
// When a session answers UNAVAILABLE, one thread finds out whether the database is
// there (breaker.h). While it is not, everything else that reads (or writes: each
// on its own) is refused at once. A PointRead whose connection was lost is run once
// more, when the database is back at once. Nothing else is tried again.
//
// Submit functions: any thread, never block longer than `spot_wait`. Each calls
// `done` exactly once, from a worker or, when reads are run on the spot or a task
// is refused, from the calling thread:
//   RESOURCE_EXHAUSTED, reason QUEUE_FULL, with retry delay  the lane's queue is
//       full; message and metadata say who holds its connections (holding.h)
//   DEADLINE_EXCEEDED                    dropped before it cost the database anything
//   UNAVAILABLE, reason SHUTTING_DOWN    after Stop
//   UNAVAILABLE, reason DATABASE_UNAVAILABLE  no session could be had
//   else what the session says
#pragma once

#include <chrono>
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
  // writer (SQLite); otherwise writes of several workers run at the same time.
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
  // More sessions for point reads on the spot, where Capabilities::start_get; each
  // has a thread that mostly sleeps. One for each thread that submits is enough. 0:
  // all reads go through the lane's queue.
  int spot_sessions = 2;
  // How long a thread waits for all that it runs on the spot at one time. Ten
  // times what a batched read from a database nearby takes; the rest of what holds
  // up a thread on a slow database is bounded in spot_reads.h.
  std::chrono::microseconds spot_wait{2000};
  // After some waits in a row that were too short, how long reads go through the
  // lane's queue before the next try.
  std::chrono::milliseconds spot_pause{100};
  // A spare session that rested for longer is first asked, by a thread of its own,
  // whether it is still there; its reads go through the lane's queue meanwhile. Less
  // than the time after which Session::Fresh may ask the database.
  std::chrono::milliseconds spot_rest{500};
  // A worker with nothing to do for this long closes its session, the first one of
  // each lane apart, and connects again when work comes. 0: never.
  std::chrono::milliseconds idle_timeout{0};
  // When a connection is lost, how long calls wait for a new one to be made before
  // they are refused. Connecting takes some milliseconds, with TLS and over a
  // distance a hundred.
  std::chrono::milliseconds reconnect_wait{200};
};

// One row asked for by key.
struct PointRead {
  const schema::Entity* entity = nullptr;
  const schema::Key* key = nullptr;
  KeyValues values;
  bool with_secrets = false;
  Deadline deadline = Deadline::max();
  // True once nobody waits for it any more: then it is dropped before it costs the
  // database anything. Null, or lives as long as `done`. In the other tasks too.
  const std::atomic<bool>* settled = nullptr;
  // `row` is the record's wire bytes, valid during the call; empty when !found.
  std::function<void(const Status&, Found, std::string_view row)> done;
  // On whose behalf, for the error of a full queue; outlives the executor. Null: the
  // gateway's own. In the other tasks too.
  const schema::Method* method = nullptr;
  // The executor's own: a connection was lost under it before.
  bool tried = false;
};

// A write that happens all or not at all; Write::deadline becomes `deadline`. `done`
// gets it back with its outcomes.
// A non-OK status means that nothing happened (UNKNOWN: nobody knows).
struct WriteTask {
  std::unique_ptr<Write> write;
  Deadline deadline = Deadline::max();
  const std::atomic<bool>* settled = nullptr;
  std::function<void(const Status&, std::unique_ptr<Write>)> done;
  const schema::Method* method = nullptr;
};

// Anything else that needs a session: lists, counts, several steps in a row.
struct SessionTask {
  Lane lane = Lane::kScan;
  std::string what;  // for the slow log: "library.v1.Book list"
  Deadline deadline = Deadline::max();
  const std::atomic<bool>* settled = nullptr;
  // Not OK: the session is null and must not be touched.
  std::function<void(const Status&, Session*)> run;
  const schema::Method* method = nullptr;
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
  // The same of a database that is known not to answer: no session is opened, and it is
  // probed until it does. UNAVAILABLE, reason SHUTTING_DOWN, after Stop.
  Status StartWithout(const Status& why);

  void Submit(PointRead read);
  void Submit(WriteTask write);
  void Submit(SessionTask task);

  // While one of these lives on a thread, what that thread submits is gathered
  // and handed over once, at its end: one lock and at most one wake-up a lane, and
  // point reads put together.
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
