// MongoDB as the suite's cases get it: a database for each, empty, gone behind them.
#include "tests/support/mongodb.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/adapters/library.h"
#include "tests/support/mongodb_server.h"

namespace storegate::test {
namespace {

std::string Listed(const std::string& database) {
  bson_t reply;
  RunMongodbCommand(SharedMongodb().Url(database), R"({"listCollections": 1})", &reply);
  char* json = bson_as_relaxed_extended_json(&reply, nullptr);
  bson_destroy(&reply);
  std::string text = json;
  bson_free(json);
  return text;
}

void Insert(const std::string& database, const std::string& collection) {
  RunMongodbCommand(SharedMongodb().Url(database),
                    R"({"insert": ")" + collection + R"(", "documents": [{"_id": "a"}]})");
}

TEST(MongodbSupportTest, EachCaseHasADatabaseOfItsOwnThatIsDropped) {
  const schema::Schema& schema = Library();
  std::string name;
  {
    auto one = Mongodb().create(schema);
    ASSERT_TRUE(one.ok()) << one.status().message();
    auto two = Mongodb().create(schema);
    ASSERT_TRUE(two.ok()) << two.status().message();
    name = MongodbDatabaseName(**one);
    EXPECT_NE(name, MongodbDatabaseName(**two));
    for (const schema::Entity& entity : schema.entities) {
      EXPECT_THAT(Listed(name), testing::HasSubstr("\"" + entity.collection + "\""));
    }
    EXPECT_TRUE((*one)->Open().ok());
  }
  EXPECT_THAT(Listed(name), testing::HasSubstr(R"("firstBatch" : [  ])"));
}

TEST(MongodbSupportTest, ADatabaseIsUsedAgainEmpty) {
  const schema::Schema& schema = Library();
  const BackendUnderTest backend = MongodbEmptied();
  std::string name;
  for (int i = 0; i < 2; ++i) {
    auto database = backend.create(schema);
    ASSERT_TRUE(database.ok()) << database.status().message();
    if (i > 0) {
      EXPECT_EQ(MongodbDatabaseName(**database), name);
    }
    name = MongodbDatabaseName(**database);
    EXPECT_THAT(Listed(name), testing::Not(testing::HasSubstr("left_by_a_case")));
    for (const schema::Entity& entity : schema.entities) {
      bson_t reply;
      RunMongodbCommand(SharedMongodb().Url(name), R"({"count": ")" + entity.collection + "\"}",
                        &reply);
      bson_iter_t at;
      ASSERT_TRUE(bson_iter_init_find(&at, &reply, "n"));
      EXPECT_EQ(bson_iter_as_int64(&at), 0) << entity.collection;
      bson_destroy(&reply);
      Insert(name, entity.collection);
    }
    Insert(name, "left_by_a_case");
  }
}

}  // namespace
}  // namespace storegate::test
