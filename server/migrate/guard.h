// The descriptor guard: the schema that the data was last migrated to is kept in the
// database; one that would misread that data is refused. Within migrate/ only.
//
// What changes between the kept schema and the job's is known by the descriptors alone
// (schema::Compare, of kind kData). Whether it matters is found out here. A change is fine
//   1. where no row holds anything in the column (or the table), or neither is there: what a
//      migration dropped or renamed is so.
//   2. where the definition of the column differs between the two schemas, and the database
//      has the one of the job's schema: it was migrated.
//   3. where the database cannot show it (it has no columns, or the change is within a value:
//      an enum's name in a nested message): when one of the migrations that this Up runs names
//      the table and the column, also in a comment. So says a team, too, that rows are right
//      already, or that a column may stay that nobody reads any more.
// What 3 settles, or fails to, is judged before anything is done; the rest when the pending
// migrations are applied, where there are any.
//
// A database that is ahead was written by a later version. What that one has beyond this one
// (fields, enum values, entities) is its addition; all else as above, but for 3. The kept
// schema is left as it is.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/history.h"
#include "server/migrate/runner.h"
#include "server/schema/compatibility.h"

namespace storegate::migrate {

// Under the lock, but for CheckApplied. One thread.
class Guard {
 public:
  // `job` outlives it.
  Guard(const Job& job, bool ahead) : job_(job), ahead_(ahead) {}

  // FAILED_PRECONDITION, reason SCHEMA_INCOMPATIBLE, a violation for each change, its field
  // the element, in both.
  Status Before(const std::vector<const KnownMigration*>& pending);
  Status After(const std::vector<const KnownMigration*>& pending);
  // Keeps the job's schema, where another is kept or none.
  Status Keep();

 private:
  enum class Verdict { kFine, kRefused, kLater };

  Status Read();
  Status Judge(const std::vector<const KnownMigration*>& pending, bool before);
  Result<Verdict> JudgeOne(const schema::Incompatibility& change,
                           const std::vector<const KnownMigration*>& pending, bool before);
  // Whether the definition of its column is another in the two schemas.
  bool DefinitionDiffers(const schema::Incompatibility& change) const;
  // Whether the database has the column as the job's schema makes it.
  Result<bool> IsMigrated(const schema::Incompatibility& change);

  const Job& job_;
  const bool ahead_;
  std::string mine_;  // the job's schema, serialized
  bool kept_is_mine_ = false;
  std::unique_ptr<const schema::Schema> kept_;
  repository::DatabaseModel kept_model_, mine_model_;
  std::vector<schema::Incompatibility> changes_;
};

// What the entities make of an empty database of this kind, as its adapter reads it.
Result<repository::DatabaseModel> RehearseSchema(repository::Migrator& migrator,
                                                 const Generator& generator,
                                                 const std::vector<const schema::Entity*>& entities);

}  // namespace storegate::migrate
