// Tables without migrations: made where they are missing, and looked at.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "server/base/text.h"
#include "server/migrate/ddl.h"
#include "server/migrate/guard.h"
#include "server/migrate/history.h"
#include "server/migrate/reconcile.h"
#include "server/migrate/runner.h"
#include "server/migrate/serves.h"

namespace storegate::migrate {

using repository::Migrator;

namespace {

// What the entity's table must have and has not.
std::vector<std::string> Missing(const Generator& generator, const schema::Entity& entity,
                                 const std::vector<std::string>& there) {
  std::vector<std::string> missing;
  for (std::string& name : generator.Parts(entity)) {
    if (std::ranges::find(there, name) == there.end()) missing.push_back(std::move(name));
  }
  return missing;
}

// Takes out of `missing`, which are by the entities, the indexes that are there by another name.
using MissingParts = std::map<const schema::Entity*, std::vector<std::string>>;
Status FindByContent(Migrator& migrator, const Generator& generator,
                     const std::vector<const schema::Entity*>& entities, MissingParts* missing) {
  const Result<repository::DatabaseModel> wanted = RehearseSchema(migrator, generator, entities);
  if (!wanted.ok()) return wanted.status();
  const Result<repository::DatabaseModel> there = migrator.Describe();
  if (!there.ok()) return there.status();
  for (auto& [entity, names] : *missing) {
    const repository::TableModel* should = wanted->Table(entity->collection);
    const repository::TableModel* is = there->Table(entity->collection);
    if (should == nullptr || is == nullptr) continue;
    std::erase_if(names, [&](const std::string& name) {
      const repository::IndexModel* index = should->Index(name);
      return index != nullptr && HasIndexLike(*is, *index);
    });
  }
  return {};
}

}  // namespace

Status CreateTables(Migrator& migrator, const Generator& generator,
                    const std::vector<const schema::Entity*>& entities,
                    std::vector<std::string>* created) {
  created->clear();
  if (Status status = generator.Check(entities); !status.ok()) return status;
  std::vector<std::string> done;
  Status status = migrator.WithLock([&]() -> Status {
    std::string finish;
    for (const schema::Entity* entity : CreationOrder(entities)) {
      Result<std::vector<std::string>> parts = migrator.Parts(entity->collection);
      if (!parts.ok()) return parts.status();
      const bool left_alone =
          !parts->empty() &&
          (!generator.repeatable() || Missing(generator, *entity, *parts).empty());
      if (left_alone) continue;
      Status made = migrator.Execute(generator.Create(*entity, entities));
      if (!made.ok()) return made;
      done.push_back(entity->collection);
      finish += generator.Finish(*entity, entities);
    }
    if (!finish.empty()) {
      if (Status finished = migrator.Execute(finish); !finished.ok()) return finished;
    }
    return Reconcile(migrator, generator, entities, WithNeighbours(entities));
  });
  if (status.ok()) *created = std::move(done);
  return status;
}

Status CheckTables(Migrator& migrator, const Generator& generator,
                   const std::vector<const schema::Entity*>& entities) {
  const std::string table(generator.table_word()), part(generator.part_word());
  std::set<const schema::Entity*> without_table;
  MissingParts missing;
  for (const schema::Entity* entity : entities) {
    Result<std::vector<std::string>> parts = migrator.Parts(entity->collection);
    if (!parts.ok()) return parts.status();
    if (parts->empty()) {
      without_table.insert(entity);
    } else if (auto lacks = Missing(generator, *entity, *parts); !lacks.empty()) {
      missing[entity] = std::move(lacks);
    }
  }
  if (!missing.empty() && part == "index") {
    Status found = FindByContent(migrator, generator, entities, &missing);
    if (!found.ok()) return found;
  }
  std::vector<std::string> lacks;
  bool part_missing = false;
  for (const schema::Entity* entity : entities) {
    if (without_table.contains(entity)) lacks.push_back("the " + table + " " + entity->collection);
    for (const std::string& name : missing[entity]) {
      lacks.push_back("the " + part + " " + entity->collection + "." + name);
      part_missing = true;
    }
  }
  if (lacks.empty()) return {};
  std::string advice;
  if (!without_table.empty()) {
    advice += " Make " + table + "s with --create-tables, or by a migration.";
  }
  if (part_missing) advice += " Add what a " + table + " lacks by a migration.";
  return Refused("TABLE_MISMATCH", "The database lacks " + CommaSeparated(lacks) + "." + advice);
}

}  // namespace storegate::migrate
