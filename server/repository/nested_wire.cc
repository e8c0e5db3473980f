#include "server/repository/nested_wire.h"

#include <charconv>

namespace storegate::repository {

using google::protobuf::FieldDescriptor;
using schema::Presence;
using schema::Shape;
using schema::Type;

bool InRange(Type type, int64_t value) {
  switch (type) {
    case Type::kInt32:
    case Type::kEnum: return value >= INT32_MIN && value <= INT32_MAX;
    case Type::kUint32: return value >= 0 && value <= UINT32_MAX;
    default: return true;
  }
}

FieldDescriptor::Type TravelType(const Shape& shape) {
  const FieldDescriptor* field = shape.descriptor;
  if (shape.presence == Presence::kMap) field = field->message_type()->map_value();
  if (shape.wrapper) field = field->message_type()->FindFieldByNumber(1);
  return field->type();
}

void AppendNumber(const Shape& shape, int number, bool leave_out_zero, const Number& value,
                  std::string* out) {
  if (!value.known) return;
  const FieldDescriptor::Type type = TravelType(shape);
  const bool zero = IsReal(shape.type) ? value.real == 0 : value.integer == 0;
  char buffer[kScalarMax];
  if (shape.wrapper) {
    char* end = buffer;
    if (!zero) end = PutNumber(shape, type, value, PutTag(1, WireTypeOf(type), end));
    AppendSmallMessage(number, buffer, end, out);
  } else if (!zero || !leave_out_zero) {
    const char* end = PutNumber(shape, type, value, PutTag(number, WireTypeOf(type), buffer));
    out->append(buffer, end - buffer);
  }
}

void AppendLong(const Shape& shape, int number, bool leave_out_zero, std::string_view content,
                std::string* out) {
  if (shape.wrapper) {
    const size_t start = wire::Begin(number, out);
    if (!content.empty()) wire::AppendBytes(1, content, out);
    wire::End(start, out);
  } else if (!content.empty() || !leave_out_zero) {
    wire::AppendBytes(number, content, out);
  }
}

bool AppendMapKey(std::string_view key, FieldDescriptor::Type type, std::string* out) {
  int64_t number = 0;
  Type kind = Type::kInt64;
  switch (type) {
    case FieldDescriptor::TYPE_STRING: wire::AppendBytes(1, key, out); return true;
    case FieldDescriptor::TYPE_BOOL:
      if (key != "true" && key != "false") return false;
      number = key == "true";
      break;
    case FieldDescriptor::TYPE_UINT32:
    case FieldDescriptor::TYPE_FIXED32: kind = Type::kUint32; break;
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_SINT32:
    case FieldDescriptor::TYPE_SFIXED32: kind = Type::kInt32; break;
    default: break;
  }
  if (type != FieldDescriptor::TYPE_BOOL) {
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
    if (error != std::errc() || end != key.data() + key.size() || !InRange(kind, number)) {
      return false;
    }
  }
  char buffer[kScalarMax];
  const char* end = PutInteger(type, number, PutTag(1, WireTypeOf(type), buffer));
  out->append(buffer, end - buffer);
  return true;
}

}  // namespace storegate::repository
