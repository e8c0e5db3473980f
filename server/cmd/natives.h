// Native queries, and whether the databases that they are put to can take them.
#pragma once

#include "server/base/status.h"
#include "server/cmd/config.h"
#include "server/cmd/placement.h"
#include "server/schema/schema.h"

namespace storegate::cmd {

// INVALID_ARGUMENT, reason INVALID_CONFIG, with a violation for each method with
// (storegate.v1.native) whose store lives in a kind of database that it has no text for,
// or one that is known to be wrong without asking the database.
Status CheckNatives(const Config& config, const schema::Schema& schema,
                    const Placement& placement);

}  // namespace storegate::cmd
