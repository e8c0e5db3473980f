// What scripts would make of an empty database, without making it.
#pragma once

#include <vector>

#include "server/adapters/postgres/options.h"
#include "server/base/status.h"
#include "server/repository/database_model.h"
#include "server/repository/migration_step.h"

namespace storegate::postgres {

// Runs the steps in a schema of its own, within one transaction that is taken back, and
// describes what is there then. Scripts see what is in that schema alone; only where they
// need a type, function or class of operators of an extension, they also see the schema that
// it is in, and then must not name a table there. The user must be allowed to make schemas,
// or temporary tables, which do as well.
//
// FAILED_PRECONDITION, reason MIGRATION_FAILED, naming the line, when a step does not run.
Result<repository::DatabaseModel> RehearseSteps(const Options& options,
                                                const std::vector<repository::Step>& steps);

}  // namespace storegate::postgres
