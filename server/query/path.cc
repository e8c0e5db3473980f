// The part of typing.h that follows paths.
#include <charconv>
#include <utility>

#include "server/base/text.h"
#include "server/query/typing.h"

namespace storegate::query {
namespace {

using google::protobuf::FieldDescriptor;
using schema::Presence;
using schema::Type;

template <typename Int>
bool IsTextOf(const std::string& text) {
  Int value;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() &&
         std::to_string(value) == text;
}

// Keys are kept as JSON has them: "5", never "05".
bool IsKeyText(const std::string& text, const FieldDescriptor* key) {
  switch (key->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: return text == "true" || text == "false";
    case FieldDescriptor::CPPTYPE_INT32: return IsTextOf<int32_t>(text);
    case FieldDescriptor::CPPTYPE_INT64: return IsTextOf<int64_t>(text);
    case FieldDescriptor::CPPTYPE_UINT32: return IsTextOf<uint32_t>(text);
    case FieldDescriptor::CPPTYPE_UINT64: return IsTextOf<uint64_t>(text);
    default: return true;
  }
}

// Records of records, at most.
constexpr size_t kMaxThrough = 4;

Status CheckField(const schema::Field& field, const PathPart& part, const schema::Entity& entity) {
  const std::string name = entity.name + "." + field.name;
  if (!field.stored()) {
    return FilterError(part.position, name + " is not stored, so nothing can be compared with it");
  }
  if (field.input_only || field.password) {
    return FilterError(part.position, name + " is input only, so nothing can be compared with it");
  }
  if (field.role == schema::Role::kEtag) {
    return FilterError(part.position, name + " changes with each write; compare another field");
  }
  return {};
}

}  // namespace

Result<ResolvedPath> ResolvePath(const std::vector<PathPart>& parts, const schema::Entity& entity) {
  ResolvedPath resolved;
  const schema::Entity* home = &entity;
  const schema::Field* field = nullptr;
  size_t at = 0;
  for (;; ++at) {
    field = home->Find(parts[at].text);
    if (field == nullptr) {
      return FilterError(parts[at].position,
                         home->name + " has no field " + Quoted(parts[at].text));
    }
    if (!resolved.written.empty()) resolved.written += '.';
    resolved.written += field->name;
    if (field->role != schema::Role::kEmbed) break;
    if (resolved.through.size() == kMaxThrough) {
      return FilterError(parts[at].position, "a path goes through at most " +
                                                 std::to_string(kMaxThrough) + " other records");
    }
    resolved.through.push_back(field);
    if (at + 1 == parts.size()) return resolved;
    home = field->embed_entity;
  }
  if (Status status = CheckField(*field, parts[at], *home); !status.ok()) return status;

  Path& path = resolved.path;
  path.field = field;
  const schema::Shape* shape = field;
  Type type = field->type;
  Presence presence = field->presence;
  if (presence == Presence::kMap) resolved.map_key = field->key;
  for (size_t i = at + 1; i < parts.size(); ++i) {
    const PathPart& part = parts[i];
    if (presence == Presence::kRepeated) {
      return FilterError(part.position,
                         resolved.written + " is a list; a path does not go into its elements");
    }
    if (presence == Presence::kMap) {
      if (!IsKeyText(part.text, shape->key)) {
        return FilterError(part.position, Quoted(part.text) + " is no key of the map " +
                                              resolved.written + ", whose keys are of type " +
                                              shape->key->type_name());
      }
      presence = Presence::kOptional;
    } else if (type == Type::kMessage) {
      shape = shape->message->Find(part.text);
      if (shape == nullptr) {
        return FilterError(part.position, resolved.written + " has no field " + Quoted(part.text));
      }
      type = shape->type;
      presence = shape->presence;
      if (presence == Presence::kMap) resolved.map_key = shape->key;
    } else if (type == Type::kStruct || type == Type::kValue) {
      type = Type::kValue;
      presence = Presence::kOptional;
    } else {
      return FilterError(part.position, resolved.written + " has no fields, so nothing can be " +
                                            "named below it");
    }
    path.below.push_back(part.text);
    resolved.written += "." + part.text;
  }
  path.type = type;
  path.presence = presence;
  path.enum_type = type == Type::kEnum ? shape->enum_type : nullptr;
  return resolved;
}

}  // namespace storegate::query
