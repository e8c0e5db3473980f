#include "server/adapters/mongodb/session.h"

#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/types.h"
#include "server/repository/row_status.h"
#include "server/repository/value_index.h"
#include "server/repository/wire_sink.h"

namespace storegate::mongodb {

using repository::Found;
using repository::GetRequest;
using repository::KeyValues;
using repository::Query;
using repository::ValueIndex;

namespace {

// Documents of one value of Query::each that are passed over before the rest of them is
// left out by a find of its own: about as many as one answer brings.
constexpr int64_t kPassedOverMax = 100;

// Of a field that is not nested; null where there is none.
Result<Value> ValueIn(const bson_t* document, const schema::Field& field) {
  bson_iter_t at;
  if (!bson_iter_init_find(&at, document, std::string(NameOf(field)).c_str())) return Value();
  return ReadValue(at, field);
}

// Past the end of the values: none of them.
Result<size_t> FindDocument(const ValueIndex& values, const GetRequest& request,
                            const bson_t* document) {
  if (values.single()) return size_t{0};
  KeyValues key;
  for (const schema::Field* field : request.key->fields) {
    Result<Value> value = ValueIn(document, *field);
    if (!value.ok()) return value.status();
    key.push_back(*std::move(value));
  }
  return values.Find(key);
}

}  // namespace

Status MongodbSession::Get(const GetRequest& request, repository::WireSink* sink,
                           std::vector<Found>* found) {
  found->assign(request.values.size(), Found());
  if (request.values.empty()) return {};
  if (Expired(request.deadline)) return repository::TooLate();
  const Plan& plan = plans_.Of(*request.entity);
  const ValueIndex values(request);
  const Selection selection(*request.entity, request.fields, request.with_secrets);
  connection_->Begin(request.deadline);
  Cursor cursor(connection_.get(), plan.Get(request));
  size_t living = 0;
  while (const bson_t* document = cursor.Next()) {
    Result<size_t> which = FindDocument(values, request, document);
    if (!which.ok()) return which.status();
    if (*which >= found->size()) continue;
    Found& entry = (*found)[*which];
    const bool deleted = plan.IsDeleted(document);
    // Of several deleted ones with a value any one will do, and a living one wins.
    if (entry.found && (deleted || !entry.deleted)) continue;
    const size_t begin = sink->size();
    bool more;
    Status status = plan.ReadRow(document, selection, sink, &more);
    if (!status.ok()) return status;
    entry = {true, deleted, begin, sink->size()};
    // All are there: do not look for deleted ones.
    if (!deleted && ++living == found->size()) return {};
  }
  return cursor.status();
}

Status MongodbSession::List(const Query& query, repository::Sink* sink) {
  if (query.limit <= 0) return {};
  if (Expired(query.deadline)) return repository::TooLate();
  if (query.each != nullptr) return ListEach(query, sink);
  const Plan& plan = plans_.Of(*query.entity);
  const Selection selection(*query.entity, query.fields, query.with_secrets);
  const Result<Bson> command = plan.List(query);
  if (!command.ok()) return command.status();
  connection_->Begin(query.deadline);
  Cursor cursor(connection_.get(), *command);
  bool more = true;
  while (more) {
    const bson_t* document = cursor.Next();
    if (document == nullptr) return cursor.status();
    Status status = plan.ReadRow(document, selection, sink, &more);
    if (!status.ok()) return status;
  }
  return {};
}

// Servers have no way in common to take some of each but to hold all in memory.
Status MongodbSession::ListEach(const Query& query, repository::Sink* sink) {
  const Plan& plan = plans_.Of(*query.entity);
  const Selection selection(*query.entity, query.fields, query.with_secrets);
  connection_->Begin(query.deadline);
  std::optional<Value> each;  // the last document's
  int64_t rows = 0, of_each = 0;
  for (bool behind = false;;) {
    const Result<Bson> command = plan.ListEach(query, behind ? &*each : nullptr);
    if (!command.ok()) return command.status();
    Cursor cursor(connection_.get(), *command);
    behind = false;
    while (const bson_t* document = cursor.Next()) {
      Result<Value> value = ValueIn(document, *query.each);
      if (!value.ok()) return value.status();
      if (each != *value) of_each = 0;
      each = *std::move(value);
      ++of_each;
      if (query.each_limit > 0 && of_each > query.each_limit) {
        behind = of_each > query.each_limit + kPassedOverMax;
        if (behind) break;
        continue;
      }
      bool more;
      Status status = plan.ReadRow(document, selection, sink, &more);
      if (!status.ok() || !more || ++rows == query.limit) return status;
    }
    if (!behind) return cursor.status();
  }
}

Result<int64_t> MongodbSession::Count(const Query& query) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Result<Bson> command = plans_.Of(*query.entity).Count(query);
  if (!command.ok()) return command.status();
  connection_->Begin(query.deadline);
  Cursor cursor(connection_.get(), *command);
  const bson_t* document = cursor.Next();
  if (cursor.failure()) return cursor.status();
  bson_iter_t at;
  if (document == nullptr) return int64_t{0};
  if (!bson_iter_init_find(&at, document, "n") || !BSON_ITER_HOLDS_NUMBER(&at)) {
    return MalformedAnswer().status;
  }
  return bson_iter_as_int64(&at);
}

Status MongodbSession::Apply(std::span<repository::Write* const> writes) {
  return Writer(connection_.get(), &plans_, abilities_.transactions).Run(writes);
}

}  // namespace storegate::mongodb
