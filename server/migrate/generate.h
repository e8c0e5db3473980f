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
  enum class Kind {
    kLosesData,      // what rows hold is lost
    kBreaksRunning,  // servers of the schema before, which run meanwhile, fail
    kImpossible,     // no flag allows it
  };
  Kind kind = Kind::kLosesData;
  std::string element;  // "books.title", or "books"
  std::string what;     // "drops the column books.title, and what is in it"
  std::string advice;   // expand and contract, in steps; full sentences
};

// Of the changes that Diff has between two models that are made of schemas, by what a column
// means (its field); those between other models are judged by their texts alone.
// `typed_by_record`: as the generator says.
std::vector<Risk> RisksOf(const std::vector<Change>& changes, bool typed_by_record = false);

// Columns that are there before and after with the same texts, and yet hold something else
// (SQLite: int64 becomes int32), as kAlterColumn: for RisksOf, not to be rendered.
std::vector<Change> ChangesOfMeaning(const DatabaseModel& before, const DatabaseModel& after,
                                     const Renames& renames);

// The files of one migration for one kind of database. `up` is "" when nothing changes for
// it (a database without columns, say).
struct GeneratedMigration {
  std::string up;
  std::string down;
};

// `before` null: from nothing, plain statements, as nobody uses the tables meanwhile. Where a
// risk of kBreaksRunning was allowed, `up` says `needs this`. `down` is the way back: it
// restores what the schema before needs, not what was in what `up` dropped.
//   FAILED_PRECONDITION, reason UNSAFE_MIGRATION   a violation for each risk that was not
//                                                  allowed, the advice in its description
//   INVALID_ARGUMENT, reason INVALID_RENAME        a rename of what is not there before, or to
//                                                  what is not there after or was there before
//   and what Generator::Check says.
Result<GeneratedMigration> Generate(const schema::Schema* before, const schema::Schema& after,
                                    const Generator& generator, const GenerateOptions& options);

}  // namespace storegate::migrate
