#include "server/query/index_choice.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

#include "server/base/text.h"
#include "server/query/related.h"

namespace storegate::query {

using schema::Field;
using schema::IndexField;

namespace {

using Access = IndexChoice::Access;
using Kind = Predicate::Kind;
using Sort = IndexChoice::Sort;

// So many ranges of an index MongoDB merges into one order.
// Source: the server's parameter internalQueryMaxScansToExplode.
constexpr size_t kMaxMergedRanges = 200;
// A text has no trigram of fewer letters.
constexpr int kTrigram = 3;

// PostgreSQL keeps such a field as uuid, and compares what is none as text.
// As ColumnOf in adapters/postgres/types.cc.
bool IsUuid(const Field& field) {
  if (field.references) return IsUuid(*field.references->field);
  return field.type == schema::Type::kString && field.format == schema::Format::kUuid &&
         (field.role == schema::Role::kId || field.required || field.nullable());
}

bool Comparable(const Field& field, const Value& value, Engine engine) {
  if (engine != Engine::kPostgres || !IsUuid(field)) return true;
  const auto* text = std::get_if<std::string>(&value);
  return text != nullptr && IsCanonicalUuid(*text);
}

// Letters and digits in a row, those of other scripts among them.
bool HasTrigram(std::string_view text) {
  int letters = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) == 0x80) continue;  // goes on with the character before
    const bool letter = byte >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z');
    letters = letter ? letters + 1 : 0;
    if (letters == kTrigram) return true;
  }
  return false;
}

bool Searched(const std::vector<const Predicate*>& conditions) {
  return std::ranges::any_of(conditions, [](const Predicate* condition) {
    const auto* text = std::get_if<std::string>(&condition->value);
    return condition->kind == Kind::kContains && text != nullptr && HasTrigram(*text);
  });
}

}  // namespace

// What is asked of one field.
struct IndexChooser::Bounds {
  size_t values = 0;  // that it equals one of; 0: it is not compared so
  bool range = false;
};

// How one index would serve.
struct IndexChooser::Candidate {
  const TableIndex* index = nullptr;
  size_t equal = 0;
  bool range = false;
  bool one = false;     // at most one record is between the bounds
  size_t ordered = 0;   // leading keys of the order that it gives

  bool bounds() const { return equal > 0 || range; }
};

IndexChooser::IndexChooser(const schema::Entity& entity, Engine engine)
    : entity_(entity), engine_(engine), indexes_(IndexesOf(entity, engine)) {}

// What the conditions ask of fields in columns of their own.
IndexChooser::FieldBounds IndexChooser::BoundsOf(
    const std::vector<const Predicate*>& conditions) const {
  FieldBounds fields;
  for (const Predicate* condition : conditions) {
    if (condition->kind == Kind::kRelated) {
      // Records that have one of the values that the others have which it holds for.
      const Relation relation = RelationOf(*condition->path.field);
      const IndexChoice others = IndexChooser(*relation.entity, engine_)
                                     .Choose(condition->children[0], {}, false);
      Bounds& bounds = fields[relation.here];
      const bool served = !others.unindexed() && others.access != Access::kWhole;
      if (served && bounds.values != 1) bounds.values = kMaxMergedRanges + 1;
      continue;
    }
    const Field* field = condition->path.field;
    if (field == nullptr || !condition->path.below.empty() || !field->sortable()) continue;
    if (condition->kind == Kind::kCompare && condition->op != Compare::kNe) {
      if (!Comparable(*field, condition->value, engine_)) continue;
      Bounds& bounds = fields[field];
      condition->op == Compare::kEq ? void(bounds.values = 1) : void(bounds.range = true);
    } else if (condition->kind == Kind::kIn) {
      Bounds& bounds = fields[field];
      if (bounds.values != 1) bounds.values = condition->values.size();
    } else if (condition->kind == Kind::kIsSet && field->nullable() && engine_ != Engine::kSqlite) {
      fields[field].range = true;
    }
  }
  return fields;
}

IndexChooser::Candidate IndexChooser::Match(const TableIndex& index, const FieldBounds& fields,
                                            const Order& order) const {
  Candidate candidate;
  candidate.index = &index;
  const auto find = [&](const Field* field) {
    const auto found = fields.find(field);
    return found == fields.end() ? Bounds{} : found->second;
  };
  size_t ranges = 1;  // of the index, that the equal columns make
  for (const IndexField& column : index.columns) {
    const Bounds bounds = find(column.field);
    candidate.range = bounds.values == 0 && bounds.range;
    if (bounds.values == 0) break;
    ++candidate.equal;
    ranges = std::min(ranges * bounds.values, kMaxMergedRanges + 1);
  }
  candidate.one = index.unique > 0 && candidate.equal >= index.unique && ranges == 1;
  if (candidate.one) {
    candidate.ordered = order.size();
    return candidate;
  }
  if (index.sparse && !candidate.bounds()) return candidate;
  if (ranges > 1 && (engine_ != Engine::kMongodb || ranges > kMaxMergedRanges)) return candidate;

  // Where a field has one value, it orders nothing.
  const auto constant = [&](const Field* field) {
    if (engine_ != Engine::kMongodb) return find(field).values == 1;
    const auto end = index.columns.begin() + static_cast<ptrdiff_t>(candidate.equal);
    return find(field).values == 1 &&
           std::find_if(index.columns.begin(), end, [&](const IndexField& column) {
             return column.field == field;
           }) != end;
  };
  size_t at = candidate.equal, given = 0;
  bool backward = false, started = false;
  for (; given < order.size(); ++given) {
    const SortKey& key = order[given];
    if (constant(key.field)) continue;
    while (at < index.columns.size() && index.columns[at].field != nullptr &&
           index.columns[at].field != key.field && constant(index.columns[at].field)) {
      ++at;
    }
    if (at < index.columns.size() && index.columns[at].field == key.field) {
      const bool against = index.columns[at].descending != key.descending;
      if (started && against != backward) break;
      backward = against;
      started = true;
      ++at;
      continue;
    }
    // SQLite knows that what follows all of a unique index' columns changes nothing.
    const bool total = engine_ == Engine::kSqlite && index.unique > 0 && at >= index.unique &&
                       std::all_of(index.columns.begin(),
                                   index.columns.begin() + static_cast<ptrdiff_t>(index.unique),
                                   [](const IndexField& c) { return !c.field->nullable(); });
    if (total) given = order.size();
    break;
  }
  if (engine_ == Engine::kMongodb && given < order.size()) given = 0;
  candidate.ordered = given;
  return candidate;
}

// An OR of which each side has an index.
bool IndexChooser::ChooseParts(const std::vector<const Predicate*>& conditions, bool show_deleted,
                               IndexChoice* choice) const {
  for (const Predicate* condition : conditions) {
    if (condition->kind != Kind::kOr) continue;
    IndexChoice parts;
    parts.access = Access::kParts;
    for (const Predicate& child : condition->children) {
      IndexChoice part = Choose(child, {}, show_deleted);
      if (part.access == Access::kAll || part.access == Access::kWhole) break;
      parts.parts.push_back(std::move(part));
    }
    if (parts.parts.size() < condition->children.size()) continue;
    if (std::ranges::all_of(parts.parts, [](const IndexChoice& part) {
          return part.access == Access::kSearch;
        })) {
      parts = std::move(parts.parts[0]);
    }
    *choice = std::move(parts);
    return true;
  }
  return false;
}

IndexChoice IndexChooser::Choose(const Predicate& where, const Order& order,
                                 bool show_deleted) const {
  IndexChoice choice;
  if (where.kind == Kind::kFalse) {
    choice.access = Access::kNothing;
    return choice;
  }
  const std::vector<const Predicate*> conditions = Conditions(where);
  if (conditions.empty() && order.empty()) {
    choice.access = Access::kWhole;
    return choice;
  }

  const FieldBounds fields = BoundsOf(conditions);
  Candidate bounds, ordered;
  const TableIndex* search = nullptr;
  for (const TableIndex& index : indexes_) {
    if (index.trigrams) {
      if (Searched(conditions)) search = &index;
      continue;
    }
    if (!Includes(index, conditions, show_deleted, engine_)) continue;
    const Candidate candidate = Match(index, fields, order);
    const auto rank = [](const Candidate& each) {
      // Of equal ones that with fewer records.
      return std::tuple(each.one, each.equal, each.range, each.ordered, each.index->where.size());
    };
    if (candidate.bounds() && (bounds.index == nullptr || rank(candidate) > rank(bounds))) {
      bounds = candidate;
    }
    if (!candidate.bounds() && candidate.ordered > ordered.ordered) ordered = candidate;
  }
  const auto sort_of = [&](size_t given) {
    return given >= order.size() ? Sort::kNone : given > 0 ? Sort::kTies : Sort::kAll;
  };

  if (search != nullptr && bounds.equal == 0) {
    choice.access = Access::kSearch;
    choice.index = search->name;
    choice.sort = sort_of(0);
  } else if (bounds.index != nullptr) {
    choice.access = Access::kBounds;
    choice.index = bounds.index->name;
    choice.equal = static_cast<int>(bounds.equal);
    choice.range = bounds.range;
    choice.sort = sort_of(bounds.ordered);
    if (bounds.equal == 0 && choice.sort != Sort::kNone && ordered.index != nullptr) {
      choice.in_order = ordered.index->name;
    }
  } else if (ChooseParts(conditions, show_deleted, &choice)) {
    choice.sort = sort_of(0);
  } else {
    choice.sort = sort_of(ordered.ordered);
    if (ordered.index != nullptr) choice.index = ordered.index->name;
    const bool served = conditions.empty() && ordered.index != nullptr;
    choice.access = served ? Access::kOrdered : Access::kAll;
  }
  return choice;
}

}  // namespace storegate::query
