// The history against the files: what was applied, what is pending, what is neither. Within
// migrate/ only.
#pragma once

#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/runner.h"

namespace storegate::migrate {

// Those of these names that are wanted often.
using repository::AppliedMigration;
using repository::Step;
using History = std::vector<AppliedMigration>;

// A migration of the files, cut into steps.
struct KnownMigration {
  const Migration* migration = nullptr;
  Script up;
  std::string checksum;
  // As histories have it that were written when the white space of JSON counted.
  std::string earlier_checksum;
  // What its row says that binaries must know; 0 for nothing.
  int needs = 0;

  // Whether a row with that checksum is of this text.
  bool Is(std::string_view of_row) const {
    return of_row == checksum || of_row == earlier_checksum;
  }
};

// Of all the job's migrations, in order. As Generator::Steps.
Result<std::vector<KnownMigration>> ReadScripts(const Job& job);
// The steps that take it back. As Generator::Steps.
Result<Script> ReadDown(const Job& job, const Migration& migration);

// Null where there is none.
const AppliedMigration* RowOf(const History& history, int number);
const KnownMigration* Find(const std::vector<KnownMigration>& known, int number);

// One that was begun and of which something was done.
bool Begun(const AppliedMigration& row);

// Whether the history has migrations behind the last one of the files.
bool IsAhead(const std::vector<KnownMigration>& known, const History& history);

// Whether this binary may use a database of this history at all: MIGRATION_CHANGED (also
// where the file of one amid the others is gone), DATABASE_AHEAD.
Status CheckHistory(const Job& job, const std::vector<KnownMigration>& known,
                    const History& history);
// The same, and MIGRATION_REVERTING.
Status CheckForUp(const Job& job, const std::vector<KnownMigration>& known,
                  const History& history);

// What Up runs, in its order: first what was begun, then those that the history lacks (or has
// as failed before anything was done) up to number `to`, 0 for all.
std::vector<const KnownMigration*> PendingOf(const std::vector<KnownMigration>& known,
                                             const History& history, int to);

// FAILED_PRECONDITION with this reason.
Status Refused(std::string_view reason, std::string message);

// Tells the job's watcher of waiting for the lock, as long as it lives.
class WaitingWatched {
 public:
  explicit WaitingWatched(const Job& job);
  ~WaitingWatched();
  WaitingWatched(const WaitingWatched&) = delete;
  WaitingWatched& operator=(const WaitingWatched&) = delete;

 private:
  repository::Migrator* migrator_;
};

}  // namespace storegate::migrate
