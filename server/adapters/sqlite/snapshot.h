// What a database in memory holds, kept aside to be put back: how `serve --ephemeral` undoes
// what a test did.
#pragma once

#include <memory>

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"
#include "server/repository/backend.h"

namespace storegate::sqlite {

class Snapshot {
 public:
  virtual ~Snapshot() = default;

  // All tables, indexes, records and counters of `backend`, which outlives the result, as
  // they are now. REQUIRES: Open made it of ":memory:".
  static Result<std::unique_ptr<Snapshot>> Take(repository::Backend* backend);

  // Puts them back, in one step for all sessions: none sees a part. Waits for the reads and
  // the write that run; UNAVAILABLE, reason DATABASE_BUSY, when they take longer than
  // busy_timeout, and then nothing has changed. One thread at a time.
  virtual Status Restore() = 0;
};

// The same of two places in memory, the second one empty.
Result<std::unique_ptr<Snapshot>> TakeSnapshot(const Location& of, const Location& into);

}  // namespace storegate::sqlite
