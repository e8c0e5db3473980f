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
  EXPECT_EQ(mongodb::MongodbGenerator().CreateAll(All(Library())),
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
  const auto commands =
      mongodb::ParseScript("it", mongodb::MongodbGenerator().CreateAll(All(Library())));
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
      {"[1]", "the command in line 1 is no object"},
      {"[{\"create\": \"a\"},\n\n{}]", "the command in line 3 names no command"},
      {"[{\"create\": \"a\", \"$db\": \"other\"}]", "line 1 has \"$db\""},
      {"[{\"create\": {\"$date\": \"x\"}}]", "line 1 is no Extended JSON"},
      {"[{\"create\": \"a\"},\n{\"create\": oops}]", "it is no JSON in line 2"},
      {"[{\"create\": \"a\"},\n]", "it is no JSON in line 2"},
      {"[{\"create\": \"a\"}", "it is no JSON in line 1"},
      {"[],\n \"more\": 1", "it is no JSON in line 1"},
      {"[\n\"\xff\"]", "it is no UTF-8 in line 2"},
  };
  for (const auto& [script, why] : wrong) {
    const Status status = mongodb::ParseScript("the migration 0001_x", script).status();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition) << script;
    EXPECT_THAT(status, HasReason("MIGRATION_FAILED")) << script;
    EXPECT_THAT(status.message(), HasSubstr(why)) << script;
    EXPECT_THAT(status.message(), HasSubstr("0001_x")) << script;
  }
}

}  // namespace
}  // namespace storegate::test
