#include "server/adapters/sqlite/dialect.h"

#include "server/adapters/sqlite/alter.h"
#include "server/adapters/sqlite/backend.h"
#include "server/adapters/sqlite/predicates.h"
#include "server/adapters/sqlite/types.h"
#include "server/base/time.h"
#include "server/migrate/sql_generator.h"
#include "server/query/predicate.h"

namespace storegate::sqlite {

using schema::Field;
using schema::Presence;
using schema::Type;

namespace {

// Names of enum values have no quotes in them.
std::string Text(std::string_view name) { return "'" + std::string(name) + "'"; }

// https://www.sqlite.org/datatype3.html, 3.1
std::string_view AffinityOf(std::string_view type) {
  const auto has = [&](std::string_view part) { return type.find(part) != type.npos; };
  if (has("INT")) return "INTEGER";
  if (has("CHAR") || has("CLOB") || has("TEXT")) return "TEXT";
  if (has("BLOB") || type.empty()) return "BLOB";
  if (has("REAL") || has("FLOA") || has("DOUB")) return "REAL";
  return "NUMERIC";
}

}  // namespace

std::string SqliteDdl::ColumnType(const Field& field) const {
  return std::string(sqlite::ColumnType(field));
}

std::string SqliteDdl::ZeroLiteral(const Field& field) const {
  if (field.presence == Presence::kRepeated) return "'[]'";
  if (field.presence == Presence::kMap) return "'{}'";
  switch (field.type) {
    case Type::kString: return "''";
    case Type::kEnum: return Text(field.enum_type->NameOf(0));
    case Type::kBytes: return "x''";
    case Type::kFloat:
    case Type::kDouble: return "0.0";
    default: return "0";
  }
}

std::string SqliteDdl::IdColumn(const Field& field) const {
  // AUTOINCREMENT: the id of a row that is gone is never given out again.
  return sqlite::ColumnType(field) == "INTEGER" ? "INTEGER PRIMARY KEY AUTOINCREMENT"
                                                : "TEXT NOT NULL PRIMARY KEY";
}

bool SqliteDdl::TypeServes(std::string_view is, std::string_view should) const {
  if (is == should) return true;
  // Text that sorts or compares otherwise.
  if (is.find("COLLATE") != is.npos) return false;
  const std::string_view affinity = AffinityOf(is);
  // Whole numbers are kept alike by both.
  return affinity == should || (affinity == "NUMERIC" && should == "INTEGER");
}

bool SqliteDdl::CountsIds(const repository::ColumnModel& column) const {
  // The rowid by another name: https://www.sqlite.org/lang_createtable.html#rowid
  return column.type == "INTEGER" && column.rest.starts_with("PRIMARY KEY") &&
         !column.rest.starts_with("PRIMARY KEY DESC");
}

std::string SqliteDdl::EnumCheck(const Field& field) const {
  return migrate::EnumCheckSql(field);
}

std::string SqliteDdl::IndexColumn(const schema::IndexField& field) const {
  return migrate::QuoteIdentifier(field.field->column) + (field.descending ? " DESC" : "");
}

std::string SqliteDdl::AlterTable(const std::vector<migrate::Change>& changes,
                                  const repository::TableModel& before,
                                  const repository::TableModel& after,
                                  const migrate::RenderOptions& options) const {
  return AlterTableSql(changes, before, after, options.down);
}

std::string SqliteDdl::CreateIndex(const std::string& table, const repository::IndexModel& index,
                                   const migrate::RenderOptions&) const {
  return migrate::CreateIndexText(table, index);
}

std::string SqliteDdl::DropIndex(const std::string&, const repository::IndexModel& index,
                                 const migrate::RenderOptions&) const {
  return "DROP INDEX " + migrate::QuoteIdentifier(index.name) + ";\n";
}

std::string SqliteDdl::DefaultLiteral(const Field& field) const {
  const std::string& text = *field.default_text;
  switch (field.type) {
    case Type::kBool: return text == "true" ? "1" : "0";
    case Type::kTimestamp: return std::to_string(ParseTimestamp(text).value_or(0));
    case Type::kBytes: return "CAST(" + migrate::QuoteText(text) + " AS BLOB)";
    default: return Dialect::DefaultLiteral(field);
  }
}

Result<std::string> SqliteDdl::PredicateSql(const schema::Entity& entity,
                                            std::string_view where) const {
  const Result<query::Predicate> predicate = migrate::IndexPredicate(entity, where);
  if (!predicate.ok()) return predicate.status();
  return LiteralPredicate(*predicate);
}

const migrate::Dialect& SqliteDialect() {
  static const SqliteDdl dialect;
  return dialect;
}

const migrate::Generator& SqliteGenerator() {
  static const migrate::SqlGenerator generator(SqliteDialect(), "sqlite");
  return generator;
}

}  // namespace storegate::sqlite
