// The lock under which migrations run: a document in _storegate_locks that says who has
// it and until when. Who has it renews it all the time; who does not, because it died
// or cannot reach the database, loses it to the next one when its time is up.
//
// The time is the database's (isMaster's localTime), so that the clocks of gateways
// need not agree. Behind routers or after a failover it is another server's: their
// clocks must agree within a lease.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/pool.h"
#include "server/base/status.h"
#include "server/base/time.h"

namespace storegate::mongodb {

// Taken and given back by one thread; lost() from any.
class MigrationLock {
 public:
  // Waits for the lock, until options.migration_timeout is over: FAILED_PRECONDITION,
  // reason MIGRATION_LOCKED, saying who has it and until when; UNAVAILABLE.
  static Result<std::unique_ptr<MigrationLock>> Take(std::shared_ptr<Pool> pool);
  // Gives it back.
  ~MigrationLock();
  MigrationLock(const MigrationLock&) = delete;
  MigrationLock& operator=(const MigrationLock&) = delete;

  // Others may have it by now.
  bool lost() const;

 private:
  enum class Outcome { kHave, kOther, kUnknown };

  explicit MigrationLock(std::shared_ptr<Pool> pool);
  // Makes sure that connection_ may be used, and bounds what is sent next.
  Status Connect();
  // When it is, in ms, at the database.
  Result<int64_t> ServerTime();
  // Takes or prolongs it. With `renew`, only where it is still ours.
  Result<Outcome> TryTake(bool renew);
  Status LockedByOther();
  void KeepAlive();

  const std::shared_ptr<Pool> pool_;
  const std::string owner_;
  const std::chrono::milliseconds lease_;
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
