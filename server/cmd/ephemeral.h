// `serve --ephemeral`: a server for the test suites of others. All stores are in SQLite in
// memory, begin with the records of --seed, and are put back to them by
// storegate.v1.Testing/Reset (rpc/testing.h).
#pragma once

#include <memory>
#include <ostream>
#include <string>

#include "server/adapters/sqlite/snapshot.h"
#include "server/cmd/config.h"
#include "server/cmd/gateway.h"

namespace storegate::cmd {

// Loads the seed of an ephemeral configuration into `gateway`, which outlives the result, and
// keeps what is there then. Null when something is wrong, which is printed to `errors`.
std::unique_ptr<sqlite::Snapshot> SeedAndKeep(const Config& config, Gateway* gateway,
                                              std::ostream& errors);

// The line for the suite: {"listen":"127.0.0.1:43121","pid":4711}.
std::string EphemeralLine(const std::string& listen);

// Whether standard input is a pipe or socket that whoever started this process has closed,
// as the end of that process does. Takes what is sent there. Never blocks.
bool InputEnded();

}  // namespace storegate::cmd
