// What the history says, without the lock: status, check, plan.
#include <algorithm>
#include <map>

#include "server/base/text.h"
#include "server/migrate/guard.h"
#include "server/migrate/history.h"
#include "server/migrate/reconcile.h"
#include "server/migrate/runner_steps.h"
#include "server/migrate/verify.h"

namespace storegate::migrate {

using State = AppliedMigration::State;
using repository::DatabaseModel;
using repository::ReferenceModel;
using repository::TableModel;

namespace {

MigrationState StateOf(const AppliedMigration& row, const KnownMigration* known) {
  if (known == nullptr) return MigrationState::kAhead;
  if (row.state == State::kReverting) return MigrationState::kReverting;
  const bool bound = row.state == State::kApplied || Begun(row);
  if (bound && !known->Is(row.checksum)) return MigrationState::kChanged;
  return row.state == State::kApplied ? MigrationState::kApplied : MigrationState::kUnfinished;
}

bool Has(const TableModel* table, const ReferenceModel& reference) {
  return table != nullptr && FindReference(*table, reference) != nullptr;
}

// The database as it will be when what is pending was applied: what the scripts make, but
// for those foreign keys that they made before and that are not there.
Result<DatabaseModel> Foreseen(const Job& job, const std::vector<KnownMigration>& known,
                               const History& history,
                               const std::vector<const KnownMigration*>& pending) {
  Result<DatabaseModel> there = job.migrator->Describe();
  if (!there.ok() || pending.empty()) return there;
  Result<std::vector<Step>> steps = AppliedSteps(job, known, history);
  if (!steps.ok()) return steps.status();
  Result<DatabaseModel> before = job.migrator->Rehearse(*steps);
  if (!before.ok()) return before;
  for (const KnownMigration* each : pending) {
    const AppliedMigration* row = RowOf(history, each->migration->number);
    const size_t done = row != nullptr && Begun(*row) ? static_cast<size_t>(row->steps_done) : 0;
    for (size_t i = done; i < each->up.steps.size(); ++i) steps->push_back(each->up.steps[i]);
  }
  Result<DatabaseModel> after = job.migrator->Rehearse(*steps);
  if (!after.ok()) return after;
  for (TableModel& table : after->tables) {
    const TableModel* was = before->Table(table.name);
    const TableModel* is = there->Table(table.name);
    std::erase_if(table.references, [&](const ReferenceModel& reference) {
      return Has(was, reference) && !Has(is, reference);
    });
  }
  return after;
}

}  // namespace

Result<std::vector<MigrationStatus>> GetStatus(const Job& job) {
  Result<std::vector<KnownMigration>> known = ReadScripts(job);
  if (!known.ok()) return known.status();
  Result<History> history = job.migrator->History();
  if (!history.ok()) return history.status();
  std::map<int, MigrationStatus> by_number;
  for (const KnownMigration& one : *known) {
    MigrationStatus& status = by_number[one.migration->number];
    status.number = one.migration->number;
    status.name = one.migration->name;
    status.steps = one.up.steps.size();
  }
  for (const AppliedMigration& row : *history) {
    const KnownMigration* one = Find(*known, row.number);
    MigrationStatus& status = by_number[row.number];
    status.number = row.number;
    if (status.name.empty()) status.name = row.name;
    status.state = StateOf(row, one);
    status.applied = row;
    if (row.state != State::kReverting || one == nullptr) continue;
    Result<Script> down = ReadDown(job, *one->migration);
    if (!down.ok()) return down.status();
    status.steps = down->steps.size();
  }
  std::vector<MigrationStatus> statuses;
  for (auto& [number, status] : by_number) statuses.push_back(std::move(status));
  return statuses;
}

Status CheckApplied(const Job& job) {
  Result<std::vector<KnownMigration>> known = ReadScripts(job);
  if (!known.ok()) return known.status();
  Result<History> history = job.migrator->History();
  if (!history.ok()) return history.status();
  if (Status checked = CheckForUp(job, *known, *history); !checked.ok()) return checked;
  std::vector<std::string> names;
  for (const KnownMigration* each : PendingOf(*known, *history, 0)) {
    const AppliedMigration* row = RowOf(*history, each->migration->number);
    std::string name = each->migration->name;
    if (row != nullptr) {
      name += " (begun, " + std::to_string(row->steps_done) + " of " +
              std::to_string(each->up.steps.size()) + " steps done" +
              (row->error.empty() ? ")" : "; " + row->error + ")");
    }
    names.push_back(std::move(name));
  }
  if (!names.empty()) {
    return Refused("MIGRATIONS_PENDING", "The database lacks what these migrations make: " +
                                             CommaSeparated(names) + ". Run migrate up.");
  }
  return Guard(job, IsAhead(*known, *history)).Before({});
}

Result<std::vector<PlannedMigration>> Plan(const Job& job, int to) {
  Result<std::vector<KnownMigration>> known = ReadScripts(job);
  if (!known.ok()) return known.status();
  Result<History> history = job.migrator->History();
  if (!history.ok()) return history.status();
  if (Status checked = CheckForUp(job, *known, *history); !checked.ok()) return checked;
  const std::vector<const KnownMigration*> pending = PendingOf(*known, *history, to);
  std::vector<PlannedMigration> plan;
  for (const KnownMigration* each : pending) {
    const AppliedMigration* row = RowOf(*history, each->migration->number);
    PlannedMigration& planned = plan.emplace_back();
    planned.number = each->migration->number;
    planned.name = each->migration->name;
    planned.steps = each->up.steps;
    if (row != nullptr && Begun(*row)) planned.first_step = static_cast<size_t>(row->steps_done);
  }
  const bool whole = pending.size() == PendingOf(*known, *history, 0).size();
  if (!whole || IsAhead(*known, *history) || !ChecksReferences(*job.generator, AllEntities(job))) return plan;
  Result<DatabaseModel> database = Foreseen(job, *known, *history, pending);
  if (!database.ok()) return database.status();
  PlannedMigration references;
  references.name = "foreign keys";
  for (const ReferenceChange& change :
       ReferenceChanges(*job.generator, *database, job.here, AllEntities(job))) {
    Result<std::vector<Step>> steps = StepsOf(*job.generator, *database, change);
    if (!steps.ok()) return steps.status();
    references.steps.insert(references.steps.end(), steps->begin(), steps->end());
    *database = WithReferences(*std::move(database), {change});
  }
  if (!references.steps.empty()) plan.push_back(std::move(references));
  return plan;
}

}  // namespace storegate::migrate
