#include "server/migrate/ddl.h"

#include <algorithm>
#include <map>
#include <set>

#include "server/schema/names.h"

namespace storegate::migrate {

using schema::Entity;
using schema::Field;
using schema::Index;
using schema::Unique;

namespace {

using Entities = std::vector<const Entity*>;

bool Contains(const Entities& entities, const Entity* entity) {
  return std::ranges::find(entities, entity) != entities.end();
}

// ` REFERENCES "authors" ("id")`, or "".
std::string References(const Field& field, const Entities& database) {
  if (!field.references || !Contains(database, field.references->entity)) return "";
  return " REFERENCES " + QuoteIdentifier(field.references->entity->collection) + " (" +
         QuoteIdentifier(field.references->field->column) + ")";
}

std::string Column(const Dialect& dialect, const Field& field, const Entities& database) {
  std::string line = QuoteIdentifier(field.column) + " ";
  if (&field == field.entity->id) {
    line += dialect.IdColumn(field);
  } else {
    line += dialect.ColumnType(field);
    if (!field.nullable()) line += " NOT NULL DEFAULT " + dialect.ZeroLiteral(field);
    line += dialect.EnumCheck(field);
  }
  if (dialect.InlineReferences()) line += References(field, database);
  return line;
}

std::string Table(const Dialect& dialect, const Entity& entity, const Entities& database) {
  std::vector<std::string> lines;
  for (const Field* field : entity.stored) lines.push_back(Column(dialect, *field, database));
  for (const Field* field : entity.searchable) {
    std::string line = QuoteIdentifier(field->folded_column()) + " " + dialect.TextType();
    if (!field->nullable()) line += " NOT NULL DEFAULT ''";
    lines.push_back(std::move(line));
  }
  lines.push_back(QuoteIdentifier("_version") + " " + dialect.VersionType());
  std::string sql = "CREATE TABLE " + QuoteIdentifier(entity.collection) + " (\n";
  for (size_t i = 0; i < lines.size(); ++i) {
    sql += "  " + lines[i] + (i + 1 < lines.size() ? ",\n" : "\n");
  }
  return sql + ")" + dialect.TableSuffix() + ";\n";
}

std::string IndexSql(const Dialect& dialect, const Entity& entity, const std::string& name,
                     bool unique, const std::vector<schema::IndexField>& fields,
                     const std::string& where) {
  std::string sql = unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ";
  sql += QuoteIdentifier(name) + " ON " + QuoteIdentifier(entity.collection) + " (";
  for (size_t i = 0; i < fields.size(); ++i) {
    sql += (i == 0 ? "" : ", ") + dialect.IndexColumn(fields[i]);
  }
  sql += ")";
  if (!where.empty()) sql += " WHERE " + where;
  return sql + ";\n";
}

std::vector<schema::IndexField> WithId(const Entity& entity,
                                       std::vector<schema::IndexField> fields) {
  const bool there = std::ranges::any_of(
      fields, [&](const schema::IndexField& part) { return part.field == entity.id; });
  if (!there) fields.push_back({entity.id, false});
  return fields;
}

// One comment line whatever is in the text.
std::string Comment(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  std::ranges::replace(text, '\r', ' ');
  return "-- " + text + "\n";
}

std::string DeclaredIndex(const Dialect& dialect, const Entity& entity, const Index& index) {
  std::string where;
  if (!index.where.empty()) {
    Result<std::string> predicate = dialect.PredicateSql(entity, index.where);
    if (!predicate.ok()) {
      return Comment("Left out: index " + index.name + ". " + predicate.status().message());
    }
    where = *std::move(predicate);
  }
  if (index.unique == Unique::kNo) {
    return IndexSql(dialect, entity, index.name, false, WithId(entity, index.fields), where);
  }
  if (index.unique != Unique::kLive || !entity.soft_delete()) {
    return IndexSql(dialect, entity, index.name, true, index.fields, where);
  }
  const std::string and_where = where.empty() ? "" : " AND (" + where + ")";
  const std::string deleted = QuoteIdentifier(entity.delete_time->column);
  std::string sql = IndexSql(dialect, entity, index.name, true, index.fields,
                             deleted + " IS NULL" + and_where);
  if (!where.empty()) return sql;  // no key: rows are not looked up by it
  std::vector<std::string> columns;
  for (const schema::IndexField& part : index.fields) columns.push_back(part.field->column);
  return sql + IndexSql(dialect, entity,
                        schema::IndexName(false, "_deleted_" + entity.collection, columns), false,
                        index.fields, deleted + " IS NOT NULL");
}

std::string Indexes(const Dialect& dialect, const Entity& entity) {
  std::string sql;
  for (const Index& index : entity.indexes) sql += DeclaredIndex(dialect, entity, index);
  for (const Field* field : entity.stored) {
    if (!field->references) continue;
    const bool served = std::ranges::any_of(entity.indexes, [&](const Index& index) {
      return index.where.empty() && index.unique != Unique::kLive &&
             index.fields[0].field == field;
    });
    if (served) continue;
    sql += IndexSql(dialect, entity,
                    schema::IndexName(false, "_ref_" + entity.collection, {field->column}), false,
                    WithId(entity, {{field, false}}), "");
  }
  return sql;
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

Result<query::Predicate> IndexPredicate(const Entity& entity, std::string_view where) {
  Result<query::Template> parsed = query::Template::Parse(where, entity, nullptr, nullptr);
  if (!parsed.ok()) return parsed.status();
  return parsed->Bind(nullptr);
}

std::string QuoteIdentifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

std::string CreateTableSql(const Dialect& dialect, const Entity& entity,
                           const std::vector<const Entity*>& database) {
  return Table(dialect, entity, database) + Indexes(dialect, entity);
}

std::string AddReferencesSql(const Dialect& dialect, const Entity& entity,
                             const std::vector<const Entity*>& database) {
  if (dialect.InlineReferences()) return "";
  std::string sql;
  for (const Field* field : entity.stored) {
    const std::string references = References(*field, database);
    if (references.empty()) continue;
    sql += "ALTER TABLE " + QuoteIdentifier(entity.collection) + " ADD FOREIGN KEY (" +
           QuoteIdentifier(field->column) + ")" + references + ";\n";
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
