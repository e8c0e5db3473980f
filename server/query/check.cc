#include "server/query/check.h"

#include <string>
#include <utility>

#include "server/query/order.h"
#include "server/query/predicate.h"

namespace storegate::query {
namespace {

class Checker {
 public:
  std::vector<schema::Diagnostic> Run(const schema::Schema& schema) {
    for (const schema::Entity& entity : schema.entities) CheckEntity(entity);
    for (const schema::Store& store : schema.stores) {
      for (const schema::Method& method : store.methods) CheckMethod(method);
    }
    return std::move(diagnostics_);
  }

 private:
  void Report(const schema::Location& at, std::string message) {
    diagnostics_.push_back({at.file, at.line, at.column, std::move(message)});
  }

  void CheckEntity(const schema::Entity& entity) {
    if (Result<Order> order = ParseOrder("", entity); !order.ok()) {
      Report(entity.location, "default_order_by of " + entity.name + " is wrong: " +
                                  order.status().message());
    }
    for (const schema::Field& field : entity.fields) {
      if (field.embed_order_by.empty() || field.embed_entity == nullptr) continue;
      Result<Order> order = ParseOrder(field.embed_order_by, *field.embed_entity);
      if (order.ok()) continue;
      Report(field.location, "embed_order_by of " + entity.name + "." + field.name +
                                 " is wrong: " + order.status().message());
    }
    for (const schema::Index& index : entity.indexes) CheckIndex(index, entity);
  }

  void CheckIndex(const schema::Index& index, const schema::Entity& entity) {
    if (index.where.empty()) return;
    const std::string what = "where of index " + index.name + " is wrong: ";
    Result<Template> parsed = Template::Parse(index.where, entity, nullptr, nullptr);
    if (!parsed.ok()) return Report(index.location, what + parsed.status().message());
    Result<Predicate> predicate = parsed->Bind(nullptr);
    if (!predicate.ok()) return Report(index.location, what + predicate.status().message());
    const schema::Field* wrong = NotIndexable(*predicate);
    if (wrong == nullptr) return;
    Report(index.location, what + wrong->name + " is not a single value of its own column; " +
                               "compare fields of " + entity.name + " itself that are");
  }

  // A field in the predicate that no partial index of every backend can look at.
  static const schema::Field* NotIndexable(const Predicate& predicate) {
    for (const Predicate& child : predicate.children) {
      if (const schema::Field* wrong = NotIndexable(child)) return wrong;
    }
    const Path& path = predicate.path;
    if (path.field == nullptr) return nullptr;
    return path.below.empty() && path.field->sortable() ? nullptr : path.field;
  }

  void CheckMethod(const schema::Method& method) {
    if (!method.when.empty()) {
      Result<Template> parsed = Template::Parse(method.when, *method.entity, nullptr, nullptr);
      if (!parsed.ok()) {
        Report(method.location,
               "when of " + method.name + " is wrong: " + parsed.status().message());
      }
    }
    if (method.aggregate != nullptr) CheckAggregate(method, *method.aggregate);
    for (const schema::RequestPredicate& predicate : method.predicates) {
      const auto* request = predicate.field->containing_type();
      Result<Template> parsed =
          Template::Parse(predicate.where, *method.entity, request, predicate.field);
      if (parsed.ok()) continue;
      Report(predicate.location, "where of " + request->name() + "." + predicate.field->name() +
                                     " is wrong: " + parsed.status().message());
    }
  }

  void CheckAggregate(const schema::Method& method, const schema::Aggregate& aggregate) {
    const auto report = [&](const char* what, const Status& status) {
      if (status.ok()) return;
      Report(method.location,
             what + std::string(" of ") + method.name + " is wrong: " + status.message());
    };
    const schema::Entity& row = aggregate.row.entity;
    const auto check = [&](const char* what, const std::string& text, const schema::Entity& entity,
                           const google::protobuf::Descriptor* request) {
      if (text.empty()) return;
      report(what, Template::Parse(text, entity, request, nullptr).status());
    };
    check("filter", aggregate.filter, *method.entity, method.request->GetDescriptor());
    check("having", aggregate.having, row, nullptr);
    report("order_by", ParseOrder(aggregate.order_by, row).status());
  }

  std::vector<schema::Diagnostic> diagnostics_;
};

}  // namespace

std::vector<schema::Diagnostic> CheckTexts(const schema::Schema& schema) {
  return Checker().Run(schema);
}

}  // namespace storegate::query
