// Migrations as MongoDB does them. Collections and indexes are made outside of
// transactions, so the commands of a step run one by one, each kept when it succeeded, and
// the history's row is written when all have: a step that failed, or whose gateway died,
// runs again from its first command. What makes, drops and renames collections and indexes
// may run again as it is (migration_commands.h); `insert`, `update`, `delete` and other
// commands are to be written so, an `update` with a filter that what it has changed does not
// match, say.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/adapters/mongodb/migration_link.h"
#include "server/adapters/mongodb/pool.h"
#include "server/repository/migrator.h"

namespace storegate::mongodb {

// History is in the collection _storegate_migrations, the schema that the data was last
// migrated to in _storegate_schema, the lock in _storegate_locks. A script is as
// script_steps.h makes it: a JSON array of commands, any but those with "$db" in them. The
// script of a kRepeat step is a storegate.backfill. Clients of the pool are held while a
// call runs: one, and one more by WithLock.
//   FAILED_PRECONDITION, reason MIGRATION_FAILED     a script that cannot be read, naming the
//                                                    place; a command that the database refuses
//   FAILED_PRECONDITION, reason UNSUPPORTED_INDEX    a unique index with a filter, in a database
//                                                    that takes the filter and ignores it
//   FAILED_PRECONDITION, reason MIGRATION_LOCK_LOST  the lock was lost before the end, or
//                                                    another has it by now
class MongodbMigrator : public repository::Migrator {
 public:
  explicit MongodbMigrator(std::shared_ptr<Pool> pool)
      : link_(std::move(pool)), lock_timeout_(link_.pool().options().migration_timeout) {}

  void SetLockTimeout(int64_t millis) override {
    lock_timeout_ = std::chrono::milliseconds(millis);
  }
  Status WithLock(const std::function<Status()>& work) override;
  void AtMigration(int number) override;
  Result<std::vector<repository::AppliedMigration>> History() override;
  Status Run(const repository::Step& step, const repository::AppliedMigration& row) override;
  Result<int64_t> RunBatch(const repository::Step& step) override;
  Result<int64_t> CountTotal(const repository::Step& step) override;
  Result<int64_t> Refold(const schema::Field& field, const Value& after, Value* last) override;
  Status Record(const repository::AppliedMigration& row) override;
  Status Forget(int number) override;
  // Columns are not known, nor whether an index is still being built.
  Result<repository::DatabaseModel> Describe() override;
  // As rehearse.h.
  Result<repository::DatabaseModel> Rehearse(const std::vector<repository::Step>& steps) override;
  Result<std::optional<std::string>> ReadSchema() override;
  // FAILED_PRECONDITION, reason SCHEMA_TOO_LARGE, above 15 MiB.
  Status KeepSchema(const std::string& descriptors) override;
  // The column "id" is the documents' _id.
  Result<bool> HoldsRows(const std::string& table, const std::string& column) override;
  Status Execute(const std::string& script) override;
  Result<std::vector<std::string>> Parts(std::string_view table) override;

 private:
  MigrationLink link_;
  std::chrono::milliseconds lock_timeout_;
};

}  // namespace storegate::mongodb
