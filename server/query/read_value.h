// Values out of messages, by reflection. ReadValue is in predicate.h.
#pragma once

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "server/base/status.h"
#include "server/query/value.h"

namespace storegate::query {

// As ReadValue, of one element of a repeated field; never null. Errors name
// "field[index]".
Result<Value> ReadElement(const google::protobuf::Message& message,
                          const google::protobuf::FieldDescriptor* descriptor, int index);

}  // namespace storegate::query
