#include "server/migrate/reconcile.h"

#include <algorithm>
#include <set>

#include "server/migrate/ddl.h"
#include "server/migrate/history.h"

namespace storegate::migrate {

using repository::DatabaseModel;
using repository::Migrator;
using repository::ReferenceModel;
using repository::Step;
using repository::TableModel;
using schema::Entity;

namespace {

// One that was made and not held against the rows that were there: it was cut short.
bool IsUnfinished(const ReferenceModel& reference) {
  return reference.rest.find("NOT VALID") != std::string::npos;
}

// Whether both ends of it are there.
bool CanBe(const DatabaseModel& database, const TableModel& table,
           const ReferenceModel& reference) {
  const TableModel* target = database.Table(reference.table);
  return target != nullptr && table.Column(reference.column) != nullptr &&
         target->Column(reference.target) != nullptr;
}

TableModel* TableOf(DatabaseModel* database, std::string_view name) {
  for (TableModel& table : database->tables) {
    if (table.name == name) return &table;
  }
  return nullptr;
}

Status RunAll(Migrator& migrator, const Generator& generator, const DatabaseModel& database,
              const ReferenceChange& change) {
  Result<std::vector<Step>> steps = StepsOf(generator, database, change);
  if (!steps.ok()) return steps.status();
  for (const Step& step : *steps) {
    if (Status ran = migrator.Execute(step.script); !ran.ok()) return ran;
  }
  return {};
}

// Takes out what an addition that failed left behind: a constraint that was made, and found
// not to hold for all rows.
void TakeOut(Migrator& migrator, const Generator& generator, ReferenceChange change) {
  Result<DatabaseModel> database = migrator.Describe();
  if (!database.ok()) return;
  const TableModel* table = database->Table(change.table);
  if (table == nullptr) return;
  const ReferenceModel* left = FindReference(*table, change.reference);
  if (left == nullptr) return;
  change.add = false;
  change.reference = *left;
  // The failure that led here is what is reported.
  (void)RunAll(migrator, generator, *database, change).ok();
}

}  // namespace

std::string ReferenceChange::Text() const {
  return table + "." + reference.column + " to " + reference.table + "." + reference.target;
}

bool SameReference(const ReferenceModel& a, const ReferenceModel& b) {
  return a.column == b.column && a.table == b.table && a.target == b.target;
}

bool ChecksReferences(const Generator& generator, const Entities& entities) {
  return std::ranges::any_of(generator.Model(entities).tables,
                             [](const TableModel& table) { return !table.references.empty(); });
}

const ReferenceModel* FindReference(const TableModel& table, const ReferenceModel& reference) {
  const auto found = std::ranges::find_if(
      table.references, [&](const ReferenceModel& each) { return SameReference(each, reference); });
  return found == table.references.end() ? nullptr : &*found;
}

Entities WithNeighbours(const Entities& entities) {
  Entities all = entities;
  std::set<const Entity*> seen(all.begin(), all.end());
  const auto add = [&](const Entity* entity) {
    if (seen.insert(entity).second) all.push_back(entity);
  };
  for (size_t i = 0; i < all.size(); ++i) {
    const Entity& entity = *all[i];
    for (const schema::Field* field : entity.stored) {
      if (field->references) add(field->references->entity);
    }
    for (const schema::Field* field : entity.referrers) add(field->entity);
  }
  return all;
}

std::vector<ReferenceChange> ReferenceChanges(const Generator& generator,
                                              const DatabaseModel& database,
                                              const Entities& here, const Entities& all) {
  std::vector<ReferenceChange> changes;
  for (const TableModel& table : database.tables) {
    if (EntityOf(all, table.name) == nullptr) continue;
    const bool from_here = EntityOf(here, table.name) != nullptr;
    for (const ReferenceModel& reference : table.references) {
      if (EntityOf(all, reference.table) == nullptr) continue;
      const bool to_here = EntityOf(here, reference.table) != nullptr;
      if (from_here != to_here) changes.push_back({false, table.name, reference});
    }
  }
  for (const TableModel& wanted : generator.Model(here).tables) {
    const TableModel* table = database.Table(wanted.name);
    if (table == nullptr) continue;
    for (const ReferenceModel& reference : wanted.references) {
      const ReferenceModel* there = FindReference(*table, reference);
      if (there != nullptr && !IsUnfinished(*there)) continue;
      if (!CanBe(database, *table, reference)) continue;
      if (there != nullptr) changes.push_back({false, wanted.name, *there});
      changes.push_back({true, wanted.name, reference});
    }
  }
  return changes;
}

DatabaseModel WithReferences(DatabaseModel database,
                             const std::vector<ReferenceChange>& changes) {
  for (const ReferenceChange& change : changes) {
    TableModel* table = TableOf(&database, change.table);
    if (table == nullptr) continue;
    if (change.add) {
      table->references.push_back(change.reference);
    } else {
      std::erase_if(table->references, [&](const ReferenceModel& each) {
        return SameReference(each, change.reference);
      });
    }
  }
  return database;
}

Result<std::vector<Step>> StepsOf(const Generator& generator, const DatabaseModel& database,
                                  const ReferenceChange& change) {
  const DatabaseModel after = WithReferences(database, {change});
  Change one;
  one.kind = change.add ? Change::Kind::kAddReference : Change::Kind::kDropReference;
  one.table = change.table;
  one.name = change.reference.column;
  one.table_before = database.Table(change.table);
  one.table_after = after.Table(change.table);
  (change.add ? one.reference_after : one.reference_before) = &change.reference;
  Result<Script> script =
      generator.Steps("the foreign key of " + change.Text(), generator.Render({one}, after, {}));
  if (!script.ok()) return script.status();
  return std::move(script->steps);
}

Status Reconcile(Migrator& migrator, const Generator& generator, const Entities& here,
                 const Entities& all) {
  // A database that checks no references has none to keep.
  if (!ChecksReferences(generator, all)) return {};
  Result<DatabaseModel> database = migrator.Describe();
  if (!database.ok()) return database.status();
  for (const ReferenceChange& change : ReferenceChanges(generator, *database, here, all)) {
    const Status ran = RunAll(migrator, generator, *database, change);
    if (ran.ok()) {
      *database = WithReferences(*std::move(database), {change});
      continue;
    }
    if (!change.add) {
      return ran.Reworded("The foreign key of " + change.Text() +
                               " could not be dropped: " + ran.message());
    }
    TakeOut(migrator, generator, change);
    return ran.Reworded("The foreign key of " + change.Text() +
                             " could not be made: " + ran.message() + " Where rows of " +
                             change.table + " refer to what is not in " +
                             change.reference.table +
                             ", mend them, or let both live in different databases.")
        .With("reference", change.table + "." + change.reference.column);
  }
  return {};
}

}  // namespace storegate::migrate
