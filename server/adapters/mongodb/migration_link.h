// What all parts of a migration use: the database, the lock, and what is done again when
// the database was lost meanwhile.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/migration_lock.h"
#include "server/adapters/mongodb/pool.h"
#include "server/base/status.h"

namespace storegate::mongodb {

// Why a command failed: as a whole, or the first of its writeErrors.
std::optional<Failure> FailureOf(Answer* answer);
// The server's code; 0 for none.
int64_t CodeOf(const Answer& answer);

// One thread.
class MigrationLink {
 public:
  explicit MigrationLink(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}

  // Before each command: a connection whose answer is waited for as long as the options
  // say, under the lock where one was taken. UNAVAILABLE; MIGRATION_LOCK_LOST.
  Status Ready();
  // REQUIRES: Ready().
  Connection* connection() { return connection_.get(); }

  // Runs `work`, Ready() for its first command. It may run twice: under the lock it does,
  // after a pause, when the database was lost in it (UNAVAILABLE, UNKNOWN), a few times, and
  // as long as the lock lasts where the answer came too late (an index of many documents
  // takes longer than an answer is waited for).
  Status Again(const std::function<Status()>& work);

  // Null outside of WithLock.
  MigrationLock* lock() { return lock_.get(); }
  void SetLock(std::unique_ptr<MigrationLock> lock) { lock_ = std::move(lock); }
  // Gives the connection back, unless there is a lock.
  void Rest();
  Pool& pool() { return *pool_; }
  const std::shared_ptr<Pool>& shared_pool() { return pool_; }

 private:
  const std::shared_ptr<Pool> pool_;
  std::unique_ptr<Connection> connection_;  // null until it is needed
  std::unique_ptr<MigrationLock> lock_;
};

}  // namespace storegate::mongodb
