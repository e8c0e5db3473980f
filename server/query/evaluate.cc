#include "server/query/evaluate.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.pb.h>

#include "server/base/text.h"
#include "server/query/read_value.h"
#include "server/query/typing.h"

namespace storegate::query {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// A field of a message that is there; nowhere when `message` is null.
struct Place {
  const Message* message = nullptr;
  const FieldDescriptor* field = nullptr;
};

Value ReadOrNull(const Message& message, const FieldDescriptor* field) {
  Result<Value> value = ReadValue(message, field);
  return value.ok() ? *std::move(value) : Value();
}

// The text that the key of a map's entry has in JSON.
std::string KeyText(const Message& entry) {
  const Value key = ReadOrNull(entry, entry.GetDescriptor()->map_key());
  if (const auto* flag = std::get_if<bool>(&key)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&key)) return std::to_string(*number);
  const auto* text = std::get_if<std::string>(&key);
  return text == nullptr ? std::string() : *text;
}

// The value of the map at `field` under `key`.
Place InMap(const Message& message, const FieldDescriptor* field, std::string_view key) {
  const Reflection* reflection = message.GetReflection();
  for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
    const Message& entry = reflection->GetRepeatedMessage(message, field, i);
    if (KeyText(entry) == key) return {&entry, entry.GetDescriptor()->map_value()};
  }
  return {};
}

bool InEntry(const FieldDescriptor* field) {
  return field->containing_type()->options().map_entry();
}

// The message at a place; null where it is not set.
const Message* MessageAt(const Place& place) {
  const Reflection* reflection = place.message->GetReflection();
  if (!InEntry(place.field) && !reflection->HasField(*place.message, place.field)) return nullptr;
  return &reflection->GetMessage(*place.message, place.field);
}

// What a google.protobuf.Value holds; null where it holds nothing.
const FieldDescriptor* Held(const Message& value) {
  return value.GetReflection()->GetOneofFieldDescriptor(value,
                                                        value.GetDescriptor()->oneof_decl(0));
}

Place InStruct(const Message& message, std::string_view key) {
  return InMap(message, message.GetDescriptor()->FindFieldByNumber(1), key);
}

Place Below(const Place& place, const std::string& name) {
  if (place.field->is_map()) return InMap(*place.message, place.field, name);
  if (place.field->is_repeated() || place.field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    return {};
  }
  const Message* inner = MessageAt(place);
  if (inner == nullptr) return {};
  if (IsWellKnown(inner->GetDescriptor(), "Struct")) return InStruct(*inner, name);
  if (IsWellKnown(inner->GetDescriptor(), "Value")) {
    const FieldDescriptor* held = Held(*inner);
    if (held == nullptr || held->name() != "struct_value") return {};
    return InStruct(inner->GetReflection()->GetMessage(*inner, held), name);
  }
  const FieldDescriptor* field = inner->GetDescriptor()->FindFieldByName(name);
  return field == nullptr ? Place() : Place{inner, field};
}

Place Find(const Path& path, const Message& record) {
  Place place{&record, path.field->descriptor};
  for (const std::string& name : path.below) {
    place = Below(place, name);
    if (place.message == nullptr) break;
  }
  return place;
}

bool IsDynamic(const FieldDescriptor* field) {
  return field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field->is_repeated() &&
         IsWellKnown(field->message_type(), "Value");
}

// The single value at a place; null when there is none.
Value At(const Place& place) {
  if (place.message == nullptr || place.field->is_repeated()) return {};
  if (!IsDynamic(place.field)) return ReadOrNull(*place.message, place.field);
  const Message* value = MessageAt(place);
  const FieldDescriptor* held = value == nullptr ? nullptr : Held(*value);
  if (held == nullptr || held->name() == "null_value") return {};
  return ReadOrNull(*value, held);
}

bool IsSet(const Place& place) {
  if (place.message == nullptr) return false;
  const Reflection* reflection = place.message->GetReflection();
  if (place.field->is_repeated()) return reflection->FieldSize(*place.message, place.field) > 0;
  if (IsDynamic(place.field)) {
    const Message* value = MessageAt(place);
    const FieldDescriptor* held = value == nullptr ? nullptr : Held(*value);
    return held != nullptr && held->name() != "null_value";
  }
  return !place.field->has_presence() || InEntry(place.field) ||
         reflection->HasField(*place.message, place.field);
}

bool Has(const Place& place, const std::vector<Value>& values) {
  if (place.message == nullptr || !place.field->is_repeated()) return false;
  const Reflection* reflection = place.message->GetReflection();
  for (int i = 0; i < reflection->FieldSize(*place.message, place.field); ++i) {
    Value element;
    if (place.field->is_map()) {
      element = KeyText(reflection->GetRepeatedMessage(*place.message, place.field, i));
    } else if (auto read = ReadElement(*place.message, place.field, i); read.ok()) {
      element = *std::move(read);
    }
    if (!IsNull(element) && std::find(values.begin(), values.end(), element) != values.end()) {
      return true;
    }
  }
  return false;
}

bool Holds(Compare op, const Value& left, const Value& right) {
  // Of different types only in a Struct, where such are neither equal nor ordered.
  if (IsNull(left) || left.index() != right.index()) return false;
  const int order = CompareValues(left, right);
  switch (op) {
    case Compare::kEq:
    case Compare::kNe: return order == 0;
    case Compare::kLt: return order < 0;
    case Compare::kLe: return order <= 0;
    case Compare::kGt: return order > 0;
    case Compare::kGe: return order >= 0;
  }
  return false;
}

}  // namespace

bool Matches(const Predicate& predicate, const Message& record) {
  const auto matches = [&](const Predicate& child) { return Matches(child, record); };
  const auto& children = predicate.children;
  switch (predicate.kind) {
    case Predicate::Kind::kTrue: return true;
    case Predicate::Kind::kFalse: return false;
    case Predicate::Kind::kAnd: return std::all_of(children.begin(), children.end(), matches);
    case Predicate::Kind::kOr: return std::any_of(children.begin(), children.end(), matches);
    case Predicate::Kind::kNot: return !matches(children[0]);
    case Predicate::Kind::kCompare: {
      const bool holds = Holds(predicate.op, At(Find(predicate.path, record)), predicate.value);
      return predicate.op == Compare::kNe ? !holds : holds;
    }
    case Predicate::Kind::kIn: {
      const Value value = At(Find(predicate.path, record));
      return std::any_of(predicate.values.begin(), predicate.values.end(),
                         [&](const Value& other) { return Holds(Compare::kEq, value, other); });
    }
    case Predicate::Kind::kHas: return Has(Find(predicate.path, record), predicate.values);
    case Predicate::Kind::kIsSet: {
      const Place place = Find(predicate.path, record);
      // The null that a field of type Value holds is a value.
      if (predicate.path.below.empty() && IsDynamic(place.field)) return MessageAt(place) != nullptr;
      return IsSet(place);
    }
    case Predicate::Kind::kEndsWith:
    case Predicate::Kind::kIncludes: {
      const Value value = At(Find(predicate.path, record));
      const auto* text = std::get_if<std::string>(&value);
      const auto* part = std::get_if<std::string>(&predicate.value);
      if (text == nullptr || part == nullptr) return false;
      return predicate.kind == Predicate::Kind::kEndsWith
                 ? text->ends_with(*part)
                 : text->find(*part) != std::string::npos;
    }
    // Not to be told from one record.
    case Predicate::Kind::kRelated: return false;
    case Predicate::Kind::kContains: {
      const Value value = At(Find(predicate.path, record));
      const auto* text = std::get_if<std::string>(&value);
      const auto* part = std::get_if<std::string>(&predicate.value);
      return text != nullptr && part != nullptr &&
             FoldCase(*text).find(*part) != std::string::npos;
    }
  }
  return false;
}

int CompareRecords(const Order& order, const Message& a, const Message& b) {
  for (const SortKey& key : order) {
    const int compared = CompareValues(ReadOrNull(a, key.field->descriptor),
                                       ReadOrNull(b, key.field->descriptor));
    if (compared != 0) return key.descending ? -compared : compared;
  }
  return 0;
}

int CompareValues(const Value& a, const Value& b) {
  // The variant's own order: null first, then alternative by alternative;
  // std::string compares bytes as unsigned.
  return a < b ? -1 : b < a ? 1 : 0;
}

}  // namespace storegate::query
