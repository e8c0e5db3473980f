#include "server/adapters/sqlite/migrations.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "server/adapters/sqlite/errors.h"
#include "server/adapters/sqlite/migration_script.h"
#include "server/base/time.h"

namespace storegate::sqlite {

using repository::AppliedMigration;
using repository::LockHolder;
using repository::Step;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Those who wait are told once for each of these, and two of them are below a second.
constexpr milliseconds kLeastSlice{150}, kMostSlice{350};
// In between, so that many who wait do not ask all at once.
constexpr milliseconds kLeastPause{1}, kMostPause{20};
constexpr milliseconds kFirstBackOff{50}, kLongestBackOff{5000};

Status Locked(const LockHolder& holder, milliseconds timeout) {
  const std::string waited = std::to_string(timeout.count()) + " ms";
  if (holder.who.empty()) {
    return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED",
                  "Another process was writing to the database for the whole of " + waited +
                      ". Wait until it is done, or end it.");
  }
  return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED",
                "The migration lock was held for the whole of " + waited + " by " +
                    holder.ToString() + ". Wait until it is done, or end it.")
      .With("holder", holder.who);
}

Status LockLost() {
  return Status(Code::kFailedPrecondition, "MIGRATION_LOCK_LOST",
                "The database took the migration's transaction back. Nothing was kept; the log "
                "says why.");
}

}  // namespace

Status SqliteMigrator::Connect() {
  if (connection_ != nullptr) return {};
  auto connection = Connection::Open(location_, Connection::Use::kWrite);
  if (!connection.ok()) return connection.status();
  // Has no effect within a transaction, so it is set once.
  const int code = (*connection)->Script("PRAGMA foreign_keys = OFF");
  if (code != SQLITE_OK) return ToStatus((*connection)->handle(), code);
  connection_ = *std::move(connection);
  return {};
}

Status SqliteMigrator::TakeLock() {
  const Deadline until = steady_clock::now() + timeout_;
  const auto left = [&] {
    const auto time = std::chrono::ceil<milliseconds>(until - steady_clock::now());
    return std::max(time, milliseconds(0));
  };
  milliseconds back_off = kFirstBackOff;
  while (true) {
    Status status = Connect();
    if (status.ok()) {
      connection_->SetPatience(std::min(left(), RandomPause(kLeastSlice, kMostSlice)));
      const int code = connection_->Bracket("BEGIN IMMEDIATE");
      connection_->SetPatience(location_.options.busy_timeout);
      if (code == SQLITE_OK) return {};
      status = ToStatus(connection_->handle(), code);
    }
    if (status.reason() == "DATABASE_BUSY") {
      const LockHolder holder = note_.Read();
      TellWaiting(holder);
      if (Expired(until)) return Locked(holder, timeout_);
      std::this_thread::sleep_for(std::min(left(), RandomPause(kLeastPause, kMostPause)));
      continue;
    }
    if (status.code() != Code::kUnavailable || Expired(until)) return status;
    std::this_thread::sleep_for(std::min(left(), RandomPause(back_off / 2, back_off)));
    back_off = std::min(2 * back_off, kLongestBackOff);
  }
}

Status SqliteMigrator::WithLock(const std::function<Status()>& work) {
  if (locked_) {
    return Status(Code::kInternal, "MIGRATION_LOCKED", "The migration lock is taken already.");
  }
  if (Status status = TakeLock(); !status.ok()) return status;
  locked_ = true;
  changed_ = false;
  note_.Write(0);
  Status status = work();
  if (status.ok()) status = connection_->InTransaction() ? CheckChanges() : LockLost();
  // While the lock is had, and so is nobody else's.
  note_.Remove();
  if (status.ok()) {
    const int committed = connection_->Bracket("COMMIT");
    if (committed != SQLITE_OK) status = CommitFailure(connection_->handle(), committed);
  }
  if (connection_->InTransaction()) connection_->Bracket("ROLLBACK");
  locked_ = false;
  return status;
}

Status SqliteMigrator::InTransaction(const std::function<Status()>& work) {
  if (Status status = Connect(); !status.ok()) return status;
  if (locked_ && !connection_->InTransaction()) return LockLost();
  int code = connection_->Bracket(locked_ ? "SAVEPOINT migration" : "BEGIN IMMEDIATE");
  if (code != SQLITE_OK) return ToStatus(connection_->handle(), code);
  if (!locked_) changed_ = false;
  Status status = work();
  if (status.ok() && !connection_->InTransaction()) return LockLost();
  if (status.ok() && !locked_) status = CheckChanges();
  if (status.ok()) {
    code = connection_->Bracket(locked_ ? "RELEASE migration" : "COMMIT");
    if (code != SQLITE_OK) status = CommitFailure(connection_->handle(), code);
  }
  if (status.ok() || !connection_->InTransaction()) return status;
  if (locked_) {
    connection_->Bracket("ROLLBACK TO migration");
    connection_->Bracket("RELEASE migration");
  } else {
    connection_->Bracket("ROLLBACK");
  }
  return status;
}

Status SqliteMigrator::CheckChanges() {
  return changed_ ? CheckForeignKeys(connection_.get()) : Status();
}

Status SqliteMigrator::RunScript(const std::string& what, const std::string& sql, int line) {
  changed_ = true;
  return RunStatements(connection_.get(), what, sql, line);
}

// Of the gateway's own, without rows.
Status SqliteMigrator::Execute(const Sql& sql) {
  Result<Cursor> cursor = connection_->Run(sql);
  if (!cursor.ok()) return cursor.status();
  const int code = cursor->Step();
  return code == SQLITE_DONE || code == SQLITE_ROW ? Status()
                                                   : ToStatus(connection_->handle(), code);
}

Status SqliteMigrator::Run(const Step& step, const AppliedMigration& row) {
  if (step.kind != Step::Kind::kTransaction && step.kind != Step::Kind::kNoTransaction) {
    return Status(Code::kInternal, "INVALID_STEP", "A step of this kind is run in batches.");
  }
  return InTransaction([&]() -> Status {
    if (Status made = MakeHistory(); !made.ok()) return made;
    const auto start = steady_clock::now();
    Status ran = RunScript("The migration " + row.name, step.script, step.line);
    if (!ran.ok()) return ran;
    const auto took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
    AppliedMigration written = row;
    written.duration_millis += took.count();
    return WriteRow(written);
  });
}

Status SqliteMigrator::Execute(const std::string& sql) {
  return InTransaction([&] { return RunScript("Making the tables", sql, 1); });
}

Result<int64_t> SqliteMigrator::RunBatch(const Step& step) {
  int64_t rows = 0;
  Status status = InTransaction([&]() -> Status {
    changed_ = true;
    Result<int64_t> ran =
        RunOneStatement(connection_.get(), "The migration's batch", step.script, step.line);
    if (ran.ok()) rows = *ran;
    return ran.status();
  });
  if (!status.ok()) return status;
  return rows;
}

Result<int64_t> SqliteMigrator::CountTotal(const Step& step) {
  if (step.total.empty()) return 0;
  if (Status status = Connect(); !status.ok()) return status;
  sqlite3* db = connection_->handle();
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v3(db, step.total.data(), static_cast<int>(step.total.size()), 0,
                                &statement, nullptr);
  const Prepared prepared(statement);
  if (code == SQLITE_OK && (statement == nullptr || sqlite3_stmt_readonly(statement) == 0)) {
    return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                  "What counts a batch's rows at line " + std::to_string(step.line) +
                      " is not a SELECT.");
  }
  if (code == SQLITE_OK) code = sqlite3_step(statement);
  if (code == SQLITE_DONE) return 0;
  if (code != SQLITE_ROW) {
    return ScriptFailure(db, code, "Counting the rows of a batch", step.line);
  }
  return std::max<int64_t>(sqlite3_column_int64(statement, 0), 0);
}

Result<std::vector<std::string>> SqliteMigrator::Parts(std::string_view table) {
  if (Status status = Connect(); !status.ok()) return status;
  const Sql sql{"SELECT name FROM pragma_table_info(?)", {std::string(table)}};
  Result<Cursor> cursor = connection_->Run(sql);
  if (!cursor.ok()) return cursor.status();
  std::vector<std::string> columns;
  int code;
  while ((code = cursor->Step()) == SQLITE_ROW) {
    columns.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(cursor->row(), 0)));
  }
  if (code != SQLITE_DONE) return ToStatus(connection_->handle(), code);
  return columns;
}

}  // namespace storegate::sqlite
