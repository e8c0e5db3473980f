#include "server/migrate/runner.h"

#include <optional>

#include "server/base/time.h"
#include "server/migrate/guard.h"
#include "server/migrate/history.h"
#include "server/migrate/reconcile.h"
#include "server/migrate/runner_steps.h"

namespace storegate::migrate {

using State = AppliedMigration::State;
using schema::Entity;

namespace {

// What Up and Down share: steps of one migration, one after the other, and what is written
// down when one fails. Under the lock, Report aside.
class Run {
 public:
  Run(const Job& job, bool up) : job_(job), up_(up), steps_(job) {}

  // Runs `steps` from row.steps_done on, and ends the migration. `row` is as it was before.
  Status Steps(const Migration& migration, const std::vector<Step>& steps, AppliedMigration row,
               bool column_may_be_gone);
  // What must be written down once the lock came back, where it takes all back.
  Status Report(const Status& failure);

  // Of those that were ended.
  std::vector<std::string> done;

 private:
  Status Begin(const AppliedMigration& row);
  // All steps were done; `row` says how long they took.
  Status End(const Migration& migration, AppliedMigration row, bool written);
  Status Failed(const Status& status, const AppliedMigration& row, const Step& step, size_t index,
                size_t count);
  Status WriteError(const AppliedMigration& row);

  const Job& job_;
  const bool up_;
  StepRunner steps_;
  std::optional<AppliedMigration> failed_;
};

Status Run::Steps(const Migration& migration, const std::vector<Step>& steps,
                  AppliedMigration row, bool column_may_be_gone) {
  job_.migrator->AtMigration(migration.number);
  row.applied_by = job_.applied_by;
  row.applied_at_millis = NowMillis();
  row.error.clear();
  if (row.steps_done == 0) {
    row.duration_millis = 0;
    if (Status begun = Begin(row); !begun.ok()) return begun;
  }
  const int64_t start = NowMillis(), before = row.duration_millis;
  bool written = false;
  for (size_t i = static_cast<size_t>(row.steps_done); i < steps.size(); ++i) {
    if (job_.watcher != nullptr) job_.watcher->OnStep(migration, steps[i], i, steps.size());
    AppliedMigration next = row;
    next.steps_done = static_cast<int>(i) + 1;
    next.applied_at_millis = NowMillis();
    next.duration_millis = before + (next.applied_at_millis - start);
    written = up_ && i + 1 == steps.size();
    if (written) next.state = State::kApplied;
    const Status ran = steps_.Run(steps[i], next, column_may_be_gone);
    if (!ran.ok()) return Failed(ran, row, steps[i], i, steps.size());
    row = next;
  }
  row.applied_at_millis = NowMillis();
  row.duration_millis = before + (row.applied_at_millis - start);
  return End(migration, row, written);
}

Status Run::Begin(const AppliedMigration& row) {
  // Where all is kept or nothing, there is nobody who could see it.
  return job_.migrator->lock_is_transaction() ? Status() : job_.migrator->Record(row);
}

Status Run::End(const Migration& migration, AppliedMigration row, bool written) {
  Status status;
  if (!up_) {
    status = job_.migrator->Forget(row.number);
  } else if (!written) {
    row.state = State::kApplied;
    status = job_.migrator->Record(row);
  }
  if (!status.ok()) return status;
  done.push_back(migration.name);
  if (job_.watcher != nullptr) job_.watcher->OnDone(migration, up_, row.duration_millis);
  return {};
}

Status Run::Failed(const Status& status, const AppliedMigration& row, const Step& step,
                   size_t index, size_t count) {
  std::string message = "The migration " + row.name;
  message += up_ ? " failed" : " could not be taken back";
  message += " at step " + std::to_string(index + 1) + " of " + std::to_string(count) +
             " (line " + std::to_string(step.line) + " of its file): " + status.message() +
             " Mend the cause and run migrate " + (up_ ? "up" : "down") + " again.";
  const Status failure = status.Reworded(message)
                             .With("migration", row.name)
                             .With("step", std::to_string(index + 1));
  // Who lost the lock must not touch the history: another may be at it.
  if (status.reason() == "MIGRATION_LOCK_LOST") return failure;
  failed_ = row;
  failed_->error = message;
  // That the row cannot be written is no more than was said already.
  if (!job_.migrator->lock_is_transaction()) (void)WriteError(*failed_).ok();
  return failure;
}

// The row is read again: whether a step was done that nobody confirmed is known to the
// history alone.
Status Run::WriteError(const AppliedMigration& row) {
  Result<History> history = job_.migrator->History();
  if (!history.ok()) return history.status();
  const AppliedMigration* there = RowOf(*history, row.number);
  const bool taken_back = job_.migrator->lock_is_transaction();
  AppliedMigration written = row;
  if (taken_back) {
    // Nothing was done, so nothing needs to be known of it.
    written.steps_done = 0;
    written.duration_millis = 0;
    written.needs = 0;
  }
  if (there != nullptr) {
    const bool ended = there->state == State::kApplied;
    if (up_ && ended) return {};
    if (!up_ || Begun(*there)) written = *there;
    written.error = row.error;
  } else if (!up_) {
    return {};
  }
  return job_.migrator->Record(written);
}

Status Run::Report(const Status& failure) {
  if (failure.ok() || !job_.migrator->lock_is_transaction()) return failure;
  done.clear();
  if (failed_) {
    (void)job_.migrator->WithLock([this] { return WriteError(*failed_); }).ok();
  }
  return failure;
}

AppliedMigration FreshRow(const KnownMigration& known) {
  AppliedMigration row;
  row.number = known.migration->number;
  row.name = known.migration->name;
  row.checksum = known.checksum;
  row.state = State::kApplying;
  row.needs = known.needs;
  return row;
}

Status UpLocked(const Job& job, const std::vector<KnownMigration>& known, int to, Run* run) {
  Result<History> history = job.migrator->History();
  if (!history.ok()) return history.status();
  if (Status checked = CheckForUp(job, known, *history); !checked.ok()) return checked;
  const std::vector<const KnownMigration*> pending = PendingOf(known, *history, to);
  const bool ahead = IsAhead(known, *history);
  // Whether the database is, afterwards, what the job's schema says.
  const bool whole = !ahead && pending.size() == PendingOf(known, *history, 0).size();
  Guard guard(job, ahead);
  if (whole || ahead) {
    if (Status judged = guard.Before(pending); !judged.ok()) return judged;
  }
  for (const KnownMigration* each : pending) {
    const AppliedMigration* there = RowOf(*history, each->migration->number);
    const bool later = each != &known.back();
    const Status ran = run->Steps(*each->migration, each->up.steps,
                                  there != nullptr && Begun(*there) ? *there : FreshRow(*each),
                                  later);
    if (!ran.ok()) return ran;
  }
  if (!whole) return {};
  const Entities all = AllEntities(job);
  if (Status made = Reconcile(*job.migrator, *job.generator, job.here, all); !made.ok()) {
    return made;
  }
  if (Status judged = guard.After(pending); !judged.ok()) return judged;
  return guard.Keep();
}

// One that is to be taken back, with its steps.
struct Reverting {
  const KnownMigration* known = nullptr;
  AppliedMigration row;
  std::vector<Step> steps;
  bool never_applied = false;  // a row of a failure before anything was done
};

Result<std::vector<Reverting>> PlanDown(const Job& job, const std::vector<KnownMigration>& known,
                                        const History& history, int to) {
  std::vector<Reverting> plan;
  for (auto row = history.rbegin(); row != history.rend(); ++row) {
    const bool cut_short = row->state == State::kReverting;
    const KnownMigration* one = Find(known, row->number);
    if (row->number <= to && (!cut_short || one == nullptr)) continue;
    if (one == nullptr) {
      return Refused("NO_DOWN_MIGRATION", "This version of storegate does not know the migration " +
                                              row->name + ". Take it back with the version that "
                                              "applied it.")
          .With("migration", row->name);
    }
    if (Begun(*row)) {
      return Refused("MIGRATION_UNFINISHED",
                     "The migration " + row->name + " was begun, " +
                         std::to_string(row->steps_done) + " of its steps are done, and it can "
                         "be taken back only as a whole. Run migrate up first.")
          .With("migration", row->name);
    }
    Reverting reverting{one, *row, {}, row->state == State::kApplying};
    if (!reverting.never_applied) {
      if (one->migration->down.empty()) {
        return Refused("NO_DOWN_MIGRATION",
                       "The migration " + row->name + " has no " + row->name +
                           std::string(job.generator->down_suffix()) +
                           ", which would take it back.")
            .With("migration", row->name);
      }
      Result<Script> down = ReadDown(job, *one->migration);
      if (!down.ok()) return down.status();
      reverting.steps = std::move(down->steps);
    }
    if (!cut_short) reverting.row.steps_done = 0;
    reverting.row.state = State::kReverting;
    plan.push_back(std::move(reverting));
  }
  return plan;
}

Status DownLocked(const Job& job, const std::vector<KnownMigration>& known, int to, Run* run) {
  Result<History> history = job.migrator->History();
  if (!history.ok()) return history.status();
  if (Status checked = CheckHistory(job, known, *history); !checked.ok()) return checked;
  Result<std::vector<Reverting>> plan = PlanDown(job, known, *history, to);
  if (!plan.ok()) return plan.status();
  for (const Reverting& each : *plan) {
    if (each.never_applied) {
      if (Status gone = job.migrator->Forget(each.row.number); !gone.ok()) return gone;
      continue;
    }
    const Status ran = run->Steps(*each.known->migration, each.steps, each.row, true);
    if (!ran.ok()) return ran;
  }
  return {};
}

using Work = Status (*)(const Job&, const std::vector<KnownMigration>&, int, Run*);

Status Locked(const Job& job, bool up, int to, Work work, std::vector<std::string>* names) {
  names->clear();
  Result<std::vector<KnownMigration>> known = ReadScripts(job);
  if (!known.ok()) return known.status();
  const WaitingWatched watched(job);
  Run run(job, up);
  const Status status =
      run.Report(job.migrator->WithLock([&] { return work(job, *known, to, &run); }));
  *names = std::move(run.done);
  return status;
}

}  // namespace

Status Up(const Job& job, int to, std::vector<std::string>* applied) {
  return Locked(job, true, to, UpLocked, applied);
}

Status Down(const Job& job, int to, std::vector<std::string>* reverted) {
  return Locked(job, false, to, DownLocked, reverted);
}

}  // namespace storegate::migrate
