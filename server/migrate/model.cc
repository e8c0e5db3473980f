#include "server/migrate/model.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "server/schema/names.h"

namespace storegate::migrate {

using repository::ColumnModel;
using repository::DatabaseModel;
using repository::IndexModel;
using repository::TableModel;
using schema::Entity;
using schema::Field;
using schema::Index;
using schema::IndexField;
using schema::Unique;

namespace {

using Entities = std::vector<const Entity*>;

// A definition as Dialect::IdColumn gives it, in parts.
ColumnModel Definition(std::string_view text) {
  constexpr std::string_view kNotNull = " NOT NULL", kDefault = " DEFAULT ";
  const auto end_of = [&](std::initializer_list<std::string_view> words) {
    size_t end = text.size();
    for (const std::string_view word : words) end = std::min(end, text.find(word));
    return end;
  };
  ColumnModel column;
  size_t end = end_of({kNotNull, kDefault, " PRIMARY KEY", " GENERATED "});
  column.type = text.substr(0, end);
  text.remove_prefix(end);
  if (text.starts_with(kNotNull)) {
    column.not_null = true;
    text.remove_prefix(kNotNull.size());
  }
  if (text.starts_with(kDefault)) {
    text.remove_prefix(kDefault.size());
    end = end_of({" PRIMARY KEY"});
    column.default_value = text.substr(0, end);
    text.remove_prefix(end);
  }
  if (!text.empty()) column.rest = text.substr(1);
  return column;
}

// The expression of ` CHECK (…)`.
std::string CheckOf(const std::string& text) {
  constexpr std::string_view kBegin = " CHECK (";
  if (!text.starts_with(kBegin)) return "";
  return text.substr(kBegin.size(), text.size() - kBegin.size() - 1);
}

ColumnModel ColumnOf(const Dialect& dialect, const Field& field) {
  ColumnModel column;
  if (&field == field.entity->id) {
    column = Definition(dialect.IdColumn(field));
  } else {
    column.type = dialect.ColumnType(field);
    column.not_null = !field.nullable();
    if (column.not_null) column.default_value = dialect.ZeroLiteral(field);
    column.check = CheckOf(dialect.EnumCheck(field));
  }
  column.name = field.column;
  column.field = &field;
  return column;
}

ColumnModel FoldedColumnOf(const Dialect& dialect, const Field& field) {
  ColumnModel column;
  column.name = field.folded_column();
  column.type = dialect.TextType();
  column.not_null = !field.nullable();
  if (column.not_null) column.default_value = "''";
  column.field = &field;
  column.folded = true;
  return column;
}

IndexModel IndexOf(const Dialect& dialect, const std::string& name, bool unique,
                   const std::vector<IndexField>& fields, const std::string& where) {
  IndexModel index;
  index.name = name;
  index.unique = unique;
  for (const IndexField& part : fields) {
    index.definition += (index.definition.empty() ? "(" : ", ") + dialect.IndexColumn(part);
  }
  index.definition += ")";
  if (!where.empty()) index.definition += " WHERE " + where;
  return index;
}

std::vector<IndexField> WithId(const Entity& entity, std::vector<IndexField> fields) {
  const bool there = std::ranges::any_of(
      fields, [&](const IndexField& part) { return part.field == entity.id; });
  if (!there) fields.push_back({entity.id, false});
  return fields;
}

void AddDeclared(const Dialect& dialect, const Entity& entity, const Index& index,
                 std::vector<IndexOrReason>* indexes) {
  std::string where;
  if (!index.where.empty()) {
    Result<std::string> predicate = dialect.PredicateSql(entity, index.where);
    if (!predicate.ok()) {
      IndexModel left_out;
      left_out.name = index.name;
      indexes->push_back({std::move(left_out), predicate.status().message()});
      return;
    }
    where = *std::move(predicate);
  }
  const auto add = [&](const std::string& name, bool unique,
                       const std::vector<IndexField>& fields, const std::string& condition) {
    indexes->push_back({IndexOf(dialect, name, unique, fields, condition), ""});
  };
  if (index.unique == Unique::kNo) {
    return add(index.name, false, WithId(entity, index.fields), where);
  }
  if (index.unique != Unique::kLive || !entity.soft_delete()) {
    return add(index.name, true, index.fields, where);
  }
  const std::string deleted = QuoteIdentifier(entity.delete_time->column);
  add(index.name, true, index.fields,
      deleted + " IS NULL" + (where.empty() ? "" : " AND (" + where + ")"));
  if (!where.empty()) return;  // no key: rows are not looked up by it
  std::vector<std::string> columns;
  for (const IndexField& part : index.fields) columns.push_back(part.field->column);
  add(schema::IndexName(false, "_deleted_" + entity.collection, columns), false, index.fields,
      deleted + " IS NOT NULL");
}

}  // namespace

TableModel TableOf(const Dialect& dialect, const Entity& entity, const Entities& database) {
  TableModel table;
  table.name = entity.collection;
  table.entity = &entity;
  const std::string suffix = dialect.TableSuffix();
  table.suffix = suffix.substr(std::min(suffix.find_first_not_of(' '), suffix.size()));
  for (const Field* field : entity.stored) table.columns.push_back(ColumnOf(dialect, *field));
  for (const Field* field : entity.searchable) {
    table.columns.push_back(FoldedColumnOf(dialect, *field));
  }
  ColumnModel version = Definition(dialect.VersionType());
  version.name = "_version";
  table.columns.push_back(std::move(version));
  for (const Field* field : entity.stored) {
    if (!field->references) continue;
    const Entity* target = field->references->entity;
    if (std::ranges::find(database, target) == database.end()) continue;
    table.references.push_back(
        {field->column, target->collection, field->references->field->column, {}, {}});
  }
  return table;
}

std::vector<IndexOrReason> IndexesOf(const Dialect& dialect, const Entity& entity) {
  std::vector<IndexOrReason> indexes;
  for (const Index& index : entity.indexes) AddDeclared(dialect, entity, index, &indexes);
  for (const Field* field : entity.stored) {
    if (!field->references) continue;
    const bool served = std::ranges::any_of(entity.indexes, [&](const Index& index) {
      return index.where.empty() && index.unique != Unique::kLive &&
             index.fields[0].field == field;
    });
    if (served) continue;
    indexes.push_back(
        {IndexOf(dialect, schema::IndexName(false, "_ref_" + entity.collection, {field->column}),
                 false, WithId(entity, {{field, false}}), ""),
         ""});
  }
  if (!entity.search_index || entity.searchable.empty()) return indexes;
  IndexModel search;
  search.name = schema::SearchIndexName(entity.collection);
  search.definition = dialect.SearchIndex(entity);
  if (!search.definition.empty()) indexes.push_back({std::move(search), ""});
  return indexes;
}

DatabaseModel ModelOf(const Dialect& dialect, const Entities& database) {
  DatabaseModel model;
  for (const Entity* entity : CreationOrder(database)) {
    TableModel table = TableOf(dialect, *entity, database);
    for (IndexOrReason& index : IndexesOf(dialect, *entity)) {
      if (index.left_out.empty()) table.indexes.push_back(std::move(index.index));
    }
    model.tables.push_back(std::move(table));
  }
  return model;
}

}  // namespace storegate::migrate
