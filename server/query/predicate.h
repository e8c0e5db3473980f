// Predicates: one language for request fields (`where`), partial indexes and
// `when`; a typed, checked tree that each backend compiles to its own query.
//
//   predicate  = factor { "AND" factor }
//   factor     = term { "OR" term }           OR binds more tightly than AND
//   term       = [ "NOT" | "-" ] ( comparison | "(" predicate ")" )
//   comparison = path operator value
//              | path ":" "*"                 it is set; a list or map is not empty
//              | path "IN" "(" value { "," value } ")"
//   path       = name { "." name }            into messages, maps, Structs
//   operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
//   value      = "text" | 'text' | number | true | false | ENUM_NAME
//              | duration | "$" [ name ]
//
// Source of the notation: google.aip.dev/160; IN is ours. tokenizer.h has the words: escapes
// in texts, "2026-01-31T23:59:59Z" for times, 1.5s for durations, base64 for
// bytes. A name in a path may be a key in quotes (labels."dark red").
//
// A star at the begin or the end of a text that a single text is compared with by = or != (or :)
// is a wildcard: "Red*", "*ed", "*e*"; \* is a star. A value of a request has none.
//
// Trees are two-valued: a comparison with an unset field is false, `!=` is NOT of
// `=`, kNot is the complement. A backend must compile them so (SQL's NULL must
// not leak through kNot). A plain field inside a message that is there has its
// zero value; inside one that is not there it is unset.
//
// What has which operator:
//   bool, enum, bytes     = != and :, which is = for a single value
//   other single values   all; but durations inside messages only = != and :
//   list of such          :  an element equals the value
//   (IN is where = is)
//   map                   :  there is such a key (a value of the keys' type)
//   Struct, Value         :  there is such a key, its value not null; paths into
//                         them compare with texts, numbers, true and false, each
//                         with values of its own type only
//
// All values here are immutable once built: any thread.
#pragma once

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

// kNe is not made by Template: `!=` is kNot of kEq. A backend takes it as that.
enum class Compare { kEq, kNe, kLt, kLe, kGt, kGe };

// A list of a request holds at most so many values where a predicate takes it.
inline constexpr int kMaxValues = 1000;

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
                // at path (presence kMap) has one of them as a key: strings, keys
                // that are numbers or bools as JSON writes them ("5", "true")
    kIsSet,     // the value at path is there: no null but that of a record's own field
                // of type Value, no empty list or map (empty Structs and messages are)
    kContains,  // folded text of path.field contains value, a folded string.
                // Nothing in the value is a pattern.
    kEndsWith,  // the text at path ends with value, a string that is not empty; in a
                // Struct: it is a text, and ends so. By code points, not folded
    kIncludes,  // the same, and has it anywhere
    kRelated,   // path.field is an embed; children[0], a predicate over its entity,
                // holds for a living record that it would be filled with. Only for
                // databases with Capabilities::joins
  };
  Kind kind = Kind::kTrue;
  std::vector<Predicate> children;  // kAnd, kOr: two or more
  Path path;
  Compare op = Compare::kEq;
  Value value;
  std::vector<Value> values;  // kIn: two or more; kHas: one or more; may repeat

  static Predicate True() { return {}; }
  // And, Or: flattened; what changes nothing is dropped, what decides all is all.
  static Predicate And(std::vector<Predicate> children);
  static Predicate Or(std::vector<Predicate> children);
  static Predicate Not(Predicate child);
  // Of a single value. Equality with null is kFalse, and so is In of nothing.
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
  // field does not have, and what is too long or too deep (parser.h, tokenizer.h).
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
  struct Node;
  struct Builder;
  std::shared_ptr<const Node> root_;  // null: always true
};

// The value at a request's or record's singular field as a Value of the type
// that its column would have; null when it has presence and is not set.
// INVALID_ARGUMENT as in Bind, naming `descriptor`.
Result<Value> ReadValue(const google::protobuf::Message& message,
                        const google::protobuf::FieldDescriptor* descriptor);

// For logs and tests, without values and keys: "age >= ? AND tags : ?".
std::string Describe(const Predicate& predicate);

}  // namespace storegate::query
