#include "server/service/mask.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "server/base/text.h"
#include "server/service/reflect.h"

namespace storegate::service {
namespace {

using schema::Field;
using schema::Presence;
using schema::Role;
using schema::Shape;
using schema::Type;

// Splits at dots outside backquotes. Empty when it is malformed.
std::optional<std::vector<std::string>> Split(std::string_view path) {
  std::vector<std::string> parts;
  size_t i = 0;
  while (true) {
    std::string part;
    if (i < path.size() && path[i] == '`') {
      for (++i;; ++i) {
        if (i >= path.size()) return std::nullopt;
        if (path[i] != '`') {
          part += path[i];
        } else if (i + 1 < path.size() && path[i + 1] == '`') {
          part += path[i++];
        } else {
          break;
        }
      }
      ++i;
    } else {
      while (i < path.size() && path[i] != '.') part += path[i++];
      if (part.empty()) return std::nullopt;
    }
    parts.push_back(std::move(part));
    if (i >= path.size()) return parts;
    if (path[i++] != '.') return std::nullopt;
  }
}

bool IsKeyOf(const FieldDescriptor* key, const std::string& text) {
  switch (key->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: return text.find('\0') == std::string::npos;
    case FieldDescriptor::CPPTYPE_BOOL: return text == "true" || text == "false";
    default: break;
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  // One spelling a key: what is found is found by its text.
  if (std::to_string(number) != text) return false;
  if (key->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
    return number >= INT32_MIN && number <= INT32_MAX;
  }
  if (key->cpp_type() == FieldDescriptor::CPPTYPE_UINT32) {
    return number >= 0 && number <= UINT32_MAX;
  }
  return true;
}

// Why a path cannot go on below `shape` with these parts; empty when it can.
std::string WrongBelow(const Shape& shape, const std::vector<std::string>& parts, size_t next) {
  if (next == parts.size()) return "";
  if (shape.presence == Presence::kRepeated) {
    return Quoted(shape.name) + " is a list, which is set as a whole";
  }
  if (shape.presence == Presence::kMap) {
    if (!IsKeyOf(shape.key, parts[next])) {
      return Quoted(parts[next]) + " is no key of " + Quoted(shape.name);
    }
    if (++next == parts.size()) return "";
  }
  switch (shape.type) {
    case Type::kStruct:
    case Type::kValue:
      for (; next < parts.size(); ++next) {
        if (parts[next].find('\0') != std::string::npos) return "a key must not hold a NUL";
      }
      return "";
    case Type::kMessage: {
      const Shape* below = shape.message->Find(parts[next]);
      if (below == nullptr) {
        return Quoted(parts[next]) + " is no field of " + shape.message->descriptor->full_name();
      }
      return WrongBelow(*below, parts, next + 1);
    }
    default: return Quoted(shape.name) + " has nothing below it";
  }
}

// Why callers cannot update the field; empty when they can.
std::string_view WhyNotWritten(const Field& field) {
  switch (field.role) {
    case Role::kId: return "the id never changes";
    case Role::kCreateTime:
    case Role::kUpdateTime:
    case Role::kDeleteTime:
    case Role::kEtag: return "the gateway sets it";
    case Role::kEmbed:
    case Role::kCount: return "it is not stored";
    case Role::kData: break;
  }
  if (field.output_only) return "it is output only";
  if (field.immutable) return "it is immutable";
  return "";
}

int FindEntry(const Message& message, const FieldDescriptor* map, const std::string& key) {
  const auto* r = message.GetReflection();
  const FieldDescriptor* field = map->message_type()->map_key();
  const bool text = field->cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  std::string scratch;
  // From the back: of equal keys the last is meant.
  for (int i = r->FieldSize(message, map) - 1; i >= 0; --i) {
    const Message& entry = r->GetRepeatedMessage(message, map, i);
    if (text ? TextAt(entry, field, kSingular, &scratch) == key : MapKeyText(entry, field) == key) {
      return i;
    }
  }
  return kSingular;
}

using Below = const std::vector<std::string>&;

void ApplyValue(const Message& from, Below below, size_t next, Message* to);
void ApplyMessage(const Message& from, const schema::MessageType& type, Below below, size_t next,
                  Message* to);

// Goes on into one message value of the type of `shape`.
void ApplyInto(const Message& from, const Shape& shape, Below below, size_t next, Message* to);

void ApplyEntry(const Message& from, const FieldDescriptor* map, const Shape* shape, Below below,
                size_t next, Message* to) {
  const auto* r = to->GetReflection();
  const FieldDescriptor* value = map->message_type()->map_value();
  const int source = FindEntry(from, map, below[next]);
  int target = FindEntry(*to, map, below[next]);
  const bool last = next + 1 == below.size();
  if (last) {
    if (target != kSingular) RemoveUnordered(to, map, target);
    if (source != kSingular) r->AddMessage(to, map)->CopyFrom(MessageAt(from, map, source));
    return;
  }
  if (target == kSingular) {
    // Nothing is made for a path that `from` does not have either.
    if (source == kSingular) return;
    const Message& given = MessageAt(MessageAt(from, map, source), value);
    if (shape == nullptr && !IsSet(given, given.GetDescriptor()->FindFieldByNumber(5))) return;
    // Only what the path names comes over; the entry itself must be there first.
    Message* entry = r->AddMessage(to, map);
    CopyField(MessageAt(from, map, source), map->message_type()->map_key(), entry);
    target = r->FieldSize(*to, map) - 1;
  }
  Message* entry = MutableMessageAt(to, map, target);
  const std::unique_ptr<Message> nothing(source == kSingular ? entry->New() : nullptr);
  const Message& from_entry = source == kSingular ? *nothing : MessageAt(from, map, source);
  Message* below_to = MutableMessageAt(entry, value);
  if (shape == nullptr) {
    ApplyValue(MessageAt(from_entry, value), below, next + 1, below_to);
  } else {
    ApplyInto(MessageAt(from_entry, value), *shape, below, next + 1, below_to);
  }
}

void ApplyStruct(const Message& from, Below below, size_t next, Message* to) {
  ApplyEntry(from, to->GetDescriptor()->FindFieldByNumber(1), nullptr, below, next, to);
}

// google.protobuf.Value: the path goes on where it holds a Struct. Where `to`
// holds something else, that gives way to what `from` has, and to nothing else.
void ApplyValue(const Message& from, Below below, size_t next, Message* to) {
  const FieldDescriptor* structure = to->GetDescriptor()->FindFieldByNumber(5);
  const auto* r = to->GetReflection();
  if (!r->HasField(*to, structure) && !r->HasField(from, structure)) return;
  ApplyStruct(MessageAt(from, structure), below, next, r->MutableMessage(to, structure));
}

void ApplyInto(const Message& from, const Shape& shape, Below below, size_t next, Message* to) {
  switch (shape.type) {
    case Type::kStruct: return ApplyStruct(from, below, next, to);
    case Type::kValue: return ApplyValue(from, below, next, to);
    default: return ApplyMessage(from, *shape.message, below, next, to);
  }
}

void ApplyField(const Message& from, const Shape& shape, Below below, size_t next, Message* to) {
  const FieldDescriptor* field = shape.descriptor;
  if (next == below.size()) return CopyField(from, field, to);
  if (shape.presence == Presence::kMap) {
    return ApplyEntry(from, field, &shape, below, next, to);
  }
  // Nothing to take from and nothing to clear: no empty message is made, and no
  // sibling of a oneof is cleared.
  if (!IsSet(from, field) && !IsSet(*to, field)) return;
  ApplyInto(MessageAt(from, field), shape, below, next, MutableMessageAt(to, field));
}

void ApplyMessage(const Message& from, const schema::MessageType& type, Below below, size_t next,
                  Message* to) {
  ApplyField(from, *type.Find(below[next]), below, next + 1, to);
}

}  // namespace

Result<Mask> ParseMask(const std::vector<std::string>& paths, std::string_view mask_name,
                       const schema::Entity& entity, const Message& record) {
  const std::string name(mask_name);
  if (paths.empty()) {
    return Invalid(name, "required: name the fields to set, or \"*\" for all",
                   reason::kUpdateMaskRequired);
  }
  if (paths.size() > kMaxMaskPaths) {
    return Invalid(name, "has " + std::to_string(paths.size()) + " paths; at most " +
                             std::to_string(kMaxMaskPaths) + " are taken",
                   reason::kBatchTooLarge);
  }
  Mask mask;
  if (paths.size() == 1 && paths[0] == "*") {
    for (const Field& field : entity.fields) {
      if (!WhyNotWritten(field).empty()) continue;
      if (field.input_only && !IsSet(record, field.descriptor)) continue;
      mask.whole.push_back(&field);
    }
    return mask;
  }
  Violations violations;
  std::set<int> whole;
  for (const std::string& path : paths) {
    const auto wrong = [&](std::string_view why) {
      violations.Add(name, Quoted(path) + ": " + std::string(why), reason::kInvalidUpdateMask);
    };
    if (path == "*") {
      wrong("stands alone; no other path goes with it");
      continue;
    }
    auto parts = Split(path);
    if (!parts) {
      wrong("malformed: names joined by dots, other keys in backquotes");
      continue;
    }
    const Field* field = entity.Find(parts->front());
    if (field == nullptr) {
      wrong("no field of " + entity.name);
    } else if (std::string_view why = WhyNotWritten(*field); !why.empty()) {
      wrong(why);
    } else if (std::string below = WrongBelow(*field, *parts, 1); !below.empty()) {
      wrong(below);
    } else if (parts->size() == 1) {
      whole.insert(field->index);
    } else {
      parts->erase(parts->begin());
      mask.nested.push_back({field, std::move(*parts)});
    }
  }
  if (!violations.empty()) return violations.ToStatus();
  for (int index : whole) mask.whole.push_back(&entity.fields[static_cast<size_t>(index)]);
  std::erase_if(mask.nested,
                [&](const MaskPath& path) { return whole.contains(path.field->index); });
  return mask;
}

void ApplyMaskPath(const MaskPath& path, const Message& from, Message* to) {
  ApplyField(from, *path.field, path.below, 0, to);
}

}  // namespace storegate::service
