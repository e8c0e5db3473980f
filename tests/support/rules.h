// The rules of a field as its proto says them, read without the loader: what is
// tested must not tell the tests what to expect.
#pragma once

#include <google/protobuf/descriptor.h>

#include "storegate/v1/schema.pb.h"

namespace storegate::test {

using Rules = storegate::v1::FieldOptions;

// Of a field of an entity or of a message inside one. Any thread.
const Rules& RulesOf(const google::protobuf::FieldDescriptor* field);

}  // namespace storegate::test
