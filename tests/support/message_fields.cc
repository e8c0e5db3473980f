#include "tests/support/message_fields.h"

#include <cstdio>
#include <cstdlib>

#include "server/base/text.h"

namespace storegate::test {
namespace {

using google::protobuf::Reflection;

int64_t FloorDiv(int64_t value, int64_t by) { return value / by - (value % by < 0 ? 1 : 0); }

void SetTime(Message* time, int64_t count, int64_t per_second, bool floor) {
  const google::protobuf::Descriptor* type = time->GetDescriptor();
  int64_t seconds = floor ? FloorDiv(count, per_second) : count / per_second;
  int64_t rest = count - seconds * per_second;
  time->GetReflection()->SetInt64(time, type->FindFieldByNumber(1), seconds);
  time->GetReflection()->SetInt32(time, type->FindFieldByNumber(2),
                                  static_cast<int32_t>(rest * (1000000000 / per_second)));
}

int64_t GetTime(const Message& time, int64_t per_second) {
  const google::protobuf::Descriptor* type = time.GetDescriptor();
  int64_t seconds = time.GetReflection()->GetInt64(time, type->FindFieldByNumber(1));
  int64_t nanos = time.GetReflection()->GetInt32(time, type->FindFieldByNumber(2));
  return seconds * per_second + nanos / (1000000000 / per_second);
}

int64_t AsInt(const Value& value) { return std::get<int64_t>(value); }
double AsDouble(const Value& value) {
  if (const int64_t* integer = std::get_if<int64_t>(&value)) return static_cast<double>(*integer);
  return std::get<double>(value);
}
std::string AsText(const Value& value) {
  if (const Bytes* bytes = std::get_if<Bytes>(&value)) return bytes->data;
  return std::get<std::string>(value);
}

}  // namespace

MessagePtr Clone(const Message& message) {
  MessagePtr copy(message.New());
  copy->CopyFrom(message);
  return copy;
}

MessagePtr NewRecord(const schema::Entity& entity) { return MessagePtr(entity.prototype->New()); }

bool IsTimestamp(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field->message_type()->full_name() == "google.protobuf.Timestamp";
}

bool IsDuration(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field->message_type()->full_name() == "google.protobuf.Duration";
}

bool IsWrapper(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         field->message_type()->file()->name() == "google/protobuf/wrappers.proto";
}

void SetValue(Message* message, const FieldDescriptor* field, const Value& value) {
  const Reflection* reflection = message->GetReflection();
  const bool add = field->is_repeated();
  if (IsNull(value)) {
    reflection->ClearField(message, field);
    return;
  }
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: {
      const bool truth = std::get<bool>(value);
      add ? reflection->AddBool(message, field, truth)
          : reflection->SetBool(message, field, truth);
      return;
    }
    case FieldDescriptor::CPPTYPE_INT32: {
      const int32_t number = static_cast<int32_t>(AsInt(value));
      add ? reflection->AddInt32(message, field, number)
          : reflection->SetInt32(message, field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_INT64:
      add ? reflection->AddInt64(message, field, AsInt(value))
          : reflection->SetInt64(message, field, AsInt(value));
      return;
    case FieldDescriptor::CPPTYPE_UINT32: {
      const uint32_t number = static_cast<uint32_t>(AsInt(value));
      add ? reflection->AddUInt32(message, field, number)
          : reflection->SetUInt32(message, field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t number = static_cast<uint64_t>(AsInt(value));
      add ? reflection->AddUInt64(message, field, number)
          : reflection->SetUInt64(message, field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_FLOAT: {
      const float number = static_cast<float>(AsDouble(value));
      add ? reflection->AddFloat(message, field, number)
          : reflection->SetFloat(message, field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
      add ? reflection->AddDouble(message, field, AsDouble(value))
          : reflection->SetDouble(message, field, AsDouble(value));
      return;
    case FieldDescriptor::CPPTYPE_STRING:
      add ? reflection->AddString(message, field, AsText(value))
          : reflection->SetString(message, field, AsText(value));
      return;
    case FieldDescriptor::CPPTYPE_ENUM: {
      int number = 0;
      if (const int64_t* given = std::get_if<int64_t>(&value)) {
        number = static_cast<int>(*given);
      } else {
        number = field->enum_type()->FindValueByName(AsText(value))->number();
      }
      add ? reflection->AddEnumValue(message, field, number)
          : reflection->SetEnumValue(message, field, number);
      return;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      Message* child = add ? reflection->AddMessage(message, field)
                           : reflection->MutableMessage(message, field);
      if (IsTimestamp(field)) {
        SetTime(child, AsInt(value), 1000, /*floor=*/true);
      } else if (IsDuration(field)) {
        SetTime(child, AsInt(value), 1000000, /*floor=*/false);
      } else {
        SetValue(child, child->GetDescriptor()->FindFieldByNumber(1), value);
      }
      return;
    }
  }
}

Value GetValue(const Message& message, const FieldDescriptor* field) {
  const Reflection* reflection = message.GetReflection();
  if (field->has_presence() && !reflection->HasField(message, field)) return Value();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(message, field);
    case FieldDescriptor::CPPTYPE_INT32:
      return static_cast<int64_t>(reflection->GetInt32(message, field));
    case FieldDescriptor::CPPTYPE_INT64:
      return static_cast<int64_t>(reflection->GetInt64(message, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return static_cast<int64_t>(reflection->GetUInt32(message, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<int64_t>(reflection->GetUInt64(message, field));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return static_cast<double>(reflection->GetFloat(message, field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection->GetDouble(message, field);
    case FieldDescriptor::CPPTYPE_STRING:
      if (field->type() == FieldDescriptor::TYPE_BYTES) {
        return Bytes{reflection->GetString(message, field)};
      }
      return reflection->GetString(message, field);
    case FieldDescriptor::CPPTYPE_ENUM:
      // The first declared name of the number: the one that is stored.
      return field->enum_type()
          ->FindValueByNumber(reflection->GetEnumValue(message, field))
          ->name();
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      const Message& child = reflection->GetMessage(message, field);
      if (IsTimestamp(field)) return GetTime(child, 1000);
      if (IsDuration(field)) return GetTime(child, 1000000);
      return GetValue(child, child.GetDescriptor()->FindFieldByNumber(1));
    }
  }
  return Value();
}

Value GetValue(const Message& message, const schema::Field& field) {
  return GetValue(message, field.descriptor);
}

void SetValue(Message* message, const schema::Field& field, const Value& value) {
  SetValue(message, field.descriptor, value);
}

Value IdOf(const Message& record, const schema::Entity& entity) {
  return GetValue(record, *entity.id);
}

std::string EtagOf(const Message& record, const schema::Entity& entity) {
  if (entity.etag == nullptr) return "";
  return record.GetReflection()->GetString(record, entity.etag->descriptor);
}

const FieldDescriptor* FieldNamed(const Message& message, const std::string& name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  if (field == nullptr) {
    std::fprintf(stderr, "%s has no field %s\n", message.GetDescriptor()->full_name().c_str(),
                 name.c_str());
    std::abort();
  }
  return field;
}

std::vector<const Message*> Elements(const Message& message, const FieldDescriptor* field) {
  std::vector<const Message*> elements;
  const int size = message.GetReflection()->FieldSize(message, field);
  for (int i = 0; i < size; ++i) {
    elements.push_back(&message.GetReflection()->GetRepeatedMessage(message, field, i));
  }
  return elements;
}

std::string ToText(const Value& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return "null"; }
    std::string operator()(bool truth) const { return truth ? "true" : "false"; }
    std::string operator()(int64_t number) const { return std::to_string(number); }
    std::string operator()(double number) const {
      char text[40];
      std::snprintf(text, sizeof(text), "%.17g", number);
      return text;
    }
    std::string operator()(const std::string& text) const { return Quoted(text); }
    std::string operator()(const Bytes& bytes) const { return "bytes " + Quoted(bytes.data); }
  };
  return std::visit(Visitor(), value);
}

}  // namespace storegate::test
