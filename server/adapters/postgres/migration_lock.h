// The lock that one migration at a time holds: an advisory one, on a connection of its
// own, asked for again and again. A session that waits for it would hold up CREATE INDEX
// CONCURRENTLY, which waits for whatever began before it.
//
// Who has it says so in a row of _storegate_lock, which counts as long as its connection
// has the lock.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "server/adapters/postgres/connection.h"
#include "server/repository/migrator.h"

namespace storegate::postgres {

// Used by one thread at a time. Given back when it is destroyed.
class MigrationLock {
 public:
  using Waiting = std::function<void(const repository::LockHolder&)>;

  // Asks for `timeout`; `waiting` is told who has it, twice a second.
  //   FAILED_PRECONDITION, reason MIGRATION_LOCKED  another had it all the time; says who
  //   UNAVAILABLE                                   the database did not answer all the time
  //   and what Connection::Open says of a URL or user that is refused
  static Result<std::unique_ptr<MigrationLock>> Take(const Options& options,
                                                     std::chrono::milliseconds timeout,
                                                     const Waiting& waiting);

  // Says which migration it is at. What does not work is left: it is for people.
  void At(int migration);

  // Whether it is held still: ABORTED, reason MIGRATION_LOCK_LOST, where not.
  Status Held();
  // The same, seen from within a transaction of another connection.
  Status HeldFrom(Connection* connection);

 private:
  MigrationLock(const Options& options, std::unique_ptr<Connection> connection, int64_t process)
      : options_(options), connection_(std::move(connection)), process_(process) {}

  const Options options_;
  const std::unique_ptr<Connection> connection_;
  const int64_t process_;  // pid of the database's process that has the lock
  bool published_ = false;
};

Status LockLost();

}  // namespace storegate::postgres
