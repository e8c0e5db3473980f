// `storegate schema pull`: protos for a database that is there before them.
#pragma once

#include <ostream>
#include <string>

#include "server/cmd/config.h"

namespace storegate::cmd {

struct PullOptions {
  std::string url;
  std::string package = "data.v1";
  std::string folder = "proto";  // the root; the package's folders are made within
  bool json = false;
};

// Reads the database, which it does not change, and writes a file a table, none over one that
// is there. What was left out is said. Exit codes: 0; 1 when the database cannot be read or a
// file not be written; 2 for a URL or a package that cannot be.
int PullSchema(const PullOptions& options, std::ostream& out, std::ostream& errors);

}  // namespace storegate::cmd
