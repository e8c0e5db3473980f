#include "server/query/predicate.h"

#include <utility>

namespace storegate::query {
namespace {

using Kind = Predicate::Kind;

Path PathOf(const schema::Field* field) {
  return Path{field, {}, field->type, field->presence, field->enum_type};
}

// kAnd and kOr differ in what changes nothing and what decides all.
Predicate Join(Kind kind, Kind neutral, Kind decisive, std::vector<Predicate> children) {
  std::vector<Predicate> kept;
  for (Predicate& child : children) {
    if (child.kind == neutral) continue;
    if (child.kind == decisive) {
      kept.clear();
      kept.push_back(std::move(child));
      break;
    }
    if (child.kind == kind) {
      for (Predicate& inner : child.children) kept.push_back(std::move(inner));
    } else {
      kept.push_back(std::move(child));
    }
  }
  if (kept.size() == 1) return std::move(kept[0]);
  Predicate joined;
  joined.kind = kept.empty() ? neutral : kind;
  joined.children = std::move(kept);
  return joined;
}

std::string_view CompareText(Compare op) {
  switch (op) {
    case Compare::kEq: return " = ?";
    case Compare::kNe: return " != ?";
    case Compare::kLt: return " < ?";
    case Compare::kLe: return " <= ?";
    case Compare::kGt: return " > ?";
    case Compare::kGe: return " >= ?";
  }
  return " ? ?";
}

// Names of the schema as they are; keys of maps and Structs are data.
std::string PathText(const Path& path) {
  std::string text = path.field->name;
  const schema::Shape* shape = path.field;
  bool in_map = shape->presence == schema::Presence::kMap;
  for (const std::string& part : path.below) {
    const bool named = !in_map && shape != nullptr && shape->type == schema::Type::kMessage;
    if (named) {
      shape = shape->message->Find(part);
      in_map = shape != nullptr && shape->presence == schema::Presence::kMap;
    } else {
      in_map = false;
    }
    text += named ? "." + part : ".?";
  }
  return text;
}

void Append(const Predicate& predicate, bool inside, std::string* out) {
  const auto join = [&](std::string_view word) {
    if (inside) *out += '(';
    for (size_t i = 0; i < predicate.children.size(); ++i) {
      if (i > 0) *out += word;
      Append(predicate.children[i], true, out);
    }
    if (inside) *out += ')';
  };
  switch (predicate.kind) {
    case Kind::kTrue: *out += "true"; return;
    case Kind::kFalse: *out += "false"; return;
    case Kind::kAnd: return join(" AND ");
    case Kind::kOr: return join(" OR ");
    case Kind::kNot:
      *out += "NOT ";
      return Append(predicate.children[0], true, out);
    case Kind::kCompare:
      *out += PathText(predicate.path);
      *out += CompareText(predicate.op);
      return;
    case Kind::kIn: *out += PathText(predicate.path) + " = any ?"; return;
    case Kind::kHas: *out += PathText(predicate.path) + " : ?"; return;
    case Kind::kIsSet: *out += PathText(predicate.path) + " : *"; return;
    case Kind::kContains: *out += PathText(predicate.path) + " contains ?"; return;
    case Kind::kEndsWith: *out += PathText(predicate.path) + " = *?"; return;
    case Kind::kIncludes: *out += PathText(predicate.path) + " = *?*"; return;
    case Kind::kRelated:
      *out += PathText(predicate.path) + " with ";
      return Append(predicate.children[0], true, out);
  }
}

}  // namespace

Predicate Predicate::And(std::vector<Predicate> children) {
  return Join(Kind::kAnd, Kind::kTrue, Kind::kFalse, std::move(children));
}

Predicate Predicate::Or(std::vector<Predicate> children) {
  return Join(Kind::kOr, Kind::kFalse, Kind::kTrue, std::move(children));
}

Predicate Predicate::Not(Predicate child) {
  Predicate negated;
  switch (child.kind) {
    case Kind::kTrue: negated.kind = Kind::kFalse; return negated;
    case Kind::kFalse: return negated;
    case Kind::kNot: negated = std::move(child.children[0]); return negated;
    default: break;
  }
  negated.kind = Kind::kNot;
  negated.children.push_back(std::move(child));
  return negated;
}

Predicate Predicate::Equals(const schema::Field* field, Value value) {
  Predicate predicate;
  if (IsNull(value)) {
    predicate.kind = Kind::kFalse;
    return predicate;
  }
  predicate.kind = Kind::kCompare;
  predicate.path = PathOf(field);
  predicate.op = Compare::kEq;
  predicate.value = std::move(value);
  return predicate;
}

Predicate Predicate::In(const schema::Field* field, std::vector<Value> values) {
  Predicate predicate;
  if (values.empty()) {
    predicate.kind = Kind::kFalse;
    return predicate;
  }
  if (values.size() == 1) return Equals(field, std::move(values[0]));
  predicate.kind = Kind::kIn;
  predicate.path = PathOf(field);
  predicate.values = std::move(values);
  return predicate;
}

Predicate Predicate::IsSet(const schema::Field* field) {
  Predicate predicate;
  predicate.kind = Kind::kIsSet;
  predicate.path = PathOf(field);
  return predicate;
}

std::string Describe(const Predicate& predicate) {
  std::string out;
  Append(predicate, false, &out);
  return out;
}

}  // namespace storegate::query
