// How steps are run. Within migrate/ only.
#pragma once

#include <string>

#include "server/base/status.h"
#include "server/migrate/history.h"
#include "server/migrate/runner.h"

namespace storegate::migrate {

// One thread, under the lock.
class StepRunner {
 public:
  explicit StepRunner(const Job& job) : job_(job) {}

  // Runs the step and writes `row`, which has it done, into the history. `row.duration_millis`
  // is that of what was before the step. Where the schema lacks the column that is to be
  // folded anew: MIGRATION_FAILED, or nothing is to be done where `column_may_be_gone`
  // (a later migration drops it, or what is taken back made it).
  Status Run(const Step& step, AppliedMigration row, bool column_may_be_gone);
  // Runs it without history.
  Status RunAlone(const Step& step);

 private:
  // A repeat or a refold, to its end.
  Status RunBatches(const Step& step, bool column_may_be_gone);
  Status Repeat(const Step& step);
  Status Refold(const schema::Field& field);
  const schema::Field* FieldOf(const Step& step) const;
  void TellRows(int64_t done, int64_t total) const;

  const Job& job_;
};

// All entities that are known to the job: those of the schema, or, without one, those that
// live here and what they refer to or are referred to by.
std::vector<const schema::Entity*> AllEntities(const Job& job);

}  // namespace storegate::migrate
