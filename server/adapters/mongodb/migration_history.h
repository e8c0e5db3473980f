// The history of migrations: the collection _storegate_migrations, a document each.
//   {_id: 7, name: "0007_add_pages", checksum: "…", applied_at: Date, duration_ms: 12,
//    state: "applied" | "applying" | "reverting", steps_done: 3, applied_by: "…",
//    error: "", needs: 0, fence: 1792…}
// Those of earlier versions lack what is from `state` on: they are applied.
#pragma once

#include <string>
#include <vector>

#include "server/adapters/mongodb/migration_link.h"
#include "server/base/status.h"
#include "server/repository/migrator.h"

namespace storegate::mongodb {

// In order of number. INTERNAL, reason MALFORMED_DATA, naming the document, for a state
// that is none.
Result<std::vector<repository::AppliedMigration>> ReadHistory(MigrationLink* link);

// Under the lock, these write only what is still its owner's to write: the lock is asked
// right before, and a document that a later owner has touched (its fence) stays as it is.
// MIGRATION_LOCK_LOST. What is left: a document that is new, written by an owner that stood
// still for a whole lease between the question and the write.
Status WriteRow(MigrationLink* link, const repository::AppliedMigration& row);
Status DeleteRow(MigrationLink* link, int number);
// Makes all rows those of the new owner.
Status FenceRows(MigrationLink* link);

// The schema's descriptors, in _storegate_schema, written as the rows are. Nothing kept:
// empty.
Result<std::optional<std::string>> ReadDescriptors(MigrationLink* link);
// FAILED_PRECONDITION, reason SCHEMA_TOO_LARGE, above 15 MiB.
Status WriteDescriptors(MigrationLink* link, const std::string& descriptors);

}  // namespace storegate::mongodb
