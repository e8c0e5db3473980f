// Tables without migrations: made where they are missing, and looked at.
#include <algorithm>

#include "server/base/text.h"
#include "server/migrate/ddl.h"
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

// Takes out of `missing` the indexes that are there by another name.
Status FindByContent(Migrator& migrator, const Generator& generator,
                     const std::vector<const schema::Entity*>& entities,
                     const schema::Entity& entity, std::vector<std::string>* missing) {
  Result<Script> script =
      generator.Steps("what the schema needs", generator.CreateAll(entities));
  if (!script.ok()) return script.status();
  const Result<repository::DatabaseModel> wanted = migrator.Rehearse(script->steps);
  if (!wanted.ok()) return wanted.status();
  const Result<repository::DatabaseModel> there = migrator.Describe();
  if (!there.ok()) return there.status();
  const repository::TableModel* should = wanted->Table(entity.collection);
  const repository::TableModel* is = there->Table(entity.collection);
  if (should == nullptr || is == nullptr) return {};
  std::erase_if(*missing, [&](const std::string& name) {
    const repository::IndexModel* index = should->Index(name);
    return index != nullptr && HasIndexLike(*is, *index);
  });
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
  std::vector<std::string> lacks;
  bool table_missing = false, part_missing = false;
  for (const schema::Entity* entity : entities) {
    Result<std::vector<std::string>> parts = migrator.Parts(entity->collection);
    if (!parts.ok()) return parts.status();
    if (parts->empty()) {
      lacks.push_back("the " + table + " " + entity->collection);
      table_missing = true;
      continue;
    }
    std::vector<std::string> missing = Missing(generator, *entity, *parts);
    if (!missing.empty() && generator.part_word() == "index") {
      Status found = FindByContent(migrator, generator, entities, *entity, &missing);
      if (!found.ok()) return found;
    }
    for (const std::string& name : missing) {
      lacks.push_back("the " + part + " " + entity->collection + "." + name);
      part_missing = true;
    }
  }
  if (lacks.empty()) return {};
  std::string advice;
  if (table_missing) {
    advice += " Make " + table + "s with --create-tables, or by a migration.";
  }
  if (part_missing) advice += " Add what a " + table + " lacks by a migration.";
  return Refused("TABLE_MISMATCH", "The database lacks " + CommaSeparated(lacks) + "." + advice);
}

}  // namespace storegate::migrate
