// What a database in memory holds, kept aside to be put back: how `serve --ephemeral` undoes
// what a test did.
#pragma once

#include <chrono>
#include <memory>
#include <utility>

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"
#include "server/repository/backend.h"

namespace storegate::sqlite {

class Snapshot {
 public:
  // All tables, indexes, records and counters of `backend`, which outlives the result, as
  // they are now. REQUIRES: Open made it of ":memory:".
  static Result<std::unique_ptr<Snapshot>> Take(repository::Backend* backend);
  // The same of two places in memory, the second one empty.
  static Result<std::unique_ptr<Snapshot>> Take(const Location& of, const Location& into);

  // Puts them back, in one step for all sessions: none sees a part. Waits for the reads and
  // the write that run; UNAVAILABLE, reason DATABASE_BUSY, when they take longer than
  // busy_timeout, and then nothing has changed. One thread at a time.
  Status Restore();

 private:
  Snapshot(std::chrono::milliseconds patience, std::unique_ptr<Connection> live,
           std::unique_ptr<Connection> kept)
      : patience_(patience), live_(std::move(live)), kept_(std::move(kept)) {}

  const std::chrono::milliseconds patience_;
  const std::unique_ptr<Connection> live_;
  const std::unique_ptr<Connection> kept_;
};

}  // namespace storegate::sqlite
