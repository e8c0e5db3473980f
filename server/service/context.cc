#include "server/service/context.h"

#include <algorithm>
#include <optional>

#include "server/base/text.h"
#include "server/service/reasons.h"
#include "server/service/violations.h"
#include "server/service/wire_check.h"

namespace storegate::service {
namespace {

void PlanAggregate(const schema::Method& method, MethodPlan* plan) {
  const schema::Aggregate& aggregate = *method.aggregate;
  const schema::Entity& row = aggregate.row.entity;
  if (!aggregate.filter.empty()) {
    plan->filter.push_back(query::Template::Parse(aggregate.filter, *method.entity,
                                                  method.request->GetDescriptor(), nullptr));
  }
  if (!aggregate.having.empty()) {
    plan->having.push_back(query::Template::Parse(aggregate.having, row, nullptr, nullptr));
  }
  if (Result<query::Order> order = query::ParseOrder(aggregate.order_by, row); order.ok()) {
    plan->row_order = *std::move(order);
  }
  // Groups differ in what they are groups of: with that the order is total.
  for (const schema::GroupBy& group : aggregate.groups) {
    const auto same = [&](const query::SortKey& key) { return key.field == group.into; };
    if (std::ranges::none_of(plan->row_order, same)) plan->row_order.push_back({group.into, false});
  }
}

MethodPlan MakePlan(const schema::Method& method) {
  MethodPlan plan;
  for (const schema::RequestPredicate& predicate : method.predicates) {
    plan.predicates.push_back(query::Template::Parse(predicate.where, *method.entity,
                                                     method.request->GetDescriptor(),
                                                     predicate.field));
  }
  if (!method.when.empty()) {
    plan.when.push_back(query::Template::Parse(method.when, *method.entity, nullptr, nullptr));
  }
  if (method.aggregate != nullptr) PlanAggregate(method, &plan);
  if (method.password != nullptr) {
    for (const schema::Field& field : method.entity->fields) {
      if (!field.password) continue;
      if (plan.password == nullptr || field.name == method.password->name()) {
        plan.password = &field;
      }
    }
  }
  return plan;
}

std::unique_ptr<const schema::Aggregate> MakeCount(const schema::Field& count) {
  auto aggregate = std::make_unique<schema::Aggregate>();
  schema::Entity& row = aggregate->row.entity;
  row.name = count.entity->name + "." + count.name;
  for (const schema::Field* source : {count.count, &count}) {
    schema::Field& field = row.fields.emplace_back(*source);
    field.entity = &row;
    field.index = static_cast<int>(row.fields.size()) - 1;
    field.name = field.column = source == &count ? "count" : "counted";
    field.role = schema::Role::kData;
    field.presence = schema::Presence::kOptional;
    field.references.reset();
    row.stored.push_back(&field);
  }
  aggregate->groups.push_back({count.count, {}, {}, nullptr, row.stored[0]});
  aggregate->computes.push_back({schema::Compute::Function::kCount, nullptr, row.stored[1]});
  return aggregate;
}

std::string ValueText(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  return "";
}

Status Missing(const schema::Entity& entity, const schema::Key& key,
               const repository::KeyValues& values, std::string_view reason, std::string what) {
  Status status(Code::kNotFound, reason, entity.name + " " + std::move(what));
  status.With("entity", entity.full_name);
  for (size_t i = 0; i < key.fields.size() && i < values.size(); ++i) {
    std::string text = ValueText(values[i]);
    status.With(key.fields[i]->name, text.size() <= 255 ? std::move(text) : std::string());
  }
  return status;
}

std::string NamesOf(const schema::Key& key) {
  std::string names;
  for (const schema::Field* field : key.fields) {
    if (!names.empty()) names += " and ";
    names += field->name;
  }
  return names;
}

}  // namespace

Context::Context(const schema::Schema& schema, Service::Routes routes, query::TokenSealer sealer,
                 Options options)
    : schema(schema),
      routes(std::move(routes)),
      sealer(std::move(sealer)),
      options(options),
      unindexed(this->routes, options.unindexed_queries),
      hasher(options.password_memory_bytes, options.password_passes, options.password_threads,
             options.password_queue_max),
      compute(options.compute_threads, options.compute_queue_max) {
  for (const schema::Entity& entity : schema.entities) {
    for (const schema::Field& field : entity.fields) {
      if (field.count != nullptr) counts.emplace(&field, MakeCount(field));
      if (field.embed_entity == nullptr) continue;
      Result<query::Order> order = query::ParseOrder(field.embed_order_by, *field.embed_entity);
      if (order.ok()) embed_orders.emplace(&field, *std::move(order));
    }
  }
  for (const schema::Store& store : schema.stores) {
    for (const schema::Method& method : store.methods) plans.emplace(&method, MakePlan(method));
  }
}

repository::Executor* Context::ExecutorOf(const schema::Entity* entity) const {
  const auto found = routes.find(entity);
  return found == routes.end() ? nullptr : found->second;
}

CallState::CallState(Context* context, Call call)
    : context(context),
      call(std::move(call)),
      home(context->ExecutorOf(this->call.method->entity)) {}

Status CallState::Parse(bool write, const google::protobuf::FieldDescriptor* batch) {
  WireLimits limits;
  limits.max_nesting = context->options.max_nesting;
  limits.refuse_unknown = write;
  limits.batch = batch;
  limits.max_batch = context->options.max_batch;
  const google::protobuf::Message& prototype = *method().request;
  if (Status status = CheckWire(call.request, *prototype.GetDescriptor(), limits); !status.ok()) {
    return status;
  }
  request = ParseChecked(call.request, prototype, &arena);
  // What was parsed is kept as the message only.
  std::string().swap(call.request);
  return {};
}

Status DeadlineExceeded() {
  return Status(Code::kDeadlineExceeded, reason::kDeadlineExceeded,
                "the deadline passed before the database was asked");
}

Status RecordNotFound(const schema::Entity& entity, const schema::Key& key,
                      const repository::KeyValues& values) {
  return Missing(entity, key, values, reason::kRecordNotFound,
                 "with this " + NamesOf(key) + " does not exist");
}

Status RecordDeleted(const schema::Entity& entity, const schema::Key& key,
                     const repository::KeyValues& values) {
  return Missing(entity, key, values, reason::kRecordDeleted,
                 "with this " + NamesOf(key) + " was deleted");
}

Result<std::optional<int64_t>> ReadEtag(const std::string& etag, std::string field) {
  if (etag.empty()) return std::optional<int64_t>();
  const std::optional<int64_t> version = ParseEtag(etag);
  if (!version) {
    return Invalid(std::move(field), "not an etag of this gateway; got " + Quoted(etag),
                   reason::kInvalidEtag);
  }
  return version;
}

}  // namespace storegate::service
