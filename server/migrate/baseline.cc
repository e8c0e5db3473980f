#include <algorithm>

#include "server/base/time.h"
#include "server/migrate/history.h"
#include "server/migrate/runner.h"
#include "server/migrate/runner_steps.h"
#include "server/migrate/serves.h"
#include "server/migrate/verify.h"
#include "server/schema/compatibility.h"

namespace storegate::migrate {

using Kind = Change::Kind;
using repository::DatabaseModel;
using repository::IndexModel;
using repository::TableModel;

namespace {

// What is there and an earlier migration made: what a later one takes away, and did not.
bool IsLeftOver(const std::vector<DatabaseModel>& earlier, Part part, const std::string& table,
                const std::string& name) {
  return std::ranges::any_of(earlier, [&](const DatabaseModel& database) {
    const TableModel* was = database.Table(table);
    if (was == nullptr) return false;
    switch (part) {
      case Part::kTable: return true;
      case Part::kColumn: return was->Column(name) != nullptr;
      case Part::kIndex: return was->Index(name) != nullptr;
    }
    return false;
  });
}

// What the migrations up to one make, as far as it must be for that to be adopted: with what
// is there in its place where that is as good, and with what others made. Foreign keys of
// tables that are there are Up's business.
DatabaseModel Accepted(const Job& job, const DatabaseModel& there,
                       const std::vector<DatabaseModel>& earlier, DatabaseModel expected) {
  PlaceReferences(job, there, &expected);
  for (TableModel& table : expected.tables) {
    const TableModel* is = there.Table(table.name);
    if (is == nullptr) continue;
    table.references = is->references;
    table.constraints = is->constraints;
    table.suffix = is->suffix;
    for (ColumnModel& column : table.columns) {
      const ColumnModel* as_is = is->Column(column.name);
      if (as_is != nullptr) column = Served(*job.generator, *is, *as_is, column);
    }
    std::erase_if(table.indexes, [&](const IndexModel& index) {
      return is->Index(index.name) == nullptr && HasIndexLike(*is, index);
    });
  }
  KeepOthers(
      there,
      [&](Part part, const std::string& table, const std::string& name) {
        return !IsLeftOver(earlier, part, table, name);
      },
      &expected);
  return expected;
}

// The order of columns, which nothing depends on, aside.
std::vector<Change> DiffToServe(const DatabaseModel& there, const DatabaseModel& accepted) {
  std::vector<Change> changes = Diff(there, accepted);
  std::erase_if(changes,
                [](const Change& change) { return change.kind == Kind::kReorderColumns; });
  return changes;
}

AppliedMigration Adopted(const Job& job, const KnownMigration& known) {
  AppliedMigration row;
  row.number = known.migration->number;
  row.name = known.migration->name;
  row.checksum = known.checksum;
  row.applied_at_millis = NowMillis();
  row.steps_done = static_cast<int>(known.up.steps.size());
  row.applied_by = job.applied_by;
  row.needs = known.needs;
  return row;
}

Status BaselineLocked(const Job& job, const std::vector<KnownMigration>& known,
                      BaselineResult* result) {
  Result<History> history = job.migrator->History();
  if (!history.ok()) return history.status();
  for (const AppliedMigration& row : *history) {
    // A row of a failure, of which nothing was kept, is no history.
    if (row.state == AppliedMigration::State::kApplying && !Begun(row)) continue;
    return Refused("HISTORY_EXISTS", "The database has a history, which begins with " + row.name +
                                         ": there is nothing to adopt. Run migrate up.");
  }
  Result<DatabaseModel> there = job.migrator->Describe();
  if (!there.ok()) return there.status();
  const DatabaseModel by_schema = job.generator->Model(AllEntities(job));
  // What the first 1, 2 … migrations make.
  std::vector<DatabaseModel> made;
  std::vector<Step> steps;
  for (const KnownMigration& one : known) {
    steps.insert(steps.end(), one.up.steps.begin(), one.up.steps.end());
    Result<DatabaseModel> database = job.migrator->Rehearse(steps);
    if (!database.ok()) return database.status();
    TellFields(by_schema, &*database);
    made.push_back(*std::move(database));
  }
  const auto accepted = [&](size_t count) {
    const std::vector<DatabaseModel> earlier(made.begin(), made.begin() + count - 1);
    return Accepted(job, *there, earlier, made[count - 1]);
  };
  size_t adopted = known.size();
  while (adopted > 0 && !DiffToServe(*there, accepted(adopted)).empty()) --adopted;
  for (size_t i = 0; i < adopted; ++i) {
    if (Status written = job.migrator->Record(Adopted(job, known[i])); !written.ok()) {
      return written;
    }
    result->adopted.push_back(known[i].migration->name);
  }
  if (adopted < known.size()) {
    const DatabaseModel next = accepted(adopted + 1);
    const std::vector<Change> changes = DiffToServe(*there, next);
    result->drift = DriftOf(*job.generator, changes);
    result->missing = job.generator->Render(changes, next, {.online = false});
    return {};
  }
  if (known.empty() || job.schema == nullptr) return {};
  return job.migrator->KeepSchema(schema::DescriptorsOf(*job.schema).SerializeAsString());
}

}  // namespace

Result<BaselineResult> Baseline(const Job& job) {
  Result<std::vector<KnownMigration>> known = ReadScripts(job);
  if (!known.ok()) return known.status();
  const WaitingWatched watched(job);
  BaselineResult result;
  Status status = job.migrator->WithLock([&] { return BaselineLocked(job, *known, &result); });
  if (!status.ok()) return status;
  return result;
}

}  // namespace storegate::migrate
