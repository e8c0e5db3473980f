// What SqliteMigrator reads of a database, and the folded columns that it writes.
#include <algorithm>
#include <utility>

#include "server/adapters/sqlite/describe.h"
#include "server/adapters/sqlite/errors.h"
#include "server/adapters/sqlite/migration_script.h"
#include "server/adapters/sqlite/migrations.h"
#include "server/adapters/sqlite/types.h"
#include "server/base/text.h"
#include "server/migrate/ddl.h"

namespace storegate::sqlite {

using migrate::QuoteIdentifier;
using repository::DatabaseModel;
using repository::Step;

namespace {

constexpr int64_t kRowsOfABatch = 1000;

struct Row {
  Value id;
  Value text;  // null for NULL
};

}  // namespace

Result<DatabaseModel> SqliteMigrator::Describe() {
  if (Status status = Connect(); !status.ok()) return status;
  return DescribeDatabase(connection_.get());
}

Result<DatabaseModel> SqliteMigrator::Rehearse(const std::vector<Step>& steps) {
  Options options;
  options.path = ":memory:";
  auto opened = Connection::Open({options, options.path, true}, Connection::Use::kWrite);
  if (!opened.ok()) return opened.status();
  Connection& connection = **opened;
  int code = connection.Script("PRAGMA foreign_keys = OFF");
  if (code == SQLITE_OK) code = connection.Bracket("BEGIN");
  if (code != SQLITE_OK) return ToStatus(connection.handle(), code);
  for (const Step& step : steps) {
    if (step.kind != Step::Kind::kTransaction && step.kind != Step::Kind::kNoTransaction) continue;
    Status status =
        RunStatements(&connection, "The migration, tried on an empty database,", step.script,
                      step.line);
    if (!status.ok()) return status;
  }
  return DescribeDatabase(&connection);
}

Result<bool> SqliteMigrator::HoldsRows(const std::string& table, const std::string& column) {
  Result<std::vector<std::string>> columns = Parts(table);
  if (!columns.ok()) return columns.status();
  if (columns->empty()) return false;
  const bool there = column.empty() || std::ranges::any_of(*columns, [&](const std::string& name) {
                       return sqlite3_stricmp(name.c_str(), column.c_str()) == 0;
                     });
  if (!there) return false;
  std::string text = "SELECT 1 FROM " + QuoteIdentifier(table);
  if (!column.empty()) text += " WHERE " + QuoteIdentifier(column) + " IS NOT NULL";
  const Sql sql{text + " LIMIT 1", {}};
  Result<Cursor> cursor = connection_->Run(sql);
  if (!cursor.ok()) return cursor.status();
  const int code = cursor->Step();
  if (code == SQLITE_ROW || code == SQLITE_DONE) return code == SQLITE_ROW;
  return ToStatus(connection_->handle(), code);
}

Result<int64_t> SqliteMigrator::Refold(const schema::Field& field, const Value& after,
                                       Value* last) {
  const schema::Field& id = *field.entity->id;
  const std::string table = QuoteIdentifier(field.entity->collection);
  const std::string id_column = QuoteIdentifier(id.column), column = QuoteIdentifier(field.column);
  const std::string folded = QuoteIdentifier(field.folded_column());
  Sql select{"SELECT " + id_column + ", " + column + " FROM " + table + " WHERE " + id_column +
                 (IsNull(after) ? " IS NOT NULL" : " > ?") + " ORDER BY " + id_column +
                 " LIMIT " + std::to_string(kRowsOfABatch),
             {}};
  if (!IsNull(after)) select.values.push_back(after);
  std::vector<Row> rows;
  Status status = InTransaction([&]() -> Status {
    {
      Result<Cursor> cursor = connection_->Run(select);
      if (!cursor.ok()) return cursor.status();
      int code;
      while ((code = cursor->Step()) == SQLITE_ROW) {
        rows.push_back({ReadColumn(cursor->row(), 0, id), ReadColumn(cursor->row(), 1, field)});
      }
      if (code != SQLITE_DONE) return ToStatus(connection_->handle(), code);
    }
    for (const Row& row : rows) {
      const auto* text = std::get_if<std::string>(&row.text);
      Value value = text == nullptr ? Value() : Value(FoldCase(*text));
      Status written = Execute(Sql{"UPDATE " + table + " SET " + folded + " = ?1 WHERE " +
                                       id_column + " = ?2 AND " + column + " IS ?3 AND " +
                                       folded + " IS NOT ?1",
                                   {std::move(value), row.id, row.text}});
      if (!written.ok()) return written;
    }
    return {};
  });
  if (!status.ok()) return status;
  if (!rows.empty()) *last = rows.back().id;
  return static_cast<int64_t>(rows.size());
}

}  // namespace storegate::sqlite
