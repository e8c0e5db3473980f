// List: a page of records that match the request's predicates and search.
#include <utility>

#include "server/base/text.h"
#include "server/query/order.h"
#include "server/service/context.h"
#include "server/service/paging.h"
#include "server/service/reasons.h"
#include "server/service/reflect.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using query::Predicate;

constexpr size_t kMaxSearchBytes = 1024;

struct Listing {
  CallPtr call;
  repository::Query query;
  Paging paging;
  std::string fingerprint;
  bool count = false;       // total_size is asked for
  int64_t total = 0;
};

// Templates were checked at start, where a mistake stops it.
Status BrokenPredicate() {
  return Status(Code::kInternal, reason::kInternal, "a predicate of this method cannot be read");
}

Status SearchPredicate(const CallPtr& call, std::vector<Predicate>* all) {
  const FieldDescriptor* field = call->method().search;
  const std::string search = GetString(*call->request, field);
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
  for (const schema::Field* searchable : call->entity().searchable) {
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

Status FilterPredicate(const CallPtr& call, std::vector<Predicate>* all) {
  const FieldDescriptor* field = call->method().filter;
  const std::string text = GetString(*call->request, field);
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return {};
  Result<query::Template> parsed =
      query::Template::Parse(text, call->entity(), nullptr, nullptr);
  if (!parsed.ok()) {
    Status status = parsed.status();
    return status.WithViolation(field->name(), parsed.status().message());
  }
  Result<Predicate> bound = parsed->Bind(nullptr);
  if (!bound.ok()) return bound.status();
  all->push_back(*std::move(bound));
  return {};
}

Result<Predicate> Where(const CallPtr& call) {
  const schema::Method& method = call->method();
  const MethodPlan& plan = call->context->PlanOf(method);
  std::vector<Predicate> all;
  for (const Result<query::Template>& when : plan.when) {
    if (!when.ok()) return BrokenPredicate();
    Result<Predicate> bound = when->Bind(nullptr);
    if (!bound.ok()) return BrokenPredicate();
    all.push_back(*std::move(bound));
  }
  for (size_t i = 0; i < method.predicates.size(); ++i) {
    if (!IsSet(*call->request, method.predicates[i].field)) continue;
    if (!plan.predicates[i].ok()) return BrokenPredicate();
    Result<Predicate> bound = plan.predicates[i]->Bind(call->request);
    if (!bound.ok()) return bound.status();
    all.push_back(*std::move(bound));
  }
  if (Status status = FilterPredicate(call, &all); !status.ok()) return status;
  if (Status status = SearchPredicate(call, &all); !status.ok()) return status;
  return Predicate::And(std::move(all));
}

// Everything about the request that can be wrong; then the query is complete.
Status ReadRequest(Listing* listing) {
  const CallPtr& call = listing->call;
  const schema::Method& method = call->method();
  Message* request = call->request;
  Result<Paging> paging = ReadPaging(method, *request, call->context->options.max_page_size);
  if (!paging.ok()) return paging.status();
  Result<query::Order> order =
      query::ParseOrder(GetString(*request, method.order_by), call->entity());
  if (!order.ok()) return order.status();
  Result<Predicate> where = Where(call);
  if (!where.ok()) return where.status();

  repository::Query& query = listing->query;
  query.entity = &call->entity();
  query.where = *std::move(where);
  query.show_deleted = GetBool(*request, method.show_deleted);
  query.order = *std::move(order);
  query.skip = paging->skip;
  query.limit = paging->size + 1;  // one more shows that another page follows
  query.deadline = call->call.deadline;
  listing->count = paging->page > 0 || GetBool(*request, method.include_total_size);
  listing->fingerprint = Fingerprint(method, query.order, request);
  if (!paging->token.empty()) {
    Result<std::vector<Value>> after =
        call->context->sealer.Open(paging->token, listing->fingerprint, query.order);
    if (!after.ok()) return after.status();
    query.after = *std::move(after);
  }
  listing->paging = *std::move(paging);
  return {};
}

void SetField(Message* message, const char* name, int64_t value) {
  const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(name);
  if (field != nullptr) SetInteger(message, field, value);
}

void SetPageInfo(const Listing& listing, Message* info) {
  const auto* r = info->GetReflection();
  const int64_t size = listing.paging.size, page = listing.paging.page;
  const int64_t pages = listing.total / size + (listing.total % size != 0);
  SetField(info, "page", page);
  SetField(info, "total_pages", pages);
  SetField(info, "total_size", listing.total);
  const Descriptor* type = info->GetDescriptor();
  if (const auto* next = type->FindFieldByName("has_next")) r->SetBool(info, next, page < pages);
  if (const auto* previous = type->FindFieldByName("has_previous")) {
    r->SetBool(info, previous, page > 1 && listing.total > 0);
  }
}

// The records are in the response already; what else it has is appended.
void AppendRest(const Listing& listing, const PageSink& sink, std::string* response) {
  const CallPtr& call = listing.call;
  const schema::Method& method = call->method();
  Message* rest = method.response->New(&call->arena);
  if (sink.more() && method.next_page_token != nullptr) {
    rest->GetReflection()->SetString(rest, method.next_page_token,
                                     call->context->sealer.Seal(listing.fingerprint, sink.last()));
  }
  if (listing.count && method.total_size != nullptr) {
    SetInteger(rest, method.total_size, listing.total);
  }
  if (listing.paging.page > 0 && method.page_info != nullptr) {
    SetPageInfo(listing, MutableMessageAt(rest, method.page_info));
  }
  rest->AppendToString(response);
}

void Run(const std::shared_ptr<Listing>& listing, repository::Session* session) {
  const CallPtr& call = listing->call;
  const FieldDescriptor* records = call->method().records;
  PageSink sink(&call->rows, records == nullptr ? 0 : records->number(), listing->paging.size,
                call->context->options.max_page_bytes);
  sink.SetEntity(&call->entity());
  sink.Remember(&listing->query.order);
  if (Status status = session->List(listing->query, &sink); !status.ok()) {
    return call->Fail(status);
  }
  sink.Finish();
  if (listing->count) {
    Result<int64_t> total = session->Count(listing->query);
    if (!total.ok()) return call->Fail(total.status());
    listing->total = *total;
  }
  AppendRest(*listing, sink, &call->rows);
  call->Succeed(std::move(call->rows));
}

}  // namespace

void List(const CallPtr& call) {
  if (Status status = call->Parse(/*write=*/false); !status.ok()) return call->Fail(status);
  auto listing = std::make_shared<Listing>();
  listing->call = call;
  if (Status status = ReadRequest(listing.get()); !status.ok()) return call->Fail(status);
  repository::SessionTask task;
  task.lane = repository::Lane::kScan;
  task.what = call->entity().full_name + " list";
  task.deadline = call->call.deadline;
  task.method = call->call.method;
  task.settled = call->call.settled;
  task.run = [listing](const Status& status, repository::Session* session) {
    if (!status.ok()) return listing->call->Fail(status);
    Run(listing, session);
  };
  call->executor().Submit(std::move(task));
}

}  // namespace storegate::service
