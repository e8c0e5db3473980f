#include "server/migrate/history.h"

#include <algorithm>

namespace storegate::migrate {

using State = AppliedMigration::State;

Result<std::vector<KnownMigration>> ReadScripts(const Job& job) {
  std::vector<KnownMigration> known;
  for (const Migration& migration : job.migrations) {
    Result<Script> script = job.generator->Steps(
        migration.name + std::string(job.generator->file_suffix()), migration.up);
    if (!script.ok()) return script.status();
    KnownMigration one;
    one.migration = &migration;
    one.up = *std::move(script);
    one.checksum = Checksum(*job.generator, migration.up);
    one.earlier_checksum = EarlierChecksum(*job.generator, migration.up);
    one.needs = one.up.needs == Script::kNeedsThis ? migration.number : one.up.needs;
    known.push_back(std::move(one));
  }
  return known;
}

Result<Script> ReadDown(const Job& job, const Migration& migration) {
  return job.generator->Steps(migration.name + std::string(job.generator->down_suffix()),
                              migration.down);
}

const AppliedMigration* RowOf(const History& history, int number) {
  const auto row = std::ranges::find(history, number, &AppliedMigration::number);
  return row == history.end() ? nullptr : &*row;
}

const KnownMigration* Find(const std::vector<KnownMigration>& known, int number) {
  for (const KnownMigration& one : known) {
    if (one.migration->number == number) return &one;
  }
  return nullptr;
}

bool Begun(const AppliedMigration& row) {
  return row.state == State::kApplying && row.steps_done > 0;
}

namespace {

int LastOf(const std::vector<KnownMigration>& known) {
  return known.empty() ? 0 : known.back().migration->number;
}

// Of a row that the files know: whether its text may be another now.
Status CheckKnown(const AppliedMigration& row, const KnownMigration& known) {
  const bool bound = row.state != State::kApplying || row.steps_done > 0;
  if (!bound || known.Is(row.checksum)) return {};
  std::string what = " is not what was applied to the database.";
  if (Begun(row)) {
    what = " is not what was begun on the database: " + std::to_string(row.steps_done) +
           " of its steps were done as they were.";
  }
  return Refused("MIGRATION_CHANGED", "The migration " + row.name + what +
                                          " Restore the file, and put the change into a new "
                                          "migration.")
      .With("migration", row.name);
}

Status CheckAhead(const Job& job, const std::vector<KnownMigration>& known,
                  const std::vector<const AppliedMigration*>& ahead) {
  if (ahead.empty()) return {};
  const int last = LastOf(known);
  const std::string run = " Run the version that applied it, or a later one.";
  for (const AppliedMigration* row : ahead) {
    const bool unknown = std::ranges::find(ahead, row->needs, &AppliedMigration::number) !=
                         ahead.end();
    if (row->needs <= last && !unknown) continue;
    return Refused("DATABASE_AHEAD",
                   "The database has the migration " + row->name +
                       ", which needs what uses it to know migration " +
                       std::to_string(row->needs) + "; this version of storegate knows those up "
                       "to " + std::to_string(last) + "." + run)
        .With("migration", row->name);
  }
  if (static_cast<int>(ahead.size()) <= job.max_ahead) return {};
  return Refused("DATABASE_AHEAD",
                 "The database has the migration " + ahead.front()->name + " and " +
                     std::to_string(ahead.size() - 1) +
                     " more that this version of storegate does not know; it accepts " +
                     std::to_string(job.max_ahead) + "." + run)
      .With("migration", ahead.front()->name);
}

}  // namespace

bool IsAhead(const std::vector<KnownMigration>& known, const History& history) {
  return !history.empty() && history.back().number > LastOf(known);
}

Status CheckHistory(const Job& job, const std::vector<KnownMigration>& known,
                    const History& history) {
  std::vector<const AppliedMigration*> ahead;
  for (const AppliedMigration& row : history) {
    const KnownMigration* one = Find(known, row.number);
    if (one != nullptr) {
      if (Status checked = CheckKnown(row, *one); !checked.ok()) return checked;
    } else if (row.number > LastOf(known)) {
      ahead.push_back(&row);
    } else {
      return Refused("MIGRATION_CHANGED",
                     "The migration " + row.name +
                         " was applied to the database, and its file is gone. Restore the file.")
          .With("migration", row.name);
    }
  }
  return CheckAhead(job, known, ahead);
}

Status CheckForUp(const Job& job, const std::vector<KnownMigration>& known,
                  const History& history) {
  if (Status checked = CheckHistory(job, known, history); !checked.ok()) return checked;
  for (const AppliedMigration& row : history) {
    // Those ahead are the business of who knows their files.
    if (row.state != State::kReverting || Find(known, row.number) == nullptr) continue;
    return Refused("MIGRATION_REVERTING",
                   "The migration " + row.name + " was being taken back, and that was cut short" +
                       (row.error.empty() ? "" : ": " + row.error) + ". Run migrate down " +
                       std::to_string(row.number - 1) + " to go on with it.")
        .With("migration", row.name);
  }
  return {};
}

std::vector<const KnownMigration*> PendingOf(const std::vector<KnownMigration>& known,
                                             const History& history, int to) {
  std::vector<const KnownMigration*> begun, fresh;
  for (const KnownMigration& one : known) {
    const AppliedMigration* row = RowOf(history, one.migration->number);
    if (row != nullptr && Begun(*row)) {
      begun.push_back(&one);
    } else if (row == nullptr || row->state == State::kApplying) {
      if (to == 0 || one.migration->number <= to) fresh.push_back(&one);
    }
  }
  begun.insert(begun.end(), fresh.begin(), fresh.end());
  return begun;
}

Status Refused(std::string_view reason, std::string message) {
  return Status(Code::kFailedPrecondition, reason, std::move(message));
}

WaitingWatched::WaitingWatched(const Job& job) : migrator_(job.migrator) {
  if (job.watcher == nullptr) return;
  migrator_->OnWaiting([watcher = job.watcher](const repository::LockHolder& holder) {
    watcher->OnWaiting(holder);
  });
}

WaitingWatched::~WaitingWatched() { migrator_->OnWaiting(nullptr); }

}  // namespace storegate::migrate
