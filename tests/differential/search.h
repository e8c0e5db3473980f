// One sequence on a pair of backends, and the story of the difference that it shows.
#pragma once

#include <string>

#include "tests/differential/comparison.h"

namespace storegate::test {

// The schemas take turns: the fixed ones and random ones, of which there are few, as
// making their tables takes longer than a sequence.
const NamedSchema& SchemaOfTurn(int turn, uint64_t seed);

struct Found {
  Sequence shortest;  // empty where the difference did not come again
  std::string story;  // for people; empty where there is no difference
};

// `bound`: how often it is performed again, at most, to make it shorter. What is shorter
// shows the same kind of difference, and nothing in it is beyond `common`.
Found Search(const Pair& pair, const NamedSchema& schema, const Sequence& sequence,
             const Common& common, int bound);

}  // namespace storegate::test
