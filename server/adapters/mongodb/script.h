// The text of a migration → commands, and what commands say.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/base/status.h"

namespace storegate::mongodb {

// An element of a script.
struct ScriptElement {
  Bson command;
  size_t begin = 0;  // of its text within the script's
  size_t end = 0;
};

// Reads a script: a JSON array of commands in MongoDB's Extended JSON; nothing at all is no
// command. Why it is none and where (`line`, from 1), or "" when all is well: no JSON, no
// array, an element that is no object or names no command, one with "$db", as it runs in
// the database of the URL, or dropDatabase, with which the history would go.
std::string ReadScript(std::string_view script, std::vector<ScriptElement>* elements, int* line);

// The same, as FAILED_PRECONDITION, reason MIGRATION_FAILED, naming `what` and the line.
// `lines`, where not null, gets the line of each command.
Result<std::vector<Bson>> ParseScript(const std::string& what, std::string_view script,
                                      std::vector<int>* lines = nullptr);

// The line that the position is in, from 1.
int LineAt(std::string_view text, size_t position);

// "createIndexes". Good as long as `command`.
std::string_view NameOfCommand(const Bson& command);
// The collection that it names; "" for none. Good as long as `command`.
std::string_view TargetOfCommand(const Bson& command);
// Of a createIndexes: the name of an index that is unique and partial; "" for none.
std::string UniqueIndexWithFilter(const Bson& command);
// Of a createIndexes: its indexes. Elements that are no documents are left out.
std::vector<Bson> IndexesOfCommand(const Bson& command);

// The text, document or list under `key`; "" or nothing when there is none such.
std::string TextOf(const bson_t* document, const char* key);
std::optional<Bson> DocumentOf(const bson_t* document, const char* key);
bool FlagOf(const bson_t* document, const char* key);  // true, 1 …
std::string TextAtIter(const bson_iter_t& at);
std::optional<Bson> DocumentAtIter(const bson_iter_t& at);

// {"a": 1, "b": [2]}: relaxed Extended JSON on one line. "" where it cannot be written so
// (a text that is no UTF-8).
std::string JsonText(const Bson& document);
// `[\n{…},\n{…}\n]\n`; "" of no commands.
std::string ScriptText(const std::vector<Bson>& commands);

}  // namespace storegate::mongodb
