// Changes of tables that are there, as PostgreSQL makes them. Source of what each statement
// locks and scans: postgresql.org/docs/15/sql-altertable.html, "Notes".
#include <algorithm>

#include "server/adapters/postgres/alter_type.h"
#include "server/adapters/postgres/dialect.h"
#include "server/adapters/postgres/migration_text.h"
#include "server/migrate/ddl.h"

namespace storegate::postgres {

using migrate::Change;
using migrate::QuoteIdentifier;
using migrate::RenderOptions;
using repository::ColumnModel;
using repository::IndexModel;
using repository::ReferenceModel;
using repository::TableModel;

namespace {

constexpr std::string_view kTransaction = "-- storegate: transaction\n";
constexpr std::string_view kNoTransaction = "-- storegate: no transaction\n";
// Rows that are filled at once.
constexpr std::string_view kBatch = "1000";

std::string Literal(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

std::string Alter(const std::string& table, const std::string& what) {
  return "ALTER TABLE " + QuoteIdentifier(table) + " " + what + ";\n";
}

std::string AlterColumn(const std::string& table, const std::string& column,
                        const std::string& what) {
  return Alter(table, "ALTER COLUMN " + QuoteIdentifier(column) + " " + what);
}

// "books_title_check", as PostgreSQL names a constraint that has no name: 63 bytes at most,
// the longer part cut first. Source: makeObjectName in src/backend/commands/indexcmds.c.
std::string ConstraintName(std::string_view table, std::string_view column,
                           std::string_view label) {
  constexpr size_t kNameMax = 63;
  size_t first = table.size(), second = column.size();
  while (first + second + label.size() + 2 > kNameMax) --(first > second ? first : second);
  const auto cut = [](std::string_view text, size_t size) {
    while (size < text.size() && size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) {
      --size;
    }
    return std::string(text.substr(0, size));
  };
  return cut(table, first) + "_" + cut(column, second) + "_" + std::string(label);
}

// Drops the constraints of this kind ('c', 'f', 'p') that the column alone has, whatever they are
// called: one that was not named keeps its name when its table or column gets another.
std::string DropConstraintsOf(const std::string& table, const std::string& column, char kind) {
  const std::string body =
      "BEGIN\n  EXECUTE (SELECT coalesce(string_agg(format(" +
      Literal("ALTER TABLE %s DROP CONSTRAINT %I") + ", conrelid::regclass, conname), '; '), '')\n" +
      "    FROM pg_constraint WHERE conrelid = " + Literal(QuoteIdentifier(table)) +
      "::regclass AND contype = '" + std::string(1, kind) +
      "'\n    AND conkey = (SELECT array_agg(attnum) FROM pg_attribute WHERE attrelid = conrelid"
      " AND attname = " +
      Literal(column) + "));\nEND";
  std::string tag = "$$";
  for (int i = 0; body.find(tag) != std::string::npos; ++i) tag = "$q" + std::to_string(i) + "$";
  return "DO " + tag + " " + body + " " + tag + ";\n";
}

std::string DropCheck(const std::string& table, const ColumnModel& column,
                      const std::string& called) {
  if (column.check_name.empty()) return DropConstraintsOf(table, called, 'c');
  return Alter(table, "DROP CONSTRAINT " + QuoteIdentifier(column.check_name));
}

// Makes a check of rows that are there. Online, another transaction looks at them.
std::string AddCheck(const std::string& table, const std::string& name, const std::string& check,
                     bool online) {
  const std::string quoted = QuoteIdentifier(name);
  if (!online) return Alter(table, "ADD CONSTRAINT " + quoted + " CHECK (" + check + ")");
  return Alter(table, "ADD CONSTRAINT " + quoted + " CHECK (" + check + ") NOT VALID") +
         std::string(kTransaction) + Alter(table, "VALIDATE CONSTRAINT " + quoted) +
         std::string(kTransaction);
}

// The column that a row is known by.
std::string KeyOf(const TableModel& table) {
  for (const ColumnModel& column : table.columns) {
    if (column.rest.find("PRIMARY KEY") != std::string::npos) return QuoteIdentifier(column.name);
  }
  return "ctid";
}

// Gives the column a value in all rows that have none.
std::string Fill(const TableModel& table, const std::string& column, const std::string& value,
                 bool online) {
  const std::string name = QuoteIdentifier(table.name), quoted = QuoteIdentifier(column);
  const std::string update = "UPDATE " + name + " SET " + quoted + " = " + value + " WHERE ";
  if (!online) return update + quoted + " IS NULL;\n";
  const std::string key = KeyOf(table);
  return "-- storegate: repeat, total SELECT count(*) FROM " + name + " WHERE " + quoted +
         " IS NULL\n" + update + key + " IN (SELECT " + key + " FROM " + name + " WHERE " + quoted +
         " IS NULL LIMIT " + std::string(kBatch) + ");\n" + std::string(kTransaction);
}

std::string SetNotNull(const TableModel& table, const ColumnModel& column, bool online) {
  const std::string set = AlterColumn(table.name, column.name, "SET NOT NULL");
  const std::string& value = column.default_value;
  const std::string fill = value.empty() ? "" : Fill(table, column.name, value, online);
  if (!online) return fill + set;
  // PostgreSQL takes a check that was validated for it, and reads no row while it holds the
  // table. What others wrote while rows were filled is filled again when the check is there.
  const std::string name = ConstraintName(table.name, column.name, "not_null");
  return fill +
         Alter(table.name, "ADD CONSTRAINT " + QuoteIdentifier(name) + " CHECK (" +
                               QuoteIdentifier(column.name) + " IS NOT NULL) NOT VALID") +
         fill + (fill.empty() ? std::string(kTransaction) : "") +
         Alter(table.name, "VALIDATE CONSTRAINT " + QuoteIdentifier(name)) +
         std::string(kTransaction) + set +
         Alter(table.name, "DROP CONSTRAINT " + QuoteIdentifier(name));
}

std::string AddColumn(const PostgresDdl& dialect, const TableModel& table,
                      const ColumnModel& column, const RenderOptions& options) {
  std::string definition = QuoteIdentifier(column.name) + " " + column.type;
  if (column.not_null) definition += " NOT NULL";
  if (!column.default_value.empty()) definition += " DEFAULT " + column.default_value;
  // A check within it would read all rows while the table is held.
  if (!column.check.empty() && !options.online) definition += " CHECK (" + column.check + ")";
  if (!column.rest.empty()) definition += " " + column.rest;
  std::string sql = Alter(table.name, "ADD COLUMN " + definition);
  if (!column.check.empty() && options.online) {
    sql += AddCheck(table.name, ConstraintName(table.name, column.name, "check"), column.check,
                    true);
  }
  const schema::Field* field = column.field;
  if (field == nullptr || column.folded || !field->default_text) return sql;
  // Rows that are there are filled by Render. Servers that do not know the column write rows
  // meanwhile: those get it from the database.
  if (!options.online || options.down) return sql;
  return sql + AlterColumn(table.name, column.name,
                           "SET DEFAULT " + dialect.DefaultLiteral(*field));
}

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// What is gone of identity and primary key, and what is new.
std::string DropRest(const TableModel& table, const ColumnModel& before,
                     const ColumnModel& after) {
  std::string sql;
  if (Has(before.rest, "PRIMARY KEY") && !Has(after.rest, "PRIMARY KEY")) {
    sql += DropConstraintsOf(table.name, after.name, 'p');
  }
  if (Has(before.rest, "AS IDENTITY") && !Has(after.rest, "AS IDENTITY")) {
    sql += AlterColumn(table.name, after.name, "DROP IDENTITY IF EXISTS");
  }
  return sql;
}

std::string AddRest(const TableModel& table, const ColumnModel& before,
                    const ColumnModel& after) {
  const std::string name = QuoteIdentifier(after.name);
  std::string sql;
  if (Has(after.rest, "AS IDENTITY") && !Has(before.rest, "AS IDENTITY")) {
    const std::string_view when = Has(after.rest, "GENERATED ALWAYS") ? "ALWAYS" : "BY DEFAULT";
    sql += AlterColumn(table.name, after.name,
                       "ADD GENERATED " + std::string(when) + " AS IDENTITY");
    sql += "SELECT setval(pg_get_serial_sequence(" + Literal(QuoteIdentifier(table.name)) + ", " +
           Literal(after.name) + "), (SELECT coalesce(max(" + name + "), 0) + 1 FROM " +
           QuoteIdentifier(table.name) + "), false);\n";
  }
  if (Has(after.rest, "PRIMARY KEY") && !Has(before.rest, "PRIMARY KEY")) {
    sql += Alter(table.name, "ADD PRIMARY KEY (" + name + ")");
  }
  return sql;
}

std::string ChangeColumn(const TableModel& table, const ColumnModel& before,
                         const ColumnModel& after, const RenderOptions& options) {
  const bool typed = before.type != after.type;
  const bool cast = typed && !UsingClause(before, after).empty();
  std::string sql = DropRest(table, before, after);
  const bool checked = before.check != after.check;
  // PostgreSQL follows with the expression of a check only where the type has its operators.
  const bool remade = !before.check.empty() && (checked || cast);
  if (remade) sql += DropCheck(table.name, before, after.name);
  if (before.not_null && !after.not_null && !Has(after.rest, "PRIMARY KEY")) {
    sql += AlterColumn(table.name, after.name, "DROP NOT NULL");
  }
  // A default of the old type may be none of the new one.
  const bool defaulted = before.default_value != after.default_value || cast;
  if (!before.default_value.empty() && (cast || after.default_value.empty())) {
    sql += AlterColumn(table.name, after.name, "DROP DEFAULT");
  }
  if (typed) {
    sql += AlterColumn(table.name, after.name, "TYPE " + after.type + UsingClause(before, after));
  }
  if (defaulted && !after.default_value.empty()) {
    sql += AlterColumn(table.name, after.name, "SET DEFAULT " + after.default_value);
  }
  if (!after.check.empty() && (remade || checked)) {
    sql += AddCheck(table.name, ConstraintName(table.name, after.name, "check"), after.check,
                    options.online);
  }
  if (!before.not_null && after.not_null) sql += SetNotNull(table, after, options.online);
  return sql + AddRest(table, before, after);
}

// Those of several columns, each `CONSTRAINT name …`, as they were read.
std::string ChangeConstraints(const TableModel& before, const TableModel& after) {
  const auto has = [](const TableModel& table, const std::string& constraint) {
    return std::ranges::find(table.constraints, constraint) != table.constraints.end();
  };
  std::string sql;
  for (const std::string& constraint : before.constraints) {
    if (has(after, constraint)) continue;
    const std::vector<Statement> words = StatementsOf(constraint);
    if (words.empty() || words[0].words.size() < 2 || !words[0].words[0].Is("constraint")) continue;
    sql += Alter(after.name, "DROP CONSTRAINT " + QuoteIdentifier(words[0].words[1].text));
  }
  for (const std::string& constraint : after.constraints) {
    if (!has(before, constraint)) sql += Alter(after.name, "ADD " + constraint);
  }
  return sql;
}

}  // namespace

std::string PostgresDdl::AlterTable(const std::vector<Change>& changes, const TableModel& before,
                                    const TableModel& after, const RenderOptions& options) const {
  std::string sql;
  for (const Change& change : changes) {
    switch (change.kind) {
      case Change::Kind::kRenameColumn:
        sql += Alter(after.name, "RENAME COLUMN " + QuoteIdentifier(change.was) + " TO " +
                                     QuoteIdentifier(change.name));
        break;
      case Change::Kind::kAddColumn:
        sql += AddColumn(*this, after, *change.column_after, options);
        break;
      case Change::Kind::kAlterColumn:
        sql += ChangeColumn(after, *change.column_before, *change.column_after, options);
        break;
      case Change::Kind::kDropColumn:
        sql += Alter(after.name, "DROP COLUMN " + QuoteIdentifier(change.name));
        break;
      case Change::Kind::kAlterTable: sql += ChangeConstraints(before, after); break;
      default: break;  // nothing that is changed with the table
    }
  }
  return sql;
}

std::string PostgresDdl::AddReference(const std::string& table, const ReferenceModel& reference,
                                      const RenderOptions& options) const {
  std::string key = "FOREIGN KEY (" + QuoteIdentifier(reference.column) + ") REFERENCES " +
                    QuoteIdentifier(reference.table) + " (" + QuoteIdentifier(reference.target) +
                    ")";
  if (!reference.rest.empty()) key += " " + reference.rest;
  if (!options.online) {
    return Alter(table, "ADD " + (reference.name.empty()
                                      ? key
                                      : "CONSTRAINT " + QuoteIdentifier(reference.name) + " " + key));
  }
  const std::string name = QuoteIdentifier(
      reference.name.empty() ? ConstraintName(table, reference.column, "fkey") : reference.name);
  return Alter(table, "ADD CONSTRAINT " + name + " " + key + " NOT VALID") +
         std::string(kTransaction) + Alter(table, "VALIDATE CONSTRAINT " + name) +
         std::string(kTransaction);
}

std::string PostgresDdl::DropReference(const std::string& table,
                                       const ReferenceModel& reference) const {
  if (reference.name.empty()) return DropConstraintsOf(table, reference.column, 'f');
  return Alter(table, "DROP CONSTRAINT IF EXISTS " + QuoteIdentifier(reference.name));
}

std::string PostgresDdl::CreateIndex(const std::string& table, const IndexModel& index,
                                     const RenderOptions& options) const {
  std::string sql = index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  if (options.online) sql += "CONCURRENTLY ";
  sql += QuoteIdentifier(index.name) + " ON " + QuoteIdentifier(table) + " " + index.definition +
         ";\n";
  if (!options.online) return sql;
  return std::string(kNoTransaction) + sql + std::string(kTransaction);
}

std::string PostgresDdl::DropIndex(const std::string& table, const IndexModel& index,
                                   const RenderOptions& options) const {
  const std::string name = QuoteIdentifier(index.name);
  if (options.online) {
    return std::string(kNoTransaction) + "DROP INDEX CONCURRENTLY IF EXISTS " + name + ";\n" +
           std::string(kTransaction);
  }
  // What was found in a database may belong to a constraint (UNIQUE in a table made by hand).
  return Alter(table, "DROP CONSTRAINT IF EXISTS " + name) + "DROP INDEX IF EXISTS " + name +
         ";\n";
}

}  // namespace storegate::postgres
