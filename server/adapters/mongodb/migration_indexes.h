// createIndexes as migrations run it, and what is known of the indexes that are there.
#pragma once

#include <string>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/adapters/mongodb/migration_link.h"
#include "server/base/status.h"

namespace storegate::mongodb {

// As RunCommands says (migration_commands.h).
Status CreateIndexes(MigrationLink* link, const std::string& what, const Bson& command);

// Of a dropIndexes: the names of those indexes of `there` that it means, by name, names, keys
// or "*". Never that of _id.
std::vector<std::string> NamesToDrop(const Bson& command, const std::vector<Bson>& there);

}  // namespace storegate::mongodb
