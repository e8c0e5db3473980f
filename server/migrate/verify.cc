#include "server/migrate/verify.h"

#include <algorithm>
#include <set>

#include "server/migrate/ddl.h"
#include "server/migrate/guard.h"
#include "server/migrate/runner_steps.h"
#include "server/migrate/serves.h"

namespace storegate::migrate {

using Kind = Change::Kind;
using repository::ColumnModel;
using State = AppliedMigration::State;
using repository::DatabaseModel;
using repository::IndexModel;
using repository::ReferenceModel;
using repository::TableModel;

namespace {

bool Known(const std::vector<const schema::Entity*>& entities, std::string_view table) {
  return EntityOf(entities, table) != nullptr;
}

// Whether what is there beyond what should be leaves the gateway's reads and writes alone.
bool IsOthers(const Change& change) {
  switch (change.kind) {
    case Kind::kDropTable:
    case Kind::kReorderColumns: return true;
    case Kind::kDropColumn:
      return !change.column_before->not_null || !change.column_before->default_value.empty() ||
             !change.column_before->rest.empty();
    // One that differs is no addition.
    case Kind::kDropIndex:
      return change.index_after == nullptr && !change.index_before->unique;
    default: return false;
  }
}

// Whether what is there in place of what should be serves as well.
bool IsServed(const Generator& generator, const Change& change) {
  if (change.kind == Kind::kAlterColumn) {
    return Serves(generator, *change.table_before, *change.column_before, *change.column_after);
  }
  if (change.kind == Kind::kAlterTable) {
    // Rules that others added, and tables that are not STRICT.
    const std::vector<std::string>& there = change.table_before->constraints;
    return std::ranges::all_of(change.table_after->constraints, [&](const std::string& each) {
      return std::ranges::find(there, each) != there.end();
    });
  }
  // That one by the name that others gave it.
  if (change.kind == Kind::kDropIndex) {
    return change.index_after == nullptr && HasIndexLike(*change.table_after, *change.index_before);
  }
  return change.kind == Kind::kAddIndex && change.index_before == nullptr &&
         change.table_before != nullptr &&
         HasIndexLike(*change.table_before, *change.index_after);
}

}  // namespace

Result<std::vector<Step>> AppliedSteps(const Job& job, const std::vector<KnownMigration>& known,
                                       const History& history) {
  std::vector<Step> steps;
  const auto add = [&](const std::vector<Step>& from, size_t count) {
    for (size_t i = 0; i < std::min(count, from.size()); ++i) steps.push_back(from[i]);
  };
  for (const AppliedMigration& row : history) {
    const KnownMigration* one = Find(known, row.number);
    if (one == nullptr) {
      return Refused("DATABASE_AHEAD", "The database has the migration " + row.name +
                                           ", and what it should be like cannot be told without "
                                           "its file.")
          .With("migration", row.name);
    }
    const size_t done = static_cast<size_t>(std::max(row.steps_done, 0));
    add(one->up.steps, row.state == State::kApplying ? done : one->up.steps.size());
    if (row.state != State::kReverting || done == 0) continue;
    Result<Script> down = ReadDown(job, *one->migration);
    if (!down.ok()) return down.status();
    add(down->steps, done);
  }
  return steps;
}

void PlaceReferences(const Job& job, const DatabaseModel& there, DatabaseModel* expected) {
  const std::vector<const schema::Entity*> all = AllEntities(job);
  *expected = WithReferences(*std::move(expected),
                             ReferenceChanges(*job.generator, *expected, job.here, all));
  // Between two that live elsewhere either will do.
  for (TableModel& table : expected->tables) {
    const TableModel* is = there.Table(table.name);
    if (is == nullptr || !Known(all, table.name) || Known(job.here, table.name)) continue;
    const auto elsewhere = [&](const ReferenceModel& reference) {
      return Known(all, reference.table) && !Known(job.here, reference.table);
    };
    std::erase_if(table.references, elsewhere);
    std::ranges::copy_if(is->references, std::back_inserter(table.references), elsewhere);
  }
}

void KeepOthers(const DatabaseModel& there,
                const std::function<bool(Part, const std::string& table,
                                         const std::string& name)>& is_others,
                DatabaseModel* expected) {
  std::vector<TableModel> tables;
  for (const TableModel& is : there.tables) {
    const auto found = std::ranges::find(expected->tables, is.name, &TableModel::name);
    if (found == expected->tables.end()) {
      if (is_others(Part::kTable, is.name, "")) tables.push_back(is);
      continue;
    }
    for (const ColumnModel& column : is.columns) {
      if (found->Column(column.name) != nullptr) continue;
      if (!is_others(Part::kColumn, is.name, column.name)) continue;
      found->columns.push_back(column);
      std::ranges::copy_if(
          is.references, std::back_inserter(found->references),
          [&](const ReferenceModel& each) { return each.column == column.name; });
    }
    for (const IndexModel& index : is.indexes) {
      if (found->Index(index.name) == nullptr && is_others(Part::kIndex, is.name, index.name)) {
        found->indexes.push_back(index);
      }
    }
  }
  expected->tables.insert(expected->tables.end(), tables.begin(), tables.end());
}

std::vector<Drift> DriftOf(const Generator& generator, const std::vector<Change>& changes) {
  std::set<std::string> extra;
  for (const Change& change : changes) {
    if (change.kind == Kind::kDropTable) extra.insert(change.table);
  }
  std::vector<Drift> drift;
  for (const Change& change : changes) {
    // What belongs to a table that others made is theirs.
    if (change.kind != Kind::kDropTable && extra.contains(change.table)) continue;
    Drift one;
    one.text = DescribeDrift(change, generator.table_word());
    one.table = change.table;
    if (IsOthers(change)) one.harmless = "made by others";
    if (IsServed(generator, change)) one.harmless = "what is there serves as well";
    if (!one.text.empty()) drift.push_back(std::move(one));
  }
  return drift;
}

Result<std::vector<Drift>> Verify(const Job& job) {
  Result<std::vector<KnownMigration>> known = ReadScripts(job);
  if (!known.ok()) return known.status();
  Result<History> history = job.migrator->History();
  if (!history.ok()) return history.status();
  if (Status checked = CheckHistory(job, *known, *history); !checked.ok()) return checked;
  Result<std::vector<Step>> steps = AppliedSteps(job, *known, *history);
  if (!steps.ok()) return steps.status();
  const bool by_history = std::ranges::any_of(*history, [](const AppliedMigration& row) {
    return row.state != State::kApplying || Begun(row);
  });
  Result<DatabaseModel> expected =
      by_history ? job.migrator->Rehearse(*steps)
                 : RehearseSchema(*job.migrator, *job.generator, job.here);
  if (!expected.ok()) return expected.status();
  Result<DatabaseModel> there = job.migrator->Describe();
  if (!there.ok()) return there.status();
  PlaceReferences(job, *there, &*expected);
  TellFields(job.generator->Model(AllEntities(job)), &*expected);
  return DriftOf(*job.generator, Diff(*there, *expected));
}

}  // namespace storegate::migrate
