// Random schemas are schemas.
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "tests/differential/random_schema.h"
#include "tests/support/counts.h"

namespace storegate::test {
namespace {

TEST(RandomSchemaTest, EverySeedMakesOneThatLoads) {
  std::set<std::string> texts;
  const int seeds = Count(1000);
  for (int seed = 1; seed <= seeds; ++seed) {
    const NamedSchema& schema = RandomSchema(static_cast<uint64_t>(seed));
    ASSERT_EQ(schema.schema->entities.size(), 2u);
    for (const schema::Entity& entity : schema.schema->entities) {
      EXPECT_TRUE(Served(*schema.schema, entity));
    }
    texts.insert(RandomProto(static_cast<uint64_t>(seed)));
  }
  EXPECT_EQ(texts.size(), static_cast<size_t>(seeds));
}

}  // namespace
}  // namespace storegate::test
