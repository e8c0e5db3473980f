// Migrations as SQLite does them. Tables can be made and changed inside a
// transaction, so the lock is the transaction: WithLock is one BEGIN IMMEDIATE,
// during which no other process writes, and everything done under it is kept or
// taken back as a whole. Readers go on, with the old tables until it ends.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "server/adapters/sqlite/connection.h"
#include "server/adapters/sqlite/migration_lock.h"
#include "server/repository/migrator.h"

namespace storegate::sqlite {

// History is in the table _storegate_migrations, the schema in _storegate_schema. Each call
// outside of WithLock is a transaction of its own. SQL with BEGIN, COMMIT, SAVEPOINT or
// ATTACH in it is refused: it would end the lock. Foreign keys are not enforced statement by
// statement, as tables are made anew; all are checked before the commit, and what does not
// hold fails it: FAILED_PRECONDITION, reason MIGRATION_FAILED, naming the table.
//
// Since what fails takes all back, an error is written into the history by a Record outside
// of WithLock. FAILED_PRECONDITION, reason MIGRATION_LOCK_LOST: SQLite took the transaction
// back by itself (the disk is full, say), and what comes behind it is not run.
class SqliteMigrator : public repository::Migrator {
 public:
  explicit SqliteMigrator(Location location)
      : location_(std::move(location)),
        timeout_(location_.options.migration_timeout),
        note_(location_) {}

  // Default: Options::migration_timeout.
  void SetLockTimeout(int64_t millis) override { timeout_ = std::chrono::milliseconds(millis); }
  Status WithLock(const std::function<Status()>& work) override;
  void AtMigration(int number) override { note_.Write(number); }
  bool lock_is_transaction() const override { return true; }

  // Without the lock it waits for nobody, unless there is a table to make or change.
  Result<std::vector<repository::AppliedMigration>> History() override;
  Status Record(const repository::AppliedMigration& row) override;
  Status Forget(int number) override;

  // kNoTransaction runs in the lock's transaction too.
  Status Run(const repository::Step& step, const repository::AppliedMigration& row) override;
  Result<int64_t> RunBatch(const repository::Step& step) override;
  Result<int64_t> CountTotal(const repository::Step& step) override;
  Result<int64_t> Refold(const schema::Field& field, const Value& after, Value* last) override;

  Result<repository::DatabaseModel> Describe() override;
  // In a database in memory, of its own.
  Result<repository::DatabaseModel> Rehearse(const std::vector<repository::Step>& steps) override;

  Result<std::optional<std::string>> ReadSchema() override;
  Status KeepSchema(const std::string& descriptors) override;
  Result<bool> HoldsRows(const std::string& table, const std::string& column) override;

  Status Execute(const std::string& sql) override;
  Result<std::vector<std::string>> Parts(std::string_view table) override;

 private:
  Status Connect();
  Status TakeLock();
  // Runs `work` in a savepoint of the lock's transaction, or in one of its own.
  Status InTransaction(const std::function<Status()>& work);
  // What is to hold before a commit.
  Status CheckChanges();
  Status RunScript(const std::string& what, const std::string& sql, int line);
  Status MakeHistory();
  Status WriteRow(const repository::AppliedMigration& row);
  Status Execute(const Sql& sql);
  Result<std::vector<repository::AppliedMigration>> ReadHistory();

  const Location location_;
  std::chrono::milliseconds timeout_;
  LockNote note_;
  std::unique_ptr<Connection> connection_;  // null until the first call
  bool locked_ = false;                     // within WithLock
  bool changed_ = false;                    // a script ran in this transaction
};

}  // namespace storegate::sqlite
