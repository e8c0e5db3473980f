// What a mutation (backend.h) finds and means, apart from how a database is asked: the
// order of the checks is the same on every backend.
#pragma once

#include <cstdint>
#include <vector>

#include "server/base/status.h"
#include "server/query/value.h"
#include "server/repository/backend.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// The row that a mutation names by id.
struct RowState {
  bool found = false;
  bool deleted = false;
  int64_t version = 0;
  std::vector<Value> values;  // of the fields asked for
};

// Whether the mutation may change the row: there, deleted or not, version, in this
// order. Else the status to fail with.
Status CheckState(const RowState& state, const Mutation& mutation);

// A purge, or a delete of what has no delete_time.
bool DeletesForGood(const Mutation& mutation);

// Those of check_references that an update writes.
std::vector<const schema::Field*> WrittenReferences(const Mutation& mutation);

// The key's values in the row as the mutation would leave it; empty when one is null,
// and so nobody's. `state` is of the row as it is, with the key's fields as values.
// What a record cannot have: as query::ReadValue.
Result<KeyValues> KeyAfter(const Mutation& mutation, const schema::Key& key,
                           const RowState& state);

// Whether a row with that id, which has the key's values, keeps the mutation's row from
// having them.
bool InTheWay(const Mutation& mutation, const schema::Key& key, const Value& id, bool deleted);

}  // namespace storegate::repository
