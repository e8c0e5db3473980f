#include "server/adapters/postgres/session.h"

#include <algorithm>

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
  get_plan_->Get(request, &sql_, &get_columns_);
  get_deleted_column_ = -1;
  if (request.entity->delete_time != nullptr) {
    const std::vector<const Field*>& fields = get_plan_->columns(request.with_secrets).fields;
    const auto at = std::ranges::find(fields, request.entity->delete_time);
    get_deleted_column_ = static_cast<int>(at - fields.begin());
  }
  index_.Build(request, sql_);
  return SendGet();
}

Status PostgresSession::TakeRows(const PGresult* rows, repository::WireSink* sink,
                                 std::vector<Found>* found, bool* more) {
  const std::vector<const Field*>& fields = get_plan_->columns(get_->with_secrets).fields;
  const int count = PQntuples(rows);
  for (int row = 0; row < count && *more; ++row) {
    const size_t which = index_.Find(rows, row, get_columns_);
    if (which >= found->size()) continue;
    Found& entry = (*found)[which];
    const bool deleted =
        get_deleted_column_ >= 0 && PQgetisnull(rows, row, get_deleted_column_) == 0;
    // Of several deleted rows with a value any one will do, and a living one wins.
    if (entry.found && deleted) continue;
    const size_t begin = sink->size();
    Status status = reader_.Read(rows, row, fields, sink, more);
    if (!status.ok()) return status;
    entry = {true, deleted, begin, sink->size()};
    get_plan_->NoteRow(sink->size() - begin);
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
Status PostgresSession::RunQuery(Deadline deadline, bool stream,
                                 const std::function<Status(const PGresult*, bool*)>& take) {
  for (int attempt = 0;; ++attempt) {
    connection_->Begin(deadline);
    connection_->Send(sql_, stream);
    connection_->Sync();
    Status status;
    bool more = true;
    Rows rows = connection_->Next();
    if (rows != nullptr && Failed(rows.get())) {
      const Failure failure = postgres::Explain(rows.get());
      connection_->Finish();
      if (failure.fatal) connection_->Lose();
      if (failure.what != Failure::What::kStale || attempt > 0) return failure.status;
      connection_->ForgetStatements();
      continue;
    }
    while (rows != nullptr) {
      if (Failed(rows.get())) {
        status = ToStatus(rows.get());
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
  const std::vector<const Field*>& fields = plan.columns(query.with_secrets).fields;
  if (Status status = plan.List(query, &sql_); !status.ok()) return status;
  const bool stream = static_cast<size_t>(query.limit) * plan.row_bytes() > kWholeBytesMax;
  return RunQuery(query.deadline, stream, [&](const PGresult* rows, bool* more) {
    const int count = PQntuples(rows);
    for (int row = 0; row < count && *more; ++row) {
      Status status = reader_.Read(rows, row, fields, sink, more);
      if (!status.ok()) return status;
      plan.NoteRow(reader_.bytes());
    }
    return Status();
  });
}

Result<int64_t> PostgresSession::Count(const Query& query) {
  if (Expired(query.deadline)) return repository::TooLate();
  if (Status status = plans_.Of(*query.entity).Count(query, &sql_); !status.ok()) return status;
  int64_t count = 0;
  Status status = RunQuery(query.deadline, false, [&](const PGresult* rows, bool*) {
    if (PQntuples(rows) != 1) return ToStatus(rows);
    count = static_cast<int64_t>(Big64(PQgetvalue(rows, 0, 0)));
    return Status();
  });
  if (!status.ok()) return status;
  return count;
}

Status PostgresSession::Apply(std::span<repository::Write* const> writes) {
  if (connection_->use() != Connection::Use::kWrite) {
    return Status(Code::kInternal, "READ_SESSION", "A session for reads was given a write.");
  }
  return Writer(connection_.get(), &plans_).Run(writes);
}

}  // namespace storegate::postgres
