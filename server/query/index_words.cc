// What index_choice.h says, in words.
#include <algorithm>
#include <string>
#include <vector>

#include "server/query/index_choice.h"
#include "server/schema/names.h"

namespace storegate::query {

using schema::Field;

namespace {

using Access = IndexChoice::Access;
using Kind = Predicate::Kind;
using Sort = IndexChoice::Sort;

std::string Shown(const std::string& index) { return index == kIdKey ? "the id" : index; }

std::string BoundsText(const IndexChoice& choice) {
  std::string text = choice.equal > 0 ? std::to_string(choice.equal) + " equal" : "";
  if (choice.range) text += text.empty() ? "range" : ", range";
  return Shown(choice.index) + " (" + text + ")";
}

// Whether an index may have the field, as schema/indexes.cc checks it.
bool Indexable(const Predicate& condition) {
  const Field* field = condition.path.field;
  const bool compares = (condition.kind == Kind::kCompare && condition.op != Compare::kNe) ||
                        condition.kind == Kind::kIn;
  return compares && condition.path.below.empty() && field->sortable() && !field->input_only &&
         field->role != schema::Role::kId;
}

// The fields of an index that would serve: what is compared for equality, then either one
// that is compared otherwise or what the order begins with.
std::vector<schema::IndexField> Wanted(const std::vector<const Predicate*>& conditions,
                                       const Order& order) {
  std::vector<schema::IndexField> fields;
  const auto add = [&](const Field* field, bool descending) {
    const auto same = [&](const schema::IndexField& each) { return each.field == field; };
    if (std::ranges::none_of(fields, same)) fields.push_back({field, descending});
  };
  const auto equal = [](const Predicate& condition) {
    return condition.kind == Kind::kIn || condition.op == Compare::kEq;
  };
  for (const Predicate* condition : conditions) {
    if (Indexable(*condition) && equal(*condition)) add(condition->path.field, false);
  }
  if (fields.empty()) {
    for (const Predicate* condition : conditions) {
      if (!fields.empty() || !Indexable(*condition)) continue;
      add(condition->path.field, false);
    }
    if (!fields.empty()) return fields;
  }
  if (fields.empty() && !conditions.empty()) return fields;
  for (const SortKey& key : order) {
    if (key.field->role == schema::Role::kId) break;
    add(key.field, key.descending);
  }
  return fields;
}

bool SameColumn(const schema::IndexField& a, const schema::IndexField& b) {
  return a.field == b.field && a.descending == b.descending;
}

bool Searches(const Predicate& predicate) {
  return predicate.kind == Kind::kContains || std::ranges::any_of(predicate.children, Searches);
}

}  // namespace

std::string Describe(const IndexChoice& choice) {
  const auto sorted = [&]() -> std::string {
    switch (choice.sort) {
      case Sort::kNone: return "";
      case Sort::kTies: return ", ties sorted";
      case Sort::kAll: return ", sorted";
    }
    return "";
  };
  switch (choice.access) {
    case Access::kNothing: return "reads nothing";
    case Access::kWhole: return "reads all, as asked";
    case Access::kAll:
      if (choice.index.empty()) return "reads all" + sorted();
      return "reads all, in order of " + Shown(choice.index) + sorted();
    case Access::kOrdered: return Shown(choice.index) + ", in order" + sorted();
    case Access::kSearch: return choice.index + " (trigrams)" + sorted();
    case Access::kBounds:
      if (choice.in_order.empty()) return BoundsText(choice) + sorted();
      return BoundsText(choice) + sorted() + "; or " + Shown(choice.in_order) + ", in order";
    case Access::kParts: break;
  }
  std::string text;
  for (const IndexChoice& part : choice.parts) {
    text += (text.empty() ? "" : " or ") + Describe(part);
  }
  return text + sorted();
}

std::string IndexChooser::Remedy(const Predicate& where, const Order& order,
                                 bool show_deleted) const {
  const std::vector<const Predicate*> conditions = Conditions(where);
  const std::vector<schema::IndexField> wanted = Wanted(conditions, order);
  // One that is there, and serves something else, is not to be had twice.
  const bool there = std::ranges::any_of(entity_.indexes, [&](const schema::Index& index) {
    return index.where.empty() && std::ranges::equal(index.fields, wanted, SameColumn);
  });
  if (!wanted.empty() && !there) {
    std::string index = "index: {";
    for (const schema::IndexField& part : wanted) {
      index += " fields: \"" + part.field->name + (part.descending ? " desc\"" : "\"");
    }
    return "An index of " + entity_.name + " would serve it: " + index + " }.";
  }
  std::string text;
  if (engine_ == Engine::kPostgres && Searches(where)) {
    text = entity_.search_index
               ? "The index of `search` serves texts with three letters or digits in a row. "
               : "`search_index: true` of " + entity_.name + " would make an index for `search`. ";
  }
  std::vector<std::string> fields;
  for (const TableIndex& index : indexes_) {
    if (index.trigrams || !index.where.empty() || index.rows == TableIndex::Rows::kDeleted ||
        (index.rows == TableIndex::Rows::kLiving && show_deleted)) {
      continue;
    }
    const std::string& name = index.columns[0].field->name;
    if (std::ranges::find(fields, name) == fields.end()) fields.push_back(name);
  }
  return text + "Conditions on " + schema::Listed(fields) +
         " are served by an index; join one with AND.";
}

}  // namespace storegate::query
