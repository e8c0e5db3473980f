// Migrations: numbered files, applied once each, in order, under a lock, and
// written down in a history table. The runner is the same for all databases; a
// database gives it this small interface.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"
#include "server/query/value.h"
#include "server/repository/database_model.h"
#include "server/repository/migration_step.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// A row of the history. One whose state is not kApplied was begun and not ended, and is
// to be gone on with: up where kApplying, down where kReverting.
struct AppliedMigration {
  enum class State { kApplied, kApplying, kReverting };

  int number = 0;
  std::string name;
  std::string checksum;
  int64_t applied_at_millis = 0;
  int64_t duration_millis = 0;
  State state = State::kApplied;
  int steps_done = 0;        // of those of the direction that it goes
  std::string applied_by;    // "storegate 0.1.0, process 4711 on web-3"
  std::string error;         // what the last try failed with; "" for none
  // A binary that does not know the migration of this number must not use the database.
  int needs = 0;
};

// How histories write a state down: "applied", "applying", "reverting".
std::string_view NameOf(AppliedMigration::State state);
// Empty for what is none of these.
std::optional<AppliedMigration::State> StateNamed(std::string_view name);

// Who has the lock that another waits for.
struct LockHolder {
  std::string who;        // "storegate, process 4711 on web-3"; "" when unknown
  int migration = 0;      // the number that it is at; 0 when unknown
  int64_t since_millis = 0;  // when it took the lock; 0 when unknown

  // "storegate, process 4711 on web-3, at migration 7, since 2026-…Z", as far as it is
  // known; "another process" for who.
  std::string ToString() const;
};

// Used by one thread at a time.
class Migrator {
 public:
  virtual ~Migrator() = default;

  // Told whenever it is seen that another has the lock, at least once a second while
  // WithLock waits.
  using Waiting = std::function<void(const LockHolder&)>;
  void OnWaiting(Waiting waiting) { waiting_ = std::move(waiting); }

  // How long WithLock waits for the lock. Default: 5 minutes.
  virtual void SetLockTimeout(int64_t millis) = 0;

  // Runs `work` while no other process does. Polls for the lock with jitter and never
  // waits on it in the database; goes on, with exponential back-off, where the database
  // does not answer. FAILED_PRECONDITION, reason MIGRATION_LOCKED, saying who has it and
  // since when, when it was not had in time; UNAVAILABLE when the database did not answer
  // for all of it; else what work says.
  virtual Status WithLock(const std::function<Status()>& work) = 0;
  // Within WithLock: tells those who wait which migration it is at.
  virtual void AtMigration(int number) { (void)number; }

  // Whether what is done under the lock is kept or taken back as a whole (SQLite).
  virtual bool lock_is_transaction() const { return false; }

  // In order of number. Makes the history table where it is missing, and adds what one of
  // an earlier version lacks.
  virtual Result<std::vector<AppliedMigration>> History() = 0;

  // Runs a kTransaction or kNoTransaction step and writes `row` into the history, over the
  // one of its number where there is one, adding what the step took to `duration_millis`.
  // kTransaction: both in one transaction, all or nothing; a database without transactions
  // over tables keeps what was done before a failure, and says so. FAILED_PRECONDITION,
  // reason MIGRATION_FAILED, naming the statement by line where it is known, when the
  // database refuses the script; MIGRATION_LOCK_LOST.
  virtual Status Run(const Step& step, const AppliedMigration& row) = 0;
  // Runs the statement of a kRepeat step once, as a transaction: how many rows it changed.
  virtual Result<int64_t> RunBatch(const Step& step) = 0;
  // What the step's `total` says.
  virtual Result<int64_t> CountTotal(const Step& step) = 0;
  // Writes the folded column of `field` in the next rows behind `after`, in order of id; a
  // null `after` begins at the first. Only where the text is still what was read. Gives
  // how many rows were looked at, and the last one's id in `last`.
  virtual Result<int64_t> Refold(const schema::Field& field, const Value& after, Value* last) = 0;
  // Writes a row of history, over the one of its number where there is one; takes one out.
  virtual Status Record(const AppliedMigration& row) = 0;
  virtual Status Forget(int number) = 0;

  // What is there.
  virtual Result<DatabaseModel> Describe() = 0;
  // What would be there, had the steps run, in order, on an empty database of this kind.
  // Nothing of it is kept, and nobody sees it meanwhile. Repeats and refolds are left out.
  virtual Result<DatabaseModel> Rehearse(const std::vector<Step>& steps) = 0;

  // The FileDescriptorSet, serialized, of the schema that the data was last migrated to;
  // nothing where none was kept.
  virtual Result<std::optional<std::string>> ReadSchema() = 0;
  virtual Status KeepSchema(const std::string& descriptors) = 0;
  // Whether the table holds a row, and whether one holds something else than null in the
  // column. False where there is no such table or column.
  virtual Result<bool> HoldsRows(const std::string& table, const std::string& column) = 0;

  // Runs statements in one transaction where there are some, without history.
  virtual Status Execute(const std::string& sql) = 0;

  // Names of the parts of a table: columns; in a database without columns, indexes.
  // Empty when there is no such table.
  virtual Result<std::vector<std::string>> Parts(std::string_view table) = 0;

 protected:
  void TellWaiting(const LockHolder& holder) const {
    if (waiting_) waiting_(holder);
  }

 private:
  Waiting waiting_;
};

}  // namespace storegate::repository
