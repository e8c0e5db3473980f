#include "server/migrate/ddl.h"

#include <algorithm>
#include <map>
#include <set>

#include "server/migrate/model.h"

namespace storegate::migrate {

using schema::Entity;
using schema::Field;
using schema::Index;

namespace {

using Entities = std::vector<const Entity*>;

bool Contains(const Entities& entities, const Entity* entity) {
  return std::ranges::find(entities, entity) != entities.end();
}

// Appends the entity behind those that it refers to. In a circle, the one that
// was come to first is last.
void Visit(const Entity* entity, const Entities& database, std::set<const Entity*>* seen,
           Entities* sorted) {
  if (!seen->insert(entity).second) return;
  for (const Field* field : entity->stored) {
    if (field->references && Contains(database, field->references->entity)) {
      Visit(field->references->entity, database, seen, sorted);
    }
  }
  sorted->push_back(entity);
}

}  // namespace

std::string EnumCheckSql(const Field& field) {
  if (field.type != schema::Type::kEnum || field.nested()) return "";
  // Names of enum values have no quotes in them.
  const std::map<int, std::string> names(field.enum_type->names.begin(),
                                         field.enum_type->names.end());
  std::string list;
  for (const auto& [number, name] : names) list += (list.empty() ? "'" : ", '") + name + "'";
  return " CHECK (" + QuoteIdentifier(field.column) + " IN (" + list + "))";
}

std::string Dialect::DefaultLiteral(const Field& field) const {
  const std::string& text = *field.default_text;
  const bool quoted = field.type == schema::Type::kString || field.type == schema::Type::kEnum;
  return quoted ? QuoteText(text) : text;
}

Result<query::Predicate> IndexPredicate(const Entity& entity, std::string_view where) {
  Result<query::Template> parsed = query::Template::Parse(where, entity, nullptr, nullptr);
  if (!parsed.ok()) return parsed.status();
  return parsed->Bind(nullptr);
}

std::string CommentLine(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  std::ranges::replace(text, '\r', ' ');
  return "-- " + text + "\n";
}

const Entity* EntityOf(const Entities& entities, std::string_view table) {
  const auto found = std::ranges::find(entities, table, &Entity::collection);
  return found == entities.end() ? nullptr : *found;
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string QuoteText(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? "''" : std::string(1, c);
  return quoted + "'";
}

std::string ReferencesText(const repository::ReferenceModel& reference) {
  return " REFERENCES " + QuoteIdentifier(reference.table) + " (" +
         QuoteIdentifier(reference.target) + ")" +
         (reference.rest.empty() ? "" : " " + reference.rest);
}

std::string ColumnSql(const repository::ColumnModel& column) {
  std::string line = QuoteIdentifier(column.name);
  if (!column.type.empty()) line += " " + column.type;
  if (column.not_null) line += " NOT NULL";
  if (!column.default_value.empty()) line += " DEFAULT " + column.default_value;
  if (!column.check.empty()) line += " CHECK (" + column.check + ")";
  if (!column.rest.empty()) line += " " + column.rest;
  return line;
}

std::string CreateTableText(const repository::TableModel& table,
                            const std::vector<repository::ReferenceModel>& references) {
  std::vector<std::string> lines;
  for (const repository::ColumnModel& column : table.columns) {
    lines.push_back(ColumnSql(column));
    for (const repository::ReferenceModel& reference : references) {
      if (reference.column == column.name) lines.back() += ReferencesText(reference);
    }
  }
  lines.insert(lines.end(), table.constraints.begin(), table.constraints.end());
  std::string sql = "CREATE TABLE " + QuoteIdentifier(table.name) + " (\n";
  for (size_t i = 0; i < lines.size(); ++i) {
    sql += "  " + lines[i] + (i + 1 < lines.size() ? ",\n" : "\n");
  }
  return sql + ")" + (table.suffix.empty() ? "" : " " + table.suffix) + ";\n";
}

std::string CreateIndexText(const std::string& table, const repository::IndexModel& index) {
  return std::string(index.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ") +
         QuoteIdentifier(index.name) + " ON " + QuoteIdentifier(table) + " " + index.definition +
         ";\n";
}

std::string CreateTableSql(const Dialect& dialect, const Entity& entity,
                           const std::vector<const Entity*>& database) {
  const repository::TableModel table = TableOf(dialect, entity, database);
  std::string sql = CreateTableText(
      table, dialect.InlineReferences() ? table.references
                                        : std::vector<repository::ReferenceModel>());
  for (const IndexOrReason& index : IndexesOf(dialect, entity)) {
    sql += index.left_out.empty() ? dialect.BeforeIndex(index.index) +
                                        CreateIndexText(table.name, index.index)
                                  : CommentLine("Left out: index " + index.index.name + ". " +
                                            index.left_out);
  }
  return sql;
}

std::string AddReferencesSql(const Dialect& dialect, const Entity& entity,
                             const std::vector<const Entity*>& database) {
  if (dialect.InlineReferences()) return "";
  std::string sql;
  for (const repository::ReferenceModel& reference :
       TableOf(dialect, entity, database).references) {
    sql += "ALTER TABLE " + QuoteIdentifier(entity.collection) + " ADD FOREIGN KEY (" +
           QuoteIdentifier(reference.column) + ")" + ReferencesText(reference) + ";\n";
  }
  return sql;
}

std::vector<const Entity*> CreationOrder(const std::vector<const Entity*>& database) {
  Entities by_name = database;
  std::ranges::sort(by_name, {}, [](const Entity* entity) { return entity->full_name; });
  Entities sorted;
  std::set<const Entity*> seen;
  for (const Entity* entity : by_name) Visit(entity, by_name, &seen, &sorted);
  return sorted;
}

std::string CreateSql(const Dialect& dialect, const std::vector<const Entity*>& database) {
  std::string sql;
  for (const Entity* entity : CreationOrder(database)) {
    if (!sql.empty()) sql += "\n";
    sql += CreateTableSql(dialect, *entity, database);
  }
  std::string references;
  for (const Entity* entity : CreationOrder(database)) {
    references += AddReferencesSql(dialect, *entity, database);
  }
  if (!references.empty()) sql += "\n" + references;
  return sql;
}

Status CheckIndexes(const Dialect& dialect, const std::vector<const Entity*>& entities) {
  for (const Entity* entity : entities) {
    for (const Index& index : entity->indexes) {
      if (index.where.empty()) continue;
      Result<std::string> predicate = dialect.PredicateSql(*entity, index.where);
      if (predicate.ok()) continue;
      std::string place = index.location.file;
      if (index.location.line > 0) place += ":" + std::to_string(index.location.line);
      return Status(predicate.status().code(), predicate.status().reason(),
                    place + ": index " + index.name + " of " + entity->name + ": " +
                        predicate.status().message())
          .With("index", index.name);
    }
  }
  return {};
}

std::vector<std::string> ColumnNames(const Entity& entity) {
  std::vector<std::string> names;
  for (const Field* field : entity.stored) names.push_back(field->column);
  for (const Field* field : entity.searchable) names.push_back(field->folded_column());
  names.emplace_back("_version");
  return names;
}

}  // namespace storegate::migrate
