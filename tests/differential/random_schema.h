// Schemas made from a seed: entities with random fields of every type and presence,
// indexes, references, and a List request with predicates of every kind.
#pragma once

#include <cstdint>
#include <string>

#include "tests/support/schemas.h"

namespace storegate::test {

// The text of one .proto file of the package random.v1.
std::string RandomProto(uint64_t seed);

// That schema, loaded once and kept until the process ends. One that does not load ends
// the process with its diagnostics and text.
const NamedSchema& RandomSchema(uint64_t seed);

}  // namespace storegate::test
