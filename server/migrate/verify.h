// What a database should be, against what it is. Within migrate/ only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/history.h"
#include "server/migrate/reconcile.h"
#include "server/migrate/runner.h"

namespace storegate::migrate {

// The steps that made the database what it is, in order: of a migration that was begun or is
// being taken back those that were done.
Result<std::vector<Step>> AppliedSteps(const Job& job, const std::vector<KnownMigration>& known,
                                       const History& history);

// The foreign keys of `expected` as they should be with the job's placement. Where it does not
// matter whether one is there, it is where `there` has it.
void PlaceReferences(const Job& job, const repository::DatabaseModel& there,
                     repository::DatabaseModel* expected);

// Adds to `expected` what `there` has and it lacks, of what `is_others` says that others made:
// whole tables (`name` is empty), and columns, indexes and foreign keys (`name` is the
// column's) of tables that both have.
enum class Part { kTable, kColumn, kIndex };
void KeepOthers(const repository::DatabaseModel& there,
                const std::function<bool(Part, const std::string& table,
                                         const std::string& name)>& is_others,
                repository::DatabaseModel* expected);

// Diff(there, expected), for people.
std::vector<Drift> DriftOf(const Generator& generator, const std::vector<Change>& changes);

}  // namespace storegate::migrate
