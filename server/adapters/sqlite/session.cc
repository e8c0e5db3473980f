#include "server/adapters/sqlite/session.h"

#include <map>
#include <optional>

#include "server/adapters/sqlite/aggregates.h"
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
  std::optional<Columns> made;
  const Columns& columns = plan.ColumnsOf(request, &made);
  const ValueIndex values(request);
  const Sql sql = plan.Get(request, columns);
  Result<Cursor> cursor = connection_->Run(sql);
  if (!cursor.ok()) return cursor.status();
  size_t living = 0;
  int code;
  while ((code = cursor->Step()) == SQLITE_ROW) {
    const size_t which = FindRow(values, request, cursor->row(), columns.count);
    if (which >= found->size()) continue;
    Found& entry = (*found)[which];
    const bool deleted = columns.deleted >= 0 && sqlite3_column_type(
                                                     cursor->row(), columns.deleted) != SQLITE_NULL;
    // Of several deleted rows with a value the first one by id, and a living one wins.
    if (entry.found && deleted) continue;
    const size_t begin = sink->size();
    bool more;
    Status status = ReadRow(cursor->row(), columns, sink, &more);
    if (!status.ok()) return status;
    entry = {true, deleted, begin, sink->size()};
    // All are there: do not look for deleted ones.
    if (!deleted && ++living == found->size()) return {};
  }
  return code == SQLITE_DONE ? Status() : ToStatus(connection_->handle(), code);
}

// Runs a statement; `take` gets each row, and says whether it wants more.
Status SqliteSession::RunQuery(const Sql& sql, Deadline deadline,
                               const std::function<Status(sqlite3_stmt*, bool*)>& take) {
  const Bounded bounded(connection_.get(), deadline);
  Result<Cursor> cursor = connection_->Run(sql);
  if (!cursor.ok()) return cursor.status();
  int code;
  bool more = true;
  while (more && (code = cursor->Step()) == SQLITE_ROW) {
    if (Status status = take(cursor->row(), &more); !status.ok()) return status;
  }
  return !more || code == SQLITE_DONE ? Status() : ToStatus(connection_->handle(), code);
}

Status SqliteSession::List(const Query& query, repository::Sink* sink) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Plan& plan = plans_.Of(*query.entity);
  std::optional<Columns> made;
  const Columns& columns = plan.ColumnsOf(query, &made);
  const Result<Sql> sql = plan.List(query, columns);
  if (!sql.ok()) return sql.status();
  return RunQuery(*sql, query.deadline, [&](sqlite3_stmt* row, bool* more) {
    return ReadRow(row, columns, sink, more);
  });
}

Result<int64_t> SqliteSession::Count(const Query& query) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Result<Sql> sql = plans_.Of(*query.entity).Count(query);
  if (!sql.ok()) return sql.status();
  int64_t count = 0;
  Status status = RunQuery(*sql, query.deadline, [&](sqlite3_stmt* row, bool*) {
    count = sqlite3_column_int64(row, 0);
    return Status();
  });
  if (!status.ok()) return status;
  return count;
}

Status SqliteSession::Aggregate(const repository::AggregateQuery& query, repository::Sink* sink) {
  if (Expired(query.deadline)) return repository::TooLate();
  repository::RowColumns columns;
  const Result<Sql> sql = AggregateSql(query, &columns);
  if (!sql.ok()) return sql.status();
  const std::vector<int> sums = repository::IntegerSums(*query.aggregate, columns);
  return RunQuery(*sql, query.deadline, [&](sqlite3_stmt* row, bool* more) {
    for (const int sum : sums) {
      // Past 64 bits the function answers with something near it.
      std::optional<int64_t> value;
      if (sqlite3_column_type(row, sum) != SQLITE_FLOAT) value = sqlite3_column_int64(row, sum);
      Status status = repository::CheckSum(*columns.fields[sum], value);
      if (!status.ok()) return status;
    }
    return ReadRow(row, columns, sink, more);
  });
}

Status SqliteSession::Native(const repository::NativeQuery& query, repository::Sink* sink) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Bounded bounded(connection_.get(), query.deadline);
  return natives_.Run(connection_.get(), query, sink);
}

Result<std::string> SqliteSession::Explain(const Query& query) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Plan& plan = plans_.Of(*query.entity);
  std::optional<Columns> made;
  Result<Sql> sql = plan.List(query, plan.ColumnsOf(query, &made));
  if (!sql.ok()) return sql.status();
  sql->text.insert(0, "EXPLAIN QUERY PLAN ");
  std::string lines;
  std::map<int, int> depths;  // by the number of a line's node
  Status status = RunQuery(*sql, query.deadline, [&](sqlite3_stmt* row, bool*) {
    const auto above = depths.find(sqlite3_column_int(row, 1));
    const int depth = above == depths.end() ? 0 : above->second + 1;
    depths[sqlite3_column_int(row, 0)] = depth;
    const auto* detail = reinterpret_cast<const char*>(sqlite3_column_text(row, 3));
    lines.append(2 * depth, ' ').append(detail == nullptr ? "" : detail).append("\n");
    return Status();
  });
  if (!status.ok()) return status;
  return lines;
}

Status SqliteSession::Apply(std::span<repository::Write* const> writes) {
  if (use_ != Connection::Use::kWrite) {
    return Status(Code::kInternal, "READ_SESSION", "A session for reads was given a write.");
  }
  return Writer(connection_.get(), &plans_).Run(writes);
}

}  // namespace storegate::sqlite
