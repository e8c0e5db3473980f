// JSON text → wire bytes, in one pass.
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/base/wire.h"
#include "server/repository/json.h"
#include "server/repository/json_scanner.h"
#include "server/repository/nested_wire.h"
#include "server/repository/scalar.h"

namespace storegate::repository {

using google::protobuf::FieldDescriptor;
using schema::MessageType;
using schema::Presence;
using schema::Shape;
using schema::Type;

namespace {

template <typename Numeral>
bool Parse(std::string_view text, Numeral* value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *value);
  return error == std::errc() && end == text.data() + text.size();
}

// A number of JSON. Too small for the type is 0; too large is no number of it.
template <typename Real>
bool ParseReal(std::string_view token, double* value) {
  Real real{};
  if (!Parse(token, &real)) {
    // from_chars calls both ends out of range; strtod tells them apart.
    real = static_cast<Real>(std::strtod(std::string(token).c_str(), nullptr));
    if (!std::isfinite(real)) return false;
  }
  *value = real;
  return true;
}

// "5", and also "5.0" and "5e0", which other programs write for integers.
bool ParseInteger(std::string_view token, int64_t* value) {
  if (Parse(token, value)) return true;
  if (token.find_first_of(".eE") == std::string_view::npos) return false;
  constexpr double kExactMax = 9007199254740992;  // 2^53
  double real;
  if (!ParseReal<double>(token, &real) || real != std::trunc(real) ||
      std::fabs(real) > kExactMax) {
    return false;
  }
  *value = static_cast<int64_t>(real);
  return true;
}

class Reader {
 public:
  Reader(std::string_view json, std::string* out) : json_(json), out_(out) {}

  bool Document(const Shape& shape) { return Field(shape) && json_.AtEnd(); }
  size_t position() const { return json_.position(); }

 private:
  bool Field(const Shape& shape) {
    // Null is unset, but for a Value, of which it is one.
    if (!IsDynamic(shape) && json_.Peek() == 'n') return json_.Literal("null");
    switch (shape.presence) {
      case Presence::kMap: return Map(shape);
      case Presence::kRepeated:
        if (IsNumeric(shape.type) && !shape.wrapper) return Packed(shape);
        return json_.Array([&] { return Value(shape, shape.number, false); });
      case Presence::kPlain: return Value(shape, shape.number, true);
      case Presence::kOptional: return Value(shape, shape.number, false);
    }
    return false;
  }

  bool Map(const Shape& shape) {
    return json_.Object([&](std::string_view key) {
      const size_t before = out_->size();
      const size_t start = wire::Begin(shape.number, out_);
      if (!AppendMapKey(key, shape.key->type(), out_)) return false;
      const size_t value = out_->size();
      if (!Value(shape, 2, false)) return false;
      if (out_->size() == value) {
        out_->resize(before);  // an enum name that nobody knows: no entry
      } else {
        wire::End(start, out_);
      }
      return true;
    });
  }

  bool Packed(const Shape& shape) {
    const FieldDescriptor::Type type = TravelType(shape);
    const size_t before = out_->size();
    const size_t start = wire::Begin(shape.number, out_);
    if (!json_.Array([&] {
          Number number;
          if (!ReadNumber(shape, &number)) return false;
          if (!number.known) return true;
          char buffer[kScalarMax];
          const char* end = PutNumber(shape, type, number, buffer);
          out_->append(buffer, end - buffer);
          return true;
        })) {
      return false;
    }
    if (out_->size() == start) {
      out_->resize(before);
    } else {
      wire::End(start, out_);
    }
    return true;
  }

  // One value as field `number`. Nothing is appended for an enum name that
  // nobody knows, nor for a zero where `leave_out_zero`.
  bool Value(const Shape& shape, int number, bool leave_out_zero) {
    if (IsNumeric(shape.type)) {
      Number value;
      if (!ReadNumber(shape, &value)) return false;
      AppendNumber(shape, number, leave_out_zero, value, out_);
      return true;
    }
    std::string_view text;
    switch (shape.type) {
      case Type::kString:
        if (!json_.String(&text)) return false;
        AppendLong(shape, number, leave_out_zero, text, out_);
        return true;
      case Type::kBytes: {
        if (!json_.String(&text)) return false;
        const std::optional<std::string> bytes = Base64Decode(text);
        if (!bytes) return false;
        AppendLong(shape, number, leave_out_zero, *bytes, out_);
        return true;
      }
      case Type::kTimestamp: {
        if (!json_.String(&text)) return false;
        const std::optional<int64_t> millis = ParseTimestamp(text);
        if (!millis) return false;
        char buffer[kScalarMax];
        AppendSmallMessage(number, buffer, PutTimestamp(*millis, buffer), out_);
        return true;
      }
      case Type::kDuration: {
        if (!json_.String(&text)) return false;
        const std::optional<int64_t> micros = ParseDuration(text);
        if (!micros) return false;
        char buffer[kScalarMax];
        AppendSmallMessage(number, buffer, PutDuration(*micros, buffer), out_);
        return true;
      }
      default: break;
    }
    const size_t start = wire::Begin(number, out_);
    if (!Content(shape)) return false;
    wire::End(start, out_);
    return true;
  }

  bool Content(const Shape& shape) {
    switch (shape.type) {
      case Type::kStruct: return Struct();
      case Type::kValue: return DynamicValue();
      case Type::kListValue: return List();
      case Type::kMessage: return Nested(*shape.message);
      default: return false;
    }
  }

  bool ReadNumber(const Shape& shape, Number* number) {
    const char first = json_.Peek();
    std::string_view token;
    if (shape.type == Type::kBool) {
      number->integer = first == 't';
      return json_.Literal(first == 't' ? "true" : "false");
    }
    if (first == '"') {
      if (!json_.String(&token)) return false;
      if (shape.type == Type::kEnum) {
        const std::optional<int> value = shape.enum_type->NumberOf(token);
        number->known = value.has_value();
        number->integer = value.value_or(0);
        return true;
      }
      if (IsReal(shape.type)) {
        number->real = token.starts_with('-') ? -INFINITY : INFINITY;
        return token == "Infinity" || token == "-Infinity";
      }
      return Parse(token, &number->integer) && InRange(shape.type, number->integer);
    }
    if (!json_.Number(&token)) return false;
    if (shape.type == Type::kFloat) return ParseReal<float>(token, &number->real);
    if (shape.type == Type::kDouble) return ParseReal<double>(token, &number->real);
    return ParseInteger(token, &number->integer) && InRange(shape.type, number->integer);
  }

  bool Nested(const MessageType& type) {
    NamesSeen seen(type);
    return json_.Object([&](std::string_view key) {
      const Shape* shape = type.Find(key);
      if (shape == nullptr) return json_.Skip();
      if (!seen.Add(*shape)) return false;
      return Field(*shape);
    });
  }

  // The content of google.protobuf.Struct: entries of field 1.
  bool Struct() {
    return json_.Object([&](std::string_view key) {
      const size_t entry = wire::Begin(1, out_);
      wire::AppendBytes(1, key, out_);
      const size_t value = wire::Begin(2, out_);
      if (!DynamicValue()) return false;
      wire::End(value, out_);
      wire::End(entry, out_);
      return true;
    });
  }

  // The content of google.protobuf.ListValue: Values as field 1.
  bool List() {
    return json_.Array([&] {
      const size_t value = wire::Begin(1, out_);
      if (!DynamicValue()) return false;
      wire::End(value, out_);
      return true;
    });
  }

  // The content of google.protobuf.Value. A member of its oneof is written also
  // when it is zero.
  bool DynamicValue() {
    char buffer[kScalarMax];
    char* end = buffer;
    switch (json_.Peek()) {
      case '{':
      case '[': {
        const bool is_struct = json_.Peek() == '{';
        const size_t start = wire::Begin(is_struct ? kStructValue : kListValue, out_);
        if (!(is_struct ? Struct() : List())) return false;
        wire::End(start, out_);
        return true;
      }
      case '"': {
        std::string_view text;
        if (!json_.String(&text)) return false;
        wire::AppendBytes(kStringValue, text, out_);
        return true;
      }
      case 't':
      case 'f': {
        const bool value = json_.Peek() == 't';
        if (!json_.Literal(value ? "true" : "false")) return false;
        end = PutVarint(value, PutTag(kBoolValue, wire::kVarint, end));
        break;
      }
      case 'n':
        if (!json_.Literal("null")) return false;
        end = PutVarint(0, PutTag(kNullValue, wire::kVarint, end));
        break;
      default: {
        std::string_view token;
        double number;
        if (!json_.Number(&token) || !ParseReal<double>(token, &number)) return false;
        end = PutReal(FieldDescriptor::TYPE_DOUBLE, number,
                      PutTag(kNumberValue, wire::kFixed64, end));
      }
    }
    out_->append(buffer, end - buffer);
    return true;
  }

  JsonScanner json_;
  std::string* out_;
};

Status Malformed(const Shape& shape, size_t position) {
  const std::string& name = shape.descriptor->full_name();
  return Status(Code::kInternal, "MALFORMED_DATA",
                "What is stored for " + name + " is not a value of its type (byte " +
                    std::to_string(position) + ").")
      .With("field", name);
}

}  // namespace

Status JsonToWire(std::string_view json, const Shape& shape, std::string* out) {
  // A proto3 string of other bytes would make the whole answer unreadable.
  const size_t invalid = FindInvalidUtf8(json);
  if (invalid != std::string_view::npos) return Malformed(shape, invalid);
  const size_t before = out->size();
  Reader reader(json, out);
  if (reader.Document(shape)) return {};
  out->resize(before);
  return Malformed(shape, reader.position());
}

}  // namespace storegate::repository
