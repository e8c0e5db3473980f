// What a server can do, found by trying: versions say little of it, and servers that
// speak MongoDB's protocol without being it say anything.
#pragma once

#include <memory>

#include "server/adapters/mongodb/pool.h"
#include "server/base/status.h"

namespace storegate::mongodb {

struct Abilities {
  // Several changes are all or none, and nobody sees them before.
  bool transactions = false;
  // A pipeline computes several values of a group, with expressions, and they are right.
  bool aggregates = false;
};

// The statuses of Open in backend.h. What it makes to try things is gone afterwards.
Result<Abilities> Probe(const std::shared_ptr<Pool>& pool);

}  // namespace storegate::mongodb
