// A backend that lies in one thing is found out, and by a short sequence.
#include <cstdio>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "tests/differential/generator.h"
#include "tests/differential/lying_backend.h"
#include "tests/differential/search.h"
#include "tests/support/sqlite.h"

namespace storegate::test {

void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.what; }

namespace {

class PlantedTest : public testing::TestWithParam<Lie> {};
INSTANTIATE_TEST_SUITE_P(Differential, PlantedTest, testing::ValuesIn(Lies()),
                         [](const testing::TestParamInfo<Lie>& info) { return info.param.name; });

TEST_P(PlantedTest, IsFoundAndShownByAShortSequence) {
  Contender lying{Sqlite(), GetParam().wrap};
  lying.backend.name = "the one that lies";
  const Pair pair({Sqlite()}, lying);
  constexpr uint64_t kSeed = 20260208;
  constexpr int kSequences = 60;
  for (int i = 0; i < kSequences; ++i) {
    const NamedSchema& schema = SchemaOfTurn(i, kSeed);
    const Sequence sequence = Generator(schema, kSeed + static_cast<uint64_t>(i), {}).Make(100);
    const Found found = Search(pair, schema, sequence, {}, 200);
    if (found.story.empty()) continue;
    std::printf("%s:\n%s", GetParam().what.c_str(), found.story.c_str());
    EXPECT_FALSE(found.shortest.empty()) << "it must come again";
    EXPECT_LE(found.shortest.size(), 8u);
    return;
  }
  FAIL() << "not found in " << kSequences << " sequences: " << GetParam().what;
}

}  // namespace
}  // namespace storegate::test
