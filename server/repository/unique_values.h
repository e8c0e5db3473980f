// UniqueValues: which of several writes, in their order, take an id or another unique value
// that one before them takes. Those are to be written behind it, so that of two the first
// one has it, on every database and however the others are put together.
#pragma once

#include <set>
#include <utility>

#include "server/query/value.h"
#include "server/repository/backend.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// One thread at a time.
class UniqueValues {
 public:
  // Notes what the mutation takes: the row that it names, and all values of a new record.
  // Whether one noted before takes some of it; refers to it, a record of the same entity,
  // and so is to find it missing; or goes behind and is what it refers to. The predicate of an index that has one is
  // not looked at: one too many that is written by itself loses nothing.
  bool Repeats(const Mutation& mutation);

 private:
  std::set<std::pair<const schema::Entity*, Value>> ids_;
  std::set<std::pair<const schema::Index*, KeyValues>> values_;
  using Targets = std::set<std::pair<const schema::Field*, Value>>;
  Targets referred_;  // that records refer to
  Targets behind_;    // that records have which go behind
};

}  // namespace storegate::repository
