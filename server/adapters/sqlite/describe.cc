#include "server/adapters/sqlite/describe.h"

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "server/adapters/sqlite/describe_table.h"
#include "server/adapters/sqlite/describe_tokens.h"
#include "server/adapters/sqlite/errors.h"

namespace storegate::sqlite {

using repository::ColumnModel;
using repository::DatabaseModel;
using repository::ReferenceModel;
using repository::TableModel;

namespace {

std::string TextAt(sqlite3_stmt* row, int index) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row, index));
  return text == nullptr ? "" : std::string(text, sqlite3_column_bytes(row, index));
}

Status ForEach(Connection* connection, const Sql& sql,
               const std::function<void(sqlite3_stmt*)>& each) {
  Result<Cursor> cursor = connection->Run(sql);
  if (!cursor.ok()) return cursor.status();
  int code;
  while ((code = cursor->Step()) == SQLITE_ROW) each(cursor->row());
  return code == SQLITE_DONE ? Status() : ToStatus(connection->handle(), code);
}

// As the pragma has them: of virtual tables, and should a text be one that we cannot read.
Status ReadColumns(Connection* connection, const std::string& table,
                   std::vector<ColumnModel>* columns) {
  const Sql sql{"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_xinfo(?)",
                {table}};
  return ForEach(connection, sql, [&](sqlite3_stmt* row) {
    ColumnModel column;
    column.name = TextAt(row, 0);
    column.type = TextAt(row, 1);
    column.not_null = sqlite3_column_int(row, 2) != 0;
    column.default_value = TextAt(row, 3);
    if (sqlite3_column_int(row, 4) != 0) column.rest = "PRIMARY KEY";
    columns->push_back(std::move(column));
  });
}

Status ReadTable(Connection* connection, const std::string& name, const std::string& sql,
                 TableModel* table) {
  std::vector<ColumnModel> columns;
  if (Status status = ReadColumns(connection, name, &columns); !status.ok()) return status;
  std::optional<TableModel> parsed = ParseTable(sql);
  const bool same = parsed && std::ranges::equal(parsed->columns, columns, {},
                                                 &ColumnModel::name, &ColumnModel::name);
  if (same) {
    *table = *std::move(parsed);
  } else {
    table->columns = std::move(columns);
    const std::vector<Token> tokens = Tokenize(sql);
    const auto made = std::ranges::find_if(tokens, [](const Token& t) { return t.Is("USING"); });
    table->suffix = Normalized(tokens, made - tokens.begin(), tokens.size());
  }
  table->name = name;
  return {};
}

Status ReadIndexes(Connection* connection, TableModel* table) {
  const Sql sql{
      "SELECT s.name, l.\"unique\", s.sql FROM sqlite_schema AS s "
      "JOIN pragma_index_list(?) AS l ON l.name = s.name "
      "WHERE s.type = 'index' AND s.sql IS NOT NULL ORDER BY s.name",
      {table->name}};
  return ForEach(connection, sql, [&](sqlite3_stmt* row) {
    table->indexes.push_back({TextAt(row, 0), sqlite3_column_int(row, 1) != 0,
                              IndexDefinition(TextAt(row, 2)), true});
  });
}

// A reference that names no column is to the other table's key.
Status ResolveTargets(Connection* connection, TableModel* table) {
  for (ReferenceModel& reference : table->references) {
    if (!reference.target.empty()) continue;
    const Sql sql{"SELECT name FROM pragma_table_info(?) WHERE pk = 1", {reference.table}};
    Status status = ForEach(connection, sql, [&](sqlite3_stmt* row) {
      reference.target = TextAt(row, 0);
    });
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace

Result<DatabaseModel> DescribeDatabase(Connection* connection) {
  // Shadow tables belong to a virtual one.
  const Sql sql{
      "SELECT s.name, s.sql FROM sqlite_schema AS s "
      "JOIN pragma_table_list AS l ON l.schema = 'main' AND l.name = s.name "
      "WHERE s.type = 'table' AND l.type <> 'shadow' "
      "AND s.name NOT LIKE 'sqlite~_%' ESCAPE '~' AND s.name NOT LIKE '~_storegate~_%' ESCAPE '~' "
      "ORDER BY s.name",
      {}};
  std::vector<std::pair<std::string, std::string>> found;
  Status status = ForEach(connection, sql, [&](sqlite3_stmt* row) {
    found.emplace_back(TextAt(row, 0), TextAt(row, 1));
  });
  if (!status.ok()) return status;
  DatabaseModel database;
  for (const auto& [name, text] : found) {
    TableModel table;
    status = ReadTable(connection, name, text, &table);
    if (status.ok()) status = ReadIndexes(connection, &table);
    if (status.ok()) status = ResolveTargets(connection, &table);
    if (!status.ok()) return status;
    database.tables.push_back(std::move(table));
  }
  return database;
}

}  // namespace storegate::sqlite
