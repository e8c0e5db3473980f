// Reads, and what is shared. Changes are in change_statements.cc.
#include "server/adapters/postgres/statements.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "server/adapters/postgres/dialect.h"
#include "server/adapters/postgres/predicates.h"
#include "server/adapters/postgres/types.h"
#include "server/migrate/ddl.h"

namespace storegate::postgres {

using migrate::QuoteIdentifier;
using repository::GetRequest;
using repository::KeyValues;
using repository::Query;
using schema::Field;

namespace {

std::string Quoted(const Field& field) { return QuoteIdentifier(field.column); }

Columns ColumnsOf(const schema::Entity& entity, bool with_secrets) {
  Columns columns;
  for (const Field* field : entity.stored) {
    if (field->input_only && !with_secrets) continue;
    columns.fields.push_back(field);
    columns.list += Quoted(*field) + ", ";
  }
  columns.list += "\"_version\"";
  return columns;
}

// ` FROM … WHERE …`: the rows that have one of the values as key.
std::string FromKeys(const std::string& table, const schema::Key& key, bool many) {
  std::string text = " FROM " + table;
  const size_t count = key.fields.size();
  const auto kind = [&](size_t i) { return ColumnOf(*key.fields[i]).kind; };
  if (many && count > 1) {
    // Names that no column of an entity has.
    text += " JOIN unnest(";
    for (size_t i = 0; i < count; ++i) text += (i == 0 ? "" : ", ") + PlaceText(i + 1, kind(i), true);
    text += ") AS _asked (";
    for (size_t i = 0; i < count; ++i) text += (i == 0 ? "_k" : ", _k") + std::to_string(i);
    text += ") ON true";
  }
  for (size_t i = 0; i < count; ++i) {
    text += (i == 0 ? " WHERE " : " AND ") + Quoted(*key.fields[i]) + " = ";
    if (!many) {
      text += PlaceText(i + 1, kind(i), false);
    } else if (count == 1) {
      text += "ANY(" + PlaceText(1, kind(0), true) + ")";
    } else {
      text += "_k" + std::to_string(i);
    }
  }
  return text;
}

}  // namespace

Plan::Plan(const schema::Entity& entity)
    : entity_(entity),
      table_(QuoteIdentifier(entity.collection)),
      id_(Quoted(*entity.id)),
      all_(ColumnsOf(entity, true)),
      open_(ColumnsOf(entity, false)) {}

void Plan::NoteRow(size_t bytes) {
  // Forgets large rows slowly.
  row_bytes_ = std::max(bytes, row_bytes_ - row_bytes_ / 256);
}

void Plan::AppendId(const Value& id, Sql* sql) const {
  sql->Append(id, ColumnOf(*entity_.id).kind);
}

const Plan::GetText& Plan::TextOf(const GetRequest& request, bool many) {
  for (const GetText& get : gets_) {
    if (get.key == request.key && get.many == many && get.with_secrets == request.with_secrets) {
      return get;
    }
  }
  GetText get{request.key, many, request.with_secrets, {}, {}};
  const Columns& columns = this->columns(request.with_secrets);
  std::string select = "SELECT " + columns.list;
  int next = static_cast<int>(columns.fields.size()) + 1;
  for (const Field* field : request.key->fields) {
    const auto found = std::ranges::find(columns.fields, field);
    if (found != columns.fields.end()) {
      get.key_columns.push_back(static_cast<int>(found - columns.fields.begin()));
    } else {
      select += ", " + Quoted(*field);
      get.key_columns.push_back(next++);
    }
  }
  select += FromKeys(table_, *request.key, many);
  get.text = select;
  if (request.key->unique == schema::Unique::kLive && entity_.soft_delete()) {
    const std::string deleted = " AND " + Quoted(*entity_.delete_time);
    // Of several deleted rows the first one by id.
    get.text = "(" + select + deleted + " IS NULL) UNION ALL (" + select + deleted +
               " IS NOT NULL ORDER BY " + id_ + ")";
  }
  gets_.push_back(std::move(get));
  return gets_.back();
}

void Plan::Get(const GetRequest& request, Sql* sql, std::vector<int>* key_columns) {
  const bool many = request.values.size() > 1;
  const GetText& get = TextOf(request, many);
  sql->Clear();
  sql->kept = &get.text;
  *key_columns = get.key_columns;
  for (size_t i = 0; i < request.key->fields.size(); ++i) {
    const Kind kind = ColumnOf(*request.key->fields[i]).kind;
    if (!many) {
      // What does not fit names no row.
      const Value& value = request.values[0][i];
      Fits(value, kind) ? sql->Bind(value, kind) : sql->BindNull();
      continue;
    }
    const size_t begin = sql->bytes.size();
    AppendArrayHead(TypeId(kind), request.values.size(), &sql->bytes);
    bool nulls = false;
    for (const KeyValues& value : request.values) {
      const size_t at = sql->bytes.size();
      sql->bytes.append(4, '\xff');  // a length of -1: null
      if (!Fits(value[i], kind)) {
        nulls = true;
        continue;
      }
      AppendBinary(value[i], kind, &sql->bytes);
      const auto length =
          __builtin_bswap32(static_cast<uint32_t>(sql->bytes.size() - at - 4));
      __builtin_memcpy(sql->bytes.data() + at, &length, 4);
    }
    if (nulls) sql->bytes[begin + 7] = '\1';  // the array's head says so
    sql->places.push_back({begin, static_cast<int>(sql->bytes.size() - begin)});
  }
}

Status Plan::AppendConditions(const Query& query, Sql* sql) const {
  sql->text += " FROM " + table_ + " WHERE ";
  Status status = AppendPredicate(query.where, sql);
  if (status.ok() && entity_.soft_delete() && !query.show_deleted) {
    sql->text += " AND " + Quoted(*entity_.delete_time) + " IS NULL";
  }
  return status;
}

Status Plan::List(const Query& query, Sql* sql) const {
  sql->Clear();
  if (!query.after.empty() && query.after.size() != query.order.size()) {
    return Status(Code::kInternal, "INVALID_QUERY", "A page begins with one value a sort key.");
  }
  // LIMIT is part of the text: a plan for an unknown number of rows sorts the table.
  const auto append_tail = [&](int64_t limit) {
    if (!query.order.empty()) {
      sql->text += " ORDER BY ";
      AppendOrder(query.order, sql);
    }
    sql->text += " LIMIT " + std::to_string(limit);
  };
  const std::string select = "SELECT " + columns(query.with_secrets).list;
  if (!NullsFollow(query.order, query.after)) {
    sql->text = select;
    if (Status status = AppendConditions(query, sql); !status.ok()) return status;
    if (!query.after.empty()) {
      sql->text += " AND ";
      AppendBehind(query.order, query.after, true, sql);
    }
    append_tail(query.limit);
  } else {
    // Both parts are in order, and so is one behind the other; the second is read
    // only where the first is not enough.
    const int64_t enough = query.limit + query.skip;
    sql->text = "SELECT * FROM ((" + select;
    if (Status status = AppendConditions(query, sql); !status.ok()) return status;
    sql->text += " AND ";
    AppendBehind(query.order, query.after, false, sql);
    append_tail(enough);
    sql->text += ") UNION ALL (" + select;
    if (Status status = AppendConditions(query, sql); !status.ok()) return status;
    sql->text += " AND " + Quoted(*query.order[0].field) + " IS NULL";
    append_tail(enough);
    sql->text += ")) AS _both";
    append_tail(query.limit);
  }
  if (query.skip > 0) {
    sql->text += " OFFSET ";
    sql->Append(query.skip, Kind::kInt8);
  }
  return {};
}

Status Plan::Count(const Query& query, Sql* sql) const {
  sql->Clear();
  sql->text = "SELECT count(*)";
  return AppendConditions(query, sql);
}

void Plan::State(const Value& id, const std::vector<const Field*>& more, bool lock,
                 Sql* sql) const {
  sql->Clear();
  sql->text = "SELECT \"_version\", ";
  sql->text += entity_.soft_delete() ? Quoted(*entity_.delete_time) + " IS NOT NULL" : "false";
  for (const Field* field : more) sql->text += ", " + Quoted(*field);
  sql->text += " FROM " + table_ + " WHERE " + id_ + " = ";
  AppendId(id, sql);
  if (lock) sql->text += " FOR UPDATE";
}

void Plan::CountFrom(const Value& id, Sql* sql) const {
  sql->Clear();
  const bool any = IsNull(id);
  sql->text = "SELECT setval(_s, _id) FROM (SELECT pg_get_serial_sequence(";
  sql->Append(table_, Kind::kText);
  sql->text += ", ";
  sql->Append(entity_.id->column, Kind::kText);
  sql->text += ")::regclass AS _s, ";
  if (any) {
    sql->text += "(SELECT max(" + id_ + ") FROM " + table_ + ")";
  } else {
    sql->Append(id, Kind::kInt8);
  }
  sql->text += " AS _id) AS _q WHERE _id > coalesce(pg_sequence_last_value(_s), 0)";
}

void Plan::IndexColumns(const std::string& index, Sql* sql) const {
  sql->Clear();
  sql->text =
      "SELECT a.attname::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid"
      " JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)"
      " WHERE i.indrelid = to_regclass(";
  sql->Append(table_, Kind::kText);
  sql->text += ") AND c.relname = ";
  sql->Append(index, Kind::kText);
  sql->text += " ORDER BY array_position(i.indkey::int2[], a.attnum)";
}

void LivingTarget(const Field& reference, const Value& value, Sql* sql) {
  const schema::Entity& target = *reference.references->entity;
  sql->Clear();
  sql->text = "SELECT 1 FROM " + QuoteIdentifier(target.collection) + " WHERE " +
              Quoted(*reference.references->field) + " = ";
  sql->Append(value, ColumnOf(*reference.references->field).kind);
  if (target.soft_delete()) sql->text += " AND " + Quoted(*target.delete_time) + " IS NULL";
  sql->text += " LIMIT 1 FOR KEY SHARE";
}

void Referring(const Field& referrer, const Value& value, bool living,
               const schema::Entity& entity, const Value& self, Sql* sql) {
  const schema::Entity& from = *referrer.entity;
  sql->Clear();
  sql->text = "SELECT 1 FROM " + QuoteIdentifier(from.collection) + " WHERE " + Quoted(referrer) +
              " = ";
  sql->Append(value, ColumnOf(referrer).kind);
  if (living && from.soft_delete()) sql->text += " AND " + Quoted(*from.delete_time) + " IS NULL";
  if (&from == &entity) {
    sql->text += " AND " + Quoted(*from.id) + " <> ";
    sql->Append(self, ColumnOf(*from.id).kind);
  }
  sql->text += " LIMIT 1";
}

Plan& Plans::Of(const schema::Entity& entity) {
  std::unique_ptr<Plan>& plan = plans_[&entity];
  if (plan == nullptr) plan = std::make_unique<Plan>(entity);
  return *plan;
}

}  // namespace storegate::postgres
