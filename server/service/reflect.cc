#include "server/service/reflect.h"

#include <limits>
#include <utility>

#include "server/base/text.h"

namespace storegate::service {

int64_t IntegerAt(const Message& message, const FieldDescriptor* field, int index) {
  const auto* r = message.GetReflection();
  const bool one = index == kSingular;
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return one ? r->GetInt32(message, field) : r->GetRepeatedInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_INT64:
      return one ? r->GetInt64(message, field) : r->GetRepeatedInt64(message, field, index);
    case FieldDescriptor::CPPTYPE_UINT32:
      return one ? r->GetUInt32(message, field) : r->GetRepeatedUInt32(message, field, index);
    case FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<int64_t>(one ? r->GetUInt64(message, field)
                                      : r->GetRepeatedUInt64(message, field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      return one ? r->GetBool(message, field) : r->GetRepeatedBool(message, field, index);
    default:
      return 0;
  }
}

double NumberAt(const Message& message, const FieldDescriptor* field, int index) {
  const auto* r = message.GetReflection();
  const bool one = index == kSingular;
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    return one ? r->GetFloat(message, field) : r->GetRepeatedFloat(message, field, index);
  }
  return one ? r->GetDouble(message, field) : r->GetRepeatedDouble(message, field, index);
}

void SetNumberAt(Message* message, const FieldDescriptor* field, int index, double value) {
  const auto* r = message->GetReflection();
  const bool one = index == kSingular;
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT) {
    const auto narrow = static_cast<float>(value);
    one ? r->SetFloat(message, field, narrow) : r->SetRepeatedFloat(message, field, index, narrow);
  } else {
    one ? r->SetDouble(message, field, value) : r->SetRepeatedDouble(message, field, index, value);
  }
}

const std::string& TextAt(const Message& message, const FieldDescriptor* field, int index,
                          std::string* scratch) {
  const auto* r = message.GetReflection();
  return index == kSingular ? r->GetStringReference(message, field, scratch)
                            : r->GetRepeatedStringReference(message, field, index, scratch);
}

void SetTextAt(Message* message, const FieldDescriptor* field, int index, std::string value) {
  const auto* r = message->GetReflection();
  index == kSingular ? r->SetString(message, field, std::move(value))
                     : r->SetRepeatedString(message, field, index, std::move(value));
}

int EnumAt(const Message& message, const FieldDescriptor* field, int index) {
  const auto* r = message.GetReflection();
  return index == kSingular ? r->GetEnumValue(message, field)
                            : r->GetRepeatedEnumValue(message, field, index);
}

const Message& MessageAt(const Message& message, const FieldDescriptor* field, int index) {
  const auto* r = message.GetReflection();
  return index == kSingular ? r->GetMessage(message, field)
                            : r->GetRepeatedMessage(message, field, index);
}

Message* MutableMessageAt(Message* message, const FieldDescriptor* field, int index) {
  const auto* r = message->GetReflection();
  return index == kSingular ? r->MutableMessage(message, field)
                            : r->MutableRepeatedMessage(message, field, index);
}

bool IsSet(const Message& message, const FieldDescriptor* field) {
  const auto* r = message.GetReflection();
  return field->is_repeated() ? r->FieldSize(message, field) > 0 : r->HasField(message, field);
}

bool GetBool(const Message& message, const FieldDescriptor* field) {
  return field != nullptr && message.GetReflection()->GetBool(message, field);
}

int64_t GetInteger(const Message& message, const FieldDescriptor* field) {
  return field == nullptr ? 0 : IntegerAt(message, field);
}

std::string GetString(const Message& message, const FieldDescriptor* field) {
  return field == nullptr ? std::string() : message.GetReflection()->GetString(message, field);
}

void SetInteger(Message* message, const FieldDescriptor* field, int64_t value) {
  const auto* r = message->GetReflection();
  // A count that the caller's type cannot hold is shown as the most it can.
  constexpr int64_t kMax32 = std::numeric_limits<int32_t>::max();
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      r->SetInt32(message, field, static_cast<int32_t>(value > kMax32 ? kMax32 : value));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      r->SetUInt32(message, field, static_cast<uint32_t>(value > kMax32 ? kMax32 : value));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      r->SetUInt64(message, field, static_cast<uint64_t>(value));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      r->SetInt64(message, field, value);
      break;
    default:
      break;
  }
}

void SetTimestamp(Message* message, const FieldDescriptor* field, int64_t millis) {
  int64_t seconds = millis / 1000, rest = millis % 1000;
  if (rest < 0) --seconds, rest += 1000;
  Message* time = message->GetReflection()->MutableMessage(message, field);
  const Descriptor* type = time->GetDescriptor();
  time->GetReflection()->SetInt64(time, type->FindFieldByNumber(1), seconds);
  time->GetReflection()->SetInt32(time, type->FindFieldByNumber(2),
                                  static_cast<int32_t>(rest * 1000000));
}

std::vector<std::string> MaskPaths(const Message& message, const FieldDescriptor* field) {
  std::vector<std::string> paths;
  if (!IsSet(message, field)) return paths;
  const Message& mask = MessageAt(message, field);
  const FieldDescriptor* path = mask.GetDescriptor()->FindFieldByNumber(1);
  const int count = mask.GetReflection()->FieldSize(mask, path);
  std::string scratch;
  for (int i = 0; i < count; ++i) paths.push_back(TextAt(mask, path, i, &scratch));
  return paths;
}

void CopyField(const Message& from, const FieldDescriptor* field, Message* to) {
  const auto* r = to->GetReflection();
  r->ClearField(to, field);
  if (!IsSet(from, field)) return;
  const int count = field->is_repeated() ? r->FieldSize(from, field) : 1;
  std::string scratch;
  for (int i = 0; i < count; ++i) {
    const int at = field->is_repeated() ? i : kSingular;
    const bool add = field->is_repeated();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32: {
        const auto v = static_cast<int32_t>(IntegerAt(from, field, at));
        add ? r->AddInt32(to, field, v) : r->SetInt32(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_INT64: {
        const int64_t v = IntegerAt(from, field, at);
        add ? r->AddInt64(to, field, v) : r->SetInt64(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        const auto v = static_cast<uint32_t>(IntegerAt(from, field, at));
        add ? r->AddUInt32(to, field, v) : r->SetUInt32(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_UINT64: {
        const auto v = static_cast<uint64_t>(IntegerAt(from, field, at));
        add ? r->AddUInt64(to, field, v) : r->SetUInt64(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_BOOL: {
        const bool v = IntegerAt(from, field, at) != 0;
        add ? r->AddBool(to, field, v) : r->SetBool(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_FLOAT: {
        const auto v = static_cast<float>(NumberAt(from, field, at));
        add ? r->AddFloat(to, field, v) : r->SetFloat(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        const double v = NumberAt(from, field, at);
        add ? r->AddDouble(to, field, v) : r->SetDouble(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_ENUM: {
        const int v = EnumAt(from, field, at);
        add ? r->AddEnumValue(to, field, v) : r->SetEnumValue(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_STRING: {
        const std::string& v = TextAt(from, field, at, &scratch);
        add ? r->AddString(to, field, v) : r->SetString(to, field, v);
        break;
      }
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        Message* copy = add ? r->AddMessage(to, field) : r->MutableMessage(to, field);
        copy->CopyFrom(MessageAt(from, field, at));
        break;
      }
    }
  }
}

void RemoveUnordered(Message* message, const FieldDescriptor* field, int index) {
  const auto* r = message->GetReflection();
  const int last = r->FieldSize(*message, field) - 1;
  if (index != last) r->SwapElements(message, field, index, last);
  r->RemoveLast(message, field);
}

std::string MapKeyText(const Message& entry, const FieldDescriptor* key) {
  if (key->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    std::string scratch;
    return Quoted(TextAt(entry, key, kSingular, &scratch));
  }
  const int64_t number = IntegerAt(entry, key);
  if (key->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return number != 0 ? "true" : "false";
  return std::to_string(number);
}

}  // namespace storegate::service
