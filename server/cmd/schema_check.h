// `storegate schema check --against`: what the schema breaks, for CI.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "server/cmd/config.h"
#include "server/schema/schema.h"

namespace storegate::cmd {

struct CheckOptions {
  // A folder of protos, a descriptor set, its text (.textproto, as migrations keep it), or
  // the URL of a database, whose kept schema it is.
  std::string against;
  bool json = false;
  // Kinds that may break: "api", "data".
  std::vector<std::string> allow;
};

// Compares the schema of the configuration with the one before and prints what breaks,
// callers and rows apart. Exit codes: 0 where nothing does that is not allowed; 1 when
// something does, or the schema has mistakes; 2 when there is nothing to compare with.
int CheckAgainst(const Config& config, const CheckOptions& options, std::ostream& out,
                 std::ostream& errors);

// Whether a text is the URL of a database that this build can serve.
bool IsDatabaseUrl(const std::string& text);

}  // namespace storegate::cmd
