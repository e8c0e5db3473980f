// Messages → JSON text, by reflection.
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/repository/json.h"
#include "server/repository/slot.h"

namespace storegate::repository {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using schema::MessageType;
using schema::Presence;
using schema::Shape;
using schema::Type;

namespace {

// Escapes what JSON requires and nothing else; runs of other bytes go as they are.
void AppendString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t done = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out->append(text, done, i - done);
    done = i + 1;
    switch (c) {
      case '"': *out += "\\\""; break;
      case '\\': *out += "\\\\"; break;
      case '\b': *out += "\\b"; break;
      case '\f': *out += "\\f"; break;
      case '\n': *out += "\\n"; break;
      case '\r': *out += "\\r"; break;
      case '\t': *out += "\\t"; break;
      default:
        *out += "\\u00";
        out->push_back("01"[c >> 4]);
        out->push_back("0123456789abcdef"[c & 15]);
    }
  }
  out->append(text, done);
  out->push_back('"');
}

template <typename Number>
void AppendNumber(Number value, std::string* out) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out->append(buffer, end - buffer);
}

// The shortest text that reads back as the same number.
template <typename Real>
void AppendReal(Real value, std::string* out) {
  if (std::isfinite(value)) {
    AppendNumber(value + Real{0}, out);  // -0.0 becomes 0
  } else {
    *out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  }
}

class Writer {
 public:
  explicit Writer(std::string* out) : out_(out) {}

  void Field(const Message& message, const Shape& shape) {
    switch (shape.presence) {
      case Presence::kMap: return Map(message, shape);
      case Presence::kRepeated: {
        const int size = message.GetReflection()->FieldSize(message, shape.descriptor);
        out_->push_back('[');
        for (int i = 0; i < size; ++i) {
          if (i > 0) out_->push_back(',');
          One({message, shape.descriptor, i}, shape);
        }
        out_->push_back(']');
        return;
      }
      case Presence::kPlain:
      case Presence::kOptional: return One({message, shape.descriptor}, shape);
    }
  }

 private:
  void Map(const Message& message, const Shape& shape) {
    const FieldDescriptor* value = shape.descriptor->message_type()->map_value();
    bool first = true;
    out_->push_back('{');
    for (const Message* entry : SortedEntries(message, shape.descriptor)) {
      if (!first) out_->push_back(',');
      first = false;
      Key(*entry, shape.key);
      out_->push_back(':');
      One({*entry, value}, shape);
    }
    out_->push_back('}');
  }

  void Key(const Message& entry, const FieldDescriptor* key) {
    const Reflection* reflection = entry.GetReflection();
    if (key->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      std::string scratch;
      AppendString(reflection->GetStringReference(entry, key, &scratch), out_);
      return;
    }
    out_->push_back('"');
    Scalar({entry, key});
    out_->push_back('"');
  }

  void One(const Slot& slot, const Shape& shape) {
    if (shape.wrapper) {
      const Message& wrapper = slot.AsMessage();
      return Bare(Member(wrapper, 1), shape);
    }
    Bare(slot, shape);
  }

  void Bare(const Slot& slot, const Shape& shape) {
    switch (shape.type) {
      case Type::kEnum: {
        const int number = slot.Read(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue);
        const std::string_view name = shape.enum_type->NameOf(number);
        // A number without a name is refused long before; it stays what it is.
        if (name.empty()) return AppendNumber(number, out_);
        return AppendString(name, out_);
      }
      case Type::kBytes: {
        std::string scratch;
        out_->push_back('"');
        *out_ += Base64(slot.AsString(&scratch));
        out_->push_back('"');
        return;
      }
      case Type::kTimestamp:
        return AppendString(FormatTimestamp(MillisOf(slot.AsMessage())), out_);
      case Type::kDuration:
        return AppendString(FormatDuration(MicrosOf(slot.AsMessage())), out_);
      case Type::kStruct: return Struct(slot.AsMessage());
      case Type::kValue: return DynamicValue(slot.AsMessage());
      case Type::kListValue: return List(slot.AsMessage());
      case Type::kMessage: return Nested(slot.AsMessage(), *shape.message);
      default: return Scalar(slot);
    }
  }

  void Scalar(const Slot& slot) {
    switch (slot.field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        *out_ += slot.Read(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
        return;
      case FieldDescriptor::CPPTYPE_INT32: return AppendNumber(ReadInt32(slot), out_);
      case FieldDescriptor::CPPTYPE_INT64: return AppendNumber(ReadInt64(slot), out_);
      case FieldDescriptor::CPPTYPE_UINT32:
        return AppendNumber(slot.Read(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32),
                            out_);
      case FieldDescriptor::CPPTYPE_UINT64:
        return AppendNumber(slot.Read(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64),
                            out_);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return AppendReal(slot.Read(&Reflection::GetFloat, &Reflection::GetRepeatedFloat), out_);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return AppendReal(slot.Read(&Reflection::GetDouble, &Reflection::GetRepeatedDouble), out_);
      default: {
        std::string scratch;
        AppendString(slot.AsString(&scratch), out_);
      }
    }
  }

  void Nested(const Message& message, const MessageType& type) {
    const Reflection* reflection = message.GetReflection();
    bool first = true;
    out_->push_back('{');
    for (const Shape& shape : type.fields) {
      const bool many = shape.presence == Presence::kRepeated || shape.presence == Presence::kMap;
      if (many && reflection->FieldSize(message, shape.descriptor) == 0) continue;
      if (shape.presence == Presence::kOptional && !reflection->HasField(message, shape.descriptor)) {
        continue;
      }
      if (!first) out_->push_back(',');
      first = false;
      AppendString(shape.name, out_);
      out_->push_back(':');
      Field(message, shape);
    }
    out_->push_back('}');
  }

  // google.protobuf.Struct: fields = 1.
  void Struct(const Message& message) {
    const FieldDescriptor* fields = message.GetDescriptor()->FindFieldByNumber(1);
    bool first = true;
    out_->push_back('{');
    for (const Message* entry : SortedEntries(message, fields)) {
      if (!first) out_->push_back(',');
      first = false;
      Key(*entry, fields->message_type()->map_key());
      out_->push_back(':');
      DynamicValue(Slot{*entry, fields->message_type()->map_value()}.AsMessage());
    }
    out_->push_back('}');
  }

  // google.protobuf.Value: a oneof of six, in the order of their numbers.
  void DynamicValue(const Message& message) {
    const FieldDescriptor* set = message.GetReflection()->GetOneofFieldDescriptor(
        message, message.GetDescriptor()->oneof_decl(0));
    const Slot slot{message, set};
    switch (set == nullptr ? 1 : set->number()) {
      case 5: return Struct(slot.AsMessage());
      case 6: return List(slot.AsMessage());
      case 1: *out_ += "null"; return;
      default: return Scalar(slot);
    }
  }

  // google.protobuf.ListValue: values = 1.
  void List(const Message& message) {
    const FieldDescriptor* values = message.GetDescriptor()->FindFieldByNumber(1);
    const int size = message.GetReflection()->FieldSize(message, values);
    out_->push_back('[');
    for (int i = 0; i < size; ++i) {
      if (i > 0) out_->push_back(',');
      DynamicValue(Slot{message, values, i}.AsMessage());
    }
    out_->push_back(']');
  }

  std::string* out_;
};

}  // namespace

void AppendJson(const Message& message, const Shape& shape, std::string* out) {
  Writer(out).Field(message, shape);
}

}  // namespace storegate::repository
