// The lock under which migrations run: a document in _storegate_locks that says who has
// it, since when, until when, and at which migration. Who has it renews it all the time;
// who does not, because it died or cannot reach the database, loses it to the next one when
// its time is up.
//
// Each owner has a number, its fence, that is greater than all before it: what one owner
// writes under it (migration_history.h) is not overwritten by an earlier one that does not
// know yet that it has lost the lock. Who gives the lock back leaves the document, for its
// fence; an earlier version took it away, so a fence is never less than the time in ms.
//
// The time is the database's (isMaster's localTime), so that the clocks of gateways
// need not agree. Behind routers or after a failover it is another server's: their
// clocks must agree within a lease.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/pool.h"
#include "server/base/status.h"
#include "server/base/time.h"
#include "server/repository/migrator.h"

namespace storegate::mongodb {

// Taken and given back by one thread; lost() from any.
class MigrationLock {
 public:
  using Waiting = std::function<void(const repository::LockHolder&)>;

  // Looks for the lock, with pauses of no fixed length, until `timeout` is over; with longer
  // and longer ones while the database does not answer. `waiting` is told of each look that
  // found another. FAILED_PRECONDITION, reason MIGRATION_LOCKED, saying who has it, since
  // when and until when; UNAVAILABLE when the database did not answer once.
  static Result<std::unique_ptr<MigrationLock>> Take(std::shared_ptr<Pool> pool,
                                                     std::chrono::milliseconds timeout,
                                                     const Waiting& waiting);
  // Gives it back.
  ~MigrationLock();
  MigrationLock(const MigrationLock&) = delete;
  MigrationLock& operator=(const MigrationLock&) = delete;

  // Others may have it by now.
  bool lost() const;
  int64_t fence() const { return fence_; }

  // Asks the database, over `connection`, whether this owner has it still, and writes into
  // it which migration it is at, unless that is 0. MIGRATION_LOCK_LOST; UNAVAILABLE.
  Status Confirm(Connection* connection, int migration);

  // FAILED_PRECONDITION, reason MIGRATION_LOCK_LOST.
  static Status Lost();

 private:
  enum class Outcome { kHave, kOther, kUnknown };
  // The document, where there is one.
  struct Seen {
    bool there = false;
    bool has_owner = false, has_fence = false;
    std::string owner;
    int64_t fence = 0, expires = 0;
    repository::LockHolder holder;
  };

  explicit MigrationLock(std::shared_ptr<Pool> pool);
  // Makes sure that connection_ may be used, and bounds what is sent next.
  Status Connect();
  // When it is, in ms, at the database.
  Result<int64_t> ServerTime();
  Result<Seen> Look();
  // Takes it where nobody has it; `seen` is what was found.
  Result<Outcome> TryTake(Seen* seen);
  Result<Outcome> Renew();
  // {"_id": …, "owner": this one, "fence": its}.
  Bson Ours() const;
  Status LockedByOther(const Seen& seen, std::chrono::milliseconds waited) const;
  void KeepAlive();

  const std::shared_ptr<Pool> pool_;
  const std::string owner_;
  const std::chrono::milliseconds lease_;
  int64_t fence_ = 0;                       // set before the thread begins
  std::unique_ptr<Connection> connection_;  // Take's, then the thread's
  std::atomic<Deadline> good_until_{Deadline::min()};
  std::atomic<bool> taken_over_{false};
  bool perhaps_ours_ = false;  // Take's: it was asked for, and the answer was lost

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace storegate::mongodb
