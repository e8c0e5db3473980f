// Migrations as MongoDB does them. Collections and indexes are made outside of
// transactions, so the commands of a script run one by one, each kept when it
// succeeded, and the history's row is written when all have: a script that failed, or
// whose gateway died, runs again from its beginning. What makes collections and indexes
// may run again as it is; other commands are to be written so.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/migration_lock.h"
#include "server/adapters/mongodb/pool.h"
#include "server/repository/migrator.h"

namespace storegate::mongodb {

// History is in the collection _storegate_migrations. A script is as generator.h makes
// it: a JSON array of commands, any but those with "$db" in them. Clients of the pool
// are held while a call runs: one, and one more by WithLock.
//   FAILED_PRECONDITION, reason MIGRATION_FAILED     a script that cannot be read, naming the
//                                                    place; a command that the database refuses
//   FAILED_PRECONDITION, reason UNSUPPORTED_INDEX    a unique index with a filter, in a database
//                                                    that takes the filter and ignores it
//   FAILED_PRECONDITION, reason MIGRATION_LOCK_LOST  the lock was lost before the end
class MongodbMigrator : public repository::Migrator {
 public:
  explicit MongodbMigrator(std::shared_ptr<Pool> pool) : pool_(std::move(pool)) {}

  Status WithLock(const std::function<Status()>& work) override;
  Result<std::vector<repository::AppliedMigration>> History() override;
  Status Apply(const repository::AppliedMigration& row, const std::string& script) override;
  Status Execute(const std::string& script) override;
  Result<std::vector<std::string>> Parts(std::string_view table) override;

 private:
  // Gives the connection back when a call outside of WithLock ends.
  struct Use;

  Status Connect();
  Status RunScript(const std::string& what, const std::string& script);
  Status RunCommand(const std::string& what, const Bson& command);
  Result<bool> Exists(std::string_view collection);
  // Of a createIndexes: that what it says of filters will be so.
  Status CheckFilters(const std::string& what, const Bson& command);
  // Whether a unique index with a filter leaves alone what the filter does not match.
  Result<bool> HonoursFilters();

  const std::shared_ptr<Pool> pool_;
  std::unique_ptr<Connection> connection_;  // null until it is needed
  std::unique_ptr<MigrationLock> lock_;     // within WithLock
};

}  // namespace storegate::mongodb
