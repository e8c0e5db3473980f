#include "server/adapters/postgres/session.h"

#include <algorithm>
#include <optional>

#include "server/adapters/postgres/aggregates.h"
#include "server/adapters/postgres/native.h"
#include "server/repository/row_status.h"
#include "server/repository/wire_sink.h"

namespace storegate::postgres {

using repository::Found;
using repository::GetRequest;
using repository::KeyValues;
using repository::Query;
using schema::Field;

namespace {

// Answers that may be larger are not held as a whole.
constexpr size_t kWholeBytesMax = 16 << 20;

}  // namespace

void KeyIndex::Build(const GetRequest& request, const Sql& sql) {
  request_ = &request;
  entries_.clear();
  compound_.clear();
  const size_t count = request.values.size();
  if (count == 1) return;  // then every row has it
  const size_t fields = request.key->fields.size();
  // The values are in the statement already, in the bytes that rows have.
  constexpr size_t kArrayHead = 20;
  std::vector<const char*> at;
  for (const Place& place : sql.places) at.push_back(sql.bytes.data() + place.begin + kArrayHead);
  for (size_t which = 0; which < count; ++which) {
    std::string_view bytes;
    std::string all;
    bool null = false;
    for (const char*& p : at) {
      const auto length = static_cast<int32_t>(Big32(p));
      const size_t size = length < 0 ? 0 : static_cast<size_t>(length);
      null = null || length < 0;
      bytes = {p + 4, size};
      if (fields > 1) all.append(p, 4 + size);
      p += 4 + size;
    }
    if (null) continue;
    if (fields > 1) bytes = compound_.emplace_back(std::move(all));
    entries_.push_back({bytes, which});
  }
  const auto by_bytes = [](const Entry& a, const Entry& b) { return a.bytes < b.bytes; };
  if (!std::is_sorted(entries_.begin(), entries_.end(), by_bytes)) {
    std::sort(entries_.begin(), entries_.end(), by_bytes);
  }
}

size_t KeyIndex::Find(const PGresult* rows, int row, const std::vector<int>& columns) {
  const size_t none = request_->values.size();
  if (none == 1) return 0;
  scratch_.clear();
  std::string_view bytes;
  for (size_t i = 0; i < columns.size(); ++i) {
    const Field& field = *request_->key->fields[i];
    const Kind kind = ColumnOf(field).kind;
    if (PQgetisnull(rows, row, columns[i]) != 0) return none;
    if (PQftype(rows, columns[i]) == TypeId(kind)) {
      bytes = {PQgetvalue(rows, row, columns[i]),
               static_cast<size_t>(PQgetlength(rows, row, columns[i]))};
      if (columns.size() == 1) break;
      AppendBig32(static_cast<uint32_t>(bytes.size()), &scratch_);
      scratch_ += bytes;
      continue;
    }
    // The column has another type by now than the value was sent as.
    const Result<Value> value = ReadValue(rows, row, columns[i], field);
    if (!value.ok() || !Fits(*value, kind)) return none;
    std::string binary;
    AppendBinary(*value, kind, &binary);
    if (columns.size() > 1) AppendBig32(static_cast<uint32_t>(binary.size()), &scratch_);
    scratch_ += binary;
    bytes = scratch_;
  }
  if (columns.size() > 1) bytes = scratch_;
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), bytes,
      [](const Entry& entry, std::string_view key) { return entry.bytes < key; });
  return found == entries_.end() || found->bytes != bytes ? none : found->which;
}

Status PostgresSession::SendGet() {
  connection_->Begin(get_->deadline);
  const bool stream = get_->values.size() * get_plan_->row_bytes() > kWholeBytesMax;
  connection_->Send(sql_, stream);
  connection_->Sync();
  return connection_->Flush() ? Status() : ConnectionLost();
}

Status PostgresSession::StartGet(const GetRequest& request) {
  get_ = &request;
  get_again_ = false;
  get_plan_ = &plans_.Of(*request.entity);
  got_ = &get_plan_->Get(request, &sql_);
  index_.Build(request, sql_);
  return SendGet();
}

Status PostgresSession::TakeRows(const PGresult* rows, repository::WireSink* sink,
                                 std::vector<Found>* found, bool* more) {
  const Columns& columns = *got_->columns;
  const int count = PQntuples(rows);
  for (int row = 0; row < count && *more; ++row) {
    const size_t which = index_.Find(rows, row, got_->key_columns);
    if (which >= found->size()) continue;
    Found& entry = (*found)[which];
    const bool deleted = columns.deleted >= 0 && PQgetisnull(rows, row, columns.deleted) == 0;
    // Of several deleted rows with a value any one will do, and a living one wins.
    if (entry.found && deleted) continue;
    const size_t begin = sink->size();
    Status status = reader_.Read(rows, row, columns, sink, more);
    if (!status.ok()) return status;
    entry = {true, deleted, begin, sink->size()};
    // What a mask leaves of a row says nothing of whole ones.
    if (get_->fields.empty()) get_plan_->NoteRow(sink->size() - begin);
  }
  return {};
}

std::optional<Status> PostgresSession::FinishGet(Deadline until, repository::WireSink* sink,
                                                 std::vector<Found>* found) {
  bool more = true;
  found->assign(get_->values.size(), Found());
  while (true) {
    Rows rows;
    const Deadline last = connection_->LastMoment();
    if (!connection_->TryNext(std::min(until, last), &rows)) {
      if (until < last && !Expired(last)) return std::nullopt;
      connection_->Lose();
    }
    if (rows == nullptr) return ConnectionLost();
    if (Failed(rows.get())) {
      const Failure failure = postgres::Explain(rows.get());
      connection_->Finish();
      if (failure.fatal) connection_->Lose();
      if (failure.what != Failure::What::kStale || get_again_) return failure.status;
      get_again_ = true;
      connection_->ForgetStatements();
      if (Status status = SendGet(); !status.ok()) return status;
      continue;
    }
    Status status = TakeRows(rows.get(), sink, found, &more);
    const bool one_by_one = PQresultStatus(rows.get()) == PGRES_SINGLE_TUPLE;
    if (one_by_one) until = last;  // what has begun to come is read to its end
    if (one_by_one && more && status.ok()) continue;
    rows = connection_->Finish();
    if (!status.ok()) return status;
    return Status();
  }
}

Status PostgresSession::Get(const GetRequest& request, repository::WireSink* sink,
                            std::vector<Found>* found) {
  found->assign(request.values.size(), Found());
  if (request.values.empty()) return {};
  if (Expired(request.deadline)) return repository::TooLate();
  if (Status status = StartGet(request); !status.ok()) return status;
  std::optional<Status> status = FinishGet(Deadline::max(), sink, found);
  return status ? *status : ConnectionLost();
}

// Runs what is in sql_; again where what was prepared was stale. `take` gets rows,
// and says whether it wants more.
Status PostgresSession::RunQuery(const Run& run,
                                 const std::function<Status(const PGresult*, bool*)>& take) {
  const auto explain = [&](const PGresult* rows) {
    return run.native == nullptr ? postgres::Explain(rows) : ExplainNative(rows, *run.native);
  };
  for (int attempt = 0;; ++attempt) {
    connection_->Begin(run.deadline);
    if (run.native != nullptr) connection_->SendBracket("BEGIN READ ONLY");
    connection_->Send(sql_, run.stream);
    connection_->Sync();
    if (run.native != nullptr) {
      // Behind a Sync, so that it is run after an error, too. What the text may have set
      // is taken back.
      connection_->SendBracket("ROLLBACK");
      connection_->Sync();
    }
    Status status;
    bool more = true;
    Rows rows = connection_->Next();
    if (rows != nullptr && Failed(rows.get())) {
      const Failure failure = explain(rows.get());
      if (failure.fatal) connection_->Lose();
      connection_->Finish();
      if (failure.what != Failure::What::kStale || attempt > 0) return failure.status;
      connection_->ForgetStatements();
      continue;
    }
    while (rows != nullptr) {
      if (Failed(rows.get())) {
        status = explain(rows.get()).status;
        break;
      }
      status = take(rows.get(), &more);
      if (!more || !status.ok() || PQresultStatus(rows.get()) != PGRES_SINGLE_TUPLE) break;
      rows = connection_->Next();
    }
    if (rows == nullptr) return ConnectionLost();
    connection_->Finish();
    return status;
  }
}

Status PostgresSession::List(const Query& query, repository::Sink* sink) {
  if (Expired(query.deadline)) return repository::TooLate();
  Plan& plan = plans_.Of(*query.entity);
  std::optional<Columns> made;
  const Columns& columns = plan.ColumnsOf(query, &made);
  if (Status status = plan.List(query, columns, &sql_); !status.ok()) return status;
  const bool stream = static_cast<size_t>(query.limit) * plan.row_bytes() > kWholeBytesMax;
  return RunQuery({query.deadline, stream}, [&](const PGresult* rows, bool* more) {
    const int count = PQntuples(rows);
    for (int row = 0; row < count && *more; ++row) {
      Status status = reader_.Read(rows, row, columns, sink, more);
      if (!status.ok()) return status;
      if (query.fields.empty()) plan.NoteRow(reader_.bytes());
    }
    return Status();
  });
}

Result<int64_t> PostgresSession::Count(const Query& query) {
  if (Expired(query.deadline)) return repository::TooLate();
  if (Status status = plans_.Of(*query.entity).Count(query, &sql_); !status.ok()) return status;
  int64_t count = 0;
  Status status = RunQuery({query.deadline}, [&](const PGresult* rows, bool*) {
    if (PQntuples(rows) != 1) return ToStatus(rows);
    count = static_cast<int64_t>(Big64(PQgetvalue(rows, 0, 0)));
    return Status();
  });
  if (!status.ok()) return status;
  return count;
}

Status PostgresSession::Aggregate(const repository::AggregateQuery& query,
                                  repository::Sink* sink) {
  if (Expired(query.deadline)) return repository::TooLate();
  repository::RowColumns columns;
  if (Status status = AggregateSql(query, &columns, &sql_); !status.ok()) return status;
  const std::vector<int> sums = repository::IntegerSums(*query.aggregate, columns);
  return RunQuery({query.deadline}, [&](const PGresult* rows, bool* more) {
    const int count = PQntuples(rows);
    for (int row = 0; row < count && *more; ++row) {
      for (const int sum : sums) {
        // It comes as numeric, which has any number of digits.
        Status status = repository::CheckSum(*columns.fields[sum], ReadInteger(rows, row, sum));
        if (!status.ok()) return status;
      }
      Status status = reader_.Read(rows, row, columns, sink, more);
      if (!status.ok()) return status;
    }
    return Status();
  });
}

Status PostgresSession::Native(const repository::NativeQuery& query, repository::Sink* sink) {
  if (Expired(query.deadline)) return repository::TooLate();
  NativeSql(query, &sql_);
  std::optional<std::vector<repository::PlacedField>> columns;
  // How many rows there are, nobody knows.
  const Run run{query.deadline, /*stream=*/true, query.entity};
  return RunQuery(run, [&](const PGresult* rows, bool* more) {
    if (PQresultStatus(rows) == PGRES_COMMAND_OK) {
      return ExplainNative(rows, *query.entity).status;
    }
    if (!columns) columns = PlaceColumns(rows, query.native->row.entity);
    const int count = PQntuples(rows);
    for (int row = 0; row < count && *more; ++row) {
      Status status = reader_.ReadPlaced(rows, row, *columns, sink, more);
      if (!status.ok()) return NativeMismatch(status, rows, *columns, *query.entity);
    }
    return Status();
  });
}

Result<std::string> PostgresSession::Explain(const Query& query) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Plan& plan = plans_.Of(*query.entity);
  std::optional<Columns> made;
  Status status = plan.List(query, plan.ColumnsOf(query, &made), &sql_);
  if (!status.ok()) return status;
  sql_.text.insert(0, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ");
  std::string lines;
  status = RunQuery({query.deadline}, [&](const PGresult* rows, bool*) {
    for (int row = 0; row < PQntuples(rows); ++row) {
      lines.append(PQgetvalue(rows, row, 0), PQgetlength(rows, row, 0)).append("\n");
    }
    return Status();
  });
  if (!status.ok()) return status;
  return lines;
}

Status PostgresSession::Apply(std::span<repository::Write* const> writes) {
  if (connection_->use() != Connection::Use::kWrite) {
    return Status(Code::kInternal, "READ_SESSION", "A session for reads was given a write.");
  }
  return Writer(connection_.get(), &plans_).Run(writes);
}

}  // namespace storegate::postgres
