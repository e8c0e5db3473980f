#include "server/query/typing.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "server/base/text.h"
#include "server/query/read_value.h"
#include "server/base/time.h"

namespace storegate::query {
namespace {

using google::protobuf::FieldDescriptor;
using schema::Presence;
using schema::Type;

std::string_view Expected(Type type) {
  switch (type) {
    case Type::kBool: return "true or false";
    case Type::kInt32: return "a whole number from -2147483648 to 2147483647";
    case Type::kInt64: return "a whole number of 64 bits";
    case Type::kUint32: return "a whole number from 0 to 4294967295";
    case Type::kFloat: return "a number within float's range";
    case Type::kDouble: return "a number within double's range";
    case Type::kString: return "a text in quotes";
    case Type::kBytes: return "a text in quotes, in base64";
    case Type::kEnum: return "the name of a value of its enum";
    case Type::kTimestamp: return "a time in quotes, such as \"2026-01-31T23:59:59Z\"";
    case Type::kDuration: return "a duration, such as 1.5s";
    case Type::kValue: return "a text in quotes, a number, true or false";
    default: return "a value";
  }
}

bool InRange(Type type, int64_t value) {
  switch (type) {
    case Type::kInt32: return value >= INT32_MIN && value <= INT32_MAX;
    case Type::kUint32: return value >= 0 && value <= UINT32_MAX;
    default: return true;
  }
}

std::optional<int64_t> ReadInt(const std::string& text) {
  int64_t value;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

// As a column of the type keeps it; empty when it is out of float's range.
std::optional<double> Real(Type type, double value) {
  if (type == Type::kFloat && std::isfinite(value)) {
    if (std::fabs(value) > std::numeric_limits<float>::max()) return std::nullopt;
    value = static_cast<float>(value);
  }
  return value + 0.0;  // -0.0 becomes 0
}

std::optional<double> ReadReal(Type type, const std::string& text) {
  double value;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return Real(type, value);
}

std::string EnumNames(const schema::EnumType& type) {
  constexpr int kShown = 10;
  std::string names;
  for (int i = 0; i < type.descriptor->value_count(); ++i) {
    if (i == kShown) return names + ", …";
    names += (i == 0 ? "" : ", ") + type.descriptor->value(i)->name();
  }
  return names;
}

std::string Text(std::string text, const Operand& operand) {
  return operand.lower_case ? LowerCase(text) : text;
}

std::optional<Value> ReadLiteral(const Token& literal, const Operand& operand) {
  const std::string& text = literal.text;
  const bool is_string = literal.kind == TokenKind::kString;
  const bool is_number = literal.kind == TokenKind::kNumber;
  const bool is_bool =
      literal.kind == TokenKind::kName && (text == "true" || text == "false");
  switch (operand.type) {
    case Type::kBool:
      if (is_bool) return Value(text == "true");
      break;
    case Type::kInt32:
    case Type::kInt64:
    case Type::kUint32:
      if (!is_number) break;
      if (const auto value = ReadInt(text); value && InRange(operand.type, *value)) {
        return Value(*value);
      }
      break;
    case Type::kFloat:
    case Type::kDouble:
      if (!is_number) break;
      if (const auto value = ReadReal(operand.type, text)) return Value(*value);
      break;
    case Type::kString:
      if (is_string) return Value(Text(text, operand));
      break;
    case Type::kBytes:
      if (!is_string) break;
      if (auto bytes = Base64Decode(text)) return Value(Bytes{*std::move(bytes)});
      break;
    case Type::kEnum:
      if (literal.kind != TokenKind::kName && !is_string) break;
      if (const auto number = operand.enum_type->NumberOf(text)) {
        return Value(std::string(operand.enum_type->NameOf(*number)));
      }
      break;
    case Type::kTimestamp:
      if (!is_string) break;
      if (const auto millis = ParseTimestamp(text)) return Value(*millis);
      break;
    case Type::kDuration:
      if (!is_string && literal.kind != TokenKind::kDuration) break;
      if (const auto micros = ParseDuration(text)) return Value(*micros);
      break;
    case Type::kValue:
      if (is_string) return Value(text);
      if (is_bool) return Value(text == "true");
      if (!is_number) break;
      if (const auto value = ReadReal(Type::kDouble, text)) return Value(*value);
      break;
    default: break;
  }
  return std::nullopt;
}

// Keys are kept as JSON has them.
Value KeyText(const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return std::string(*flag ? "true" : "false");
  if (const auto* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  return value;
}

bool IsWhole(Type type) {
  return type == Type::kInt32 || type == Type::kInt64 || type == Type::kUint32;
}
bool IsReal(Type type) { return type == Type::kFloat || type == Type::kDouble; }

bool Fits(Type given, Type wanted) {
  if (IsWhole(wanted)) return IsWhole(given);
  if (IsReal(wanted)) return IsWhole(given) || IsReal(given);
  if (wanted == Type::kValue) {
    return given == Type::kString || given == Type::kBool || IsWhole(given) || IsReal(given);
  }
  return given == wanted;
}

// Of a single value. Bytes sort differently in each database, and durations
// within messages are kept as text that does not sort.
bool HasOrder(Type type, bool nested) {
  switch (type) {
    case Type::kInt32:
    case Type::kInt64:
    case Type::kUint32:
    case Type::kFloat:
    case Type::kDouble:
    case Type::kString:
    case Type::kTimestamp:
    case Type::kValue: return true;
    case Type::kDuration: return !nested;
    default: return false;
  }
}

}  // namespace

Result<Operand> CheckOperator(const ResolvedPath& resolved, const Comparison& comparison) {
  const Path& path = resolved.path;
  const Operator op = comparison.op;
  const auto refuse = [&](const std::string& rule) {
    return FilterError(comparison.op_position, resolved.written + " " + rule + ", not with \"" +
                                                   std::string(OperatorText(op)) + "\"");
  };
  Operand operand;
  operand.type = path.type;
  operand.enum_type = path.enum_type;
  operand.lower_case = path.field->lower_case && path.type == Type::kString;
  if (path.presence == Presence::kMap) {
    if (op != Operator::kHas) return refuse("is a map: ask for a key with \":\"");
    const std::optional<Type> key = ScalarType(resolved.map_key);
    if (!key) return refuse("has keys of a type that cannot be compared");
    return Operand{Operand::Meaning::kMapKey, *key, nullptr};
  }
  const bool opaque = path.type == Type::kMessage || path.type == Type::kStruct ||
                      path.type == Type::kListValue;
  if (path.presence == Presence::kRepeated) {
    if (op != Operator::kHas) return refuse("is a list: ask for an element with \":\"");
    if (opaque || path.type == Type::kValue) {
      return FilterError(comparison.op_position,
                         resolved.written + " is a list of what cannot be compared");
    }
    return operand;
  }
  if (op == Operator::kHas && (path.type == Type::kStruct || path.type == Type::kValue)) {
    return Operand{Operand::Meaning::kStructKey, Type::kString, nullptr};
  }
  if (opaque) {
    return FilterError(comparison.op_position,
                       resolved.written + " is no single value; name a field inside it");
  }
  const bool equality = op == Operator::kEq || op == Operator::kNe || op == Operator::kHas;
  if (!equality && !HasOrder(path.type, !path.below.empty())) {
    return refuse("is compared with \"=\" and \"!=\" only");
  }
  operand.ordered = !equality;
  return operand;
}

Result<Value> FromLiteral(const Token& literal, const ResolvedPath& resolved,
                          const Operand& operand) {
  std::optional<Value> value = ReadLiteral(literal, operand);
  if (!value) {
    std::string expected(Expected(operand.type));
    if (operand.type == Type::kEnum) expected = "one of " + EnumNames(*operand.enum_type);
    const std::string what = operand.meaning == Operand::Meaning::kValue
                                 ? resolved.written
                                 : "a key of " + resolved.written;
    return FilterError(literal.position,
                       what + " takes " + expected + ", not " + Quoted(literal.text));
  }
  if (operand.ordered && std::holds_alternative<bool>(*value)) {
    return FilterError(literal.position, "true and false are compared with \"=\" and \"!=\" only");
  }
  if (operand.meaning == Operand::Meaning::kMapKey) return KeyText(*value);
  return *std::move(value);
}

Status CheckRequestField(const FieldDescriptor* field, size_t position,
                         const ResolvedPath& resolved, const Operand& operand) {
  const std::optional<Type> given = ScalarType(field);
  const bool fits =
      given && Fits(*given, operand.type) && !(operand.ordered && *given == Type::kBool) &&
      (operand.type != Type::kEnum ||
       field->enum_type()->full_name() == operand.enum_type->descriptor->full_name());
  if (fits) return {};
  std::string expected(Expected(operand.type));
  if (operand.type == Type::kEnum) {
    expected = "a value of the enum " + operand.enum_type->descriptor->full_name();
  }
  return FilterError(position, resolved.written + " takes " + expected + ", which the request's " +
                                   "field " + field->name() + " does not hold");
}

Result<Value> FromRequest(Value value, const std::string& field, const Operand& operand) {
  if (auto* text = std::get_if<std::string>(&value)) {
    if (operand.lower_case) *text = LowerCase(*text);
    return value;
  }
  const auto* number = std::get_if<int64_t>(&value);
  const auto* real = std::get_if<double>(&value);
  if (number != nullptr && !InRange(operand.type, *number)) {
    return InvalidField(field, "must be " + std::string(Expected(operand.type)) + ", not " +
                                   std::to_string(*number));
  }
  if (IsReal(operand.type) || operand.type == Type::kValue) {
    if (number != nullptr) value = static_cast<double>(*number);
    if (number != nullptr || real != nullptr) {
      const std::optional<double> kept = Real(operand.type, std::get<double>(value));
      if (!kept) return InvalidField(field, "must be within float's range");
      value = *kept;
    }
  }
  if (operand.meaning == Operand::Meaning::kMapKey) return KeyText(value);
  return value;
}

std::optional<Type> ScalarType(const FieldDescriptor* descriptor) {
  switch (descriptor->type()) {
    case FieldDescriptor::TYPE_BOOL: return Type::kBool;
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SFIXED32: return Type::kInt32;
    case FieldDescriptor::TYPE_INT64:
    case FieldDescriptor::TYPE_SINT64:
    case FieldDescriptor::TYPE_SFIXED64: return Type::kInt64;
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_FIXED32: return Type::kUint32;
    case FieldDescriptor::TYPE_FLOAT: return Type::kFloat;
    case FieldDescriptor::TYPE_DOUBLE: return Type::kDouble;
    case FieldDescriptor::TYPE_STRING: return Type::kString;
    case FieldDescriptor::TYPE_BYTES: return Type::kBytes;
    case FieldDescriptor::TYPE_ENUM: return Type::kEnum;
    case FieldDescriptor::TYPE_MESSAGE: break;
    default: return std::nullopt;
  }
  if (descriptor->is_map()) return std::nullopt;
  const google::protobuf::Descriptor* type = descriptor->message_type();
  if (IsWellKnown(type, "Timestamp")) return Type::kTimestamp;
  if (IsWellKnown(type, "Duration")) return Type::kDuration;
  for (const char* wrapper : {"BoolValue", "Int32Value", "Int64Value", "UInt32Value", "FloatValue",
                              "DoubleValue", "StringValue", "BytesValue"}) {
    if (IsWellKnown(type, wrapper)) return ScalarType(type->FindFieldByNumber(1));
  }
  return std::nullopt;
}

bool IsWellKnown(const google::protobuf::Descriptor* type, std::string_view name) {
  constexpr std::string_view kPackage = "google.protobuf.";
  const std::string& full = type->full_name();
  return full.size() == kPackage.size() + name.size() && full.starts_with(kPackage) &&
         full.ends_with(name);
}

}  // namespace storegate::query
