// Writes migrations: what leads from the schema that the last one left to the schema as it
// is now. Pure: reads no database, writes no file.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/change.h"
#include "server/migrate/generator.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

struct GenerateOptions {
  Renames renames;                // asked for with --rename
  bool allow_data_loss = false;   // --allow-data-loss
  bool allow_breaking = false;    // --allow-breaking: running servers of the old schema fail
};

// What is wrong with a change, and how to make it in steps that are not.
struct Risk {
  enum class Kind { kLosesData, kBreaksRunning, kImpossible };
  Kind kind = Kind::kLosesData;
  std::string what;    // "drops the column books.title, and what is in it"
  std::string advice;  // expand and contract, in steps; how to allow it
};

// Of the changes from `before` to `after`, by what a column means (its field).
std::vector<Risk> RisksOf(const std::vector<Change>& changes);

// The files of one migration for one kind of database. `up` is "" when nothing changes for
// it (a database without columns, say).
struct GeneratedMigration {
  std::string up;
  std::string down;
};

// `before` null: from nothing. FAILED_PRECONDITION, reason UNSAFE_MIGRATION, a violation for
// each risk that was not allowed, the advice in its description; INVALID_ARGUMENT, reason
// INVALID_RENAME, for a rename that names nothing.
Result<GeneratedMigration> Generate(const schema::Schema* before, const schema::Schema& after,
                                    const Generator& generator, const GenerateOptions& options);

}  // namespace storegate::migrate
