// The runner: applies what is pending, takes it back, says what there is and what it
// should be. The same for all databases, over repository::Migrator and Generator.
// All calls block; one thread at a time for each Migrator.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/change.h"
#include "server/migrate/generator.h"
#include "server/repository/migrator.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

struct Migration {
  int number = 0;
  std::string name;  // "0001_create_tables"
  std::string up;    // texts of the files
  std::string down;  // "" where there is none: it cannot be taken back
};

// Files as "0001_name.up.sql" and "0001_name.down.sql", by the generator's suffixes →
// migrations in order. INVALID_ARGUMENT, reason INVALID_MIGRATION, naming the file: a name
// that is not so, a number twice, a down without its up.
Result<std::vector<Migration>> ParseMigrations(
    const std::vector<std::pair<std::string, std::string>>& name_and_text,
    const Generator& generator);

// Of what is significant of the text (Generator::Significant). Hex.
std::string Checksum(const Generator& generator, std::string_view text);
// As it was reckoned before each kind of database had a reckoning of its own: histories
// have it still.
std::string EarlierChecksum(const Generator& generator, std::string_view text);

// Told what happens; every call returns soon. Same thread as the call that it is given to.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void OnWaiting(const repository::LockHolder& holder) { (void)holder; }
  // Of a migration with so many steps, `step` (from 0) begins.
  virtual void OnStep(const Migration& migration, const repository::Step& step, size_t index,
                      size_t count) {
    (void)migration, (void)step, (void)index, (void)count;
  }
  // Within a repeat or refold: rows done of `total` (0: unknown).
  virtual void OnRows(int64_t done, int64_t total) { (void)done, (void)total; }
  virtual void OnDone(const Migration& migration, bool up, int64_t millis) {
    (void)migration, (void)up, (void)millis;
  }
};

// What is migrated, and for whom.
struct Job {
  repository::Migrator* migrator = nullptr;
  const Generator* generator = nullptr;
  std::vector<Migration> migrations;
  // Of the schema, whole; and those that live in this database. The tables of all of them
  // are made wherever migrations run, so that a store can be moved by configuration; only
  // foreign keys depend on who lives here (Up).
  const schema::Schema* schema = nullptr;
  std::vector<const schema::Entity*> here;
  Watcher* watcher = nullptr;    // may be null
  std::string applied_by;        // kept in the history
  // How far ahead of what this binary knows the history may be, as long as what is ahead
  // does not say that it `needs` to be known.
  int max_ahead = 100;
};

// Under the lock: goes on with what was begun, then applies those that the history does
// not have, up to number `to` (0: all), step by step; then makes sure that the database
// has the foreign keys between those that live here, and none to those that do not.
// `applied` gets the names of those that were ended. What fails is written into the
// history, with what to do, and the next Up goes on there. Keeps the schema's descriptors.
//   FAILED_PRECONDITION, reason MIGRATION_CHANGED    one that was applied has another
//                                                    checksum now; names it
//   FAILED_PRECONDITION, reason DATABASE_AHEAD       of max_ahead, or what is ahead needs it
//   FAILED_PRECONDITION, reason MIGRATION_REVERTING  a Down was cut short: go on with it
//   FAILED_PRECONDITION, reason MIGRATION_FAILED     the database refuses a step; names
//                                                    migration, step and line
//   FAILED_PRECONDITION, reason SCHEMA_INCOMPATIBLE  the guard: see compatibility.h
//   and what Migrator::WithLock says.
Status Up(const Job& job, int to, std::vector<std::string>* applied);

// Takes back, newest first, all behind number `to`. Refused before anything is done:
//   FAILED_PRECONDITION, reason NO_DOWN_MIGRATION     one has no down file, or is not known
//   FAILED_PRECONDITION, reason MIGRATION_UNFINISHED  one was begun and not ended: Up first
//   and what Up says of the history.
Status Down(const Job& job, int to, std::vector<std::string>* reverted);

// Whether the history is one that Up would have nothing to do for, without the lock.
// FAILED_PRECONDITION, reason MIGRATIONS_PENDING, naming them, or as Up.
Status CheckApplied(const Job& job);

enum class MigrationState { kApplied, kPending, kUnfinished, kReverting, kChanged, kAhead };
struct MigrationStatus {
  int number = 0;
  std::string name;
  MigrationState state = MigrationState::kPending;
  repository::AppliedMigration applied;  // where the history has it
  size_t steps = 0;                      // of the file; 0 when it is not known
};
// In order of number: all that the files or the history have.
Result<std::vector<MigrationStatus>> GetStatus(const Job& job);

// What Up would run, as files have it, with the foreign keys that it would make or drop.
struct PlannedMigration {
  int number = 0;    // 0 for the foreign keys
  std::string name;
  size_t first_step = 0;  // those before it were done
  std::vector<repository::Step> steps;
};
Result<std::vector<PlannedMigration>> Plan(const Job& job, int to);

// How the database differs from what its history says it should be: from what its
// applied migrations make of an empty one, or, where it has no history, from what the
// schema needs (`migrations` empty, or none applied). Empty: it is as it should be. What
// others added (tables, indexes), or made otherwise and as good, counts as drift as well, and is
// `harmless`.
struct Drift {
  std::string text;   // DescribeDrift
  std::string table;
  std::string harmless;  // why all is served well nonetheless; "" where it is not
};
Result<std::vector<Drift>> Verify(const Job& job);

// Adopts a database that was not made by migrations: under the lock, those migrations, from
// the first on, whose tables, columns and indexes are there are written into the history as
// applied, without being run. What keeps the next one from being adopted is in `drift`, and
// the statements that would make it good in `missing`; both empty when all was adopted.
struct BaselineResult {
  std::vector<std::string> adopted;
  std::vector<Drift> drift;
  std::string missing;
};
// FAILED_PRECONDITION, reason HISTORY_EXISTS, where migrations were applied before.
Result<BaselineResult> Baseline(const Job& job);

// For development: makes the database match the schema, without history, under the lock.
// `done` gets DescribeChange of what was changed. FAILED_PRECONDITION, reason HISTORY_EXISTS,
// where there is one; reason DATA_LOSS, naming what would be lost, unless `allow_data_loss`.
// What the schema knows nothing of is left.
Status Push(const Job& job, bool allow_data_loss, std::vector<std::string>* done);

// Makes the tables of `entities`, which are all that are kept in the database, that
// are missing, under the lock; where the generator is repeatable, also what a table
// lacks. `created` gets the names of the collections. FAILED_PRECONDITION as in
// Generator::Check, or reason MIGRATION_FAILED.
Status CreateTables(repository::Migrator& migrator, const Generator& generator,
                    const std::vector<const schema::Entity*>& entities,
                    std::vector<std::string>* created);

// FAILED_PRECONDITION, reason TABLE_MISMATCH, naming every table and every part of one
// that the schema needs and the database lacks, and what to do.
Status CheckTables(repository::Migrator& migrator, const Generator& generator,
                   const std::vector<const schema::Entity*>& entities);

}  // namespace storegate::migrate
