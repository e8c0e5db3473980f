#include "server/service/validate.h"

#include <string_view>

#include "server/base/text.h"
#include "server/service/reflect.h"
#include "server/service/rules.h"

namespace storegate::service {
namespace {

using schema::Presence;
using schema::Shape;
using schema::Type;

void ValidateKey(const Message& entry, const FieldDescriptor* key, const Path& at,
                 Violations* violations) {
  if (key->cpp_type() != FieldDescriptor::CPPTYPE_STRING) return;
  std::string scratch;
  if (TextAt(entry, key, kSingular, &scratch).find('\0') != std::string::npos) {
    violations->Add(at, "the key must not hold a NUL");
  }
}

// One value: `field` of `holder`, or its element.
void ValidateOne(const Message& holder, const FieldDescriptor* field, int index,
                 const Shape& shape, bool secret, const Path& at, Violations* violations) {
  if (shape.wrapper && field != shape.value) {
    return ValidateOne(MessageAt(holder, field, index), shape.value, kSingular, shape, secret, at,
                       violations);
  }
  std::string scratch;
  switch (shape.type) {
    case Type::kBool: break;
    case Type::kInt32:
    case Type::kInt64:
    case Type::kUint32:
      CheckBounds(shape, IntegerAt(holder, field, index), at, violations);
      break;
    case Type::kFloat:
    case Type::kDouble:
      CheckBounds(shape, NumberAt(holder, field, index), at, violations);
      break;
    case Type::kString:
      CheckText(shape, TextAt(holder, field, index, &scratch), secret, at, violations);
      break;
    case Type::kBytes:
      CheckBytes(shape, TextAt(holder, field, index, &scratch), at, violations);
      break;
    case Type::kEnum:
      CheckEnum(shape, EnumAt(holder, field, index), at, violations);
      break;
    case Type::kTimestamp: CheckTimestamp(MessageAt(holder, field, index), at, violations); break;
    case Type::kDuration: CheckDuration(MessageAt(holder, field, index), at, violations); break;
    case Type::kStruct: CheckStruct(MessageAt(holder, field, index), at, violations); break;
    case Type::kValue: CheckStructValue(MessageAt(holder, field, index), at, violations); break;
    case Type::kListValue: CheckListValue(MessageAt(holder, field, index), at, violations); break;
    case Type::kMessage: {
      const Message& inner = MessageAt(holder, field, index);
      for (const Shape& below : shape.message->fields) {
        ValidateField(inner, below, at, violations);
      }
      break;
    }
  }
}

void CheckItems(const Shape& shape, int size, const Path& at, Violations* violations) {
  const std::string what = shape.presence == Presence::kMap ? " entries" : " elements";
  if (size < shape.min_items) {
    violations->Add(at, "must have at least " + std::to_string(shape.min_items) + what + "; has " +
                            std::to_string(size));
  } else if (shape.max_items > 0 && size > shape.max_items) {
    violations->Add(at, "must have at most " + std::to_string(shape.max_items) + what + "; has " +
                            std::to_string(size));
  }
}

// Whether a value of this type can break a rule at all: a list of a million
// integers without bounds need not be walked.
bool HasNothingToCheck(const Shape& shape) {
  switch (shape.type) {
    case Type::kBool: return true;
    case Type::kInt32:
    case Type::kInt64:
    case Type::kUint32: return !shape.gte && !shape.lte && !shape.gt && !shape.lt;
    default: return false;
  }
}

void Validate(const Message& message, const Shape& shape, bool secret, const Path& parent,
              Violations* violations) {
  const Path at(parent, shape.name);
  const FieldDescriptor* field = shape.descriptor;
  const auto* r = message.GetReflection();
  const bool set = IsSet(message, field);
  // An enum that is there but 0 is as good as none.
  const bool zero_enum = set && shape.type == Type::kEnum && !field->is_repeated() &&
                         !shape.wrapper && EnumAt(message, field) == 0;
  // Text that is set but empty (`optional string`) does not satisfy `required`.
  std::string scratch;
  const bool empty_text = set && (shape.type == Type::kString || shape.type == Type::kBytes) &&
                          !field->is_repeated() && !shape.wrapper &&
                          TextAt(message, field, kSingular, &scratch).empty();
  if (shape.required && (!set || zero_enum || empty_text)) {
    violations->Add(at, "required, but not set");
    return;
  }
  switch (shape.presence) {
    case Presence::kPlain: {
      const bool number = shape.type == Type::kInt32 || shape.type == Type::kInt64 ||
                          shape.type == Type::kUint32 || shape.type == Type::kFloat ||
                          shape.type == Type::kDouble;
      if (set || number) {
        ValidateOne(message, field, kSingular, shape, secret, at, violations);
      }
      break;
    }
    case Presence::kOptional:
      if (set) ValidateOne(message, field, kSingular, shape, secret, at, violations);
      break;
    case Presence::kRepeated: {
      const int size = r->FieldSize(message, field);
      CheckItems(shape, size, at, violations);
      if (HasNothingToCheck(shape)) break;
      for (int i = 0; i < size; ++i) {
        ValidateOne(message, field, i, shape, secret, Path(at, i), violations);
      }
      break;
    }
    case Presence::kMap: {
      const int size = r->FieldSize(message, field);
      CheckItems(shape, size, at, violations);
      const FieldDescriptor* key = field->message_type()->map_key();
      const FieldDescriptor* value = field->message_type()->map_value();
      for (int i = 0; i < size; ++i) {
        const Message& entry = r->GetRepeatedMessage(message, field, i);
        const Path below(at, entry, key);
        ValidateKey(entry, key, below, violations);
        ValidateOne(entry, value, kSingular, shape, secret, below, violations);
      }
      break;
    }
  }
}

}  // namespace

void ValidateField(const Message& message, const Shape& shape, const Path& parent,
                   Violations* violations) {
  Validate(message, shape, false, parent, violations);
}

void ValidateEntityField(const Message& record, const schema::Field& field, const Path& parent,
                         Violations* violations) {
  Validate(record, field, field.password || field.input_only, parent, violations);
  if (!IsSet(record, field.descriptor)) return;
  const Path at(parent, field.name);
  std::string scratch;
  if (field.role == schema::Role::kId) {
    if (field.type != Type::kString) {
      if (int64_t id = IntegerAt(record, field.descriptor); id < 0) {
        violations->Add(at, "must be positive; got " + std::to_string(id));
      }
    } else if (size_t size = TextAt(record, field.descriptor, kSingular, &scratch).size();
               size > kMaxIdBytes) {
      violations->Add(at, "must be at most " + std::to_string(kMaxIdBytes) + " bytes; has " +
                              std::to_string(size));
    }
  }
  if (field.password && field.presence != Presence::kRepeated && !field.wrapper) {
    const size_t size = TextAt(record, field.descriptor, kSingular, &scratch).size();
    if (size > kMaxPasswordBytes) {
      violations->Add(at, "must be at most " + std::to_string(kMaxPasswordBytes) +
                              " bytes; has " + std::to_string(size));
    }
  }
}

void CheckKeyValue(const schema::Field& field, const Path& at, Value* value,
                   Violations* violations) {
  if (auto* text = std::get_if<std::string>(value)) {
    if (field.type == Type::kEnum) return;
    // The bound first: nobody lower-cases a megabyte to look it up.
    if (field.role == schema::Role::kId && text->size() > kMaxIdBytes) {
      return violations->Add(at, "must be at most " + std::to_string(kMaxIdBytes) +
                                     " bytes; has " + std::to_string(text->size()));
    }
    if (text->find('\0') != std::string::npos) {
      return violations->Add(at, "must not hold a NUL");
    }
    if (field.lower_case) *text = LowerCase(*text);
    if (field.format == schema::Format::kUuid && !IsCanonicalUuid(*text)) {
      return violations->Add(at, "must be a UUID in canonical lower case; got " + Quoted(*text));
    }
    if (field.format == schema::Format::kObjectId && !IsObjectId(*text)) {
      return violations->Add(at, "must be an ObjectId, 24 lower case hex digits; got " +
                                     Quoted(*text));
    }
    if (field.max_len > 0) {
      const size_t length = CountCodePoints(*text);
      if (length > static_cast<size_t>(field.max_len)) {
        violations->Add(at, "must have at most " + std::to_string(field.max_len) +
                                " characters; has " + std::to_string(length));
      }
    }
  } else if (auto* number = std::get_if<double>(value)) {
    if (*number != *number) violations->Add(at, "must not be NaN");
    if (*number == 0) *number = 0;
  } else if (auto* integer = std::get_if<int64_t>(value)) {
    if (field.role == schema::Role::kId && *integer <= 0) {
      violations->Add(at, "must be positive; got " + std::to_string(*integer));
    }
  } else if (auto* bytes = std::get_if<Bytes>(value)) {
    if (field.max_len > 0 && bytes->data.size() > static_cast<size_t>(field.max_len)) {
      violations->Add(at, "must have at most " + std::to_string(field.max_len) + " bytes; has " +
                              std::to_string(bytes->data.size()));
    }
  }
}

}  // namespace storegate::service
