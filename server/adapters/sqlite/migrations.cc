#include "server/adapters/sqlite/migrations.h"

#include <chrono>
#include <utility>

#include "server/adapters/sqlite/errors.h"

namespace storegate::sqlite {

using repository::AppliedMigration;

namespace {

constexpr const char* kHistoryTable =
    "CREATE TABLE IF NOT EXISTS \"_storegate_migrations\" (\n"
    "  \"number\" INTEGER NOT NULL PRIMARY KEY,\n"
    "  \"name\" TEXT NOT NULL,\n"
    "  \"checksum\" TEXT NOT NULL,\n"
    "  \"applied_at\" INTEGER NOT NULL,\n"
    "  \"duration_ms\" INTEGER NOT NULL\n"
    ") STRICT";

// What a migration's SQL may do: all but end the transaction around it.
int Authorize(void*, int action, const char*, const char*, const char*, const char*) {
  switch (action) {
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT:
    case SQLITE_ATTACH:
    case SQLITE_DETACH: return SQLITE_DENY;
    default: return SQLITE_OK;
  }
}

class Authorized {
 public:
  explicit Authorized(sqlite3* db) : db_(db) { sqlite3_set_authorizer(db_, Authorize, nullptr); }
  ~Authorized() { sqlite3_set_authorizer(db_, nullptr, nullptr); }
  Authorized(const Authorized&) = delete;
  Authorized& operator=(const Authorized&) = delete;

 private:
  sqlite3* db_;
};

}  // namespace

Status SqliteMigrator::Connect() {
  if (connection_ != nullptr) return {};
  auto connection = Connection::Open(location_, Connection::Use::kWrite);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  return {};
}

Status SqliteMigrator::WithLock(const std::function<Status()>& work) {
  if (Status status = Connect(); !status.ok()) return status;
  if (connection_->InTransaction()) {
    return Status(Code::kInternal, "MIGRATION_LOCKED", "The migration lock is taken already.");
  }
  connection_->SetPatience(location_.options.migration_timeout);
  const int code = connection_->Bracket("BEGIN IMMEDIATE");
  connection_->SetPatience(location_.options.busy_timeout);
  if ((code & 0xFF) == SQLITE_BUSY) {
    return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED",
                  "Another process was writing to the database for the whole of " +
                      std::to_string(location_.options.migration_timeout.count()) +
                      " ms. Wait until it is done, or end it.");
  }
  if (code != SQLITE_OK) return ToStatus(connection_->handle(), code);
  Status status = work();
  if (status.ok()) {
    const int committed = connection_->Bracket("COMMIT");
    if (committed != SQLITE_OK) status = CommitFailure(connection_->handle(), committed);
  }
  if (connection_->InTransaction()) connection_->Bracket("ROLLBACK");
  return status;
}

Status SqliteMigrator::InTransaction(const std::function<Status()>& work) {
  if (Status status = Connect(); !status.ok()) return status;
  const bool locked = connection_->InTransaction();
  int code = connection_->Bracket(locked ? "SAVEPOINT migration" : "BEGIN IMMEDIATE");
  if (code != SQLITE_OK) return ToStatus(connection_->handle(), code);
  Status status = work();
  if (status.ok()) {
    code = connection_->Bracket(locked ? "RELEASE migration" : "COMMIT");
    if (code != SQLITE_OK) status = CommitFailure(connection_->handle(), code);
  }
  if (status.ok() || !connection_->InTransaction()) return status;
  if (locked) {
    connection_->Bracket("ROLLBACK TO migration");
    connection_->Bracket("RELEASE migration");
  } else {
    connection_->Bracket("ROLLBACK");
  }
  return status;
}

Status SqliteMigrator::RunScript(const std::string& what, const std::string& sql) {
  int code;
  {
    const Authorized authorized(connection_->handle());
    code = connection_->Script(sql);
  }
  if (code == SQLITE_OK) return {};
  if ((code & 0xFF) == SQLITE_AUTH) {
    return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                  what + " failed: it must not begin or end transactions, nor attach databases.");
  }
  Status status = ToStatus(connection_->handle(), code);
  if (status.code() != Code::kInternal) return status;
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                what + " failed. Nothing of it was kept; the log says why.");
}

Status SqliteMigrator::MakeHistory() {
  const int code = connection_->Script(kHistoryTable);
  return code == SQLITE_OK ? Status() : ToStatus(connection_->handle(), code);
}

Result<std::vector<AppliedMigration>> SqliteMigrator::History() {
  std::vector<AppliedMigration> history;
  Status status = InTransaction([&]() -> Status {
    if (Status made = MakeHistory(); !made.ok()) return made;
    const Sql sql{
        "SELECT number, name, checksum, applied_at, duration_ms FROM \"_storegate_migrations\" "
        "ORDER BY number",
        {}};
    Result<Cursor> cursor = connection_->Run(sql);
    if (!cursor.ok()) return cursor.status();
    int code;
    while ((code = cursor->Step()) == SQLITE_ROW) {
      const auto text = [&](int index) {
        return std::string(reinterpret_cast<const char*>(sqlite3_column_text(cursor->row(), index)),
                           sqlite3_column_bytes(cursor->row(), index));
      };
      history.push_back({sqlite3_column_int(cursor->row(), 0), text(1), text(2),
                         sqlite3_column_int64(cursor->row(), 3),
                         sqlite3_column_int64(cursor->row(), 4)});
    }
    return code == SQLITE_DONE ? Status() : ToStatus(connection_->handle(), code);
  });
  if (!status.ok()) return status;
  return history;
}

Status SqliteMigrator::Apply(const AppliedMigration& row, const std::string& sql) {
  return InTransaction([&]() -> Status {
    if (Status made = MakeHistory(); !made.ok()) return made;
    const auto start = std::chrono::steady_clock::now();
    if (Status ran = RunScript("The migration " + row.name, sql); !ran.ok()) return ran;
    const auto took = std::chrono::steady_clock::now() - start;
    const int64_t millis = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    const Sql insert{"INSERT INTO \"_storegate_migrations\" VALUES (?, ?, ?, ?, ?)",
                     {int64_t{row.number}, row.name, row.checksum, row.applied_at_millis,
                      millis}};
    Result<Cursor> cursor = connection_->Run(insert);
    if (!cursor.ok()) return cursor.status();
    const int code = cursor->Step();
    return code == SQLITE_DONE ? Status() : ToStatus(connection_->handle(), code);
  });
}

Status SqliteMigrator::Execute(const std::string& sql) {
  return InTransaction([&] { return RunScript("Making the tables", sql); });
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
