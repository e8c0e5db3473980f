// Fields of dynamic messages by Value, for tests. Independent of the code under
// test on purpose.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <google/protobuf/message.h>

#include "server/query/value.h"
#include "server/schema/schema.h"

namespace storegate::test {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using MessagePtr = std::unique_ptr<Message>;

MessagePtr Clone(const Message& message);
MessagePtr NewRecord(const schema::Entity& entity);

bool IsTimestamp(const FieldDescriptor* field);
bool IsDuration(const FieldDescriptor* field);
// google.protobuf.StringValue and its like.
bool IsWrapper(const FieldDescriptor* field);

// Sets a singular field, adds to a repeated one. Timestamp and Duration take ms
// and us, enums take names, wrappers what they wrap; null clears.
void SetValue(Message* message, const FieldDescriptor* field, const Value& value);
// Of a singular field; null where it has presence and is not set.
Value GetValue(const Message& message, const FieldDescriptor* field);

Value GetValue(const Message& message, const schema::Field& field);
void SetValue(Message* message, const schema::Field& field, const Value& value);
Value IdOf(const Message& record, const schema::Entity& entity);
std::string EtagOf(const Message& record, const schema::Entity& entity);

// The field by name of any message; aborts when there is none.
const FieldDescriptor* FieldNamed(const Message& message, const std::string& name);

// The messages of a repeated message field.
std::vector<const Message*> Elements(const Message& message, const FieldDescriptor* field);

// For failure messages: "x=1, 'text', null".
std::string ToText(const Value& value);

}  // namespace storegate::test
