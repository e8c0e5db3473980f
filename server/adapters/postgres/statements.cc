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

Columns AllColumns(const schema::Entity& entity, bool with_secrets) {
  return Columns(repository::ColumnsToRead(entity, {}, with_secrets, true));
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

Columns::Columns(repository::RowColumns columns)
    : RowColumns(std::move(columns)), list(Listed(&QuoteIdentifier)) {}

Plan::Plan(const schema::Entity& entity)
    : entity_(entity),
      table_(QuoteIdentifier(entity.collection)),
      id_(Quoted(*entity.id)),
      all_(AllColumns(entity, true)),
      open_(AllColumns(entity, false)) {}

void Plan::NoteRow(size_t bytes) {
  // Forgets large rows slowly.
  row_bytes_ = std::max(bytes, row_bytes_ - row_bytes_ / 256);
}

void Plan::AppendId(const Value& id, Sql* sql) const {
  sql->Append(id, ColumnOf(*entity_.id).kind);
}

const Plan::GetText& Plan::TextOf(const GetRequest& request, bool many) {
  if (!request.fields.empty()) {
    masked_columns_.emplace(
        repository::ColumnsToRead(entity_, request.fields, request.with_secrets, true));
    return masked_ = MakeText(request, many, *masked_columns_);
  }
  for (const GetText& get : gets_) {
    if (get.key == request.key && get.many == many && get.with_secrets == request.with_secrets) {
      return get;
    }
  }
  gets_.push_back(MakeText(request, many, columns(request.with_secrets)));
  return gets_.back();
}

Plan::GetText Plan::MakeText(const GetRequest& request, bool many, const Columns& columns) const {
  GetText get{request.key, many, request.with_secrets, {}, {&columns, {}}};
  std::string select = "SELECT " + columns.list;
  int next = columns.count;
  for (const Field* field : request.key->fields) {
    const auto found = std::ranges::find(columns.fields, field);
    if (found != columns.fields.end()) {
      get.got.key_columns.push_back(static_cast<int>(found - columns.fields.begin()));
    } else {
      select += ", " + Quoted(*field);
      get.got.key_columns.push_back(next++);
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
  return get;
}

const Plan::Got& Plan::Get(const GetRequest& request, Sql* sql) {
  const bool many = request.values.size() > 1;
  const GetText& get = TextOf(request, many);
  sql->Clear();
  if (request.fields.empty()) {
    sql->kept = &get.text;
  } else {
    sql->text = get.text;
  }
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
  return get.got;
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

const Columns& Plan::ColumnsOf(const Query& query, std::optional<Columns>* made) const {
  if (query.fields.empty()) return columns(query.with_secrets);
  return made->emplace(
      repository::ColumnsToRead(entity_, query.fields, query.with_secrets, false));
}

Status Plan::List(const Query& query, const Columns& columns, Sql* sql) const {
  sql->Clear();
  if (query.each != nullptr) return ListOfEach(query, columns, sql);
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
  const std::string select = "SELECT " + columns.list;
  const auto append_from = [&] {
    return AppendFrom(entity_, query.where, query.show_deleted, sql);
  };
  if (!NullsFollow(query.order, query.after)) {
    sql->text = select;
    if (Status status = append_from(); !status.ok()) return status;
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
    if (Status status = append_from(); !status.ok()) return status;
    sql->text += " AND ";
    AppendBehind(query.order, query.after, false, sql);
    append_tail(enough);
    sql->text += ") UNION ALL (" + select;
    if (Status status = append_from(); !status.ok()) return status;
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

Status Plan::ListOfEach(const Query& query, const Columns& columns, Sql* sql) const {
  sql->text = "SELECT " + columns.list;
  const bool bounded = query.each_limit > 0;
  if (bounded) {
    sql->text += " FROM (SELECT " + columns.list + ", row_number() OVER (PARTITION BY " +
                 Quoted(*query.each);
    if (!query.order.empty()) sql->text += " ORDER BY ";
    AppendOrder(query.order, sql);
    sql->text += ") AS \"_nth\"";
  }
  Status status = AppendFrom(entity_, query.where, query.show_deleted, sql);
  if (!status.ok()) return status;
  // In the text, as LIMIT is: the window ends where it is known to.
  if (bounded) {
    sql->text += ") AS \"_ranked\" WHERE \"_nth\" <= " + std::to_string(query.each_limit);
  }
  sql->text += " ORDER BY ";
  AppendOrder(repository::EachFirst(query), sql);
  sql->text += " LIMIT " + std::to_string(query.limit);
  return {};
}

Status Plan::Count(const Query& query, Sql* sql) const {
  sql->Clear();
  sql->text = "SELECT count(*)";
  return AppendFrom(entity_, query.where, query.show_deleted, sql);
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
