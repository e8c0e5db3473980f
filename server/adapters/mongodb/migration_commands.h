// Commands of migrations, run so that each may run again: what it asks for and is there
// already is well.
#pragma once

#include <string>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/adapters/mongodb/migration_link.h"
#include "server/base/status.h"

namespace storegate::mongodb {

// Runs commands of a script one by one; `what` names the script, `first_line` is that of its
// first line in the file. What they do before one that fails is kept.
//   create             fine where the collection is there
//   createIndexes      makes those that are missing. One of the same name that is another
//                      index, or the same index under another name, is MIGRATION_FAILED
//   drop, dropIndexes  fine where it is not there
//   renameCollection   {"renameCollection": "books", "to": "volumes"}: names without a
//                      database. Fine where the first is not there
//   others             as they are; `insert`, `update` and `delete` are to be written so
//                      that they may run again. Not repeated when their outcome is unknown
// FAILED_PRECONDITION, reason MIGRATION_FAILED, naming the command's line and name, and of a
// unique index that documents share a value; reason UNSUPPORTED_INDEX, for a unique index
// with a filter in a database that takes the filter and ignores it; MIGRATION_LOCK_LOST.
Status RunCommands(MigrationLink* link, const std::string& what, const std::string& script,
                   int first_line);

}  // namespace storegate::mongodb
