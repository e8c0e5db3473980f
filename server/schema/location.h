// Where descriptors and their options are written, from source info.
#pragma once

#include <vector>

#include <google/protobuf/descriptor.h>

#include "server/schema/schema.h"

namespace storegate::schema {

Location LocationOf(const google::protobuf::FieldDescriptor* field);
Location LocationOf(const google::protobuf::Descriptor* message);
Location LocationOf(const google::protobuf::ServiceDescriptor* service);
Location LocationOf(const google::protobuf::MethodDescriptor* method);

// Of an option of the message, service or method: `below` are field numbers from
// its options message, {51700, 3, 0}. The nearest that is known: where the whole
// option is written in one piece, that; where there is no option, the element.
Location LocationOfOption(const google::protobuf::Descriptor* message, std::vector<int> below);
Location LocationOfOption(const google::protobuf::ServiceDescriptor* service,
                          std::vector<int> below);
Location LocationOfOption(const google::protobuf::MethodDescriptor* method,
                          std::vector<int> below);

}  // namespace storegate::schema
