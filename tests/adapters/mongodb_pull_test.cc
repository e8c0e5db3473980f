// What is pulled of a MongoDB database, by its documents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/sample.h"
#include "tests/adapters/pull_case.h"
#include "tests/support/mongodb.h"
#include "tests/support/mongodb_server.h"

namespace storegate::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MongodbPull : public ::testing::Test {
 protected:
  ~MongodbPull() override { Command(R"({"dropDatabase": 1})"); }
  void Command(const std::string& command) { RunMongodbCommand(url_, command); }

  const std::string url_ = SharedMongodb().Url(NewMongodbName());
};

TEST_F(MongodbPull, CollectionsAreDescribedByTheirDocuments) {
  Command(R"({"insert": "notes", "documents": [
      {"_id": "a", "title": "A", "size": 1.0, "share": 0.5, "tags": ["x"], "extra": {"a": 1},
       "createdAt": {"$date": 1700000000000}, "deletedAt": null, "__v": 0, "any": 1,
       "owner": {"$oid": "65a000000000000000000000"}, "lines": [{"n": 1}, {"n": 2}], "code": "c"},
      {"_id": "b", "title": "B", "size": 7, "share": 1, "tags": [], "createdAt":
       {"$date": 1700000000001}, "deletedAt": {"$date": 1700000000001}, "any": "x", "code": "d"}]})");
  Command(R"({"createIndexes": "notes", "indexes": [
      {"key": {"code": 1}, "name": "code_1", "unique": true}]})");
  Command(R"({"insert": "people", "documents": [{"_id": {"$oid": "65a000000000000000000000"},
      "boss": {"$oid": "65a000000000000000000001"}, "all": [{"$oid": "65a000000000000000000001"}]}]})");
  Command(R"({"create": "empty"})");
  mongodb::Options options;
  options.url = url_;
  Result<migrate::PulledDatabase> database = mongodb::Sample(options);
  ASSERT_TRUE(database.ok()) << database.status().ToString();
  PulledSchema pulled = ReadBack(*database);
  ASSERT_NE(pulled.schema, nullptr);
  ASSERT_EQ(pulled.schema->entities.size(), 2u);
  const schema::Entity& note = pulled.schema->entities[0];
  EXPECT_EQ(note.Find("owner")->format, schema::Format::kObjectId);
  EXPECT_EQ(note.Find("owner")->presence, schema::Presence::kOptional);
  EXPECT_EQ(pulled.schema->entities[1].id->format, schema::Format::kObjectId);
  EXPECT_TRUE(pulled.schema->entities[1].Find("boss")->required);
  EXPECT_EQ(note.id->type, schema::Type::kString);
  EXPECT_EQ(note.Find("title")->presence, schema::Presence::kPlain);
  EXPECT_EQ(note.Find("size")->type, schema::Type::kInt64);
  EXPECT_EQ(note.Find("share")->type, schema::Type::kDouble);
  EXPECT_EQ(note.Find("tags")->presence, schema::Presence::kRepeated);
  EXPECT_EQ(note.Find("extra")->type, schema::Type::kStruct);
  EXPECT_EQ(note.Find("any")->type, schema::Type::kValue);
  EXPECT_EQ(note.Find("lines")->type, schema::Type::kListValue);
  EXPECT_EQ(note.create_time->column, "createdAt");
  EXPECT_EQ(note.delete_time->column, "deletedAt");
  EXPECT_EQ(note.Find("code")->unique, schema::Unique::kAll);
  EXPECT_THAT(pulled.left_out,
              ElementsAre(HasSubstr("\"empty\": it is empty"), HasSubstr("__v"),
                          HasSubstr("\"all\" (array of objectId)")));
}

}  // namespace
}  // namespace storegate::test
