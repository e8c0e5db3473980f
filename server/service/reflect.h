// Access to the fields of messages that are known by descriptor only. All
// messages here are dynamic: generated types must not be assumed, not even for
// google.protobuf's own, since a schema may bring its own copies of them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "server/schema/schema.h"

namespace storegate::service {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// One value: the field itself, or element `index` of a repeated one.
inline constexpr int kSingular = -1;

// Any integer type. REQUIRES: the field is one.
int64_t IntegerAt(const Message& message, const FieldDescriptor* field, int index = kSingular);
// float or double.
double NumberAt(const Message& message, const FieldDescriptor* field, int index = kSingular);
void SetNumberAt(Message* message, const FieldDescriptor* field, int index, double value);
// string or bytes; `scratch` is used where the message keeps it in another form.
const std::string& TextAt(const Message& message, const FieldDescriptor* field, int index,
                          std::string* scratch);
void SetTextAt(Message* message, const FieldDescriptor* field, int index, std::string value);
int EnumAt(const Message& message, const FieldDescriptor* field, int index = kSingular);
const Message& MessageAt(const Message& message, const FieldDescriptor* field,
                         int index = kSingular);
Message* MutableMessageAt(Message* message, const FieldDescriptor* field, int index = kSingular);

// Set: has a value (presence), is not zero (plain), is not empty (repeated, map).
bool IsSet(const Message& message, const FieldDescriptor* field);

// Request fields; zero when `field` is null.
bool GetBool(const Message& message, const FieldDescriptor* field);
int64_t GetInteger(const Message& message, const FieldDescriptor* field);
std::string GetString(const Message& message, const FieldDescriptor* field);
void SetInteger(Message* message, const FieldDescriptor* field, int64_t value);

// A singular google.protobuf.Timestamp field.
void SetTimestamp(Message* message, const FieldDescriptor* field, int64_t millis);

// Paths of a singular google.protobuf.FieldMask field.
std::vector<std::string> MaskPaths(const Message& message, const FieldDescriptor* field);

// Makes `field` of `to` what it is in `from`, a message of the same type.
void CopyField(const Message& from, const FieldDescriptor* field, Message* to);

// Removes an element; what stood last takes its place.
void RemoveUnordered(Message* message, const FieldDescriptor* field, int index);

// The key of a map entry as text: "red", 7, true; strings quoted.
std::string MapKeyText(const Message& entry, const FieldDescriptor* key);

}  // namespace storegate::service
