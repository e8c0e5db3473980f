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

// `bound`: how often it is performed again, at most, to make it shorter.
Found SearchOnce(const Pair& pair, const NamedSchema& schema, const Sequence& sequence, int bound);
std::string Search(const Pair& pair, const NamedSchema& schema, const Sequence& sequence,
                   int bound);

}  // namespace storegate::test
