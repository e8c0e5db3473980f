#include "server/adapters/mongodb/types.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "server/adapters/mongodb/element.h"
#include "server/adapters/mongodb/nested.h"
#include "server/base/text.h"
#include "server/query/predicate.h"
#include "server/repository/row_status.h"

namespace storegate::mongodb {

using repository::MalformedColumn;
using schema::Field;
using schema::Presence;
using schema::Type;

namespace {

int Length(std::string_view text) { return static_cast<int>(text.size()); }

void AppendInteger(std::string_view key, int64_t value, Type type, bson_t* to) {
  const bool narrow = type == Type::kInt32 && value >= std::numeric_limits<int32_t>::min() &&
                      value <= std::numeric_limits<int32_t>::max();
  if (type == Type::kTimestamp) {
    bson_append_date_time(to, key.data(), Length(key), value);
  } else if (narrow) {
    bson_append_int32(to, key.data(), Length(key), static_cast<int32_t>(value));
  } else {
    bson_append_int64(to, key.data(), Length(key), value);
  }
}

// A text, or an ObjectId in `buffer` as one where the field keeps those.
std::optional<std::string_view> TextOrIdAt(const bson_iter_t& at, const Field& field,
                                           char (&buffer)[25]) {
  if (bson_iter_type(&at) != BSON_TYPE_OID) return TextAt(at);
  // A row that a query computes has no id, and texts that may come from any field.
  const bool computed = field.entity->id == nullptr;
  if (!KeepsObjectIds(field) && !(computed && field.type == Type::kString)) return std::nullopt;
  bson_oid_to_string(bson_iter_oid(&at), buffer);
  return std::string_view(buffer, 24);
}

Status TooDeep(const Field& field) {
  const std::string limit = std::to_string(kLevelsMax);
  return Status(Code::kInvalidArgument, "NESTED_TOO_DEEP",
                field.name + " is nested deeper than " + limit +
                    " levels, each message, map, Struct and list being one.")
      .WithViolation(field.name, "must be nested at most " + limit +
                                     " levels deep, each message, map, Struct and list being one");
}

}  // namespace

std::string_view NameOf(const Field& field) {
  return field.role == schema::Role::kId ? std::string_view("_id") : field.column;
}

void AppendValue(std::string_view key, const Value& value, Type type, bson_t* to) {
  if (const auto* integer = std::get_if<int64_t>(&value)) {
    AppendInteger(key, *integer, type, to);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    bson_append_utf8(to, key.data(), Length(key), text->data(), Length(*text));
  } else if (const auto* real = std::get_if<double>(&value)) {
    bson_append_double(to, key.data(), Length(key), *real + 0.0);  // -0.0 becomes 0
  } else if (const auto* boolean = std::get_if<bool>(&value)) {
    bson_append_bool(to, key.data(), Length(key), *boolean);
  } else if (const auto* bytes = std::get_if<Bytes>(&value)) {
    bson_append_binary(to, key.data(), Length(key), BSON_SUBTYPE_BINARY,
                       reinterpret_cast<const uint8_t*>(bytes->data.data()),
                       static_cast<uint32_t>(bytes->data.size()));
  } else {
    bson_append_null(to, key.data(), Length(key));
  }
}

bool KeepsObjectIds(const Field& field) {
  if (field.references) return KeepsObjectIds(*field.references->field);
  return field.type == Type::kString && field.format == schema::Format::kObjectId &&
         (field.nullable() || (field.presence == Presence::kPlain &&
                               (field.role == schema::Role::kId || field.required)));
}

void AppendValue(std::string_view key, const Value& value, const Field& field, bson_t* to) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr || !KeepsObjectIds(field) || !IsObjectId(*text)) {
    return AppendValue(key, value, field.type, to);
  }
  bson_oid_t id;
  bson_oid_init_from_string(&id, text->c_str());
  bson_append_oid(to, key.data(), Length(key), &id);
}

Status AppendField(const google::protobuf::Message& record, const Field& field, bson_t* to,
                   bool* set) {
  *set = false;
  if (!field.nested()) {
    const Result<Value> value = query::ReadValue(record, field.descriptor);
    if (!value.ok()) return value.status();
    if (IsNull(*value)) return {};
    AppendValue(NameOf(field), *value, field, to);
    *set = true;
    return {};
  }
  if (field.presence == Presence::kOptional &&
      !record.GetReflection()->HasField(record, field.descriptor)) {
    return {};
  }
  if (!AppendNested(record, field, NameOf(field), to)) return TooDeep(field);
  *set = true;
  return {};
}

Result<Value> ReadValue(const bson_iter_t& at, const Field& field) {
  if (bson_iter_type(&at) == BSON_TYPE_NULL) return Value();
  switch (field.type) {
    case Type::kBool:
      if (bson_iter_type(&at) == BSON_TYPE_BOOL) return Value(bson_iter_bool(&at));
      break;
    case Type::kFloat:
    case Type::kDouble:
      if (const auto value = RealAt(at, field.type)) return Value(*value);
      break;
    case Type::kString:
    case Type::kEnum: {
      char buffer[25];
      if (const auto text = TextOrIdAt(at, field, buffer)) return Value(std::string(*text));
      break;
    }
    case Type::kBytes:
      if (const auto bytes = BytesAt(at)) return Value(Bytes{std::string(*bytes)});
      break;
    default:
      if (const auto value = IntegerAt(at, field.type)) return Value(*value);
  }
  return MalformedColumn(field);
}

Status ReadField(const bson_iter_t& at, const Field& field, repository::Sink* sink) {
  if (field.nested()) {
    std::string bytes;
    if (!NestedToWire(at, field, &bytes)) return MalformedColumn(field);
    if (!bytes.empty()) sink->Wire(field, bytes);
    return {};
  }
  if (bson_iter_type(&at) == BSON_TYPE_NULL) return {};
  switch (field.type) {
    case Type::kBool:
      if (bson_iter_type(&at) != BSON_TYPE_BOOL) return MalformedColumn(field);
      sink->Bool(field, bson_iter_bool(&at));
      return {};
    case Type::kFloat:
    case Type::kDouble: {
      const std::optional<double> value = RealAt(at, field.type);
      if (!value) return MalformedColumn(field);
      sink->Double(field, *value);
      return {};
    }
    case Type::kString:
    case Type::kEnum: {
      char buffer[25];
      const std::optional<std::string_view> text = TextOrIdAt(at, field, buffer);
      if (!text) return MalformedColumn(field);
      sink->Text(field, *text);
      return {};
    }
    case Type::kBytes: {
      const std::optional<std::string_view> bytes = BytesAt(at);
      if (!bytes) return MalformedColumn(field);
      sink->Bytes(field, *bytes);
      return {};
    }
    default: {
      const std::optional<int64_t> value = IntegerAt(at, field.type);
      if (!value) return MalformedColumn(field);
      sink->Int64(field, *value);
      return {};
    }
  }
}

}  // namespace storegate::mongodb
