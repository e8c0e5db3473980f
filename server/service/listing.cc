#include "server/service/listing.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "server/base/text.h"
#include "server/query/order.h"
#include "server/service/joins.h"
#include "server/service/paging.h"
#include "server/service/reasons.h"
#include "server/service/reflect.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using query::Predicate;

constexpr size_t kMaxSearchBytes = 1024;

// Templates were checked at start, where a mistake stops it.
Status BrokenPredicate() {
  return Status(Code::kInternal, reason::kInternal, "a predicate of this method cannot be read");
}

Status SearchPredicate(const CallState& call, std::vector<Predicate>* all) {
  const FieldDescriptor* field = call.method().search;
  const std::string search = GetString(*call.request, field);
  if (search.empty()) return {};
  if (search.size() > kMaxSearchBytes) {
    return Invalid(field->name(), "must be at most " + std::to_string(kMaxSearchBytes) +
                                      " bytes; has " + std::to_string(search.size()));
  }
  if (search.find('\0') != std::string::npos) {
    return Invalid(field->name(), "must not hold a NUL");
  }
  const std::string folded = FoldCase(search);
  std::vector<Predicate> any;
  for (const schema::Field* searchable : call.entity().searchable) {
    Predicate contains;
    contains.kind = Predicate::Kind::kContains;
    contains.path.field = searchable;
    contains.path.type = searchable->type;
    contains.path.presence = searchable->presence;
    contains.value = folded;
    any.push_back(std::move(contains));
  }
  all->push_back(Predicate::Or(std::move(any)));
  return {};
}

Status FilterPredicate(const CallState& call, std::vector<Predicate>* all) {
  const FieldDescriptor* field = call.method().filter;
  const std::string text = GetString(*call.request, field);
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return {};
  Result<query::Template> parsed =
      query::Template::Parse(text, call.entity(), nullptr, nullptr);
  if (!parsed.ok()) {
    Status status = parsed.status();
    return status.WithViolation(field->name(), parsed.status().message());
  }
  Result<Predicate> bound = parsed->Bind(nullptr);
  if (!bound.ok()) return bound.status();
  all->push_back(*std::move(bound));
  return {};
}

Result<Predicate> Where(const CallState& call) {
  const schema::Method& method = call.method();
  const MethodPlan& plan = call.context->PlanOf(method);
  std::vector<Predicate> all;
  for (const Result<query::Template>& when : plan.when) {
    if (!when.ok()) return BrokenPredicate();
    Result<Predicate> bound = when->Bind(nullptr);
    if (!bound.ok()) return BrokenPredicate();
    all.push_back(*std::move(bound));
  }
  for (size_t i = 0; i < method.predicates.size(); ++i) {
    if (!IsSet(*call.request, method.predicates[i].field)) continue;
    if (!plan.predicates[i].ok()) return BrokenPredicate();
    Result<Predicate> bound = plan.predicates[i]->Bind(call.request);
    if (!bound.ok()) return bound.status();
    all.push_back(*std::move(bound));
  }
  if (Status status = FilterPredicate(call, &all); !status.ok()) return status;
  if (Status status = SearchPredicate(call, &all); !status.ok()) return status;
  return Predicate::And(std::move(all));
}

}  // namespace

Deadline QueryDeadline(const CallState& call) {
  return std::min(call.call.deadline,
                  std::chrono::steady_clock::now() + call.context->options.query_time);
}

Status QueryStatus(const CallState& call, Deadline deadline, const Status& status) {
  // Databases count in steps of their own, and may be early by one.
  const Deadline about = deadline - call.context->options.query_time / 8;
  if (status.code() != Code::kDeadlineExceeded || !Expired(about) || Expired(call.call.deadline)) {
    return status;
  }
  const std::string limit = std::to_string(call.context->options.query_time.count());
  return Status(Code::kResourceExhausted, reason::kQueryTooExpensive,
                "the query was given up after " + limit + " ms, as long as one may take; ask for "
                "less, or give " + call.entity().name + " an index that serves it")
      .With("limit_ms", limit);
}

Status ReadListQuery(const CallState& call, ListQuery* list) {
  const schema::Method& method = call.method();
  Message* const request = call.request;
  Result<query::Order> order =
      query::ParseOrder(GetString(*request, method.order_by), call.entity());
  if (!order.ok()) return order.status();
  Result<Predicate> where = Where(call);
  if (!where.ok()) return where.status();
  if (Status status = CheckJoins(*call.context, call.entity(), *where); !status.ok()) {
    return status;
  }
  Result<Selection> selection = ReadSelection(method, *request);
  if (!selection.ok()) return selection.status();
  list->selection = *std::move(selection);
  repository::Query& query = list->query;
  query.entity = &call.entity();
  query.where = *std::move(where);
  query.show_deleted = GetBool(*request, method.show_deleted);
  query.order = *std::move(order);
  std::vector<const schema::Field*> keys;
  for (const query::SortKey& key : query.order) keys.push_back(key.field);
  query.fields = list->selection.ReadWith(std::move(keys));
  if (Status status = call.context->unindexed.Check(method, query.where, query.order,
                                                    query.show_deleted);
      !status.ok()) {
    return status;
  }
  const std::string token = GetString(*request, method.page_token);
  list->fingerprint = Fingerprint(method, query.order, request);
  if (token.empty()) return {};
  Result<std::vector<Value>> after =
      call.context->sealer.Open(token, list->fingerprint, query.order);
  if (!after.ok()) return after.status();
  query.after = *std::move(after);
  return {};
}

}  // namespace storegate::service
