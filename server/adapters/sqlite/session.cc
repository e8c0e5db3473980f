#include "server/adapters/sqlite/session.h"

#include "server/adapters/sqlite/errors.h"
#include "server/adapters/sqlite/types.h"
#include "server/repository/row_status.h"
#include "server/repository/value_index.h"
#include "server/repository/wire_sink.h"

namespace storegate::sqlite {

using repository::Found;
using repository::GetRequest;
using repository::KeyValues;
using repository::Query;
using repository::ValueIndex;

namespace {

// The key's columns begin at `first`. Past the end of the values: none of them.
size_t FindRow(const ValueIndex& values, const GetRequest& request, sqlite3_stmt* row, int first) {
  if (values.single()) return 0;
  KeyValues key;
  for (const schema::Field* field : request.key->fields) {
    key.push_back(ReadColumn(row, first++, *field));
  }
  return values.Find(key);
}

}  // namespace

Status SqliteSession::Get(const GetRequest& request, repository::WireSink* sink,
                          std::vector<Found>* found) {
  found->assign(request.values.size(), Found());
  if (request.values.empty()) return {};
  const Plan& plan = plans_.Of(*request.entity);
  const std::vector<const schema::Field*>& fields = plan.columns(request.with_secrets).fields;
  int deleted_column = -1;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i] == request.entity->delete_time) deleted_column = static_cast<int>(i);
  }
  const ValueIndex values(request);
  const Sql sql = plan.Get(request);
  Result<Cursor> cursor = connection_->Run(sql);
  if (!cursor.ok()) return cursor.status();
  size_t living = 0;
  int code;
  while ((code = cursor->Step()) == SQLITE_ROW) {
    const size_t which = FindRow(values, request, cursor->row(), static_cast<int>(fields.size()) + 1);
    if (which >= found->size()) continue;
    Found& entry = (*found)[which];
    const bool deleted =
        deleted_column >= 0 && sqlite3_column_type(cursor->row(), deleted_column) != SQLITE_NULL;
    // Of several deleted rows with a value the first one by id, and a living one wins.
    if (entry.found && deleted) continue;
    const size_t begin = sink->size();
    bool more;
    Status status = ReadRow(cursor->row(), fields, sink, &more);
    if (!status.ok()) return status;
    entry = {true, deleted, begin, sink->size()};
    // All are there: do not look for deleted ones.
    if (!deleted && ++living == found->size()) return {};
  }
  return code == SQLITE_DONE ? Status() : ToStatus(connection_->handle(), code);
}

Status SqliteSession::List(const Query& query, repository::Sink* sink) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Plan& plan = plans_.Of(*query.entity);
  const std::vector<const schema::Field*>& fields = plan.columns(query.with_secrets).fields;
  const Result<Sql> sql = plan.List(query);
  if (!sql.ok()) return sql.status();
  const Bounded bounded(connection_.get(), query.deadline);
  Result<Cursor> cursor = connection_->Run(*sql);
  if (!cursor.ok()) return cursor.status();
  int code;
  bool more = true;
  while (more && (code = cursor->Step()) == SQLITE_ROW) {
    if (Status status = ReadRow(cursor->row(), fields, sink, &more); !status.ok()) return status;
  }
  return !more || code == SQLITE_DONE ? Status() : ToStatus(connection_->handle(), code);
}

Result<int64_t> SqliteSession::Count(const Query& query) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Result<Sql> sql = plans_.Of(*query.entity).Count(query);
  if (!sql.ok()) return sql.status();
  const Bounded bounded(connection_.get(), query.deadline);
  Result<Cursor> cursor = connection_->Run(*sql);
  if (!cursor.ok()) return cursor.status();
  const int code = cursor->Step();
  if (code != SQLITE_ROW) return ToStatus(connection_->handle(), code);
  return static_cast<int64_t>(sqlite3_column_int64(cursor->row(), 0));
}

Status SqliteSession::Apply(std::span<repository::Write* const> writes) {
  if (use_ != Connection::Use::kWrite) {
    return Status(Code::kInternal, "READ_SESSION", "A session for reads was given a write.");
  }
  return Writer(connection_.get(), &plans_).Run(writes);
}

}  // namespace storegate::sqlite
