// Migrations as PostgreSQL does them: each step a transaction with its row of history, but
// for what cannot be in one, which may be run again.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/adapters/postgres/connection.h"
#include "server/adapters/postgres/migration_lock.h"
#include "server/adapters/postgres/migration_text.h"
#include "server/repository/migrator.h"

namespace storegate::postgres {

// History is in the table _storegate_migrations, the schema in _storegate_schema. SQL that
// begins or ends a transaction is refused before any of it is run.
//
// A step that changes tables waits for a lock only briefly (Options::migration_lock_wait),
// for all others wait behind it; it is then taken back and tried again. Steps of two
// migrators never run at the same time, also when the lock was lost meanwhile: they hold
// the history, and see whether the lock is there before they commit.
class PostgresMigrator : public repository::Migrator {
 public:
  explicit PostgresMigrator(const Options& options);

  void SetLockTimeout(int64_t millis) override;
  Status WithLock(const std::function<Status()>& work) override;
  void AtMigration(int number) override;

  Result<std::vector<repository::AppliedMigration>> History() override;
  Status Record(const repository::AppliedMigration& row) override;
  Status Forget(int number) override;

  Status Run(const repository::Step& step, const repository::AppliedMigration& row) override;
  Result<int64_t> RunBatch(const repository::Step& step) override;
  Result<int64_t> CountTotal(const repository::Step& step) override;
  // A thousand rows at most, of 8 MiB of text at most but for the first. 0: none is left.
  Result<int64_t> Refold(const schema::Field& field, const Value& after, Value* last) override;

  Result<repository::DatabaseModel> Describe() override;
  Result<repository::DatabaseModel> Rehearse(const std::vector<repository::Step>& steps) override;

  Result<std::optional<std::string>> ReadSchema() override;
  Status KeepSchema(const std::string& descriptors) override;
  Result<bool> HoldsRows(const std::string& table, const std::string& column) override;

  Status Execute(const std::string& sql) override;
  Result<std::vector<std::string>> Parts(std::string_view table) override;

 private:
  // What a transaction came to, and whether it may be tried again.
  struct Outcome {
    Status status;
    bool again = false;
    Outcome() = default;
    Outcome(Status failure, bool again_too = false)  // NOLINT: a status is one
        : status(std::move(failure)), again(again_too) {}
  };

  // Makes sure that connection_ may be used.
  Status Connect();
  Status Ask(const char* text);
  // MIGRATION_LOCK_LOST within WithLock, when it is so.
  Status CheckLock();
  // One try of a transaction; its statements wait for locks as long as they may.
  Outcome TryTransaction(const std::function<Outcome()>& work);
  // The same again and again while others have what it needs.
  Status InTransaction(const std::function<Outcome()>& work);

  // `status`, and who is likely to have been in the way.
  Status InTheWay(const Status& status);

  // Runs a script within a transaction; `what` is what messages call it, `line` where in its
  // file it begins; 0: no line is named.
  Outcome RunScript(const std::string& what, int line, const std::string& script);
  // Runs the statements of a step that cannot be in a transaction.
  Status RunAlone(const repository::Step& step, const std::string& what);
  Status RunStatement(const repository::Step& step, const Statement& statement,
                      const std::string& what);
  // Whether the index need not be built; drops what is left of an earlier try.
  Result<bool> AlreadyBuilt(const ConcurrentIndex& index);
  Result<bool> AlreadyDropped(const ConcurrentIndex& index);
  // After a build that failed: takes what is left away where it can. `status` says why it
  // failed; of rows that share a value, where they are.
  Status ClearAway(const ConcurrentIndex& index, bool shares_value, Status status);

  Status MakeHistory();
  // Whether another went on with the migration since `row` was thought of.
  Status CheckUnchanged(const repository::AppliedMigration& row);
  Status WriteRow(const repository::AppliedMigration& row, int64_t took_millis);
  Status WriteFolded(const schema::Field& field, const Rows& rows);

  const Options options_;
  std::chrono::milliseconds lock_timeout_;
  std::unique_ptr<Connection> connection_;  // null until the first call
  std::unique_ptr<MigrationLock> lock_;     // within WithLock
};

}  // namespace storegate::postgres
