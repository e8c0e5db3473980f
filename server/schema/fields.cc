// Fields of entities and of the messages inside them: types, presence, roles.
#include <algorithm>
#include <map>

#include "server/schema/builder.h"
#include "server/schema/location.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

// What protobuf's own messages are kept as. Others of google.protobuf are plain
// messages.
struct WellKnown {
  Type type;
  bool wrapper;
};
const std::map<std::string_view, WellKnown>& WellKnowns() {
  static const std::map<std::string_view, WellKnown> known = {
      {"google.protobuf.Timestamp", {Type::kTimestamp, false}},
      {"google.protobuf.Duration", {Type::kDuration, false}},
      {"google.protobuf.Struct", {Type::kStruct, false}},
      {"google.protobuf.Value", {Type::kValue, false}},
      {"google.protobuf.ListValue", {Type::kListValue, false}},
      {"google.protobuf.BoolValue", {Type::kBool, true}},
      {"google.protobuf.Int32Value", {Type::kInt32, true}},
      {"google.protobuf.Int64Value", {Type::kInt64, true}},
      {"google.protobuf.UInt32Value", {Type::kUint32, true}},
      {"google.protobuf.FloatValue", {Type::kFloat, true}},
      {"google.protobuf.DoubleValue", {Type::kDouble, true}},
      {"google.protobuf.StringValue", {Type::kString, true}},
      {"google.protobuf.BytesValue", {Type::kBytes, true}},
  };
  return known;
}

std::string Label(const pb::FieldDescriptor* field) {
  return field->containing_type()->name() + "." + field->name();
}

bool Singular(const Shape& shape) {
  return shape.presence == Presence::kPlain || shape.presence == Presence::kOptional;
}

}  // namespace

void Builder::AddFields(Entity* entity) {
  const Descriptor* message = entity->descriptor;
  std::vector<const FieldDescriptor*> descriptors;
  for (int i = 0; i < message->field_count(); ++i) descriptors.push_back(message->field(i));
  std::sort(descriptors.begin(), descriptors.end(),
            [](auto* a, auto* b) { return a->number() < b->number(); });
  for (const FieldDescriptor* descriptor : descriptors) AddField(entity, descriptor);

  for (const Field& field : entity->fields) {
    switch (field.role) {
      case Role::kId: entity->id = &field; break;
      case Role::kCreateTime: entity->create_time = &field; break;
      case Role::kUpdateTime: entity->update_time = &field; break;
      case Role::kDeleteTime: entity->delete_time = &field; break;
      case Role::kEtag: entity->etag = &field; break;
      default: break;
    }
    if (field.stored() && field.role != Role::kEtag) entity->stored.push_back(&field);
    if (field.searchable) entity->searchable.push_back(&field);
  }
  if (message->FindFieldByName("id") == nullptr) {
    Error(entity->location, entity->name + " has no id; add `string id = 1;` (made by the gateway "
                            "when not given) or `int64 id = 1;` (counted by the database)");
  }
  if (entity->search_index && entity->searchable.empty()) {
    Error(entity->location, entity->name + " has search_index, but no field is searchable; give "
                            "one `searchable: true`");
  }
  // A record lives until it is deleted for good: the same as ALL.
  for (Field& field : entity->fields) {
    if (field.unique == Unique::kLive && !entity->soft_delete()) field.unique = Unique::kAll;
  }
  MarkUniqueFields(entity);
  CheckColumns(*entity);
}

// An index of one field says the same as `unique` on the field. References are
// resolved before indexes, and need to know.
void Builder::MarkUniqueFields(Entity* entity) {
  for (const v1::IndexOptions& index :
       entity->descriptor->options().GetExtension(v1::entity).index()) {
    if (index.fields_size() != 1 || index.unique() == v1::UNIQUE_UNSPECIFIED ||
        !index.where().empty()) {
      continue;
    }
    std::string name = index.fields(0).substr(0, index.fields(0).find(' '));
    for (Field& field : entity->fields) {
      if (field.name != name || field.unique != Unique::kNo) continue;
      bool live = index.unique() == v1::LIVE && entity->soft_delete();
      field.unique = live ? Unique::kLive : Unique::kAll;
    }
  }
}

void Builder::AddField(Entity* entity, const FieldDescriptor* descriptor) {
  const v1::FieldOptions& options = descriptor->options().GetExtension(v1::field);
  Field* field = &entity->fields.emplace_back();
  field->entity = entity;
  field->index = static_cast<int>(entity->fields.size()) - 1;
  field->location = LocationOf(descriptor);
  RefuseUnknown(options, field->location);
  if (descriptor->options().HasExtension(v1::where)) {
    Error(field->location,
          Label(descriptor) + " has `where`, which is for fields of List requests");
  }
  if (!options.embed().empty()) field->role = Role::kEmbed;
  if (!options.count().empty()) field->role = Role::kCount;
  field->column = options.column().empty() ? descriptor->name() : options.column();
  if (!FillShape(descriptor, field)) return;
  if (field->stored()) RefuseEntity(*field);
  SetRole(field);
  ApplyFieldOptions(options, field);
}

void Builder::SetRole(Field* field) {
  static const std::map<std::string_view, Role> roles = {{"id", Role::kId},
                                                         {"create_time", Role::kCreateTime},
                                                         {"update_time", Role::kUpdateTime},
                                                         {"delete_time", Role::kDeleteTime},
                                                         {"etag", Role::kEtag}};
  auto found = roles.find(field->name);
  if (found == roles.end()) return;
  bool good;
  std::string wanted;
  if (found->second == Role::kId) {
    good = (field->type == Type::kString || field->type == Type::kInt64) && !field->wrapper &&
           field->presence == Presence::kPlain;
    wanted = "string or int64";
  } else if (found->second == Role::kEtag) {
    good = field->type == Type::kString && field->presence == Presence::kPlain;
    wanted = "string";
  } else {
    good = field->type == Type::kTimestamp && Singular(*field) && field->oneof.empty();
    wanted = "google.protobuf.Timestamp";
  }
  if (!good || field->role != Role::kData) {
    Error(field->location, Label(field->descriptor) + " is known by its name and must be a plain " +
                               wanted + "; change its type, or rename it and keep the column with "
                               "`column`");
    return;
  }
  field->role = found->second;
}

bool Builder::FillShape(const FieldDescriptor* descriptor, Shape* shape) {
  shape->name = descriptor->name();
  shape->number = descriptor->number();
  shape->descriptor = descriptor;
  shape->value = descriptor;
  shape->location = LocationOf(descriptor);
  if (descriptor->real_containing_oneof() != nullptr) {
    shape->oneof = descriptor->real_containing_oneof()->name();
  }
  if (descriptor->is_map()) {
    shape->presence = Presence::kMap;
    shape->key = descriptor->message_type()->map_key();
    shape->value = descriptor->message_type()->map_value();
    if (shape->key->cpp_type() == FieldDescriptor::CPPTYPE_UINT64) {
      Error(shape->location, Label(descriptor) + " has keys of type " +
                                 shape->key->type_name() + ", which not every database can hold; "
                                 "use int64 or string");
      return false;
    }
  } else if (descriptor->is_repeated()) {
    shape->presence = Presence::kRepeated;
  } else if (descriptor->has_presence()) {
    shape->presence = Presence::kOptional;
  }
  return FillType(shape->value, shape);
}

bool Builder::FillType(const FieldDescriptor* value, Shape* shape) {
  auto refuse = [&](const std::string& why) {
    Error(shape->location, Label(shape->descriptor) + " is " + why);
    return false;
  };
  switch (value->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL: shape->type = Type::kBool; return true;
    case FieldDescriptor::CPPTYPE_INT32: shape->type = Type::kInt32; return true;
    case FieldDescriptor::CPPTYPE_INT64: shape->type = Type::kInt64; return true;
    case FieldDescriptor::CPPTYPE_UINT32: shape->type = Type::kUint32; return true;
    case FieldDescriptor::CPPTYPE_FLOAT: shape->type = Type::kFloat; return true;
    case FieldDescriptor::CPPTYPE_DOUBLE: shape->type = Type::kDouble; return true;
    case FieldDescriptor::CPPTYPE_STRING:
      shape->type = value->type() == FieldDescriptor::TYPE_BYTES ? Type::kBytes : Type::kString;
      return true;
    case FieldDescriptor::CPPTYPE_ENUM:
      shape->type = Type::kEnum;
      shape->enum_type = EnumTypeOf(value->enum_type());
      return true;
    case FieldDescriptor::CPPTYPE_UINT64:
      return refuse(std::string(value->type_name()) +
                    ", which not every database can hold; use int64 or string");
    case FieldDescriptor::CPPTYPE_MESSAGE:
      break;
  }

  const Descriptor* message = value->message_type();
  const std::string& name = message->full_name();
  shape->type = Type::kMessage;
  auto known = WellKnowns().find(name);
  if (known != WellKnowns().end()) {
    shape->type = known->second.type;
    shape->wrapper = known->second.wrapper;
    if (shape->wrapper) shape->value = message->FindFieldByNumber(1);
    return true;
  }
  if (value->type() == FieldDescriptor::TYPE_GROUP) return refuse("a group; use a message");
  if (name == "google.protobuf.Any") {
    return refuse("a google.protobuf.Any, whose content nobody can check; use a message, a oneof "
                  "of messages or google.protobuf.Struct");
  }
  if (name == "google.protobuf.UInt64Value") {
    return refuse("a google.protobuf.UInt64Value, which not every database can hold; use "
                  "Int64Value or StringValue");
  }
  if (EntityOf(message) == nullptr) shape->message = MessageTypeOf(message);
  return true;
}

// Records are stored on their own; one within another would be a copy.
void Builder::RefuseEntity(const Shape& shape) {
  if (shape.type != Type::kMessage || EntityOf(shape.value->message_type()) == nullptr) return;
  std::string name = shape.value->message_type()->name();
  Error(shape.location, Label(shape.descriptor) + " holds " + name +
                            ", an entity, which is stored on its own; keep its id here with "
                            "`references: \"" + name + ".id\"`, and let callers include it through "
                            "a field of the entity with `embed`");
}

const MessageType* Builder::MessageTypeOf(const Descriptor* message) {
  MessageType*& type = messages_[message];
  if (type == nullptr) {
    type = &schema_->messages.emplace_back();
    type->descriptor = message;
    unfilled_messages_.push_back(type);
  }
  return type;
}

// A queue rather than a recursion: messages may hold themselves, and chains of
// them may be long.
void Builder::FillMessageTypes() {
  for (size_t next = filled_messages_; next < unfilled_messages_.size(); ++next) {
    MessageType* type = unfilled_messages_[next];
    const Descriptor* message = type->descriptor;
    if (message->file()->syntax() != pb::FileDescriptor::SYNTAX_PROTO3) {
      Error(LocationOf(message), message->full_name() +
                                     " is in a proto2 file and cannot be stored; "
                                     "begin the file with syntax = \"proto3\";");
      continue;
    }
    type->fields.resize(message->field_count());
    for (int i = 0; i < message->field_count(); ++i) {
      Shape* shape = &type->fields[i];
      const v1::FieldOptions& options = message->field(i)->options().GetExtension(v1::field);
      bool good = FillShape(message->field(i), shape);
      type->by_name.emplace(shape->name, shape);
      RefuseUnknown(options, shape->location);
      if (!good) continue;
      RefuseEntity(*shape);
      ApplyNestedOptions(options, shape);
    }
  }
  filled_messages_ = unfilled_messages_.size();
}

const EnumType* Builder::EnumTypeOf(const EnumDescriptor* descriptor) {
  EnumType*& type = enums_[descriptor];
  if (type == nullptr) {
    type = &schema_->enums.emplace_back();
    type->descriptor = descriptor;
    for (int i = 0; i < descriptor->value_count(); ++i) {
      const pb::EnumValueDescriptor* value = descriptor->value(i);
      type->names.emplace(value->number(), value->name());  // the first one stays
      type->numbers.emplace(value->name(), value->number());
    }
  }
  return type;
}

void Builder::CheckColumns(const Entity& entity) {
  std::map<std::string, const Field*> taken;
  for (const Field* field : entity.stored) {
    std::string bad = WhyBadColumn(field->column, field->searchable);
    if (!bad.empty()) {
      Error(field->location, "column \"" + field->column + "\" of " + Label(field->descriptor) +
                                 " " + bad + "; give it another with `column`");
    }
    auto [place, is_new] = taken.emplace(AsciiLower(field->column), field);
    if (!is_new) {
      Error(field->location, "column \"" + field->column + "\" of " + Label(field->descriptor) +
                                 " is also that of " + Label(place->second->descriptor) +
                                 " (upper and lower case are the same to some databases); give "
                                 "one of them another with `column`");
    }
  }
}

// A rule that nobody looks at is worse than none.
void Builder::CheckUnusedRules(const std::vector<const FileDescriptor*>& files) {
  if (!all_stores_found_) return;  // an entity that was not found explains it
  for (const FileDescriptor* file : files) {
    for (int i = 0; i < file->message_type_count(); ++i) CheckUnusedRules(file->message_type(i));
  }
}

void Builder::CheckUnusedRules(const Descriptor* message) {
  for (int i = 0; i < message->nested_type_count(); ++i) CheckUnusedRules(message->nested_type(i));
  if (entities_.count(message) > 0 || messages_.count(message) > 0) return;
  for (int i = 0; i < message->field_count(); ++i) {
    if (!message->field(i)->options().HasExtension(v1::field)) continue;
    Error(LocationOf(message->field(i)),
          Label(message->field(i)) + " has rules that nothing checks: " + message->name() +
              " is no entity and in none; give it `option (storegate.v1.entity) = {};`, or remove "
              "(storegate.v1.field) from its fields");
    return;
  }
}

}  // namespace storegate::schema
