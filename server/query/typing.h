// What a path of a predicate leads to, which values may be compared with it, and
// in which form they are kept. Internal to query/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "server/base/status.h"
#include "server/query/parser.h"
#include "server/query/predicate.h"

namespace storegate::query {

struct ResolvedPath {
  // Embeds that lead to the entity that `path` is of, in order.
  std::vector<const schema::Field*> through;
  Path path;  // of no field where it ends at an embed
  std::string written;  // "outer.title", for messages
  // Of the map that the path leads to or through last; null elsewhere.
  const google::protobuf::FieldDescriptor* map_key = nullptr;
};

// FilterError: an unknown field; one that is not stored and no embed, input only, or the
// etag; a name below something that has none; too many embeds.
Result<ResolvedPath> ResolvePath(const std::vector<PathPart>& parts, const schema::Entity& entity);

// What one value on the right of an operator must be.
struct Operand {
  enum class Meaning {
    kValue,      // compared with the value, or with the elements of a list
    kMapKey,     // the key of a map; kept as its text
    kStructKey,  // the name of a field of a Struct
  };
  Meaning meaning = Meaning::kValue;
  schema::Type type = schema::Type::kString;
  const schema::EnumType* enum_type = nullptr;
  bool lower_case = false;
  bool ordered = false;  // compared with < <= > >=
};

// FilterError where what the path leads to does not have the operator.
Result<Operand> CheckOperator(const ResolvedPath& resolved, const Comparison& comparison);

// The literal as a value of the operand. FilterError where it is none.
Result<Value> FromLiteral(const Token& literal, const ResolvedPath& resolved,
                          const Operand& operand);

// Whether a request field can give such a value; else a FilterError at `position`.
Status CheckRequestField(const google::protobuf::FieldDescriptor* field, size_t position,
                         const ResolvedPath& resolved, const Operand& operand);

// A value that ReadValue took from a request, in the operand's form. InvalidField
// naming `field` where it is out of the operand's range.
Result<Value> FromRequest(Value value, const std::string& field, const Operand& operand);

// Whether the message type is google.protobuf.<name>.
bool IsWellKnown(const google::protobuf::Descriptor* type, std::string_view name);

}  // namespace storegate::query
