// Indexes, what they may hold, and the keys that unique ones make.
#include <algorithm>
#include <sstream>

#include "server/base/text.h"
#include "server/schema/builder.h"
#include "server/schema/location.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

constexpr int64_t kMaxIndexBytes = 2600;
constexpr int64_t kMaxIdBytes = 255;
constexpr int64_t kUuidBytes = 36;
constexpr int64_t kObjectIdBytes = 24;
constexpr int64_t kNumberBytes = 8;
constexpr int64_t kCharacterBytes = 4;

std::string Label(const Field& field) { return field.entity->name + "." + field.name; }

std::string Show(const Entity& entity, const Index& index) {
  std::string text;
  for (const IndexField& part : index.fields) {
    text += (text.empty() ? "" : ", ") + part.field->name + (part.descending ? " desc" : "");
  }
  return "index (" + text + ") of " + entity.name;
}

bool SameFields(const Index& a, const Index& b) {
  return std::equal(a.fields.begin(), a.fields.end(), b.fields.begin(), b.fields.end(),
                    [](const IndexField& x, const IndexField& y) {
                      return x.field == y.field && x.descending == y.descending;
                    });
}

}  // namespace

void Builder::AddIndexes(Entity* entity) {
  for (Field& field : entity->fields) {
    const v1::FieldOptions& options = field.descriptor->options().GetExtension(v1::field);
    if (options.unique() != v1::UNIQUE_UNSPECIFIED && field.role == Role::kData) {
      AddUniqueField(entity, &field);
    }
  }
  const v1::EntityOptions& options = entity->descriptor->options().GetExtension(v1::entity);
  for (int i = 0; i < options.index_size(); ++i) {
    Location where = LocationOfOption(
        entity->descriptor,
        {v1::kEntityFieldNumber, v1::EntityOptions::kIndexFieldNumber, i});
    AddIndex(entity, options.index(i), where);
  }
  AddKeys(entity);
}

void Builder::AddUniqueField(Entity* entity, Field* field) {
  Index index;
  index.fields.push_back({field, false});
  index.unique = field->unique;
  index.location = field->location;
  NameIndex(*entity, "", &index);
  CheckIndex(*entity, index);
  entity->indexes.push_back(std::move(index));
}

void Builder::AddIndex(Entity* entity, const v1::IndexOptions& options, const Location& where) {
  Index index;
  index.location = where;
  index.where = options.where();
  switch (options.unique()) {
    case v1::UNIQUE_UNSPECIFIED: break;
    case v1::ALL: index.unique = Unique::kAll; break;
    case v1::LIVE: index.unique = entity->soft_delete() ? Unique::kLive : Unique::kAll; break;
    default:
      Error(where, "an index of " + entity->name + " has unique " +
                       std::to_string(options.unique()) +
                       ", which this version of storegate does not know");
  }
  if (options.fields().empty()) {
    Error(where, "an index of " + entity->name + " has no fields; name at least one");
    return;
  }
  bool good = true;
  for (const std::string& term : options.fields()) {
    if (!AddIndexField(*entity, term, &index)) good = false;
  }
  if (!good) return;
  for (const Index& other : entity->indexes) {
    if (SameFields(other, index) && other.where == index.where) {
      Error(where, Show(*entity, index) + " is there twice" +
                       (index.fields.size() == 1 && index.where.empty() &&
                                other.unique != Unique::kNo
                            ? ": `unique` on the field makes one"
                            : "") +
                       "; leave one out");
      return;
    }
  }
  NameIndex(*entity, options.name(), &index);
  CheckIndex(*entity, index);
  entity->indexes.push_back(std::move(index));
}

// "name", "name asc" or "name desc".
bool Builder::AddIndexField(const Entity& entity, const std::string& term, Index* index) {
  std::istringstream words(term);
  std::string name, direction, more;
  words >> name >> direction >> more;
  const std::string given = "index field " + Quoted(term) + " of " + entity.name;
  auto refuse = [&](const std::string& why) {
    Error(index->location, given + " " + why);
    return false;
  };
  if (!more.empty() || (!direction.empty() && direction != "asc" && direction != "desc")) {
    return refuse("must be a field's name, or that and \" desc\"; name each field on its own");
  }
  const Field* field = entity.Find(name);
  if (field == nullptr) {
    std::vector<std::string> names;
    for (const Field& other : entity.fields) names.push_back(other.name);
    return refuse("is no field" + DidYouMean(name, names));
  }
  if (!field->stored() || field->role == Role::kEtag) return refuse("is not stored in a column");
  if (field->input_only) return refuse("is input_only, whose order would tell callers what it is");
  if (!field->sortable()) {
    return refuse("is a list, a map or a message; only single values have an order");
  }
  if (field->role == Role::kId) {
    return refuse("is the id, which every index ends with; leave it out");
  }
  for (const IndexField& part : index->fields) {
    if (part.field == field) return refuse("is there twice");
  }
  index->fields.push_back({field, direction == "desc"});
  return true;
}

void Builder::NameIndex(const Entity& entity, const std::string& given, Index* index) {
  index->name = given;
  if (given.empty()) {
    std::vector<std::string> columns;
    for (const IndexField& part : index->fields) columns.push_back(part.field->column);
    index->name = IndexName(index->unique != Unique::kNo, entity.collection, columns);
  }
  std::string bad = WhyBadCollection(index->name);
  if (!bad.empty() && (!given.empty() || WhyBadCollection(entity.collection).empty())) {
    Error(index->location, "index name \"" + index->name + "\" " + bad);
  }
  if (!names_in_database_.insert(AsciiLower(index->name)).second) {
    Error(index->location, Show(entity, *index) + " is named \"" + index->name +
                               "\", as another index or collection is; give it another with "
                               "`name`");
  }
}

void Builder::CheckIndex(const Entity& entity, const Index& index) {
  int64_t bytes = 0;
  bool bounded = true;
  for (const IndexField& part : index.fields) {
    if (index.unique != Unique::kNo && index.fields.size() > 1 && part.field->nullable()) {
      Error(index.location, Show(entity, index) + " is unique over several fields, of which " +
                                part.field->name + " can be unset; make it plain");
    }
    int64_t field_bytes = MaxIndexBytes(*part.field);
    if (field_bytes < 0) {
      bounded = false;
      Error(part.field->location, Label(*part.field) + " is in an index and needs max_len, so that "
                                                       "the index has room for it");
    }
    bytes += field_bytes;
  }
  if (index.unique == Unique::kNo && entity.id != nullptr) bytes += MaxIndexBytes(*entity.id);
  if (bounded && bytes > kMaxIndexBytes) {
    Error(index.location, Show(entity, index) + " can have " + std::to_string(bytes) +
                              " bytes an entry (4 a character, the id included); the databases "
                              "take " + std::to_string(kMaxIndexBytes) +
                              ", so make max_len smaller");
  }
}

int64_t Builder::MaxIndexBytes(const Field& field, int depth) const {
  if (field.type == Type::kString) {
    int64_t bytes = field.format == Format::kUuid       ? kUuidBytes
                    : field.format == Format::kObjectId ? kObjectIdBytes
                    : field.max_len > 0                 ? field.max_len * kCharacterBytes
                                                        : -1;
    if (field.role == Role::kId) return bytes < 0 ? kMaxIdBytes : std::min(bytes, kMaxIdBytes);
    // As long as what it refers to; references in a circle end somewhere.
    if (field.references && depth < 16) {
      int64_t target = MaxIndexBytes(*field.references->field, depth + 1);
      if (target >= 0) bytes = bytes < 0 ? target : std::min(bytes, target);
    }
    return bytes;
  }
  if (field.type == Type::kBytes) return field.max_len > 0 ? field.max_len : -1;
  if (field.type == Type::kEnum) {
    size_t longest = 0;
    for (const auto& [number, name] : field.enum_type->names) {
      longest = std::max(longest, name.size());
    }
    return static_cast<int64_t>(longest);
  }
  return kNumberBytes;
}

void Builder::AddKeys(Entity* entity) {
  if (entity->id != nullptr) entity->keys.push_back({{entity->id}, nullptr, Unique::kAll});
  for (const Index& index : entity->indexes) {
    if (index.unique == Unique::kNo || !index.where.empty()) continue;
    Key key;
    for (const IndexField& part : index.fields) key.fields.push_back(part.field);
    key.index = &index;
    key.unique = index.unique;
    entity->keys.push_back(std::move(key));
  }
}

}  // namespace storegate::schema
