#include "server/adapters/mongodb/generator.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/adapters/mongodb/predicates.h"
#include "server/adapters/mongodb/types.h"
#include "server/base/text.h"
#include "server/migrate/ddl.h"
#include "server/schema/names.h"

namespace storegate::mongodb {

using query::Predicate;
using schema::Entity;
using schema::Field;
using schema::Index;
using schema::Unique;

namespace {

using Entities = std::vector<const Entity*>;

constexpr std::string_view kDeleted = "_deleted";

// {"a": 1, "b": [2]}: libbson's blanks taken out, but for one behind each ":" and ",".
std::string Json(const Bson& document) {
  size_t length;
  char* text = bson_as_relaxed_extended_json(document.get(), &length);
  std::string json;
  bool quoted = false;
  for (size_t i = 0; i < length; ++i) {
    const char c = text[i];
    if (quoted && c == '\\') {
      json += c;
      json += text[++i];
      continue;
    }
    if (c == '"') quoted = !quoted;
    if (!quoted && c == ' ') continue;
    json += c;
    if (!quoted && (c == ':' || c == ',')) json += ' ';
  }
  bson_free(text);
  return json;
}

// `[\n{…},\n{…}\n]\n`; "" of no commands.
std::string Script(const std::vector<Bson>& commands) {
  if (commands.empty()) return "";
  std::string script = "[\n";
  for (size_t i = 0; i < commands.size(); ++i) {
    script += Json(commands[i]) + (i + 1 < commands.size() ? ",\n" : "\n");
  }
  return script + "]\n";
}

bool OfLiving(const Entity& entity, const Index& index) {
  return index.unique == Unique::kLive && entity.soft_delete();
}

// What the index holds: {} for all rows; empty when MongoDB cannot have it so. A row
// without one of the fields is not in a unique index, in which absent is a value.
std::optional<Bson> PartialFilter(const Entity& entity, const Index& index) {
  Result<Predicate> where = migrate::IndexPredicate(entity, index.where);
  if (!where.ok()) return std::nullopt;
  std::vector<Predicate> parts;
  parts.push_back(*std::move(where));
  if (index.unique != Unique::kNo) {
    for (const schema::IndexField& part : index.fields) {
      if (part.field->nullable()) parts.push_back(Predicate::IsSet(part.field));
    }
  }
  return PartialFilterOf(Predicate::And(std::move(parts)));
}

// {"key": {…}, "name": …}, `last` behind the fields where it is not among them.
Bson IndexOf(const std::string& name, const std::vector<schema::IndexField>& fields,
             std::string_view last) {
  Bson key;
  bool there = false;
  for (const schema::IndexField& part : fields) {
    key.AddInt32(NameOf(*part.field), part.descending ? -1 : 1);
    there = there || NameOf(*part.field) == last;
  }
  if (!last.empty() && !there) key.AddInt32(last, 1);
  Bson index;
  index.AddDocument("key", key).AddText("name", name);
  return index;
}

// Empty for an index that Check refuses.
std::optional<Bson> DeclaredIndex(const Entity& entity, const Index& declared) {
  const bool unique = declared.unique != Unique::kNo;
  Bson index = IndexOf(declared.name, declared.fields,
                       !unique ? std::string_view("_id")
                               : OfLiving(entity, declared) ? kDeleted : std::string_view());
  if (unique) index.AddBool("unique", true);
  if (!declared.where.empty()) {
    const std::optional<Bson> filter = PartialFilter(entity, declared);
    if (!filter && unique) return std::nullopt;
    if (filter && !filter->empty()) index.AddDocument("partialFilterExpression", *filter);
  } else if (unique && std::ranges::any_of(declared.fields, [](const schema::IndexField& part) {
               return part.field->nullable();
             })) {
    index.AddBool("sparse", true);
  }
  return index;
}

// Whether a look-up by the field alone enters the index.
bool Serves(const Index& index, const Field* field) {
  return index.where.empty() && index.fields[0].field == field;
}

struct NamedIndex {
  std::string name;
  Bson index;
};

std::vector<NamedIndex> IndexesOf(const Entity& entity) {
  std::vector<NamedIndex> indexes;
  for (const Index& declared : entity.indexes) {
    std::optional<Bson> index = DeclaredIndex(entity, declared);
    if (index) indexes.push_back({declared.name, *std::move(index)});
  }
  for (const Field* field : entity.stored) {
    if (!field->references) continue;
    const bool served = std::ranges::any_of(
        entity.indexes, [&](const Index& index) { return Serves(index, field); });
    if (served) continue;
    std::string name =
        schema::IndexName(false, "_ref_" + entity.collection, {field->column});
    Bson index = IndexOf(name, {{field, false}}, "_id");
    indexes.push_back({std::move(name), std::move(index)});
  }
  return indexes;
}

void AddCommands(const Entity& entity, std::vector<Bson>* commands) {
  Bson create;
  create.AddText("create", entity.collection);
  commands->push_back(std::move(create));
  BsonArray indexes;
  for (const NamedIndex& index : IndexesOf(entity)) indexes.Add(index.index);
  if (indexes.size() == 0) return;
  Bson create_indexes;
  create_indexes.AddText("createIndexes", entity.collection).AddArray("indexes", indexes.bson());
  commands->push_back(std::move(create_indexes));
}

class JsonGenerator : public migrate::Generator {
 public:
  std::string CreateAll(const Entities& database) const override {
    std::vector<Bson> commands;
    for (const Entity* entity : migrate::CreationOrder(database)) AddCommands(*entity, &commands);
    return Script(commands);
  }

  std::string Create(const Entity& entity, const Entities&) const override {
    std::vector<Bson> commands;
    AddCommands(entity, &commands);
    return Script(commands);
  }

  std::string Finish(const Entity&, const Entities&) const override { return ""; }

  bool repeatable() const override { return true; }

  Status Check(const Entities& entities) const override {
    for (const Entity* entity : entities) {
      for (const Index& index : entity->indexes) {
        if (DeclaredIndex(*entity, index)) continue;
        std::string place = index.location.file;
        if (index.location.line > 0) place += ":" + std::to_string(index.location.line);
        return Status(Code::kFailedPrecondition, "UNSUPPORTED_INDEX",
                      place + ": index " + index.name + " of " + entity->name +
                          ": MongoDB cannot have a unique index where " + index.where +
                          ": its partial indexes take comparisons with =, <, <=, > and >=, "
                          "joined by AND, of fields of the entity itself.")
            .With("index", index.name);
      }
    }
    return {};
  }

  std::vector<std::string> Parts(const Entity& entity) const override {
    std::vector<std::string> names = {"_id_"};
    for (NamedIndex& index : IndexesOf(entity)) names.push_back(std::move(index.name));
    return names;
  }

  std::string_view table_word() const override { return "collection"; }
  std::string_view part_word() const override { return "index"; }
  std::string_view file_suffix() const override { return ".up.json"; }
};

}  // namespace

const migrate::Generator& MongodbGenerator() {
  static const JsonGenerator generator;
  return generator;
}

}  // namespace storegate::mongodb
