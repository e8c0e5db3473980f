#include "server/migrate/runner_steps.h"

#include "server/base/time.h"
#include "server/migrate/ddl.h"
#include "server/migrate/reconcile.h"

namespace storegate::migrate {

Status StepRunner::Run(const Step& step, AppliedMigration row, bool column_may_be_gone) {
  switch (step.kind) {
    case Step::Kind::kTransaction:
    case Step::Kind::kNoTransaction: return job_.migrator->Run(step, row);
    case Step::Kind::kRepeat:
    case Step::Kind::kRefold: break;
  }
  const int64_t start = NowMillis();
  if (Status ran = RunBatches(step, column_may_be_gone); !ran.ok()) return ran;
  row.duration_millis += NowMillis() - start;
  return job_.migrator->Record(row);
}

Status StepRunner::RunAlone(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kTransaction:
    case Step::Kind::kNoTransaction: return job_.migrator->Execute(step.script);
    case Step::Kind::kRepeat:
    case Step::Kind::kRefold: break;
  }
  return RunBatches(step, false);
}

Status StepRunner::RunBatches(const Step& step, bool column_may_be_gone) {
  if (step.kind == Step::Kind::kRepeat) return Repeat(step);
  if (const schema::Field* field = FieldOf(step)) return Refold(*field);
  if (column_may_be_gone) return {};
  return Refused("MIGRATION_FAILED", "It folds " + step.table + "." + step.column +
                                         " anew, and the schema has no text that is kept there.");
}

Status StepRunner::Repeat(const Step& step) {
  int64_t total = 0;
  if (!step.total.empty()) {
    Result<int64_t> counted = job_.migrator->CountTotal(step);
    if (!counted.ok()) return counted.status();
    total = *counted;
  }
  int64_t done = 0;
  TellRows(done, total);
  while (true) {
    Result<int64_t> changed = job_.migrator->RunBatch(step);
    if (!changed.ok()) return changed.status();
    if (*changed <= 0) return {};
    done += *changed;
    TellRows(done, total);
  }
}

Status StepRunner::Refold(const schema::Field& field) {
  int64_t done = 0;
  TellRows(done, 0);
  Value after;
  while (true) {
    Value last;
    Result<int64_t> seen = job_.migrator->Refold(field, after, &last);
    if (!seen.ok()) return seen.status();
    if (*seen <= 0) return {};
    done += *seen;
    TellRows(done, 0);
    after = std::move(last);
  }
}

const schema::Field* StepRunner::FieldOf(const Step& step) const {
  const schema::Entity* entity = EntityOf(AllEntities(job_), step.table);
  if (entity == nullptr) return nullptr;
  for (const schema::Field* field : entity->stored) {
    const bool text = field->type == schema::Type::kString && field->sortable();
    if (field->column == step.column && text) return field;
  }
  return nullptr;
}

void StepRunner::TellRows(int64_t done, int64_t total) const {
  if (job_.watcher != nullptr) job_.watcher->OnRows(done, total);
}

std::vector<const schema::Entity*> AllEntities(const Job& job) {
  return job.schema == nullptr ? WithNeighbours(job.here) : job.schema->AllEntities();
}

}  // namespace storegate::migrate
