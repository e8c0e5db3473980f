// What PostgresMigrator reads and writes of rows, and the schema that is kept.
#include <utility>

#include "server/adapters/postgres/errors.h"
#include "server/adapters/postgres/migration_rows.h"
#include "server/adapters/postgres/migrations.h"
#include "server/adapters/postgres/types.h"
#include "server/base/text.h"

namespace storegate::postgres {

using migrate::QuoteIdentifier;
using schema::Entity;
using schema::Field;

namespace {

constexpr int64_t kRefoldRows = 1000;
constexpr int64_t kRefoldBytes = 8 << 20;

constexpr std::string_view kSchemaTable =
    "CREATE TABLE IF NOT EXISTS \"_storegate_schema\" (\n"
    "  \"one\" boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (\"one\"),\n"
    "  \"descriptors\" bytea NOT NULL,\n"
    "  \"kept_at\" timestamptz NOT NULL\n"
    ")";

// The next rows behind `after`: id and text.
Sql NextRows(const Field& field, const Value& after) {
  const Entity& entity = *field.entity;
  const std::string id = QuoteIdentifier(entity.id->column);
  Sql sql;
  sql.text = "SELECT id, text FROM (SELECT id, text, row_number() OVER by_id AS place,"
             " sum(coalesce(octet_length(text), 0)::bigint) OVER by_id AS size FROM (SELECT " +
             id + " AS id, " + QuoteIdentifier(field.column) + " AS text FROM " +
             QuoteIdentifier(entity.collection);
  if (!IsNull(after)) {
    sql.text += " WHERE " + id + " > ";
    sql.Append(after, ColumnOf(*entity.id).kind);
  }
  sql.text += " ORDER BY " + id + " LIMIT " + std::to_string(kRefoldRows) +
              ") AS page WINDOW by_id AS (ORDER BY id ROWS UNBOUNDED PRECEDING)) AS measured"
              " WHERE place = 1 OR size <= " +
              std::to_string(kRefoldBytes) + " ORDER BY id";
  return sql;
}

}  // namespace

// Where another wrote the text meanwhile, it folded it as well.
Status PostgresMigrator::WriteFolded(const Field& field, const Rows& rows) {
  const Entity& entity = *field.entity;
  const Kind id_kind = ColumnOf(*entity.id).kind;
  const std::string table = QuoteIdentifier(entity.collection);
  const std::string id = QuoteIdentifier(entity.id->column);
  const std::string column = QuoteIdentifier(field.column);
  const std::string folded = QuoteIdentifier(field.folded_column());
  std::vector<Value> ids, texts, foldeds, null_ids;
  for (int row = 0; row < PQntuples(rows.get()); ++row) {
    Result<Value> key = ReadValue(rows.get(), row, 0, *entity.id);
    if (!key.ok()) return key.status();
    if (PQgetisnull(rows.get(), row, 1) != 0) {
      null_ids.push_back(*std::move(key));
      continue;
    }
    std::string text = TextAt(rows, row, 1);
    ids.push_back(*std::move(key));
    foldeds.emplace_back(FoldCase(text));
    texts.emplace_back(std::move(text));
  }
  if (!ids.empty()) {
    Sql sql;
    sql.text = "UPDATE " + table + " AS t SET " + folded + " = n.folded FROM unnest(";
    sql.AppendArray(ids, id_kind);
    sql.text += ", ";
    sql.AppendArray(texts, Kind::kText);
    sql.text += ", ";
    sql.AppendArray(foldeds, Kind::kText);
    sql.text += ") AS n (id, text, folded) WHERE t." + id + " = n.id AND t." + column +
                " = n.text AND t." + folded + " IS DISTINCT FROM n.folded";
    if (Status status = connection_->Ask(sql, Deadline::max()).status(); !status.ok()) {
      return status;
    }
  }
  if (null_ids.empty() || !field.nullable()) return {};
  Sql sql;
  sql.text = "UPDATE " + table + " SET " + folded + " = NULL WHERE " + id + " = ANY(";
  sql.AppendArray(null_ids, id_kind);
  sql.text += ") AND " + column + " IS NULL AND " + folded + " IS NOT NULL";
  return connection_->Ask(sql, Deadline::max()).status();
}

Result<int64_t> PostgresMigrator::Refold(const Field& field, const Value& after, Value* last) {
  if (Status held = CheckLock(); !held.ok()) return held;
  if (!field.searchable || (!IsNull(after) && !Fits(after, ColumnOf(*field.entity->id).kind))) {
    return Status(Code::kInternal, "MIGRATION_FAILED",
                  "The column " + field.entity->collection + "." + field.column +
                      " is not folded, or its rows have other ids.");
  }
  int64_t count = 0;
  Status status = InTransaction([&]() -> Outcome {
    const Result<Rows> rows = connection_->Ask(NextRows(field, after), Deadline::max());
    if (!rows.ok()) return rows.status();
    count = PQntuples(rows->get());
    if (count == 0) return {};
    Status written = WriteFolded(field, *rows);
    // Rows that others have locked, or locked in another order.
    const bool again = written.reason() == "DATABASE_BUSY" || written.code() == Code::kAborted;
    if (!written.ok()) return {std::move(written), again};
    Result<Value> id = ReadValue(rows->get(), static_cast<int>(count) - 1, 0, *field.entity->id);
    if (!id.ok()) return id.status();
    *last = *std::move(id);
    return {};
  });
  if (!status.ok()) return status;
  return count;
}

Result<std::optional<std::string>> PostgresMigrator::ReadSchema() {
  if (Status status = Connect(); !status.ok()) return status;
  const Result<bool> there = TableIsThere(connection_.get(), "_storegate_schema");
  if (!there.ok()) return there.status();
  if (!*there) return std::optional<std::string>();
  Sql sql;
  sql.text = "SELECT \"descriptors\" FROM \"_storegate_schema\"";
  const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  if (PQntuples(rows->get()) == 0) return std::optional<std::string>();
  return std::optional<std::string>(TextAt(*rows, 0, 0));
}

Status PostgresMigrator::KeepSchema(const std::string& descriptors) {
  if (Status held = CheckLock(); !held.ok()) return held;
  return InTransaction([&]() -> Outcome {
    const Result<bool> there = TableIsThere(connection_.get(), "_storegate_schema");
    if (!there.ok()) return there.status();
    if (!*there) {
      const Rows made = connection_->Script(std::string(kSchemaTable), Deadline::max());
      if (made == nullptr) return ConnectionLost();
      if (Failed(made.get())) return {ToStatus(made.get()), MadeByAnother(made.get())};
    }
    Sql sql;
    sql.text = "INSERT INTO \"_storegate_schema\" (\"descriptors\", \"kept_at\") VALUES (";
    sql.Append(Bytes{descriptors}, Kind::kBytea);
    sql.text += ", now()) ON CONFLICT (\"one\") DO UPDATE SET"
                " \"descriptors\" = excluded.\"descriptors\", \"kept_at\" = excluded.\"kept_at\"";
    Status status = connection_->Ask(sql, Deadline::max()).status();
    const bool again = status.reason() == "DATABASE_BUSY";
    return {std::move(status), again};
  });
}

Result<bool> PostgresMigrator::HoldsRows(const std::string& table, const std::string& column) {
  if (Status status = Connect(); !status.ok()) return status;
  Sql find;
  find.text =
      "SELECT count(*) FROM pg_catalog.pg_attribute WHERE NOT attisdropped AND attrelid ="
      " to_regclass(";
  find.Append(QuoteIdentifier(table), Kind::kText);
  find.text += ")";
  if (!column.empty()) {
    find.text += " AND attnum > 0 AND attname::text = ";
    find.Append(column, Kind::kText);
  }
  const Result<Rows> found = connection_->Ask(find, Deadline::max());
  if (!found.ok()) return found.status();
  if (NumberAt(*found, 0, 0) == 0) return false;
  Sql sql;
  sql.text = "SELECT EXISTS (SELECT FROM " + QuoteIdentifier(table);
  if (!column.empty()) sql.text += " WHERE " + QuoteIdentifier(column) + " IS NOT NULL";
  sql.text += ")";
  const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  return TrueAt(*rows, 0, 0);
}

}  // namespace storegate::postgres
