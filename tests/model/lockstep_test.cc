// Random operations, in lockstep on the gateways on SQLite, PostgreSQL and MongoDB and
// on the model: the same results, order, errors and page boundaries. The first
// difference is printed with the operations before it and the seed; the same
// seed makes the same operations (STOREGATE_SEED), but for ids that the gateway makes.
#include <cstdio>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/model/lockstep.h"
#include "tests/support/counts.h"

namespace storegate::test {

void PrintTo(const ModelCase& c, std::ostream* out) { *out << c.schema << " " << c.entity; }

namespace {

std::vector<ModelCase> AllCases() {
  std::vector<ModelCase> cases;
  for (const NamedSchema& schema : Schemas()) {
    for (const schema::Entity& entity : schema.schema->entities) {
      if (Served(*schema.schema, entity)) cases.push_back({schema.name, entity.name});
    }
  }
  return cases;
}

class LockstepCase : public testing::TestWithParam<ModelCase> {};
INSTANTIATE_TEST_SUITE_P(Model, LockstepCase, testing::ValuesIn(AllCases()),
                         [](const testing::TestParamInfo<ModelCase>& info) {
                           return info.param.schema + "_" + info.param.entity;
                         });

TEST_P(LockstepCase, BackendsAnswerAsTheModelDoes) {
  // Every answer of a random sequence of operations is what the contract on a map says, and
  // the same on each backend: code, reason, message, metadata, violations, ids, page ends.
  const uint64_t seed = Seed(20260131);
  std::printf("STOREGATE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  RecordProperty("seed", std::to_string(seed));
  Lockstep lockstep(GetParam(), seed);
  lockstep.Run(Count(20000) / 4);
}

}  // namespace
}  // namespace storegate::test
