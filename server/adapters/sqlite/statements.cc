#include "server/adapters/sqlite/statements.h"

#include <string_view>
#include <utility>
#include <variant>

#include "server/adapters/sqlite/predicates.h"
#include "server/adapters/sqlite/types.h"
#include "server/base/text.h"
#include "server/migrate/ddl.h"

namespace storegate::sqlite {

using migrate::QuoteIdentifier;
using repository::GetRequest;
using repository::KeyValues;
using repository::Mutation;
using repository::Query;
using schema::Field;

namespace {

constexpr std::string_view kVersion = "\"_version\"";

Columns AllColumns(const schema::Entity& entity, bool with_secrets) {
  return Columns(repository::ColumnsToRead(entity, {}, with_secrets, true));
}

std::string Quoted(const Field& field) { return QuoteIdentifier(field.column); }

// Whether many values of the key fit one JSON array that loses nothing.
bool FitsJson(const schema::Key& key) {
  if (key.fields.size() != 1) return false;
  switch (key.fields[0]->type) {
    case schema::Type::kFloat:
    case schema::Type::kDouble:
    case schema::Type::kBytes: return false;
    default: return true;
  }
}

std::string JsonArray(const std::vector<KeyValues>& values) {
  std::string json = "[";
  for (const KeyValues& value : values) {
    if (json.size() > 1) json += ',';
    if (const auto* text = std::get_if<std::string>(&value[0])) {
      AppendJsonString(*text, &json);
    } else if (const auto* flag = std::get_if<bool>(&value[0])) {
      json += *flag ? '1' : '0';
    } else {
      json += std::to_string(std::get<int64_t>(value[0]));
    }
  }
  return json + "]";
}

// ` FROM … WHERE …`: the rows that have one of the values as key. Places are
// numbered, because a key that is unique among the living is asked for twice.
std::string FromKeys(const std::string& table, const GetRequest& request, Sql* sql) {
  const std::vector<const Field*>& fields = request.key->fields;
  const std::vector<KeyValues>& values = request.values;
  std::string text = " FROM ";
  if (values.size() == 1) {
    text += table;
    for (size_t i = 0; i < fields.size(); ++i) {
      text += (i == 0 ? " WHERE " : " AND ") + Quoted(*fields[i]) + " = ?" + std::to_string(i + 1);
      sql->values.push_back(values[0][i]);
    }
    return text;
  }
  if (FitsJson(*request.key)) {
    sql->values.push_back(JsonArray(values));
    return text + table + " WHERE " + Quoted(*fields[0]) + " IN (SELECT value FROM json_each(?1))";
  }
  // The number of rows is rounded up to a power of two, so that there are few
  // texts; nulls fill them up and match nothing. CROSS: the values come first,
  // then the index; of `(a, b) IN (VALUES …)` SQLite makes a scan of the table.
  text += "(VALUES ";
  size_t rows = 1;
  while (rows < values.size()) rows *= 2;
  for (size_t row = 0; row < rows; ++row) {
    text += row == 0 ? "(" : ", (";
    for (size_t i = 0; i < fields.size(); ++i) {
      sql->values.push_back(row < values.size() ? values[row][i] : Value());
      text += (i == 0 ? "?" : ", ?") + std::to_string(sql->values.size());
    }
    text += ")";
  }
  text += ") AS asked CROSS JOIN " + table;
  for (size_t i = 0; i < fields.size(); ++i) {
    text += (i == 0 ? " WHERE " : " AND ") + Quoted(*fields[i]) + " = asked.column" +
            std::to_string(i + 1);
  }
  return text;
}

// `"c" = ?` or, for searchable fields, `"c" = ?, "_folded_c" = ?`, and the same for
// the lists of an INSERT.
Status AppendWritten(const google::protobuf::Message& record, const Field& field,
                     std::vector<std::string>* columns, std::vector<Value>* values) {
  Result<Value> value = ColumnValue(record, field);
  if (!value.ok()) return value.status();
  columns->push_back(Quoted(field));
  if (field.searchable) {
    columns->push_back(QuoteIdentifier(field.folded_column()));
    const auto* text = std::get_if<std::string>(&*value);
    Value folded = text == nullptr ? Value() : Value(FoldCase(*text));
    values->push_back(*std::move(value));
    values->push_back(std::move(folded));
  } else {
    values->push_back(*std::move(value));
  }
  return {};
}

}  // namespace

Columns::Columns(repository::RowColumns columns)
    : RowColumns(std::move(columns)), list(Listed(&QuoteIdentifier)) {}

Plan::Plan(const schema::Entity& entity)
    : entity_(entity),
      table_(QuoteIdentifier(entity.collection)),
      id_(Quoted(*entity.id)),
      all_(AllColumns(entity, true)),
      open_(AllColumns(entity, false)) {}

const Columns& Plan::ColumnsOf(const GetRequest& request, std::optional<Columns>* made) const {
  if (request.fields.empty()) return columns(request.with_secrets);
  return made->emplace(
      repository::ColumnsToRead(entity_, request.fields, request.with_secrets, true));
}

const Columns& Plan::ColumnsOf(const Query& query, std::optional<Columns>* made) const {
  if (query.fields.empty()) return columns(query.with_secrets);
  return made->emplace(
      repository::ColumnsToRead(entity_, query.fields, query.with_secrets, false));
}

Sql Plan::Get(const GetRequest& request, const Columns& columns) const {
  Sql sql;
  std::string select = "SELECT " + columns.list;
  for (const Field* field : request.key->fields) select += ", " + Quoted(*field);
  select += FromKeys(table_, request, &sql);
  if (request.key->unique != schema::Unique::kLive || !entity_.soft_delete()) {
    sql.text = std::move(select);
    return sql;
  }
  const std::string deleted = " AND " + Quoted(*entity_.delete_time);
  // Of several deleted rows the first one by id.
  sql.text = select + deleted + " IS NULL UNION ALL SELECT * FROM (" + select + deleted +
             " IS NOT NULL ORDER BY " + id_ + ")";
  return sql;
}

Status AppendFrom(const schema::Entity& entity, const query::Predicate& where, bool show_deleted,
                  Sql* sql) {
  sql->text += " FROM " + QuoteIdentifier(entity.collection) + " WHERE ";
  Status status = AppendPredicate(where, sql);
  if (status.ok() && entity.soft_delete() && !show_deleted) {
    sql->text += " AND " + Quoted(*entity.delete_time) + " IS NULL";
  }
  return status;
}

Result<Sql> Plan::List(const Query& query, const Columns& columns) const {
  if (query.each != nullptr) return ListOfEach(query, columns);
  if (!query.after.empty() && query.after.size() != query.order.size()) {
    return Status(Code::kInternal, "INVALID_QUERY", "A page begins with one value a sort key.");
  }
  Sql sql;
  const auto append_from = [&] {
    sql.text += "SELECT " + columns.list;
    return AppendFrom(entity_, query.where, query.show_deleted, &sql);
  };
  const auto append_tail = [&](int64_t limit) {
    if (!query.order.empty()) {
      sql.text += " ORDER BY ";
      AppendOrder(query.order, &sql);
    }
    sql.text += " LIMIT ?";
    sql.values.push_back(limit);
  };
  if (!NullsFollow(query.order, query.after)) {
    if (Status status = append_from(); !status.ok()) return status;
    if (!query.after.empty()) {
      sql.text += " AND ";
      AppendBehind(query.order, query.after, true, &sql);
    }
  } else {
    // Each part enters the index where it begins, and has no more rows than the page.
    const int64_t enough = query.limit + query.skip;
    sql.text = "SELECT * FROM (";
    if (Status status = append_from(); !status.ok()) return status;
    sql.text += " AND ";
    AppendBehind(query.order, query.after, false, &sql);
    append_tail(enough);
    sql.text += ") UNION ALL SELECT * FROM (";
    if (Status status = append_from(); !status.ok()) return status;
    sql.text += " AND " + Quoted(*query.order[0].field) + " IS NULL";
    append_tail(enough);
    sql.text += ")";
  }
  append_tail(query.limit);
  sql.text += " OFFSET ?";
  sql.values.push_back(query.skip);
  return sql;
}

Result<Sql> Plan::ListOfEach(const Query& query, const Columns& columns) const {
  Sql sql;
  sql.text = "SELECT " + columns.list;
  const bool bounded = query.each_limit > 0;
  if (bounded) {
    sql.text += " FROM (SELECT " + columns.list + ", row_number() OVER (PARTITION BY " +
                Quoted(*query.each);
    if (!query.order.empty()) sql.text += " ORDER BY ";
    AppendOrder(query.order, &sql);
    sql.text += ") AS \"_nth\"";
  }
  Status status = AppendFrom(entity_, query.where, query.show_deleted, &sql);
  if (!status.ok()) return status;
  if (bounded) {
    sql.text += ") WHERE \"_nth\" <= ?";
    sql.values.push_back(query.each_limit);
  }
  sql.text += " ORDER BY ";
  AppendOrder(repository::EachFirst(query), &sql);
  sql.text += " LIMIT ?";
  sql.values.push_back(query.limit);
  return sql;
}

Result<Sql> Plan::Count(const Query& query) const {
  Sql sql;
  sql.text = "SELECT count(*)";
  Status status = AppendFrom(entity_, query.where, query.show_deleted, &sql);
  if (!status.ok()) return status;
  return sql;
}

Result<Sql> Plan::Insert(const Mutation& mutation) const {
  std::vector<std::string> names;
  Sql sql;
  for (const Field* field : entity_.stored) {
    if (field == entity_.id) {
      // NULL in an INTEGER PRIMARY KEY: the database counts.
      names.push_back(id_);
      sql.values.push_back(mutation.id);
      continue;
    }
    Status status = AppendWritten(*mutation.record, *field, &names, &sql.values);
    if (!status.ok()) return status;
  }
  names.emplace_back(kVersion);
  sql.values.push_back(mutation.new_version);
  sql.text = "INSERT INTO " + table_ + " (";
  for (size_t i = 0; i < names.size(); ++i) sql.text += (i == 0 ? "" : ", ") + names[i];
  sql.text += ") VALUES (";
  for (size_t i = 0; i < names.size(); ++i) sql.text += i == 0 ? "?" : ", ?";
  sql.text += ") RETURNING " + all_.list;
  return sql;
}

void Plan::AppendVersionAndReturning(const Mutation& mutation, Sql* sql) const {
  if (mutation.expected_version) {
    sql->text += " AND " + std::string(kVersion) + " = ?";
    sql->values.push_back(*mutation.expected_version);
  }
  sql->text += " RETURNING " + all_.list;
}

Result<Sql> Plan::Update(const Mutation& mutation) const {
  std::vector<std::string> names;
  Sql sql;
  for (const Field* field : mutation.fields) {
    if (field == entity_.id || field == entity_.etag || !field->stored()) continue;
    Status status = AppendWritten(*mutation.record, *field, &names, &sql.values);
    if (!status.ok()) return status;
  }
  names.emplace_back(kVersion);
  sql.values.push_back(mutation.new_version);
  sql.text = "UPDATE " + table_ + " SET ";
  for (size_t i = 0; i < names.size(); ++i) sql.text += (i == 0 ? "" : ", ") + names[i] + " = ?";
  sql.text += " WHERE " + id_ + " = ?";
  sql.values.push_back(mutation.id);
  if (entity_.soft_delete()) sql.text += " AND " + Quoted(*entity_.delete_time) + " IS NULL";
  AppendVersionAndReturning(mutation, &sql);
  return sql;
}

Sql Plan::SoftDelete(const Mutation& mutation) const {
  Sql sql;
  sql.text = "UPDATE " + table_ + " SET " + Quoted(*entity_.delete_time) + " = ?";
  sql.values.push_back(mutation.now_millis);
  if (entity_.update_time != nullptr) {
    sql.text += ", " + Quoted(*entity_.update_time) + " = ?";
    sql.values.push_back(mutation.now_millis);
  }
  sql.text += ", " + std::string(kVersion) + " = ? WHERE " + id_ + " = ? AND " +
              Quoted(*entity_.delete_time) + " IS NULL";
  sql.values.push_back(mutation.new_version);
  sql.values.push_back(mutation.id);
  AppendVersionAndReturning(mutation, &sql);
  return sql;
}

Sql Plan::Undelete(const Mutation& mutation) const {
  Sql sql;
  sql.text = "UPDATE " + table_ + " SET " + Quoted(*entity_.delete_time) + " = NULL";
  if (entity_.update_time != nullptr) {
    sql.text += ", " + Quoted(*entity_.update_time) + " = ?";
    sql.values.push_back(mutation.now_millis);
  }
  sql.text += ", " + std::string(kVersion) + " = ? WHERE " + id_ + " = ? AND " +
              Quoted(*entity_.delete_time) + " IS NOT NULL";
  sql.values.push_back(mutation.new_version);
  sql.values.push_back(mutation.id);
  AppendVersionAndReturning(mutation, &sql);
  return sql;
}

Sql Plan::Delete(const Mutation& mutation) const {
  Sql sql;
  sql.text = "DELETE FROM " + table_ + " WHERE " + id_ + " = ?";
  sql.values.push_back(mutation.id);
  AppendVersionAndReturning(mutation, &sql);
  return sql;
}

Sql Plan::State(const Value& id, const std::vector<const Field*>& more) const {
  Sql sql;
  sql.text = "SELECT " + std::string(kVersion) + ", ";
  sql.text += entity_.soft_delete() ? Quoted(*entity_.delete_time) + " IS NOT NULL" : "0";
  for (const Field* field : more) sql.text += ", " + Quoted(*field);
  sql.text += " FROM " + table_ + " WHERE " + id_ + " = ?";
  sql.values.push_back(id);
  return sql;
}

Sql Plan::IdsExhausted() const {
  Sql sql;
  sql.text = "SELECT 1 FROM sqlite_sequence WHERE name = ? AND seq = 9223372036854775807";
  sql.values.push_back(entity_.collection);
  return sql;
}

Sql LivingTarget(const Field& reference, const Value& value) {
  const schema::Entity& target = *reference.references->entity;
  Sql sql;
  sql.text = "SELECT 1 FROM " + QuoteIdentifier(target.collection) + " WHERE " +
             Quoted(*reference.references->field) + " = ?";
  if (target.soft_delete()) sql.text += " AND " + Quoted(*target.delete_time) + " IS NULL";
  sql.text += " LIMIT 1";
  sql.values.push_back(value);
  return sql;
}

Sql Referring(const Field& referrer, const Value& value, bool living,
              const schema::Entity& entity, const Value& self) {
  const schema::Entity& from = *referrer.entity;
  Sql sql;
  sql.text = "SELECT 1 FROM " + QuoteIdentifier(from.collection) + " WHERE " + Quoted(referrer) +
             " = ?";
  sql.values.push_back(value);
  if (living && from.soft_delete()) sql.text += " AND " + Quoted(*from.delete_time) + " IS NULL";
  if (&from == &entity) {
    sql.text += " AND " + Quoted(*from.id) + " <> ?";
    sql.values.push_back(self);
  }
  sql.text += " LIMIT 1";
  return sql;
}

const Plan& Plans::Of(const schema::Entity& entity) {
  std::unique_ptr<const Plan>& plan = plans_[&entity];
  if (plan == nullptr) plan = std::make_unique<const Plan>(entity);
  return *plan;
}

}  // namespace storegate::sqlite
