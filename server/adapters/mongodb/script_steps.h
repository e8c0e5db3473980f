// A migration file of MongoDB → steps.
#pragma once

#include <string>
#include <string_view>

#include "server/base/status.h"
#include "server/migrate/generator.h"

namespace storegate::mongodb {

// As migrate::Generator::Steps. What begins with "storegate." is ours:
//   {"storegate.backfill": "books", "filter": {…}, "set": {…}}   kRepeat: script_backfill.h
//   {"storegate.refold": "books.title"}                          kRefold
//   {"storegate.needs": 7} or "this"                             at most once a file; no step
// A createIndexes and a renameCollection are a kNoTransaction step each: the first may take
// long, and the second is not to run again behind what follows it. The commands between
// those are a kTransaction step, of which all run again when it is cut short. Scripts keep
// the lines of the file: Step::line is that of the first command.
Result<migrate::Script> StepsOf(const std::string& file, std::string_view text);

// The text without white space outside of strings.
std::string SignificantOf(std::string_view text);

}  // namespace storegate::mongodb
