// Random sequences of operations, with values that hurt, on two backends side by side:
// the same results, order, errors and page boundaries. A difference prints the shortest
// sequence that was found to show it, and the seed (STOREGATE_SEED makes it again).
#include <algorithm>
#include <cstdio>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/log.h"
#include "tests/differential/generator.h"
#include "tests/differential/permitted.h"
#include "tests/differential/random_schema.h"
#include "tests/differential/search.h"
#include "tests/support/counts.h"
#include "tests/support/mongodb.h"
#include "tests/support/postgres.h"
#include "tests/support/sqlite.h"

namespace storegate::test {
namespace {

using Make = BackendUnderTest (*)();

struct PairCase {
  const char* name;
  Make first;
  Make second;
};

void PrintTo(const PairCase& c, std::ostream* out) { *out << c.name; }

// Kept, with the templates of their databases, for the cases after this one.
const BackendUnderTest& Kept(Make make) {
  static auto* backends = new std::vector<std::pair<Make, std::unique_ptr<BackendUnderTest>>>;
  for (const auto& [of, backend] : *backends) {
    if (of == make) return *backend;
  }
  backends->emplace_back(make, std::make_unique<BackendUnderTest>(make()));
  return *backends->back().second;
}

class PrintsWhatIsPermitted : public testing::Environment {
 public:
  // Databases are opened hundreds of times, and each says so.
  void SetUp() override { SetLogLevel(Level::kWarn); }
  void TearDown() override {
    std::printf("What backends may say differently, and nothing else:\n%s",
                PermittedTable().c_str());
  }
};
const testing::Environment* const prints =
    testing::AddGlobalTestEnvironment(new PrintsWhatIsPermitted);

class PairTest : public testing::TestWithParam<PairCase> {};
INSTANTIATE_TEST_SUITE_P(Differential, PairTest,
                         testing::Values(PairCase{"SqliteAndPostgres", Sqlite, PostgresEmptied},
                                         PairCase{"SqliteAndMongodb", Sqlite, MongodbEmptied},
                                         PairCase{"PostgresAndMongodb", PostgresEmptied,
                                                  MongodbEmptied}),
                         [](const testing::TestParamInfo<PairCase>& info) {
                           return std::string(info.param.name);
                         });

TEST_P(PairTest, AnswersAreTheSame) {
  const Pair pair({Kept(GetParam().first)}, {Kept(GetParam().second)});
  const uint64_t seed = Seed(20260207);
  std::printf("STOREGATE_SEED=%llu\n", static_cast<unsigned long long>(seed));
  RecordProperty("seed", std::to_string(seed));
  constexpr int kLength = 100;
  const int sequences = Count(20000) / kLength;
  const Common common = pair.CommonOf(SchemaOfTurn(0, seed));
  for (int i = 0; i < sequences; ++i) {
    const NamedSchema& schema = SchemaOfTurn(i, seed);
    const Sequence sequence =
        Generator(schema, seed * 1000 + static_cast<uint64_t>(i), common).Make(kLength);
    const std::string story = Search(pair, schema, sequence, common, 500).story;
    if (story.empty()) continue;
    FAIL() << "sequence " << i << " of seed " << seed << ": " << story;
  }
}

}  // namespace
}  // namespace storegate::test
