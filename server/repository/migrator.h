// Migrations: numbered files, applied once each, in order, under a lock, and
// written down in a history table. The runner is the same for all databases; a
// database gives it this small interface.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"

namespace storegate::repository {

struct AppliedMigration {
  int number = 0;
  std::string name;
  std::string checksum;
  int64_t applied_at_millis = 0;
  int64_t duration_millis = 0;
};

// Used by one thread at a time.
class Migrator {
 public:
  virtual ~Migrator() = default;

  // Runs `work` while no other process does: FAILED_PRECONDITION, reason
  // MIGRATION_LOCKED, when the lock was not had in time; else what work says.
  virtual Status WithLock(const std::function<Status()>& work) = 0;

  // In order of number. Makes the history table where it is missing.
  virtual Result<std::vector<AppliedMigration>> History() = 0;

  // Runs the statements and writes the history's row, with the duration as it was
  // measured here, in one transaction: all or nothing. A database without transactions
  // over tables keeps what was done before a failure, and says so. FAILED_PRECONDITION, reason
  // MIGRATION_FAILED, when the database refuses the SQL.
  virtual Status Apply(const AppliedMigration& row, const std::string& sql) = 0;

  // Runs statements as Apply does, without history (--create-tables).
  virtual Status Execute(const std::string& sql) = 0;

  // Names of the parts of a table: columns; in a database without columns, indexes.
  // Empty when there is no such table.
  virtual Result<std::vector<std::string>> Parts(std::string_view table) = 0;
};

}  // namespace storegate::repository
