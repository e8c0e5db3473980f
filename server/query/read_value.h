// Values out of messages, by reflection. ReadValue is in predicate.h.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <optional>

#include "server/base/status.h"
#include "server/query/value.h"
#include "server/schema/schema.h"

namespace storegate::query {

// As ReadValue, of one element of a repeated field; never null. Errors name
// "field[index]".
Result<Value> ReadElement(const google::protobuf::Message& message,
                          const google::protobuf::FieldDescriptor* descriptor, int index);

// The type of a singular field's value, or of a list's elements: wrappers are
// what they wrap. Empty for what no Value holds: uint64, messages, Structs, maps.
std::optional<schema::Type> ScalarType(const google::protobuf::FieldDescriptor* descriptor);

}  // namespace storegate::query
