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
#include "server/repository/row_state.h"

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

// `_live0 AS MATERIALIZED (…)`: which of the values, an array at `place`, living rows
// have. They are held, so that they are neither deleted nor purged until the
// transaction ends.
std::string LivingText(const Field& reference, size_t number, size_t place) {
  const schema::Entity& target = *reference.references->entity;
  const Field& referenced = *reference.references->field;
  std::string text = "_live" + std::to_string(number) + " AS MATERIALIZED (SELECT " +
                     Quoted(referenced) + " AS _v FROM " + QuoteIdentifier(target.collection) +
                     " WHERE " + Quoted(referenced) + " = ANY(" +
                     PlaceText(place, ColumnOf(referenced).kind, true) + ")";
  if (target.soft_delete()) text += " AND " + Quoted(*target.delete_time) + " IS NULL";
  return text + " FOR KEY SHARE)";
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

std::string Plan::RowText(bool with_id, size_t* next) const {
  std::string text = "(";
  for (const Field* field : entity_.stored) {
    if (field == entity_.id && !with_id) continue;
    const ColumnKind column = ColumnOf(*field);
    text += PlaceText((*next)++, column.kind, column.array) + ", ";
    if (field->searchable) text += PlaceText((*next)++, Kind::kText, false) + ", ";
  }
  return text + PlaceText((*next)++, Kind::kInt8, false) + ")";
}

Status Plan::BindRow(const Mutation* mutation, bool with_id, Sql* sql) const {
  for (const Field* field : entity_.stored) {
    if (field == entity_.id && !with_id) continue;
    if (mutation == nullptr) {
      sql->BindNull();
      if (field->searchable) sql->BindNull();
      continue;
    }
    Status status;
    if (field == entity_.id) {
      sql->Bind(mutation->id, ColumnOf(*field).kind);
    } else {
      status = BindField(*mutation->record, *field, sql);
    }
    if (status.ok() && field->searchable) status = BindFolded(*mutation->record, *field, sql);
    if (!status.ok()) return status;
  }
  mutation == nullptr ? sql->BindNull() : sql->Bind(mutation->new_version, Kind::kInt8);
  return {};
}

// With rows of nulls, which are not inserted, the text is one for many numbers of rows.
const std::string& Plan::InsertTextOf(size_t rows, bool with_id, const Fields& references) const {
  for (const InsertText& made : inserts_) {
    if (made.rows == rows && made.with_id == with_id && made.references == references) {
      return made.text;
    }
  }
  InsertText& made = inserts_.emplace_back(InsertText{rows, with_id, references, {}});
  const std::string names = CommaSeparated(InsertColumns(with_id));
  const std::string into = "INSERT INTO " + table_ + " (" + names + ") ";
  const std::string tail = " ON CONFLICT DO NOTHING RETURNING " + all_.list;
  size_t next = 1;
  if (rows == 1 && references.empty()) {
    made.text = into + "VALUES " + RowText(with_id, &next) + tail;
    return made.text;
  }
  made.text = "WITH _asked (" + names + ") AS (VALUES ";
  for (size_t i = 0; i < rows; ++i) made.text += (i == 0 ? "" : ", ") + RowText(with_id, &next);
  made.text += ")";
  std::string living;
  for (size_t i = 0; i < references.size(); ++i) {
    made.text += ", " + LivingText(*references[i], i, next++);
    const std::string column = Quoted(*references[i]);
    living += " AND (" + column + " IS NULL OR " + column + " IN (SELECT _v FROM _live" +
              std::to_string(i) + "))";
  }
  made.text += " " + into + "SELECT " + names + " FROM _asked WHERE " + std::string(kVersion) +
               " IS NOT NULL" + living + tail;
  return made.text;
}

Status Plan::Insert(std::span<const Mutation* const> mutations, Sql* sql) const {
  sql->Clear();
  const bool with_id = !IsNull(mutations[0]->id);
  const Fields& references = mutations[0]->check_references;
  const size_t rows = std::bit_ceil(mutations.size());
  sql->kept = &InsertTextOf(rows, with_id, references);
  for (size_t i = 0; i < rows; ++i) {
    Status status = BindRow(i < mutations.size() ? mutations[i] : nullptr, with_id, sql);
    if (!status.ok()) return status;
  }
  for (const Field* reference : references) {
    std::set<Value> values;
    for (const Mutation* mutation : mutations) {
      Result<Value> value = FieldValue(*mutation->record, *reference);
      if (!value.ok()) return value.status();
      if (!IsNull(*value)) values.insert(*std::move(value));
    }
    const std::vector<Value> distinct(values.begin(), values.end());
    sql->BindArray(distinct, ColumnOf(*reference->references->field).kind);
  }
  return {};
}

Status Plan::InsertOrFail(const Mutation& mutation, Sql* sql) const {
  sql->Clear();
  const bool with_id = !IsNull(mutation.id);
  std::string& text = insert_or_fail_[with_id ? 1 : 0];
  if (text.empty()) {
    size_t next = 1;
    text = "INSERT INTO " + table_ + " (" + CommaSeparated(InsertColumns(with_id)) + ") VALUES " +
           RowText(with_id, &next) + " RETURNING " + all_.list;
  }
  sql->kept = &text;
  return BindRow(&mutation, with_id, sql);
}

void Plan::AppendVersionAndReturning(const Mutation& mutation, Sql* sql) const {
  if (mutation.expected_version) {
    sql->text += " AND " + std::string(kVersion) + " = ";
    sql->Append(*mutation.expected_version, Kind::kInt8);
  }
  sql->text += " RETURNING " + all_.list;
}

Status Plan::Update(const Mutation& mutation, bool references, Sql* sql) const {
  sql->Clear();
  std::string living;
  size_t number = 0;
  for (const Field* field : references ? repository::WrittenReferences(mutation) : Fields()) {
    Result<Value> value = FieldValue(*mutation.record, *field);
    if (!value.ok()) return value.status();
    if (IsNull(*value)) continue;
    sql->text += number == 0 ? "WITH " : ", ";
    sql->text += LivingText(*field, number, sql->places.size() + 1);
    sql->BindArray({&*value, 1}, ColumnOf(*field->references->field).kind);
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

void Plan::SetDeleted(const Mutation& mutation, bool deleted, Sql* sql) const {
  sql->Clear();
  const std::string column = Quoted(*entity_.delete_time);
  sql->text = "UPDATE " + table_ + " SET " + column + " = ";
  sql->Append(deleted ? Value(mutation.now_millis) : Value(), Kind::kTimestamptz);
  if (entity_.update_time != nullptr) {
    sql->text += ", " + Quoted(*entity_.update_time) + " = ";
    sql->Append(mutation.now_millis, Kind::kTimestamptz);
  }
  sql->text += ", " + std::string(kVersion) + " = ";
  sql->Append(mutation.new_version, Kind::kInt8);
  sql->text += " WHERE " + id_ + " = ";
  AppendId(mutation.id, sql);
  sql->text += " AND " + column + (deleted ? " IS NULL" : " IS NOT NULL");
  AppendVersionAndReturning(mutation, sql);
}

void Plan::Delete(const Mutation& mutation, Sql* sql) const {
  sql->Clear();
  sql->text = "DELETE FROM " + table_ + " WHERE " + id_ + " = ";
  AppendId(mutation.id, sql);
  AppendVersionAndReturning(mutation, sql);
}

}  // namespace storegate::postgres
