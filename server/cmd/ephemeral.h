// `serve --ephemeral`: a server for the test suites of others. All stores are in SQLite in
// memory, begin with the records of --seed, and are put back to them by
// storegate.v1.Testing/Reset (rpc/testing.h).
#pragma once

#include <memory>
#include <ostream>
#include <string>

#include "server/adapters/sqlite/snapshot.h"
#include "server/base/status.h"
#include "server/cmd/config.h"
#include "server/cmd/gateway.h"

namespace storegate::cmd {

class Ephemeral {
 public:
  // Loads the seed and keeps what is there then. Null when something is wrong, which is
  // printed to `errors`. `gateway`, of an ephemeral configuration, outlives the result.
  static std::unique_ptr<Ephemeral> Open(const Config& config, Gateway* gateway,
                                         std::ostream& errors);

  // Puts all back to it; see sqlite::Snapshot::Restore. One thread at a time.
  Status Reset() { return snapshot_->Restore(); }

 private:
  explicit Ephemeral(std::unique_ptr<sqlite::Snapshot> snapshot)
      : snapshot_(std::move(snapshot)) {}

  std::unique_ptr<sqlite::Snapshot> snapshot_;
};

// The line for the suite: {"listen":"127.0.0.1:43121","pid":4711}.
std::string EphemeralLine(const std::string& listen);

// Whether standard input is a pipe or socket that whoever started this process has closed,
// as the end of that process does. Takes what is sent there. Never blocks.
bool InputEnded();

}  // namespace storegate::cmd
