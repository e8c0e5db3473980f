// Fields that point to other entities: references, embeds and counts.
#include <algorithm>

#include "server/base/text.h"
#include "server/schema/builder.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

std::string Label(const Field& field) { return field.entity->name + "." + field.name; }

std::vector<std::string> FieldNames(const Entity& entity) {
  std::vector<std::string> names;
  for (const Field& field : entity.fields) names.push_back(field.name);
  return names;
}

const v1::FieldOptions& OptionsOf(const Field& field) {
  return field.descriptor->options().GetExtension(v1::field);
}

}  // namespace

Reference Builder::ResolvePath(const Field& field, const std::string& option,
                               const std::string& text) {
  const std::string given = Label(field) + " has " + option + " " + Quoted(text);
  size_t dot = text.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == text.size()) {
    Error(field.location, given + "; write it as \"Entity.field\"");
    return {};
  }
  std::string entity_name = text.substr(0, dot), field_name = text.substr(dot + 1);
  const Descriptor* message =
      ResolveMessage(entity_name, field.entity->descriptor->file()->package());
  const Entity* entity = EntityOf(message);
  if (entity == nullptr) {
    std::vector<std::string> names;
    for (const Entity& other : schema_->entities) names.push_back(other.name);
    Error(field.location, given + ", but " +
                              (message == nullptr
                                   ? "there is no message " + entity_name +
                                         DidYouMean(entity_name, names)
                                   : entity_name + " is no entity; give it a store or `option "
                                                   "(storegate.v1.entity) = {};`"));
    return {};
  }
  const Field* target = entity->Find(field_name);
  if (target == nullptr) {
    Error(field.location, given + ", but " + entity->name + " has no field " + field_name +
                              DidYouMean(field_name, FieldNames(*entity)));
    return {};
  }
  return {entity, target};
}

void Builder::ResolveReferences(Entity* entity) {
  for (Field& field : entity->fields) {
    const std::string& text = OptionsOf(field).references();
    if (!text.empty() && field.role == Role::kData) ResolveReference(&field, text);
  }
}

void Builder::ResolveReference(Field* field, const std::string& text) {
  const std::string given = Label(*field) + " references " + text;
  Reference to = ResolvePath(*field, "references", text);
  if (to.entity == nullptr) return;
  bool names_one = to.field->role == Role::kId ||
                   (to.field->role == Role::kData && to.field->unique == Unique::kAll);
  if (!names_one) {
    Error(field->location, given + ", which is neither an id nor `unique: ALL`, so that its value "
                                   "does not name one record");
    return;
  }
  if (to.field->role != Role::kId && !to.field->immutable) {
    Error(field->location, given + ", which can change and would then leave this pointing to "
                                   "nothing; make " + text + " immutable, or refer to the id");
  }
  bool singular = field->presence == Presence::kPlain || field->presence == Presence::kOptional;
  if (!singular || field->type != to.field->type || field->enum_type != to.field->enum_type) {
    Error(field->location, given + ", which is " + to.field->value->type_name() + ", but is " +
                               (singular ? "" : field->presence == Presence::kMap ? "a map of "
                                                                                  : "repeated ") +
                               field->value->type_name() + "; the two must be of one type");
    return;
  }
  bool plain = field->presence == Presence::kPlain;
  if (plain && !field->required) {
    Error(field->location, given + " but is a plain field that points to nothing when it is not "
                                   "set; make it `optional`" +
                               (field->type == Type::kString ? ", or `required: true`" : ""));
  }
  if (field->format != Format::kNone && field->format != to.field->format) {
    Error(field->location, given + ", which has another format; leave `format` out, it comes from "
                                   "there");
  }
  field->references = to;
  EntityOf(to.entity->descriptor)->referrers.push_back(field);
}

// A reference has the form of what it refers to. Where that is a reference too,
// the rules come from the end of the chain, hence the rounds.
void Builder::InheritRules() {
  bool changed = true;
  for (size_t round = 0; changed && round <= schema_->entities.size(); ++round) {
    changed = false;
    for (Entity& entity : schema_->entities) {
      for (Field& field : entity.fields) {
        if (!field.references) continue;
        const Field& target = *field.references->field;
        if (field.format == Format::kNone && target.format != Format::kNone) {
          field.format = target.format;
          changed = true;
        }
        if (!field.lower_case && target.lower_case) field.lower_case = changed = true;
        if (field.max_len == 0 && target.max_len > 0) {
          field.max_len = target.max_len;
          changed = true;
        }
      }
    }
  }
}

void Builder::ResolveEmbeds(Entity* entity) {
  for (Field& field : entity->fields) {
    const v1::FieldOptions& options = OptionsOf(field);
    if (field.role == Role::kCount) ResolveCount(&field, options.count());
    if (field.role != Role::kEmbed) continue;
    const Descriptor* message = field.value->message_type();
    field.embed_entity = EntityOf(message);
    if (field.embed_entity == nullptr || field.presence == Presence::kMap) {
      Error(field.location, Label(field) + " has embed but is not of an entity's type");
    } else if (field.presence == Presence::kRepeated) {
      ResolveEmbedMany(&field, options);
    } else {
      ResolveEmbedOne(&field, options.embed());
    }
  }
}

void Builder::ResolveEmbedOne(Field* field, const std::string& name) {
  const std::string given = Label(*field) + " has embed " + Quoted(name);
  const v1::FieldOptions& options = OptionsOf(*field);
  if (!options.via().empty() || !options.embed_order_by().empty() || options.embed_limit() != 0) {
    Error(field->location, given + " and is one record; via, embed_order_by and embed_limit are "
                                   "for repeated ones");
  }
  if (!field->oneof.empty()) {
    Error(field->location, given + " and cannot be a member of a oneof");
  }
  const Field* reference = field->entity->Find(name);
  if (reference == nullptr) {
    std::string advice = DidYouMean(name, FieldNames(*field->entity));
    if (advice.empty()) advice = "; name the field that references " + field->embed_entity->name;
    Error(field->location,
          given + ", but " + field->entity->name + " has no such field" + advice);
    return;
  }
  if (OptionsOf(*reference).references().empty()) {
    Error(field->location, given + ", but that field has no `references`; say there which record "
                                   "its value names");
    return;
  }
  if (!reference->references) return;  // reported there
  if (reference->references->entity != field->embed_entity) {
    Error(field->location, given + ", but that field references " +
                               reference->references->entity->name + ", and " + Label(*field) +
                               " is a " + field->embed_entity->name);
    return;
  }
  field->embed = reference;
}

void Builder::ResolveEmbedMany(Field* field, const v1::FieldOptions& options) {
  const std::string given = Label(*field) + " has embed " + Quoted(options.embed());
  Reference path = ResolvePath(*field, "embed", options.embed());
  if (path.entity == nullptr) return;
  const Entity* holder = field->embed_entity;
  if (!options.via().empty()) {
    holder = EntityOf(
        ResolveMessage(options.via(), field->entity->descriptor->file()->package()));
    if (holder == nullptr) {
      Error(field->location, Label(*field) + " has via " + Quoted(options.via()) +
                                 ", which is no entity");
      return;
    }
  }
  if (path.entity != holder) {
    Error(field->location, given + ", but " + (options.via().empty() ? "is of " : "goes via ") +
                               holder->name + "; write \"" + holder->name +
                               ".…\", the field that points here");
    return;
  }
  if (!path.field->references || path.field->references->entity != field->entity) {
    if (path.field->references || OptionsOf(*path.field).references().empty()) {
      Error(field->location, given + ", but that field does not reference " +
                                 field->entity->name);
    }
    return;
  }
  field->embed = path.field;
  if (options.via().empty()) return;
  field->via = holder;
  int ways = 0;
  for (const Field& other : holder->fields) {
    if (&other == path.field || !other.references) continue;
    if (other.references->entity == field->embed_entity) ++ways;
  }
  if (ways != 1) {
    Error(field->location, given + " via " + holder->name + ", which has " +
                               std::to_string(ways) + " other fields that reference " +
                               field->embed_entity->name + "; there must be exactly one");
  }
}

void Builder::ResolveCount(Field* field, const std::string& text) {
  bool integer = field->type == Type::kInt32 || field->type == Type::kInt64;
  if (!integer || field->wrapper || field->presence != Presence::kPlain) {
    Error(field->location, Label(*field) + " has count and must be a plain int32 or int64");
  }
  Reference path = ResolvePath(*field, "count", text);
  if (path.entity == nullptr) return;
  if (!path.field->references || path.field->references->entity != field->entity) {
    if (path.field->references || OptionsOf(*path.field).references().empty()) {
      Error(field->location, Label(*field) + " has count " + Quoted(text) +
                                 ", but that field does not reference " + field->entity->name);
    }
    return;
  }
  field->count = path.field;
}

}  // namespace storegate::schema
