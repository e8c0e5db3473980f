// Changes of many documents, a thousand at a time.
#pragma once

#include <cstdint>
#include <string>

#include "server/adapters/mongodb/migration_link.h"
#include "server/base/status.h"
#include "server/query/value.h"
#include "server/repository/migration_step.h"
#include "server/schema/schema.h"

namespace storegate::mongodb {

// One batch of a backfill: up to 1,000 documents that the filter matches, changed where it
// still does. How many were; 0 when it matches none any more. MIGRATION_FAILED where it goes
// on to match what was changed: that would never end.
Result<int64_t> RunBackfill(MigrationLink* link, const repository::Step& step);
// What the step's `total`, a count command, says.
Result<int64_t> CountBackfill(MigrationLink* link, const repository::Step& step);
// As repository::Migrator::Refold. Documents whose id is of another type than the field's
// are passed over: no call reads them.
Result<int64_t> RefoldBatch(MigrationLink* link, const schema::Field& field, const Value& after,
                            Value* last);
// As repository::Migrator::HoldsRows.
Result<bool> HoldsDocuments(MigrationLink* link, const std::string& collection,
                            const std::string& column);

}  // namespace storegate::mongodb
