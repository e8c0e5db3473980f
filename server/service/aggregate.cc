// Aggregates and native queries: rows that the database computes, as the method's
// option declares them.
#include <utility>

#include "server/base/text.h"
#include "server/base/time_zone.h"
#include "server/query/read_value.h"
#include "server/repository/wire_sink.h"
#include "server/service/context.h"
#include "server/service/joins.h"
#include "server/service/listing.h"
#include "server/service/reasons.h"
#include "server/service/reflect.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

// Rows that an aggregate without a limit may have.
constexpr int64_t kMaxRows = 10000;

Status TooLarge() {
  Status status(Code::kResourceExhausted, reason::kResponseTooLarge,
                "these rows are more than " + std::to_string(kMaxResponseBytes) +
                    " bytes, as much as one answer holds; ask for fewer");
  return status.With("limit", std::to_string(kMaxResponseBytes));
}

// Of a text of the schema, which was checked at start.
Status BindInto(const std::vector<Result<query::Template>>& templates, const Message* request,
                query::Predicate* predicate) {
  for (const Result<query::Template>& text : templates) {
    if (!text.ok()) {
      return Status(Code::kInternal, reason::kInternal, "a predicate of this method is wrong");
    }
    Result<query::Predicate> bound = text->Bind(request);
    if (!bound.ok()) return bound.status();
    *predicate = *std::move(bound);
  }
  return {};
}

Status ReadTimeZones(const schema::Aggregate& aggregate, const Message& request,
                     std::vector<std::string>* zones) {
  for (const schema::GroupBy& group : aggregate.groups) {
    std::string zone = group.time_zone;
    if (group.time_zone_field != nullptr) zone = GetString(request, group.time_zone_field);
    if (group.time_zone_field != nullptr && !zone.empty() && !IsTimeZone(zone)) {
      return Invalid(group.time_zone_field->name(),
                     "must be a name of the IANA time zone database, as \"Europe/Berlin\"; got " +
                         Quoted(zone),
                     reason::kInvalidTimeZone);
    }
    zones->push_back(zone == "UTC" ? std::string() : std::move(zone));
  }
  return {};
}

// Runs `ask` with a session and a sink for the rows, and answers with these.
void Submit(const CallPtr& call, std::string_view what, int64_t max_rows,
            std::function<Status(repository::Session*, repository::Sink*)> ask) {
  repository::SessionTask task;
  task.lane = repository::Lane::kScan;
  task.what = call->entity().full_name + " " + std::string(what);
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.run = [call, max_rows, ask = std::move(ask)](const Status& status,
                                                    repository::Session* session) {
    if (!status.ok()) return call->Fail(status);
    repository::WireSink sink(&call->rows, call->method().records->number());
    sink.StopAfter(kMaxResponseBytes);
    if (Status asked = ask(session, &sink); !asked.ok()) return call->Fail(asked);
    if (sink.full() || call->rows.size() > kMaxResponseBytes) return call->Fail(TooLarge());
    if (static_cast<int64_t>(sink.rows()) > max_rows) {
      return call->Fail(Status(Code::kResourceExhausted, reason::kTooManyGroups,
                               "there are more than " + std::to_string(max_rows) +
                                   " rows; narrow the request, or give the aggregate a limit")
                            .With("limit", std::to_string(max_rows)));
    }
    call->Succeed(std::move(call->rows));
  };
  call->executor().Submit(std::move(task));
}

Result<repository::NativeParameter> ReadParameter(const Message& request,
                                                  const FieldDescriptor* field) {
  repository::NativeParameter parameter;
  parameter.list = field->is_repeated();
  parameter.type = query::ScalarType(field).value_or(schema::Type::kString);
  if (!parameter.list) {
    Result<Value> value = query::ReadValue(request, field);
    if (!value.ok()) return value.status();
    if (!IsNull(*value)) parameter.values.push_back(*std::move(value));
    return parameter;
  }
  const int size = request.GetReflection()->FieldSize(request, field);
  if (size > query::kMaxValues) {
    return Invalid(field->name(), "must have at most " + std::to_string(query::kMaxValues) +
                                      " values; has " + std::to_string(size));
  }
  for (int i = 0; i < size; ++i) {
    Result<Value> value = query::ReadElement(request, field, i);
    if (!value.ok()) return value.status();
    parameter.values.push_back(*std::move(value));
  }
  return parameter;
}

}  // namespace

void Aggregate(const CallPtr& call) {
  if (Status status = call->Parse(/*write=*/false); !status.ok()) return call->Fail(status);
  const schema::Aggregate& aggregate = *call->method().aggregate;
  const MethodPlan& plan = call->context->PlanOf(call->method());
  auto query = std::make_shared<repository::AggregateQuery>();
  Status status = BindInto(plan.filter, call->request, &query->where);
  if (status.ok()) status = BindInto(plan.having, nullptr, &query->having);
  if (status.ok()) status = ReadTimeZones(aggregate, *call->request, &query->time_zones);
  if (!status.ok()) return call->Fail(status);
  if (status = CheckJoins(*call->context, call->entity(), query->where); !status.ok()) {
    return call->Fail(status);
  }
  status = call->context->unindexed.Check(call->method(), query->where, {}, query->show_deleted);
  if (!status.ok()) return call->Fail(status);
  query->entity = &call->entity();
  query->aggregate = &aggregate;
  query->order = plan.row_order;
  query->limit = aggregate.limit > 0 ? aggregate.limit : kMaxRows + 1;
  Submit(call, "aggregate", kMaxRows,
         [call, query](repository::Session* session, repository::Sink* sink) {
    query->deadline = QueryDeadline(*call);
    return QueryStatus(*call, query->deadline, session->Aggregate(*query, sink));
  });
}

void Native(const CallPtr& call) {
  if (Status status = call->Parse(/*write=*/false); !status.ok()) return call->Fail(status);
  auto query = std::make_shared<repository::NativeQuery>();
  query->entity = &call->entity();
  query->native = call->method().native.get();
  for (const FieldDescriptor* field : query->native->parameters) {
    Result<repository::NativeParameter> parameter = ReadParameter(*call->request, field);
    if (!parameter.ok()) return call->Fail(parameter.status());
    query->parameters.push_back(*std::move(parameter));
  }
  Submit(call, "native query", kMaxRows,
         [call, query](repository::Session* session, repository::Sink* sink) {
    query->deadline = QueryDeadline(*call);
    return QueryStatus(*call, query->deadline, session->Native(*query, sink));
  });
}

}  // namespace storegate::service
