// Plan: the statements that change rows.
#include <bit>
#include <set>
#include <string_view>
#include <utility>
#include <variant>

#include "server/adapters/postgres/statements.h"
#include "server/adapters/postgres/types.h"
#include "server/base/text.h"
#include "server/migrate/ddl.h"

namespace storegate::postgres {

using migrate::QuoteIdentifier;
using repository::Mutation;
using schema::Field;

namespace {

constexpr std::string_view kVersion = "\"_version\"";

std::string Quoted(const Field& field) { return QuoteIdentifier(field.column); }

// Binds the folded text of a searchable field.
Status BindFolded(const google::protobuf::Message& record, const Field& field, Sql* sql) {
  Result<Value> value = FieldValue(record, field);
  if (!value.ok()) return value.status();
  if (const auto* text = std::get_if<std::string>(&*value)) {
    sql->Bind(FoldCase(*text), Kind::kText);
  } else {
    sql->BindNull();
  }
  return {};
}

// `"c" = $1::text`, and the same of the folded column.
Status AppendSet(const google::protobuf::Message& record, const Field& field, Sql* sql) {
  const ColumnKind column = ColumnOf(field);
  sql->text += Quoted(field) + " = ";
  sql->AppendPlace(column.kind, column.array);
  if (Status status = BindField(record, field, sql); !status.ok()) return status;
  sql->text += ", ";
  if (!field.searchable) return {};
  sql->text += QuoteIdentifier(field.folded_column()) + " = ";
  sql->AppendPlace(Kind::kText, false);
  Status status = BindFolded(record, field, sql);
  sql->text += ", ";
  return status;
}

// `_live0 AS MATERIALIZED (…)`: which of the values living rows have. They are held,
// so that they are neither deleted nor purged until the transaction ends.
void AppendLiving(const Field& reference, size_t number, std::span<const Value> values,
                  Sql* sql) {
  const schema::Entity& target = *reference.references->entity;
  const std::string column = Quoted(*reference.references->field);
  sql->text += "_live" + std::to_string(number) + " AS MATERIALIZED (SELECT " + column +
               " AS _v FROM " + QuoteIdentifier(target.collection) + " WHERE " + column +
               " = ANY(";
  sql->AppendArray(values, ColumnOf(*reference.references->field).kind);
  sql->text += ")";
  if (target.soft_delete()) sql->text += " AND " + Quoted(*target.delete_time) + " IS NULL";
  sql->text += " FOR KEY SHARE)";
}

std::string Joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

}  // namespace

std::vector<std::string> Plan::InsertColumns(bool with_id) const {
  std::vector<std::string> names;
  for (const Field* field : entity_.stored) {
    if (field == entity_.id && !with_id) continue;
    names.push_back(Quoted(*field));
    if (field->searchable) names.push_back(QuoteIdentifier(field->folded_column()));
  }
  names.emplace_back(kVersion);
  return names;
}

Status Plan::AppendRow(const Mutation* mutation, bool with_id, Sql* sql) const {
  sql->text += "(";
  const auto append = [&](ColumnKind column, const auto& bind) -> Status {
    sql->AppendPlace(column.kind, column.array);
    sql->text += ", ";
    if (mutation != nullptr) return bind();
    sql->BindNull();
    return {};
  };
  for (const Field* field : entity_.stored) {
    Status status;
    if (field == entity_.id) {
      if (!with_id) continue;
      const ColumnKind column = ColumnOf(*field);
      status = append(column, [&] {
        sql->Bind(mutation->id, column.kind);
        return Status();
      });
    } else {
      status = append(ColumnOf(*field), [&] { return BindField(*mutation->record, *field, sql); });
    }
    if (status.ok() && field->searchable) {
      status = append({Kind::kText},
                      [&] { return BindFolded(*mutation->record, *field, sql); });
    }
    if (!status.ok()) return status;
  }
  sql->Append(mutation == nullptr ? Value() : Value(mutation->new_version), Kind::kInt8);
  sql->text += ")";
  return {};
}

Status Plan::Insert(std::span<const Mutation* const> mutations, Sql* sql) const {
  sql->Clear();
  const bool with_id = !IsNull(mutations[0]->id);
  const std::vector<std::string> names = InsertColumns(with_id);
  const std::vector<const Field*>& references = mutations[0]->check_references;
  const std::string into = "INSERT INTO " + table_ + " (" + Joined(names) + ") ";
  const std::string_view tail = " ON CONFLICT DO NOTHING RETURNING ";
  if (mutations.size() == 1 && references.empty()) {
    sql->text = into + "VALUES ";
    Status status = AppendRow(mutations[0], with_id, sql);
    sql->text += std::string(tail) + all_.list;
    return status;
  }
  // The number of rows is rounded up to a power of two, so that there are few texts;
  // rows of nulls fill them up, and are not inserted.
  sql->text = "WITH _asked (" + Joined(names) + ") AS (VALUES ";
  const size_t rows = std::bit_ceil(mutations.size());
  for (size_t i = 0; i < rows; ++i) {
    if (i > 0) sql->text += ", ";
    Status status = AppendRow(i < mutations.size() ? mutations[i] : nullptr, with_id, sql);
    if (!status.ok()) return status;
  }
  sql->text += ")";
  std::string living;
  for (size_t i = 0; i < references.size(); ++i) {
    std::set<Value> values;
    for (const Mutation* mutation : mutations) {
      Result<Value> value = FieldValue(*mutation->record, *references[i]);
      if (!value.ok()) return value.status();
      if (!IsNull(*value)) values.insert(*std::move(value));
    }
    sql->text += ", ";
    const std::vector<Value> distinct(values.begin(), values.end());
    AppendLiving(*references[i], i, distinct, sql);
    const std::string column = Quoted(*references[i]);
    living += " AND (" + column + " IS NULL OR " + column + " IN (SELECT _v FROM _live" +
              std::to_string(i) + "))";
  }
  sql->text += " " + into + "SELECT " + Joined(names) + " FROM _asked WHERE " +
               std::string(kVersion) + " IS NOT NULL" + living + std::string(tail) + all_.list;
  return {};
}

Status Plan::InsertOrFail(const Mutation& mutation, Sql* sql) const {
  sql->Clear();
  const bool with_id = !IsNull(mutation.id);
  sql->text = "INSERT INTO " + table_ + " (" + Joined(InsertColumns(with_id)) + ") VALUES ";
  Status status = AppendRow(&mutation, with_id, sql);
  sql->text += " RETURNING " + all_.list;
  return status;
}

void Plan::AppendVersionAndReturning(const Mutation& mutation, Sql* sql) const {
  if (mutation.expected_version) {
    sql->text += " AND " + std::string(kVersion) + " = ";
    sql->Append(*mutation.expected_version, Kind::kInt8);
  }
  sql->text += " RETURNING " + all_.list;
}

Status Plan::Update(const Mutation& mutation, Sql* sql) const {
  sql->Clear();
  std::string living;
  size_t number = 0;
  for (const Field* field : mutation.check_references) {
    const bool written = std::ranges::find(mutation.fields, field) != mutation.fields.end();
    if (!written) continue;
    Result<Value> value = FieldValue(*mutation.record, *field);
    if (!value.ok()) return value.status();
    if (IsNull(*value)) continue;
    sql->text += number == 0 ? "WITH " : ", ";
    AppendLiving(*field, number, {&*value, 1}, sql);
    living += " AND EXISTS (SELECT FROM _live" + std::to_string(number++) + ")";
  }
  if (number > 0) sql->text += " ";
  sql->text += "UPDATE " + table_ + " SET ";
  for (const Field* field : mutation.fields) {
    if (field == entity_.id || field == entity_.etag || !field->stored()) continue;
    Status status = AppendSet(*mutation.record, *field, sql);
    if (!status.ok()) return status;
  }
  sql->text += std::string(kVersion) + " = ";
  sql->Append(mutation.new_version, Kind::kInt8);
  sql->text += " WHERE " + id_ + " = ";
  AppendId(mutation.id, sql);
  if (entity_.soft_delete()) sql->text += " AND " + Quoted(*entity_.delete_time) + " IS NULL";
  sql->text += living;
  AppendVersionAndReturning(mutation, sql);
  return {};
}

void Plan::SoftDelete(const Mutation& mutation, Sql* sql) const {
  sql->Clear();
  const std::string deleted = Quoted(*entity_.delete_time);
  sql->text = "UPDATE " + table_ + " SET " + deleted + " = ";
  sql->Append(mutation.now_millis, Kind::kTimestamptz);
  if (entity_.update_time != nullptr) {
    sql->text += ", " + Quoted(*entity_.update_time) + " = ";
    sql->Append(mutation.now_millis, Kind::kTimestamptz);
  }
  sql->text += ", " + std::string(kVersion) + " = ";
  sql->Append(mutation.new_version, Kind::kInt8);
  sql->text += " WHERE " + id_ + " = ";
  AppendId(mutation.id, sql);
  sql->text += " AND " + deleted + " IS NULL";
  AppendVersionAndReturning(mutation, sql);
}

void Plan::Undelete(const Mutation& mutation, Sql* sql) const {
  sql->Clear();
  const std::string deleted = Quoted(*entity_.delete_time);
  sql->text = "UPDATE " + table_ + " SET " + deleted + " = NULL";
  if (entity_.update_time != nullptr) {
    sql->text += ", " + Quoted(*entity_.update_time) + " = ";
    sql->Append(mutation.now_millis, Kind::kTimestamptz);
  }
  sql->text += ", " + std::string(kVersion) + " = ";
  sql->Append(mutation.new_version, Kind::kInt8);
  sql->text += " WHERE " + id_ + " = ";
  AppendId(mutation.id, sql);
  sql->text += " AND " + deleted + " IS NOT NULL";
  AppendVersionAndReturning(mutation, sql);
}

void Plan::Delete(const Mutation& mutation, Sql* sql) const {
  sql->Clear();
  sql->text = "DELETE FROM " + table_ + " WHERE " + id_ + " = ";
  AppendId(mutation.id, sql);
  AppendVersionAndReturning(mutation, sql);
}

}  // namespace storegate::postgres
