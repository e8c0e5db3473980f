// Messages → documents, by reflection.
#include <cstdint>
#include <string>
#include <string_view>

#include "server/adapters/mongodb/keys.h"
#include "server/adapters/mongodb/nested.h"
#include "server/repository/nested_wire.h"
#include "server/repository/slot.h"

namespace storegate::mongodb {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using repository::Member;
using repository::Slot;
using repository::SortedEntries;
using schema::MessageType;
using schema::Presence;
using schema::Shape;
using schema::Type;

namespace {

// Each member appends one element; false when that has too many levels.
class Writer {
 public:
  bool Field(const Message& message, const Shape& shape, std::string_view key, bson_t* to) {
    switch (shape.presence) {
      case Presence::kMap: return Map(message, shape, key, to);
      case Presence::kRepeated: {
        const int size = message.GetReflection()->FieldSize(message, shape.descriptor);
        return Array(size, key, to, [&](int i, std::string_view index, bson_t* list) {
          return One({message, shape.descriptor, i}, shape, index, list);
        });
      }
      case Presence::kPlain:
      case Presence::kOptional: return One({message, shape.descriptor}, shape, key, to);
    }
    return false;
  }

 private:
  static int Length(std::string_view text) { return static_cast<int>(text.size()); }

  // fill(document) appends what is in it.
  template <typename Fill>
  bool Document(std::string_view key, bson_t* to, const Fill& fill) {
    bson_t document;
    if (levels_ == kLevelsMax ||
        !bson_append_document_begin(to, key.data(), Length(key), &document)) {
      return false;
    }
    ++levels_;
    const bool done = fill(&document);
    // Also on failure: what is above must be fit to be destroyed.
    bson_append_document_end(to, &document);
    --levels_;
    return done;
  }

  // fill(i, key, array) appends an element.
  template <typename Fill>
  bool Array(int size, std::string_view key, bson_t* to, const Fill& fill) {
    bson_t array;
    if (levels_ == kLevelsMax ||
        !bson_append_array_begin(to, key.data(), Length(key), &array)) {
      return false;
    }
    ++levels_;
    bool done = true;
    for (int i = 0; i < size && done; ++i) {
      char buffer[16];
      const char* index;
      const size_t length =
          bson_uint32_to_string(static_cast<uint32_t>(i), &index, buffer, sizeof buffer);
      done = fill(i, std::string_view(index, length), &array);
    }
    bson_append_array_end(to, &array);
    --levels_;
    return done;
  }

  bool Map(const Message& message, const Shape& shape, std::string_view key, bson_t* to) {
    const FieldDescriptor* value = shape.descriptor->message_type()->map_value();
    return Document(key, to, [&](bson_t* map) {
      for (const Message* entry : SortedEntries(message, shape.descriptor)) {
        if (!One({*entry, value}, shape, KeyOf({*entry, shape.key}), map)) return false;
      }
      return true;
    });
  }

  // The key of a map's entry as a name.
  static std::string KeyOf(const Slot& slot) {
    const Reflection* reflection = slot.message.GetReflection();
    switch (slot.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection->GetBool(slot.message, slot.field) ? "true" : "false";
      case FieldDescriptor::CPPTYPE_INT32:
        return std::to_string(reflection->GetInt32(slot.message, slot.field));
      case FieldDescriptor::CPPTYPE_INT64:
        return std::to_string(reflection->GetInt64(slot.message, slot.field));
      case FieldDescriptor::CPPTYPE_UINT32:
        return std::to_string(reflection->GetUInt32(slot.message, slot.field));
      case FieldDescriptor::CPPTYPE_UINT64:
        return std::to_string(reflection->GetUInt64(slot.message, slot.field));
      default: {
        std::string scratch;
        return EscapeKey(slot.AsString(&scratch));
      }
    }
  }

  bool One(const Slot& slot, const Shape& shape, std::string_view key, bson_t* to) {
    return shape.wrapper ? Bare(Member(slot.AsMessage(), 1), shape, key, to)
                         : Bare(slot, shape, key, to);
  }

  bool Bare(const Slot& slot, const Shape& shape, std::string_view key, bson_t* to) {
    switch (shape.type) {
      case Type::kEnum: {
        const int number = slot.Read(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue);
        const std::string_view name = shape.enum_type->NameOf(number);
        // A number without a name is refused long before; it stays what it is.
        if (name.empty()) return bson_append_int32(to, key.data(), Length(key), number);
        return bson_append_utf8(to, key.data(), Length(key), name.data(), Length(name));
      }
      case Type::kBytes: {
        std::string scratch;
        const std::string& bytes = slot.AsString(&scratch);
        return bson_append_binary(to, key.data(), Length(key), BSON_SUBTYPE_BINARY,
                                  reinterpret_cast<const uint8_t*>(bytes.data()),
                                  static_cast<uint32_t>(bytes.size()));
      }
      case Type::kTimestamp:
        return bson_append_date_time(to, key.data(), Length(key),
                                     repository::MillisOf(slot.AsMessage()));
      case Type::kDuration:
        return bson_append_int64(to, key.data(), Length(key),
                                 repository::MicrosOf(slot.AsMessage()));
      case Type::kStruct: return Struct(slot.AsMessage(), key, to);
      case Type::kValue: return DynamicValue(slot.AsMessage(), key, to);
      case Type::kListValue: return List(slot.AsMessage(), key, to);
      case Type::kMessage: return Nested(slot.AsMessage(), *shape.message, key, to);
      default: return Scalar(slot, key, to);
    }
  }

  static bool Scalar(const Slot& slot, std::string_view key, bson_t* to) {
    switch (slot.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return bson_append_bool(to, key.data(), Length(key),
                                slot.Read(&Reflection::GetBool, &Reflection::GetRepeatedBool));
      case FieldDescriptor::CPPTYPE_INT32:
        return bson_append_int32(to, key.data(), Length(key), ReadInt32(slot));
      case FieldDescriptor::CPPTYPE_INT64:
        return bson_append_int64(to, key.data(), Length(key), ReadInt64(slot));
      case FieldDescriptor::CPPTYPE_UINT32:
        return bson_append_int64(to, key.data(), Length(key),
                                 slot.Read(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Real(slot.Read(&Reflection::GetFloat, &Reflection::GetRepeatedFloat), key, to);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Real(slot.Read(&Reflection::GetDouble, &Reflection::GetRepeatedDouble), key, to);
      default: {
        std::string scratch;
        const std::string& text = slot.AsString(&scratch);
        return bson_append_utf8(to, key.data(), Length(key), text.data(), Length(text));
      }
    }
  }

  static bool Real(double value, std::string_view key, bson_t* to) {
    return bson_append_double(to, key.data(), Length(key), value + 0.0);  // -0.0 becomes 0
  }

  // Plain fields always, also when zero; the others when set or not empty.
  bool Nested(const Message& message, const MessageType& type, std::string_view key, bson_t* to) {
    const Reflection* reflection = message.GetReflection();
    return Document(key, to, [&](bson_t* document) {
      for (const Shape& shape : type.fields) {
        const bool many =
            shape.presence == Presence::kRepeated || shape.presence == Presence::kMap;
        if (many && reflection->FieldSize(message, shape.descriptor) == 0) continue;
        if (shape.presence == Presence::kOptional &&
            !reflection->HasField(message, shape.descriptor)) {
          continue;
        }
        if (!Field(message, shape, shape.name, document)) return false;
      }
      return true;
    });
  }

  // google.protobuf.Struct: fields = 1.
  bool Struct(const Message& message, std::string_view key, bson_t* to) {
    const FieldDescriptor* fields = message.GetDescriptor()->FindFieldByNumber(1);
    const FieldDescriptor* name = fields->message_type()->map_key();
    const FieldDescriptor* value = fields->message_type()->map_value();
    return Document(key, to, [&](bson_t* document) {
      for (const Message* entry : SortedEntries(message, fields)) {
        if (!DynamicValue(Slot{*entry, value}.AsMessage(), KeyOf({*entry, name}), document)) {
          return false;
        }
      }
      return true;
    });
  }

  // google.protobuf.Value: a oneof of six. One of no kind is null.
  bool DynamicValue(const Message& message, std::string_view key, bson_t* to) {
    const FieldDescriptor* set = message.GetReflection()->GetOneofFieldDescriptor(
        message, message.GetDescriptor()->oneof_decl(0));
    const Slot slot{message, set};
    switch (set == nullptr ? repository::kNullValue : set->number()) {
      case repository::kStructValue: return Struct(slot.AsMessage(), key, to);
      case repository::kListValue: return List(slot.AsMessage(), key, to);
      case repository::kNullValue: return bson_append_null(to, key.data(), Length(key));
      default: return Scalar(slot, key, to);
    }
  }

  // google.protobuf.ListValue: values = 1.
  bool List(const Message& message, std::string_view key, bson_t* to) {
    const FieldDescriptor* values = message.GetDescriptor()->FindFieldByNumber(1);
    const int size = message.GetReflection()->FieldSize(message, values);
    return Array(size, key, to, [&](int i, std::string_view index, bson_t* list) {
      return DynamicValue(Slot{message, values, i}.AsMessage(), index, list);
    });
  }

  int levels_ = 0;
};

}  // namespace

bool AppendNested(const Message& message, const Shape& shape, std::string_view key, bson_t* to) {
  return Writer().Field(message, shape, key, to);
}

}  // namespace storegate::mongodb
