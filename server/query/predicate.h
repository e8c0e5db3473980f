// Predicates: one language for request fields (`where`), partial indexes and
// `when`; a typed, checked tree that each backend compiles to its own query.
//
//   predicate  = comparison { "AND" comparison }
//   comparison = path operator value
//   path       = name { "." name }            into messages, maps, Structs
//   operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
//   value      = "text" | 'text' | number | true | false | ENUM_NAME | "$" [ name ]
//
// Source of the notation: google.aip.dev/160. Trees are two-valued: a comparison
// with an unset field is false, `!=` is NOT of `=`, kNot is the complement. A
// backend must compile them so (SQL's NULL must not leak through kNot).
//
// All values here are immutable once built: any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/query/value.h"
#include "server/schema/schema.h"

namespace storegate::query {

enum class Compare { kEq, kNe, kLt, kLe, kGt, kGe };

// Where a value is: a field of the entity, then into it.
struct Path {
  const schema::Field* field = nullptr;
  // Below the field: names of nested fields, keys of maps and Structs. Empty for
  // the field itself.
  std::vector<std::string> below;
  // What is at the end. For a path into a Struct: kValue.
  schema::Type type = schema::Type::kBool;
  schema::Presence presence = schema::Presence::kPlain;
  const schema::EnumType* enum_type = nullptr;
};

struct Predicate {
  enum class Kind {
    kTrue,
    kFalse,
    kAnd,       // of children
    kOr,        // of children
    kNot,       // of children[0]
    kCompare,   // path op value; value is never null
    kIn,        // path equals one of values
    kHas,       // list at path has an element equal to one of values; or the map
                // at path has one of them as a key
    kIsSet,     // the value at path is there (not null, not an empty list or map)
    kContains,  // folded text of path.field contains value, a folded string.
                // Nothing in the value is a pattern.
  };
  Kind kind = Kind::kTrue;
  std::vector<Predicate> children;
  Path path;
  Compare op = Compare::kEq;
  Value value;
  std::vector<Value> values;  // kIn, kHas

  static Predicate True() { return {}; }
  static Predicate And(std::vector<Predicate> children);  // flattens; drops kTrue
  static Predicate Or(std::vector<Predicate> children);
  static Predicate Not(Predicate child);
  static Predicate Equals(const schema::Field* field, Value value);
  static Predicate In(const schema::Field* field, std::vector<Value> values);
  static Predicate IsSet(const schema::Field* field);
};

// A predicate as written, with places for values of request fields. Parsed once
// at start; Bind makes the tree for one request.
class Template {
 public:
  // `request` is the message that $names mean, null where none may occur; `self`
  // the field that a bare $ means, or null. INVALID_ARGUMENT, reason
  // INVALID_FILTER, with "position" (bytes, from 0) in the metadata, on: an
  // unknown field, a type that does not fit, a bad literal, an operator that the
  // field does not have, more than 64 comparisons, more than 8,192 bytes.
  static Result<Template> Parse(std::string_view text, const schema::Entity& entity,
                                const google::protobuf::Descriptor* request,
                                const google::protobuf::FieldDescriptor* self);

  // Values come from `request` (may be null when the text has no $). A repeated
  // request field means any of its values; an unset one (plain zero: unset only
  // where the field has presence) makes its comparison true, as if not written;
  // `self` is taken as set. INVALID_ARGUMENT, reason INVALID_FIELD, naming the
  // request field, on: an enum number without a name, NaN, a NUL in a string, a
  // timestamp out of range.
  Result<Predicate> Bind(const google::protobuf::Message* request) const;

 private:
  struct Term;
  std::vector<std::shared_ptr<const Term>> terms_;
};

// The value at a request's or record's singular field as a Value of the type
// that its column would have; null when it has presence and is not set.
// INVALID_ARGUMENT as in Bind, naming `descriptor`.
Result<Value> ReadValue(const google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor* descriptor);

// For logs and tests, without values: "price_cents >= ? AND sizes : ?".
std::string Describe(const Predicate& predicate);

}  // namespace storegate::query
