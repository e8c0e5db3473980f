#include "server/adapters/mongodb/generator.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/adapters/mongodb/migration_index.h"
#include "server/adapters/mongodb/predicates.h"
#include "server/adapters/mongodb/render.h"
#include "server/adapters/mongodb/script.h"
#include "server/adapters/mongodb/script_steps.h"
#include "server/adapters/mongodb/statements.h"
#include "server/adapters/mongodb/types.h"
#include "server/base/text.h"
#include "server/migrate/ddl.h"
#include "server/schema/names.h"

namespace storegate::mongodb {

using query::Predicate;
using repository::ColumnModel;
using repository::IndexModel;
using repository::TableModel;
using schema::Entity;
using schema::Field;
using schema::Index;
using schema::Unique;

namespace {

using Entities = std::vector<const Entity*>;

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
                               : OfLiving(entity, declared) ? kDeletedMark : std::string_view());
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

// Columns as documents have them, but for the deleted mark, which is the indexes' own.
std::vector<ColumnModel> ColumnsOf(const Entity& entity) {
  std::vector<ColumnModel> columns;
  for (const Field* field : entity.stored) {
    ColumnModel& column = columns.emplace_back();
    column.name = NameOf(*field);
    column.type = BsonTypeOf(*field);
    column.not_null = !field->nullable();
    column.field = field;
  }
  for (const Field* field : entity.searchable) {
    ColumnModel& column = columns.emplace_back();
    column.name = field->folded_column();
    column.type = "string";
    column.not_null = !field->nullable();
    column.field = field;
    column.folded = true;
  }
  ColumnModel& version = columns.emplace_back();
  version.name = kVersion;
  version.type = "long";
  return columns;
}

TableModel TableOf(const Entity& entity) {
  TableModel table;
  table.name = entity.collection;
  table.entity = &entity;
  table.columns = ColumnsOf(entity);
  for (const NamedIndex& index : IndexesOf(entity)) {
    IndexModel& made = table.indexes.emplace_back();
    made.name = index.name;
    made.unique = FlagOf(index.index.get(), "unique");
    made.definition = IndexDefinition(index.index.get());
  }
  return table;
}

void AddCommands(const Entity& entity, std::vector<Bson>* commands) {
  AddCreation(TableOf(entity), commands);
}

class JsonGenerator : public migrate::Generator {
 public:
  std::string CreateAll(const Entities& database) const override {
    std::vector<Bson> commands;
    for (const Entity* entity : migrate::CreationOrder(database)) AddCommands(*entity, &commands);
    return ScriptText(commands);
  }

  std::string Create(const Entity& entity, const Entities&) const override {
    std::vector<Bson> commands;
    AddCommands(entity, &commands);
    return ScriptText(commands);
  }

  std::string Finish(const Entity&, const Entities&) const override { return ""; }

  repository::DatabaseModel Model(const Entities& database) const override {
    repository::DatabaseModel model;
    for (const Entity* entity : migrate::CreationOrder(database)) {
      model.tables.push_back(TableOf(*entity));
    }
    return model;
  }
  std::string Render(const std::vector<migrate::Change>& changes,
                     const repository::DatabaseModel&,
                     const migrate::RenderOptions& options) const override {
    return RenderChanges(changes, options);
  }
  Result<migrate::Script> Steps(const std::string& file, std::string_view text) const override {
    return StepsOf(file, text);
  }
  std::string Significant(std::string_view text) const override { return SignificantOf(text); }
  std::string_view folder() const override { return "mongodb"; }

  bool repeatable() const override { return true; }
  bool typed_by_record() const override { return true; }

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
  std::string_view down_suffix() const override { return ".down.json"; }
};

}  // namespace

const migrate::Generator& MongodbGenerator() {
  static const JsonGenerator generator;
  return generator;
}

}  // namespace storegate::mongodb
