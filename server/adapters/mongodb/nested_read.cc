// Documents → wire bytes, in one pass.
#include <cmath>
#include <optional>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>

#include "server/adapters/mongodb/element.h"
#include "server/adapters/mongodb/keys.h"
#include "server/adapters/mongodb/nested.h"
#include "server/base/text.h"
#include "server/base/time.h"
#include "server/base/wire.h"
#include "server/repository/nested_wire.h"
#include "server/repository/scalar.h"

namespace storegate::mongodb {

using google::protobuf::FieldDescriptor;
using repository::kScalarMax;
using repository::Number;
using schema::MessageType;
using schema::Presence;
using schema::Shape;
using schema::Type;

namespace {

std::string_view NameAt(const bson_iter_t& at) {
  return {bson_iter_key(&at), bson_iter_key_len(&at)};
}

// Empty where the name is not UTF-8.
std::optional<std::string> KeyAt(const bson_iter_t& at) {
  const std::string_view name = NameAt(at);
  if (FindInvalidUtf8(name) != std::string_view::npos) return std::nullopt;
  return UnescapeKey(name);
}

std::optional<int64_t> TimestampAt(const bson_iter_t& at) {
  if (bson_iter_type(&at) != BSON_TYPE_UTF8) return IntegerAt(at, Type::kTimestamp);
  const std::optional<std::string_view> text = TextAt(at);
  return text ? ParseTimestamp(*text) : std::nullopt;
}

std::optional<int64_t> DurationAt(const bson_iter_t& at) {
  if (bson_iter_type(&at) != BSON_TYPE_UTF8) return IntegerAt(at, Type::kDuration);
  const std::optional<std::string_view> text = TextAt(at);
  return text ? ParseDuration(*text) : std::nullopt;
}

bool ReadNumber(const bson_iter_t& at, const Shape& shape, Number* number) {
  if (shape.type == Type::kBool) {
    number->integer = bson_iter_bool(&at) ? 1 : 0;
    return bson_iter_type(&at) == BSON_TYPE_BOOL;
  }
  if (shape.type == Type::kEnum && bson_iter_type(&at) == BSON_TYPE_UTF8) {
    const std::optional<std::string_view> name = TextAt(at);
    if (!name) return false;
    const std::optional<int> value = shape.enum_type->NumberOf(*name);
    number->known = value.has_value();
    number->integer = value.value_or(0);
    return true;
  }
  if (repository::IsReal(shape.type)) {
    const std::optional<double> value = RealAt(at, shape.type);
    number->real = value.value_or(0);
    return value.has_value();
  }
  const std::optional<int64_t> value = IntegerAt(at, shape.type);
  number->integer = value.value_or(0);
  return value.has_value();
}

// Each member appends what the element is; false when it is no such value.
class Reader {
 public:
  explicit Reader(std::string* out) : out_(out) {}

  bool Field(const bson_iter_t& at, const Shape& shape) {
    // Null is unset, but for a Value, of which it is one.
    if (bson_iter_type(&at) == BSON_TYPE_NULL && !repository::IsDynamic(shape)) return true;
    switch (shape.presence) {
      case Presence::kMap: return Map(at, shape);
      case Presence::kRepeated:
        if (repository::IsNumeric(shape.type) && !shape.wrapper) return Packed(at, shape);
        return Each(at, BSON_TYPE_ARRAY, [&](const bson_iter_t& element) {
          return Value(element, shape, shape.number, false);
        });
      case Presence::kPlain: return Value(at, shape, shape.number, true);
      case Presence::kOptional: return Value(at, shape, shape.number, false);
    }
    return false;
  }

 private:
  // One level: the elements of a document or of an array.
  template <typename Visit>
  bool Each(const bson_iter_t& at, bson_type_t type, const Visit& visit) {
    if (bson_iter_type(&at) != type || levels_ == kLevelsMax) return false;
    ++levels_;
    if (!EachElement(at, visit)) return false;
    --levels_;
    return true;
  }

  bool Map(const bson_iter_t& at, const Shape& shape) {
    return Each(at, BSON_TYPE_DOCUMENT, [&](const bson_iter_t& entry) {
      const std::optional<std::string> key = KeyAt(entry);
      if (!key) return false;
      const size_t before = out_->size();
      const size_t start = wire::Begin(shape.number, out_);
      if (!repository::AppendMapKey(*key, shape.key->type(), out_)) return false;
      const size_t value = out_->size();
      if (!Value(entry, shape, 2, false)) return false;
      if (out_->size() == value) {
        out_->resize(before);  // an enum name that nobody knows: no entry
      } else {
        wire::End(start, out_);
      }
      return true;
    });
  }

  bool Packed(const bson_iter_t& at, const Shape& shape) {
    const FieldDescriptor::Type type = repository::TravelType(shape);
    const size_t before = out_->size();
    const size_t start = wire::Begin(shape.number, out_);
    if (!Each(at, BSON_TYPE_ARRAY, [&](const bson_iter_t& element) {
          Number number;
          if (!ReadNumber(element, shape, &number)) return false;
          if (!number.known) return true;
          char buffer[kScalarMax];
          const char* end = repository::PutNumber(shape, type, number, buffer);
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

  // One value as field `number`. Nothing is appended for an enum name that nobody knows,
  // nor for a zero where `leave_out_zero`.
  bool Value(const bson_iter_t& at, const Shape& shape, int number, bool leave_out_zero) {
    if (repository::IsNumeric(shape.type)) {
      Number value;
      if (!ReadNumber(at, shape, &value)) return false;
      repository::AppendNumber(shape, number, leave_out_zero, value, out_);
      return true;
    }
    switch (shape.type) {
      case Type::kString: {
        const std::optional<std::string_view> text = TextAt(at);
        if (!text) return false;
        repository::AppendLong(shape, number, leave_out_zero, *text, out_);
        return true;
      }
      case Type::kBytes: return ByteString(at, shape, number, leave_out_zero);
      case Type::kTimestamp: {
        const std::optional<int64_t> millis = TimestampAt(at);
        if (!millis) return false;
        char buffer[kScalarMax];
        const char* end = repository::PutTimestamp(*millis, buffer);
        repository::AppendSmallMessage(number, buffer, end, out_);
        return true;
      }
      case Type::kDuration: {
        const std::optional<int64_t> micros = DurationAt(at);
        if (!micros) return false;
        char buffer[kScalarMax];
        const char* end = repository::PutDuration(*micros, buffer);
        repository::AppendSmallMessage(number, buffer, end, out_);
        return true;
      }
      default: break;
    }
    const size_t start = wire::Begin(number, out_);
    if (!Content(at, shape)) return false;
    wire::End(start, out_);
    return true;
  }

  bool ByteString(const bson_iter_t& at, const Shape& shape, int number, bool leave_out_zero) {
    if (bson_iter_type(&at) != BSON_TYPE_UTF8) {
      const std::optional<std::string_view> bytes = BytesAt(at);
      if (!bytes) return false;
      repository::AppendLong(shape, number, leave_out_zero, *bytes, out_);
      return true;
    }
    const std::optional<std::string_view> text = TextAt(at);
    if (!text) return false;
    const std::optional<std::string> bytes = Base64Decode(*text);
    if (!bytes) return false;
    repository::AppendLong(shape, number, leave_out_zero, *bytes, out_);
    return true;
  }

  bool Content(const bson_iter_t& at, const Shape& shape) {
    switch (shape.type) {
      case Type::kStruct: return Struct(at);
      case Type::kValue: return DynamicValue(at);
      case Type::kListValue: return List(at);
      case Type::kMessage: return Nested(at, *shape.message);
      default: return false;
    }
  }

  bool Nested(const bson_iter_t& at, const MessageType& type) {
    repository::NamesSeen seen(type);
    return Each(at, BSON_TYPE_DOCUMENT, [&](const bson_iter_t& member) {
      const Shape* shape = type.Find(NameAt(member));
      if (shape == nullptr) return true;
      return seen.Add(*shape) && Field(member, *shape);
    });
  }

  // The content of google.protobuf.Struct: entries of field 1.
  bool Struct(const bson_iter_t& at) {
    return Each(at, BSON_TYPE_DOCUMENT, [&](const bson_iter_t& member) {
      const std::optional<std::string> key = KeyAt(member);
      if (!key) return false;
      const size_t entry = wire::Begin(1, out_);
      wire::AppendBytes(1, *key, out_);
      const size_t value = wire::Begin(2, out_);
      if (!DynamicValue(member)) return false;
      wire::End(value, out_);
      wire::End(entry, out_);
      return true;
    });
  }

  // The content of google.protobuf.ListValue: Values as field 1.
  bool List(const bson_iter_t& at) {
    return Each(at, BSON_TYPE_ARRAY, [&](const bson_iter_t& element) {
      const size_t value = wire::Begin(1, out_);
      if (!DynamicValue(element)) return false;
      wire::End(value, out_);
      return true;
    });
  }

  // The content of google.protobuf.Value. A member of its oneof is written also when it
  // is zero.
  bool DynamicValue(const bson_iter_t& at) {
    char buffer[kScalarMax];
    char* end = buffer;
    switch (bson_iter_type(&at)) {
      case BSON_TYPE_DOCUMENT: {
        const size_t start = wire::Begin(repository::kStructValue, out_);
        if (!Struct(at)) return false;
        wire::End(start, out_);
        return true;
      }
      case BSON_TYPE_ARRAY: {
        const size_t start = wire::Begin(repository::kListValue, out_);
        if (!List(at)) return false;
        wire::End(start, out_);
        return true;
      }
      case BSON_TYPE_UTF8: {
        const std::optional<std::string_view> text = TextAt(at);
        if (!text) return false;
        wire::AppendBytes(repository::kStringValue, *text, out_);
        return true;
      }
      case BSON_TYPE_BOOL:
        end = repository::PutTag(repository::kBoolValue, wire::kVarint, end);
        end = repository::PutVarint(bson_iter_bool(&at) ? 1 : 0, end);
        break;
      case BSON_TYPE_NULL:
        end = repository::PutTag(repository::kNullValue, wire::kVarint, end);
        end = repository::PutVarint(0, end);
        break;
      default: {
        // A Value is never infinite (google/protobuf/struct.proto).
        const std::optional<double> number = RealAt(at, Type::kDouble);
        if (!number || std::isinf(*number)) return false;
        end = repository::PutTag(repository::kNumberValue, wire::kFixed64, end);
        end = repository::PutReal(FieldDescriptor::TYPE_DOUBLE, *number, end);
      }
    }
    out_->append(buffer, end - buffer);
    return true;
  }

  std::string* const out_;
  int levels_ = 0;
};

}  // namespace

bool NestedToWire(const bson_iter_t& at, const Shape& shape, std::string* out) {
  const size_t before = out->size();
  if (Reader(out).Field(at, shape)) return true;
  out->resize(before);
  return false;
}

}  // namespace storegate::mongodb
