// What commands would make of an empty MongoDB, without one.
#pragma once

#include <vector>

#include "server/base/status.h"
#include "server/repository/database_model.h"
#include "server/repository/migration_step.h"

namespace storegate::mongodb {

// The collections and indexes as DescribeDatabase would find them behind create, drop,
// renameCollection, createIndexes, dropIndexes and collMod, and behind what makes a
// collection by writing into it (insert, an upsert, $out, $merge). Data is left out, and so
// are repeats and refolds. FAILED_PRECONDITION, reason MIGRATION_FAILED, naming the line: a
// script that cannot be read, an index of a name that another has, a collection renamed to
// one that is there.
Result<repository::DatabaseModel> RehearseSteps(const std::vector<repository::Step>& steps);

}  // namespace storegate::mongodb
