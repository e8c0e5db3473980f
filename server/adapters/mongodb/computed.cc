// MongodbSession: what a query computes, and how one is answered.
#include <string>

#include "server/adapters/mongodb/aggregates.h"
#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/native.h"
#include "server/adapters/mongodb/session.h"
#include "server/base/log.h"
#include "server/repository/row_status.h"

namespace storegate::mongodb {

using repository::AggregateQuery;
using repository::NativeQuery;
using repository::Query;

Status MongodbSession::Aggregate(const AggregateQuery& query, repository::Sink* sink) {
  const bool plain = !abilities_.aggregates;
  if (plain && !IsPlain(query)) return Session::Aggregate(query, sink);
  if (Expired(query.deadline)) return repository::TooLate();
  const schema::Aggregate& aggregate = *query.aggregate;
  const Plan& plan = plans_.Of(aggregate.row.entity);
  const Selection all(aggregate.row.entity, {}, false);
  const Result<Bson> filter = plans_.Of(*query.entity).Matching(query.where, query.show_deleted);
  if (!filter.ok()) return filter.status();
  const Result<Bson> command =
      plain ? PlainAggregateCommand(query, *filter) : AggregateCommand(query, *filter);
  if (!command.ok()) return command.status();
  connection_->Begin(query.deadline);
  Cursor cursor(connection_.get(), *command);
  bool any = false, more = true;
  while (more) {
    const bson_t* document = cursor.Next();
    if (document == nullptr) break;
    any = true;
    const Bson named = plain ? NamedRow(query, document) : Bson();
    const bson_t* row = plain ? named.get() : document;
    Status status = CheckSums(aggregate, row);
    if (status.ok()) status = plan.ReadRow(row, all, sink, &more);
    if (!status.ok()) return status;
  }
  if (cursor.failure()) return cursor.status();
  // Of a collection that is not there some servers do not run a pipeline, and none groups
  // nothing without being told.
  if (!any && aggregate.groups.empty() && query.having.kind == query::Predicate::Kind::kTrue) {
    return plan.ReadRow(EmptyRow(aggregate).get(), all, sink, &more);
  }
  return {};
}

Status MongodbSession::Native(const NativeQuery& query, repository::Sink* sink) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Result<Bson> command = NativeCommand(query);
  if (!command.ok()) return command.status();
  const schema::Entity& row = query.native->row.entity;
  const Plan& plan = plans_.Of(row);
  const Selection all(row, {}, false);
  connection_->Begin(query.deadline);
  Cursor cursor(connection_.get(), *command);
  bool more = true;
  while (more) {
    const bson_t* document = cursor.Next();
    if (document == nullptr) break;
    Status status = plan.ReadRow(document, all, sink, &more);
    if (status.reason() == "MALFORMED_DATA") {
      Log(Level::kError, "a native query gives what is not of its field's type",
          {{"entity", query.entity->full_name}, {"field", status.metadata().at("field")}});
      return repository::NativeQueryFailed(*query.entity);
    }
    if (!status.ok()) return status;
  }
  return cursor.failure() ? NativeStatus(*cursor.failure(), *query.entity) : Status();
}

Result<std::string> MongodbSession::Explain(const Query& query) {
  if (Expired(query.deadline)) return repository::TooLate();
  const Plan& plan = plans_.Of(*query.entity);
  const Result<Bson> find =
      query.each != nullptr ? plan.ListEach(query, nullptr) : plan.List(query);
  if (!find.ok()) return find.status();
  Bson command;
  command.AddDocument("explain", *find).AddText("verbosity", "queryPlanner");
  connection_->Begin(query.deadline);
  const Answer answer = connection_->Read(command);
  if (!answer.ok()) {
    if (answer.failure->what == Failure::What::kUnsupported) return Session::Explain(query);
    return answer.failure->status;
  }
  char* json = bson_as_relaxed_extended_json(answer.reply.get(), nullptr);
  if (json == nullptr) return MalformedAnswer().status;
  std::string text = json;
  bson_free(json);
  return text;
}

}  // namespace storegate::mongodb
