// Scripts that make collections and indexes, and how they are read.
#include "server/adapters/mongodb/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/script.h"
#include "server/schema/loader.h"
#include "tests/adapters/library.h"

namespace storegate::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kLeaves[] = R"(syntax = "proto3";
package tree.v1;
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";

message Leaf {
  option (storegate.v1.entity) = {
    index: { name: "filtered" fields: "color" unique: LIVE where: "size > 5" }
    index: { name: "other" fields: "size" where: "color != 'red'" }
    index: { name: "impossible" fields: "place" unique: ALL where: "color != 'red'" }
  };
  string id = 1;
  optional string color = 2 [(storegate.v1.field).max_len = 20];
  int32 size = 3;
  int32 place = 5;
  google.protobuf.Timestamp delete_time = 4;
}
message CreateLeafRequest { Leaf leaf = 1; }
service LeafStore { rpc CreateLeaf(CreateLeafRequest) returns (Leaf); }
)";

std::vector<const schema::Entity*> All(const schema::Schema& schema) {
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : schema.entities) entities.push_back(&entity);
  return entities;
}

TEST(MongodbGenerator, MakesCollectionsBehindThoseTheyReferToWithTheirIndexes) {
  EXPECT_EQ(mongodb::MongodbGenerator().CreateAll({&Note(), &Book(), &Author()}),
            R"([
{"create": "authors"},
{"createIndexes": "authors", "indexes": [)"
            R"({"key": {"slug": 1}, "name": "uq_authors_slug", "unique": true}, )"
            R"({"key": {"email": 1, "_deleted": 1}, "name": "uq_authors_email", "unique": true, )"
            R"("sparse": true}, )"
            R"({"key": {"create_time": -1, "_id": 1}, "name": "idx_authors_create_time"}, )"
            R"({"key": {"mentor_id": 1, "_id": 1}, "name": "idx__ref_authors_mentor_id"}]},
{"create": "books"},
{"createIndexes": "books", "indexes": [)"
            R"({"key": {"shelf": 1, "place": 1}, "name": "uq_books_shelf_place", "unique": true}, )"
            R"({"key": {"title": 1, "_id": 1}, "name": "idx_books_title", )"
            R"("partialFilterExpression": {"$and": [{"kind": {"$eq": "POEM"}}, )"
            R"({"pages": {"$gt": 5}}]}}, )"
            R"({"key": {"author_slug": 1, "_id": 1}, "name": "idx__ref_books_author_slug"}]},
{"create": "notes"},
{"createIndexes": "notes", "indexes": [)"
            R"({"key": {"key": 1}, "name": "uq_notes_key", "unique": true}]}
]
)");
}

TEST(MongodbGenerator, PartsAreTheNamesOfIndexes) {
  EXPECT_THAT(mongodb::MongodbGenerator().Parts(Book()),
              ElementsAre("_id_", "uq_books_shelf_place", "idx_books_title",
                          "idx__ref_books_author_slug"));
}

TEST(MongodbGenerator, FiltersThatMongodbCannotHaveAreLeftOutOrRefused) {
  schema::LoadResult loaded = schema::LoadEmbedded({{"a.proto", kLeaves}});
  for (const schema::Diagnostic& diagnostic : loaded.diagnostics) {
    ADD_FAILURE() << diagnostic.ToString();
  }
  ASSERT_NE(loaded.schema, nullptr);
  const migrate::Generator& generator = mongodb::MongodbGenerator();
  const schema::Entity& leaf = loaded.schema->entities[0];
  const std::string script = generator.Create(leaf, {&leaf});
  // Absent colors are not in the unique index: there, absent is a value.
  EXPECT_THAT(script, HasSubstr(R"({"key": {"color": 1, "_deleted": 1}, "name": "filtered", )"
                                R"("unique": true, "partialFilterExpression": {"$and": [)"
                                R"({"size": {"$gt": 5}}, {"color": {"$exists": true}}]}})"));
  EXPECT_THAT(script, HasSubstr(R"({"key": {"size": 1, "_id": 1}, "name": "other"})"));
  EXPECT_THAT(script, Not(HasSubstr("impossible")));
  const Status status = generator.Check({&leaf});
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status, HasReason("UNSUPPORTED_INDEX"));
  EXPECT_THAT(status.message(), HasSubstr("a.proto:7: index impossible of Leaf"));
  EXPECT_TRUE(generator.Check(All(Library())).ok());
}

TEST(MongodbScript, IsReadAsItWasWritten) {
  const auto commands = mongodb::ParseScript(
      "it", mongodb::MongodbGenerator().CreateAll({&Author(), &Book(), &Note()}));
  ASSERT_TRUE(commands.ok()) << commands.status().ToString();
  ASSERT_EQ(commands->size(), 6u);
  EXPECT_EQ(mongodb::NameOfCommand((*commands)[0]), "create");
  EXPECT_EQ(mongodb::TargetOfCommand((*commands)[0]), "authors");
  EXPECT_EQ(mongodb::NameOfCommand((*commands)[1]), "createIndexes");
  EXPECT_EQ(mongodb::UniqueIndexWithFilter((*commands)[1]), "");
  EXPECT_THAT(*mongodb::ParseScript("it", " \n"), IsEmpty());
  EXPECT_THAT(*mongodb::ParseScript("it", "[]"), IsEmpty());
}

TEST(MongodbScript, UniqueIndexesWithFiltersAreSeen) {
  const auto commands = mongodb::ParseScript("it", R"([{"createIndexes": "a", "indexes": [
      {"key": {"a": 1}, "name": "x", "partialFilterExpression": {"a": 1}},
      {"key": {"a": 1}, "name": "y", "unique": true, "partialFilterExpression": {"a": 1}}]}])");
  ASSERT_TRUE(commands.ok());
  EXPECT_EQ(mongodb::UniqueIndexWithFilter((*commands)[0]), "y");
}

TEST(MongodbScript, WhatIsNoneIsRefusedWithItsPlace) {
  const std::pair<const char*, const char*> wrong[] = {
      {"{\"create\": \"a\"}", "it is no array"},
      {"CREATE TABLE a (x)", "it is no array"},
      {"[1]", "in line 1, the command is no object"},
      {"[{\"create\": \"a\"},\n\n{}]", "in line 3, the command names no command"},
      {"[{\"create\": \"a\", \"$db\": \"other\"}]", "in line 1, the command has \"$db\""},
      {"[{\"create\": \"a\"},\n{\"dropDatabase\": 1}]", "line 2, the command drops the database"},
      {"[{\"create\": {\"$date\": \"x\"}}]", "in line 1, the command is no Extended JSON"},
      {"[{\"create\": \"a\"},\n{\"create\": oops}]", "in line 2, it is no JSON"},
      {"[{\"create\": \"a\"},\n]", "in line 2, it is no JSON"},
      {"[{\"create\": \"a\"}", "in line 1, it is no JSON"},
      {"[],\n \"more\": 1", "in line 1, it is no JSON"},
      {"[\n\"\xff\"]", "in line 2, it is no UTF-8"},
  };
  for (const auto& [script, why] : wrong) {
    const Status status = mongodb::ParseScript("the migration 0001_x", script).status();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition) << script;
    EXPECT_THAT(status, HasReason("MIGRATION_FAILED")) << script;
    EXPECT_THAT(status.message(), HasSubstr(why)) << script;
    EXPECT_THAT(status.message(), HasSubstr("0001_x")) << script;
  }
}

using Kind = repository::Step::Kind;

TEST(MongodbSteps, CommandsGoTogetherButForThoseThatAreStepsOfTheirOwn) {
  const std::string text = R"([
{"create": "a"},
{"create": "b"},

{"createIndexes": "a", "indexes": [{"key": {"x": 1}, "name": "x"}]},
{"createIndexes": "b", "indexes": [{"key": {"x": 1}, "name": "x"}]},
{"storegate.backfill": "a", "filter": {"n": {"$exists": false}}, "set": {"n": 0}},
{"storegate.refold": "a.b.title"},
{"storegate.needs": 3},
{"renameCollection": "a", "to": "c"},
{"drop": "b"}
])";
  const auto script = mongodb::MongodbGenerator().Steps("0001_x.up.json", text);
  ASSERT_TRUE(script.ok()) << script.status().ToString();
  const std::vector<repository::Step>& steps = (*script).steps;
  EXPECT_EQ((*script).needs, 3);
  ASSERT_EQ(steps.size(), 7u);
  EXPECT_EQ(steps[0].kind, Kind::kTransaction);
  EXPECT_EQ(steps[0].script, "[{\"create\": \"a\"},\n{\"create\": \"b\"}]");
  EXPECT_EQ(steps[0].line, 2);
  EXPECT_EQ(steps[1].kind, Kind::kNoTransaction);
  EXPECT_EQ(steps[1].line, 5);
  EXPECT_EQ(steps[2].kind, Kind::kNoTransaction);
  EXPECT_EQ(steps[3].kind, Kind::kRepeat);
  EXPECT_EQ(steps[3].line, 7);
  EXPECT_EQ(steps[3].total, R"({"count": "a", "query": {"n": {"$exists": false}}})");
  EXPECT_EQ(steps[4].kind, Kind::kRefold);
  EXPECT_EQ(steps[4].table, "a.b");
  EXPECT_EQ(steps[4].column, "title");
  EXPECT_EQ(steps[5].kind, Kind::kNoTransaction);
  EXPECT_EQ(steps[6].kind, Kind::kTransaction);
  EXPECT_EQ(steps[6].line, 11);
  const auto self = mongodb::MongodbGenerator().Steps("a", R"([{"storegate.needs": "this"}])");
  ASSERT_TRUE(self.ok());
  EXPECT_EQ((*self).needs, migrate::Script::kNeedsThis);
  EXPECT_THAT((*self).steps, IsEmpty());
  EXPECT_THAT((*mongodb::MongodbGenerator().Steps("a", " ")).steps, IsEmpty());
}

TEST(MongodbSteps, WhatIsNoneIsRefusedWithFileAndLine) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"storegate.backfil": "a"})", "\"storegate.backfil\" is none of"},
      {R"({"storegate.refold": "books"})", "names a collection and a field"},
      {R"({"storegate.refold": "books."})", "names a collection and a field"},
      {R"({"storegate.refold": ".title"})", "names a collection and a field"},
      {R"({"storegate.refold": "books.title", "x": 1})", "stands alone"},
      {R"({"storegate.needs": 0})", "the number of a migration"},
      {R"({"storegate.needs": "that"})", "the number of a migration"},
      {R"({"storegate.needs": 99999999999})", "the number of a migration"},
      {R"({"storegate.needs": 1}, {"storegate.needs": 1})", "is there twice"},
      {R"({"storegate.backfill": 1, "filter": {}, "set": {"a": 1}})", "names no collection"},
      {R"({"storegate.backfill": "a", "set": {"a": 1}})", "has no \"filter\""},
      {R"({"storegate.backfill": "a", "filter": {}})", "changes nothing"},
      {R"({"storegate.backfill": "a", "filter": {}, "set": {}})", "has an empty \"set\""},
      {R"({"storegate.backfill": "a", "filter": [], "set": {"a": 1}})", "no object as \"filter\""},
      {R"({"storegate.backfill": "a", "filter": {}, "set": {"_id": 1}})", "would change \"_id\""},
      {R"({"storegate.backfill": "a", "filter": {}, "set": {"$x": 1}})", "no field's name"},
      {R"({"storegate.backfill": "a", "filter": {}, "rename": {"x": "_id"}})", "change \"_id\""},
      {R"({"storegate.backfill": "a", "filter": {}, "rename": {"x": 1}})", "is to be called"},
      {R"({"storegate.backfill": "a", "filter": {}, "sett": {"a": 1}})", "has \"sett\""},
      {R"({"dropDatabase": 1})", "drops the database"},
      {R"({"create": oops})", "it is no JSON"},
  };
  for (const auto& [command, why] : wrong) {
    const Status status = mongodb::MongodbGenerator()
                              .Steps("0001_x.up.json", "[\n" + std::string(command) + "]")
                              .status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << command;
    EXPECT_THAT(status, HasReason("INVALID_MIGRATION")) << command;
    EXPECT_THAT(status.message(), HasSubstr("0001_x.up.json:2: ")) << command;
    EXPECT_THAT(status.message(), HasSubstr(why)) << command;
  }
}

TEST(MongodbSteps, WhiteSpaceDoesNotCountOutsideOfStrings) {
  const migrate::Generator& generator = mongodb::MongodbGenerator();
  EXPECT_EQ(generator.Significant("[ {\"create\" :\n\t\"a  b\"},\r\n {\"x\\\" y\": 1 }]"),
            "[{\"create\":\"a  b\"},{\"x\\\" y\":1}]");
  EXPECT_NE(generator.Significant("[\"a b\"]"), generator.Significant("[\"ab\"]"));
  EXPECT_EQ(generator.Significant("[\"cut\\"), "[\"cut\\");
  EXPECT_EQ(generator.folder(), "mongodb");
  EXPECT_EQ(generator.down_suffix(), ".down.json");
}

}  // namespace
}  // namespace storegate::test
