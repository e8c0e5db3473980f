#include "server/service/unindexed.h"

#include <functional>
#include <optional>
#include <string>

#include "server/base/log.h"
#include "server/service/reasons.h"

namespace storegate::service {
namespace {

// Callers make shapes, with `filter`: their number and length are bounded.
constexpr size_t kMaxLogged = 1000;
constexpr size_t kMaxShapeBytes = 500;

std::string ShapeOf(const query::Predicate& where, const query::Order& order) {
  const bool all = where.kind == query::Predicate::Kind::kTrue;
  std::string shape = all ? "all records" : query::Describe(where);
  if (shape.size() > kMaxShapeBytes) {
    shape = shape.substr(0, kMaxShapeBytes) + "… (" + std::to_string(shape.size()) + " bytes)";
  }
  for (size_t i = 0; i < order.size(); ++i) {
    shape += (i == 0 ? " ordered by " : ", ") + order[i].field->name;
    if (order[i].descending) shape += " desc";
  }
  return shape;
}

}  // namespace

UnindexedQueries::UnindexedQueries(const Service::Routes& routes, Options::Unindexed policy)
    : policy_(policy) {
  for (const auto& [entity, executor] : routes) {
    const std::optional<query::Engine> engine = query::EngineNamed(executor->backend().kind());
    if (engine) choosers_.try_emplace(entity, *entity, *engine);
  }
}

Status UnindexedQueries::Check(const schema::Method& method, const query::Predicate& where,
                               const query::Order& order, bool show_deleted) {
  const auto chooser = choosers_.find(method.entity);
  if (chooser == choosers_.end()) return {};
  const query::IndexChoice choice = chooser->second.Choose(where, order, show_deleted);
  if (!choice.unindexed()) return {};
  const std::string shape = ShapeOf(where, order);
  const bool refused = policy_ == Options::Unindexed::kRefuse;
  const bool first = FirstOfItsShape(method.full_name + " " + shape);
  if (!first && !refused) return {};
  const std::string remedy = chooser->second.Remedy(where, order, show_deleted);
  if (first) {
    Log(Level::kWarn, refused ? "an unindexed query was refused" : "an unindexed query",
        {{"method", method.full_name},
         {"query", shape},
         {"plan", query::Describe(choice)},
         {"remedy", remedy}});
  }
  if (!refused) return {};
  return Status(Code::kFailedPrecondition, reason::kUnindexedQuery,
                "no index serves " + shape + ", and this gateway does not read all records of " +
                    method.entity->name + " for it. " + remedy)
      .With("entity", method.entity->full_name)
      .With("query", shape);
}

bool UnindexedQueries::FirstOfItsShape(const std::string& shape) {
  std::lock_guard lock(mutex_);
  if (logged_.size() >= kMaxLogged) return false;
  const bool first = logged_.insert(std::hash<std::string>()(shape)).second;
  if (first && logged_.size() == kMaxLogged) {
    Log(Level::kWarn, "unindexed queries of further shapes are not logged",
        {{"shapes", kMaxLogged}});
  }
  return first;
}

}  // namespace storegate::service
