#include "server/adapters/postgres/describe.h"

#include <map>
#include <string>
#include <utility>

#include "server/adapters/postgres/errors.h"
#include "server/adapters/postgres/migration_rows.h"

namespace storegate::postgres {

using repository::ColumnModel;
using repository::DatabaseModel;
using repository::IndexModel;
using repository::ReferenceModel;
using repository::TableModel;

namespace {

// Tables that are told about; `c` is the table.
constexpr std::string_view kTables =
    " c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = current_schema())"
    " AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    " AND NOT starts_with(c.relname, '_storegate_')"
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS e"
    " WHERE e.classid = 'pg_catalog.pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')";

// One row a column; of a table without columns one with null.
constexpr std::string_view kColumns =
    "SELECT c.relname::text, a.attname::text,"
    " format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation <> t.typcollation"
    "  THEN ' COLLATE ' || CASE WHEN pg_collation_is_visible(o.oid) THEN ''"
    "   ELSE quote_ident(n.nspname) || '.' END || quote_ident(o.collname) ELSE '' END,"
    " a.attnotnull, a.attidentity::text, a.attgenerated::text,"
    " pg_get_expr(d.adbin, d.adrelid),"
    " CASE WHEN k.conkey = ARRAY[a.attnum] THEN 'PRIMARY KEY' END"
    " FROM pg_catalog.pg_class AS c"
    " LEFT JOIN pg_catalog.pg_attribute AS a"
    "  ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " LEFT JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid"
    " LEFT JOIN pg_catalog.pg_collation AS o ON o.oid = a.attcollation"
    " LEFT JOIN pg_catalog.pg_namespace AS n ON n.oid = o.collnamespace"
    " LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum"
    " LEFT JOIN pg_catalog.pg_constraint AS k ON k.conrelid = c.oid AND k.contype = 'p'"
    " WHERE";

constexpr std::string_view kChecks =
    "SELECT c.relname::text, a.attname::text, k.conname::text,"
    " pg_get_expr(k.conbin, k.conrelid) || CASE WHEN k.convalidated THEN '' ELSE ' NOT VALID' END"
    " FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]"
    " WHERE k.contype = 'c' AND cardinality(k.conkey) = 1 AND";

// Not quite all that pg_get_indexdef gives: see DefinitionOf.
constexpr std::string_view kIndexes =
    "SELECT c.relname::text, n.relname::text, i.indisunique, i.indisvalid,"
    " pg_get_indexdef(i.indexrelid)"
    " FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid"
    " JOIN pg_catalog.pg_class AS n ON n.oid = i.indexrelid"
    " WHERE NOT i.indisprimary AND";

constexpr std::string_view kReferences =
    "SELECT c.relname::text, a.attname::text,"
    " CASE WHEN r.relnamespace = c.relnamespace THEN '' ELSE s.nspname || '.' END || r.relname,"
    " b.attname::text, k.conname::text, concat_ws(' ',"
    "  CASE k.confmatchtype WHEN 'f' THEN 'MATCH FULL' END,"
    "  'ON UPDATE ' || (CASE k.confupdtype WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE'"
    "   WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END),"
    "  'ON DELETE ' || (CASE k.confdeltype WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE'"
    "   WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END),"
    "  CASE WHEN k.condeferrable THEN 'DEFERRABLE' END,"
    "  CASE WHEN k.condeferred THEN 'INITIALLY DEFERRED' END,"
    "  CASE WHEN NOT k.convalidated THEN 'NOT VALID' END)"
    " FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid"
    " JOIN pg_catalog.pg_class AS r ON r.oid = k.confrelid"
    " JOIN pg_catalog.pg_namespace AS s ON s.oid = r.relnamespace"
    " JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.conkey[1]"
    " JOIN pg_catalog.pg_attribute AS b ON b.attrelid = r.oid AND b.attnum = k.confkey[1]"
    " WHERE k.contype = 'f' AND cardinality(k.conkey) = 1 AND";

constexpr std::string_view kConstraints =
    "SELECT c.relname::text,"
    " 'CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid)"
    " FROM pg_catalog.pg_constraint AS k JOIN pg_catalog.pg_class AS c ON c.oid = k.conrelid"
    " WHERE k.contype IN ('p', 'c', 'f') AND cardinality(coalesce(k.conkey, '{}')) <> 1 AND";

// "" for null: what was dropped between two statements is not there.
std::string TextOrNone(const Rows& rows, int row, int column) {
  return PQgetisnull(rows.get(), row, column) != 0 ? "" : TextAt(rows, row, column);
}

// Behind "ON the_table": what comes before it are names, of which any may hold anything.
std::string DefinitionOf(std::string_view index) {
  constexpr std::string_view kUsing = " USING ", kUsual = " USING btree ";
  bool quoted = false;
  for (size_t i = 0; i < index.size(); ++i) {
    if (index[i] == '"') quoted = !quoted;
    if (quoted) continue;
    const std::string_view rest = index.substr(i);
    if (rest.starts_with(kUsual)) return std::string(rest.substr(kUsual.size()));
    if (rest.starts_with(kUsing)) return std::string(rest.substr(1));
  }
  return std::string(index);
}

std::string RestOf(const std::string& identity, const std::string& generated,
                   const std::string& expression, const std::string& key) {
  std::string rest;
  if (identity == "a") rest = "GENERATED ALWAYS AS IDENTITY";
  if (identity == "d") rest = "GENERATED BY DEFAULT AS IDENTITY";
  if (generated == "s") rest = "GENERATED ALWAYS AS (" + expression + ") STORED";
  if (!key.empty()) rest += (rest.empty() ? "" : " ") + key;
  return rest;
}

class Reader {
 public:
  explicit Reader(Connection* connection) : connection_(connection) {}

  Result<DatabaseModel> Read() {
    for (const auto step : {&Reader::Columns, &Reader::Checks, &Reader::Indexes,
                            &Reader::References, &Reader::Constraints}) {
      if (Status status = (this->*step)(); !status.ok()) return status;
    }
    DatabaseModel model;
    for (auto& [name, table] : tables_) model.tables.push_back(std::move(table));
    return model;
  }

 private:
  Result<Rows> Ask(std::string_view query, std::string_view order) {
    Sql sql;
    sql.text = std::string(query) + std::string(kTables) + " ORDER BY " + std::string(order);
    return connection_->Ask(sql, Deadline::max());
  }

  // Null where it is gone since, or came since.
  TableModel* TableAt(const Rows& rows, int row) {
    const auto found = tables_.find(TextAt(rows, row, 0));
    return found == tables_.end() ? nullptr : &found->second;
  }
  ColumnModel* ColumnAt(const Rows& rows, int row) {
    TableModel* table = TableAt(rows, row);
    if (table == nullptr) return nullptr;
    const std::string name = TextAt(rows, row, 1);
    for (ColumnModel& column : table->columns) {
      if (column.name == name) return &column;
    }
    return nullptr;
  }

  Status Columns() {
    const Result<Rows> rows = Ask(kColumns, "c.relname, a.attnum");
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
      TableModel& table = tables_[TextAt(*rows, row, 0)];
      table.name = TextAt(*rows, row, 0);
      if (PQgetisnull(rows->get(), row, 1) != 0) continue;
      ColumnModel column;
      column.name = TextAt(*rows, row, 1);
      column.type = TextOrNone(*rows, row, 2);
      column.not_null = TrueAt(*rows, row, 3);
      const std::string generated = TextAt(*rows, row, 5);
      const std::string expression = TextOrNone(*rows, row, 6);
      if (generated.empty()) column.default_value = expression;
      column.rest = RestOf(TextAt(*rows, row, 4), generated, expression, TextOrNone(*rows, row, 7));
      table.columns.push_back(std::move(column));
    }
    return {};
  }

  Status Checks() {
    const Result<Rows> rows = Ask(kChecks, "c.relname, k.conname");
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
      ColumnModel* column = ColumnAt(*rows, row);
      if (column == nullptr) continue;
      if (!column->check.empty()) column->check += " AND ";
      column->check += TextOrNone(*rows, row, 3);
      if (column->check_name.empty()) column->check_name = TextAt(*rows, row, 2);
    }
    return {};
  }

  Status Indexes() {
    const Result<Rows> rows = Ask(kIndexes, "n.relname");
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
      TableModel* table = TableAt(*rows, row);
      if (table == nullptr) continue;
      IndexModel index;
      index.name = TextAt(*rows, row, 1);
      index.unique = TrueAt(*rows, row, 2);
      index.valid = TrueAt(*rows, row, 3);
      index.definition = DefinitionOf(TextOrNone(*rows, row, 4));
      table->indexes.push_back(std::move(index));
    }
    return {};
  }

  Status References() {
    const Result<Rows> rows = Ask(kReferences, "c.relname, k.conname");
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
      TableModel* table = TableAt(*rows, row);
      if (table == nullptr) continue;
      table->references.push_back({TextAt(*rows, row, 1), TextAt(*rows, row, 2),
                                   TextAt(*rows, row, 3), TextAt(*rows, row, 4),
                                   TextAt(*rows, row, 5)});
    }
    return {};
  }

  Status Constraints() {
    const Result<Rows> rows = Ask(kConstraints, "c.relname, k.conname");
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
      TableModel* table = TableAt(*rows, row);
      if (table != nullptr) table->constraints.push_back(TextOrNone(*rows, row, 1));
    }
    return {};
  }

  Connection* const connection_;
  std::map<std::string, TableModel> tables_;
};

}  // namespace

Result<DatabaseModel> DescribeTables(Connection* connection) { return Reader(connection).Read(); }

}  // namespace storegate::postgres
