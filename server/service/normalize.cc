#include "server/service/normalize.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/service/reflect.h"

namespace storegate::service {
namespace {

using schema::Presence;
using schema::Shape;
using schema::Type;

void NormalizeFields(Message* message, const schema::MessageType& type);
void NormalizeStruct(Message* message);

// Of entries with equal keys the last one is meant (protobuf's own rule); until
// a map is synced, reflection shows them all.
void DropEqualKeys(Message* message, const FieldDescriptor* map) {
  const auto* r = message->GetReflection();
  const int size = r->FieldSize(*message, map);
  if (size < 2) return;
  const FieldDescriptor* key = map->message_type()->map_key();
  std::string scratch;
  std::unordered_set<std::string> seen;
  std::vector<int> doomed;
  for (int i = size - 1; i >= 0; --i) {
    const Message& entry = r->GetRepeatedMessage(*message, map, i);
    const bool fresh = key->cpp_type() == FieldDescriptor::CPPTYPE_STRING
                           ? seen.insert(TextAt(entry, key, kSingular, &scratch)).second
                           : seen.insert(std::to_string(IntegerAt(entry, key))).second;
    if (!fresh) doomed.push_back(i);
  }
  if (doomed.empty()) return;
  // From the back, so that what takes a place is never itself doomed.
  for (int i : doomed) RemoveUnordered(message, map, i);
}

void NormalizeNumber(Message* holder, const FieldDescriptor* field, int index) {
  // True for -0.0 and 0.0 alike; writing 0 over either is right.
  if (NumberAt(*holder, field, index) == 0 && (index != kSingular || IsSet(*holder, field))) {
    SetNumberAt(holder, field, index, 0);
  }
}

// What is no valid time must stay so: cutting must not make -1 nanos into 0.
void CutNanos(Message* time, int32_t unit, bool is_duration) {
  const FieldDescriptor* nanos = time->GetDescriptor()->FindFieldByNumber(2);
  const auto value = static_cast<int32_t>(IntegerAt(*time, nanos));
  if (value % unit == 0 || value < -999'999'999 || value > 999'999'999) return;
  const int64_t seconds = IntegerAt(*time, time->GetDescriptor()->FindFieldByNumber(1));
  const bool wrong_sign = value < 0 ? !is_duration || seconds > 0 : is_duration && seconds < 0;
  if (wrong_sign) return;
  time->GetReflection()->SetInt32(time, nanos, value - value % unit);
}

// google.protobuf.Value, and what it holds.
void NormalizeValue(Message* value) {
  const auto* r = value->GetReflection();
  const Descriptor* type = value->GetDescriptor();
  const FieldDescriptor* number = type->FindFieldByNumber(2);
  if (r->HasField(*value, number)) {
    NormalizeNumber(value, number, kSingular);
  } else if (const auto* fields = type->FindFieldByNumber(5); r->HasField(*value, fields)) {
    NormalizeStruct(r->MutableMessage(value, fields));
  } else if (const auto* list = type->FindFieldByNumber(6); r->HasField(*value, list)) {
    Message* values = r->MutableMessage(value, list);
    const FieldDescriptor* element = values->GetDescriptor()->FindFieldByNumber(1);
    const int size = values->GetReflection()->FieldSize(*values, element);
    for (int i = 0; i < size; ++i) NormalizeValue(MutableMessageAt(values, element, i));
  }
}

void NormalizeStruct(Message* message) {
  const FieldDescriptor* fields = message->GetDescriptor()->FindFieldByNumber(1);
  DropEqualKeys(message, fields);
  const FieldDescriptor* value = fields->message_type()->map_value();
  const int size = message->GetReflection()->FieldSize(*message, fields);
  for (int i = 0; i < size; ++i) {
    Message* entry = MutableMessageAt(message, fields, i);
    NormalizeValue(entry->GetReflection()->MutableMessage(entry, value));
  }
}

void NormalizeListValue(Message* message) {
  const FieldDescriptor* values = message->GetDescriptor()->FindFieldByNumber(1);
  const int size = message->GetReflection()->FieldSize(*message, values);
  for (int i = 0; i < size; ++i) NormalizeValue(MutableMessageAt(message, values, i));
}

// One value of the shape's type: `field` of `holder`, or its element.
void NormalizeOne(Message* holder, const FieldDescriptor* field, int index, const Shape& shape,
                  bool lower_case) {
  if (shape.wrapper) {
    holder = MutableMessageAt(holder, field, index);
    field = shape.value;
    index = kSingular;
  }
  switch (shape.type) {
    case Type::kString:
      if (lower_case) {
        std::string scratch;
        SetTextAt(holder, field, index, LowerCase(TextAt(*holder, field, index, &scratch)));
      }
      break;
    case Type::kFloat:
    case Type::kDouble: NormalizeNumber(holder, field, index); break;
    case Type::kTimestamp:
      CutNanos(MutableMessageAt(holder, field, index), 1'000'000, false);
      break;
    case Type::kDuration: CutNanos(MutableMessageAt(holder, field, index), 1'000, true); break;
    case Type::kStruct: NormalizeStruct(MutableMessageAt(holder, field, index)); break;
    case Type::kValue: NormalizeValue(MutableMessageAt(holder, field, index)); break;
    case Type::kListValue: NormalizeListValue(MutableMessageAt(holder, field, index)); break;
    case Type::kMessage:
      NormalizeFields(MutableMessageAt(holder, field, index), *shape.message);
      break;
    default: break;
  }
}

void Normalize(Message* message, const Shape& shape, bool lower_case) {
  const FieldDescriptor* field = shape.descriptor;
  if (!IsSet(*message, field)) return;
  const auto* r = message->GetReflection();
  switch (shape.presence) {
    case Presence::kPlain:
    case Presence::kOptional:
      NormalizeOne(message, field, kSingular, shape, lower_case);
      break;
    case Presence::kRepeated: {
      if (shape.type == Type::kString && !lower_case && !shape.wrapper) break;
      const int size = r->FieldSize(*message, field);
      for (int i = 0; i < size; ++i) NormalizeOne(message, field, i, shape, lower_case);
      break;
    }
    case Presence::kMap: {
      DropEqualKeys(message, field);
      const FieldDescriptor* value = field->message_type()->map_value();
      const int size = r->FieldSize(*message, field);
      for (int i = 0; i < size; ++i) {
        NormalizeOne(MutableMessageAt(message, field, i), value, kSingular, shape, lower_case);
      }
      break;
    }
  }
}

void NormalizeFields(Message* message, const schema::MessageType& type) {
  for (const Shape& shape : type.fields) Normalize(message, shape, false);
}

template <typename Number>
Number Parse(std::string_view text) {
  Number number{};
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void SetDefault(Message* record, const schema::Field& field, const std::string& text) {
  Message* holder = record;
  const FieldDescriptor* at = field.descriptor;
  if (field.wrapper) {
    holder = record->GetReflection()->MutableMessage(record, at);
    at = field.value;
  }
  const auto* r = holder->GetReflection();
  switch (field.type) {
    case Type::kBool: r->SetBool(holder, at, text == "true"); break;
    case Type::kInt32: r->SetInt32(holder, at, Parse<int32_t>(text)); break;
    case Type::kInt64: r->SetInt64(holder, at, Parse<int64_t>(text)); break;
    case Type::kUint32: r->SetUInt32(holder, at, Parse<uint32_t>(text)); break;
    case Type::kFloat:
    case Type::kDouble: SetNumberAt(holder, at, kSingular, Parse<double>(text)); break;
    case Type::kString:
    case Type::kBytes: r->SetString(holder, at, text); break;
    case Type::kEnum:
      r->SetEnumValue(holder, at, field.enum_type->NumberOf(text).value_or(0));
      break;
    case Type::kTimestamp:
      if (auto millis = ParseTimestamp(text)) SetTimestamp(holder, at, *millis);
      break;
    default: break;  // refused at start
  }
}

}  // namespace

void NormalizeField(Message* record, const schema::Field& field) {
  // The hash is of what the caller typed.
  Normalize(record, field, field.lower_case && !field.password);
}

void ClearNotWritten(Message* record, const schema::Entity& entity, bool keep_times) {
  const auto* r = record->GetReflection();
  for (const schema::Field& field : entity.fields) {
    bool clear = field.output_only;
    switch (field.role) {
      case schema::Role::kEtag:
      case schema::Role::kEmbed:
      case schema::Role::kCount: clear = true; break;
      case schema::Role::kCreateTime:
      case schema::Role::kUpdateTime:
      case schema::Role::kDeleteTime: clear = !keep_times; break;
      default: break;
    }
    if (clear) r->ClearField(record, field.descriptor);
  }
}

void ApplyDefaults(Message* record, const schema::Entity& entity) {
  for (const schema::Field& field : entity.fields) {
    if (!field.default_text || IsSet(*record, field.descriptor)) continue;
    // Not beside a sibling that the caller chose.
    const auto* oneof = field.descriptor->real_containing_oneof();
    if (oneof != nullptr && record->GetReflection()->HasOneof(*record, oneof)) continue;
    SetDefault(record, field, *field.default_text);
  }
}

}  // namespace storegate::service
