// `storegate schema …`: looks at a schema without serving it.
#pragma once

#include <ostream>
#include <string>

#include "server/cmd/config.h"

namespace storegate::cmd {

// Loads the schema and says what it holds, or every mistake in it. Exit codes: 0,
// or 1 when there is a mistake.
int CheckSchema(const Config& config, std::ostream& out, std::ostream& errors);

// Prints the script that makes the schema's tables in the database of that dialect. Exit codes: 0; 1 when the schema has a mistake; 2 when there is no such
// dialect.
int PrintDdl(const Config& config, const std::string& dialect, std::ostream& out,
             std::ostream& errors);

}  // namespace storegate::cmd
