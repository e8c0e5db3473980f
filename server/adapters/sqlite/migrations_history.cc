// What SqliteMigrator keeps in tables of its own.
#include <algorithm>
#include <array>
#include <utility>

#include "server/adapters/sqlite/errors.h"
#include "server/adapters/sqlite/migrations.h"
#include "server/base/text.h"
#include "server/base/time.h"

namespace storegate::sqlite {

using repository::AppliedMigration;
using State = AppliedMigration::State;

namespace {

constexpr std::string_view kTable = "_storegate_migrations";
constexpr const char* kHistoryTable =
    "CREATE TABLE IF NOT EXISTS \"_storegate_migrations\" (\n"
    "  \"number\" INTEGER NOT NULL PRIMARY KEY,\n"
    "  \"name\" TEXT NOT NULL,\n"
    "  \"checksum\" TEXT NOT NULL,\n"
    "  \"applied_at\" INTEGER NOT NULL,\n"
    "  \"duration_ms\" INTEGER NOT NULL\n"
    ") STRICT";

// What histories of earlier versions lack: added to those and to new ones alike.
struct LaterColumn {
  std::string_view name;
  std::string_view definition;
};
constexpr std::array<LaterColumn, 5> kLaterColumns{{
    {"state", "TEXT NOT NULL DEFAULT 'applied'"},
    {"steps_done", "INTEGER NOT NULL DEFAULT 0"},
    {"applied_by", "TEXT NOT NULL DEFAULT ''"},
    {"error", "TEXT NOT NULL DEFAULT ''"},
    {"needs", "INTEGER NOT NULL DEFAULT 0"},
}};

constexpr const char* kSchemaTable =
    "CREATE TABLE IF NOT EXISTS \"_storegate_schema\" (\n"
    "  \"id\" INTEGER NOT NULL PRIMARY KEY CHECK (\"id\" = 1),\n"
    "  \"descriptors\" BLOB NOT NULL,\n"
    "  \"kept_at\" INTEGER NOT NULL\n"
    ") STRICT";

std::string TextAt(sqlite3_stmt* row, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, index));
  return text == nullptr ? "" : std::string(text, sqlite3_column_bytes(row, index));
}

Status UnknownState(const AppliedMigration& row, const std::string& state) {
  return Status(Code::kFailedPrecondition, "DATABASE_AHEAD",
                "The migration " + row.name + " has the state " + Quoted(state) +
                    " in the database's history, which this version of storegate does not know. "
                    "Run the version that wrote it, or a later one.");
}

bool Lacks(const std::vector<std::string>& columns, std::string_view name) {
  return std::ranges::find(columns, name) == columns.end();
}

}  // namespace

Status SqliteMigrator::MakeHistory() {
  int code = connection_->Script(kHistoryTable);
  if (code != SQLITE_OK) return ToStatus(connection_->handle(), code);
  Result<std::vector<std::string>> columns = Parts(kTable);
  if (!columns.ok()) return columns.status();
  for (const LaterColumn& column : kLaterColumns) {
    if (!Lacks(*columns, column.name)) continue;
    code = connection_->Script("ALTER TABLE \"_storegate_migrations\" ADD COLUMN \"" +
                               std::string(column.name) + "\" " + std::string(column.definition));
    if (code != SQLITE_OK) return ToStatus(connection_->handle(), code);
  }
  return {};
}

Result<std::vector<AppliedMigration>> SqliteMigrator::History() {
  Result<std::vector<std::string>> columns = Parts(kTable);
  if (!columns.ok()) return columns.status();
  const bool whole = std::ranges::none_of(
      kLaterColumns, [&](const LaterColumn& column) { return Lacks(*columns, column.name); });
  if (!whole) {
    Status status = InTransaction([&] { return MakeHistory(); });
    if (!status.ok()) return status;
  }
  return ReadHistory();
}

Result<std::vector<AppliedMigration>> SqliteMigrator::ReadHistory() {
  const Sql sql{
      "SELECT number, name, checksum, applied_at, duration_ms, state, steps_done, applied_by, "
      "error, needs FROM \"_storegate_migrations\" ORDER BY number",
      {}};
  Result<Cursor> cursor = connection_->Run(sql);
  if (!cursor.ok()) return cursor.status();
  std::vector<AppliedMigration> history;
  sqlite3_stmt* at = cursor->row();
  int code;
  while ((code = cursor->Step()) == SQLITE_ROW) {
    AppliedMigration row;
    row.number = sqlite3_column_int(at, 0);
    row.name = TextAt(at, 1);
    row.checksum = TextAt(at, 2);
    row.applied_at_millis = sqlite3_column_int64(at, 3);
    row.duration_millis = sqlite3_column_int64(at, 4);
    const std::string state = TextAt(at, 5);
    const std::optional<State> known = repository::StateNamed(state);
    if (!known) return UnknownState(row, state);
    row.state = *known;
    row.steps_done = sqlite3_column_int(at, 6);
    row.applied_by = TextAt(at, 7);
    row.error = TextAt(at, 8);
    row.needs = sqlite3_column_int(at, 9);
    history.push_back(std::move(row));
  }
  if (code != SQLITE_DONE) return ToStatus(connection_->handle(), code);
  return history;
}

Status SqliteMigrator::WriteRow(const AppliedMigration& row) {
  return Execute(Sql{
      "INSERT INTO \"_storegate_migrations\" (number, name, checksum, applied_at, duration_ms, "
      "state, steps_done, applied_by, error, needs) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (number) DO UPDATE SET name = excluded.name, checksum = excluded.checksum, "
      "applied_at = excluded.applied_at, duration_ms = excluded.duration_ms, "
      "state = excluded.state, steps_done = excluded.steps_done, "
      "applied_by = excluded.applied_by, error = excluded.error, needs = excluded.needs",
      {int64_t{row.number}, row.name, row.checksum, row.applied_at_millis, row.duration_millis,
       std::string(repository::NameOf(row.state)), int64_t{row.steps_done}, row.applied_by, row.error,
       int64_t{row.needs}}});
}

Status SqliteMigrator::Record(const AppliedMigration& row) {
  return InTransaction([&]() -> Status {
    if (Status made = MakeHistory(); !made.ok()) return made;
    return WriteRow(row);
  });
}

Status SqliteMigrator::Forget(int number) {
  return InTransaction([&]() -> Status {
    if (Status made = MakeHistory(); !made.ok()) return made;
    return Execute(
        Sql{"DELETE FROM \"_storegate_migrations\" WHERE number = ?", {int64_t{number}}});
  });
}

Result<std::optional<std::string>> SqliteMigrator::ReadSchema() {
  Result<std::vector<std::string>> columns = Parts("_storegate_schema");
  if (!columns.ok()) return columns.status();
  if (columns->empty()) return std::optional<std::string>();
  const Sql sql{"SELECT descriptors FROM \"_storegate_schema\" WHERE id = 1", {}};
  Result<Cursor> cursor = connection_->Run(sql);
  if (!cursor.ok()) return cursor.status();
  const int code = cursor->Step();
  if (code == SQLITE_DONE) return std::optional<std::string>();
  if (code != SQLITE_ROW) return ToStatus(connection_->handle(), code);
  const auto* data = static_cast<const char*>(sqlite3_column_blob(cursor->row(), 0));
  const size_t size = sqlite3_column_bytes(cursor->row(), 0);
  return std::optional<std::string>(data == nullptr ? "" : std::string(data, size));
}

Status SqliteMigrator::KeepSchema(const std::string& descriptors) {
  return InTransaction([&]() -> Status {
    const int code = connection_->Script(kSchemaTable);
    if (code != SQLITE_OK) return ToStatus(connection_->handle(), code);
    return Execute(Sql{
        "INSERT INTO \"_storegate_schema\" (id, descriptors, kept_at) VALUES (1, ?, ?) "
        "ON CONFLICT (id) DO UPDATE SET descriptors = excluded.descriptors, "
        "kept_at = excluded.kept_at",
        {Bytes{descriptors}, NowMillis()}});
  });
}

}  // namespace storegate::sqlite
