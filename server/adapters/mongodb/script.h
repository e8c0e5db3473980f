// The text of a migration → commands.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/base/status.h"

namespace storegate::mongodb {

// A script is a JSON array of commands in MongoDB's Extended JSON; nothing at all is no
// command. FAILED_PRECONDITION, reason MIGRATION_FAILED, naming `what` and the line:
// no JSON, no array, an element that is no object or names no command, or
// one with "$db", as it runs in the database of the URL.
Result<std::vector<Bson>> ParseScript(const std::string& what, std::string_view script);

// "createIndexes". Good as long as `command`.
std::string_view NameOfCommand(const Bson& command);
// The collection that it names; "" for none. Good as long as `command`.
std::string_view TargetOfCommand(const Bson& command);
// Of a createIndexes: the name of an index that is unique and partial; "" for none.
std::string UniqueIndexWithFilter(const Bson& command);

}  // namespace storegate::mongodb
