// Changes of a schema as MongoDB's commands, and what they make of documents.
#include <cstdlib>
#include <map>

#include "server/migrate/change.h"
#include "server/schema/loader.h"
#include "tests/adapters/mongodb_migration_case.h"

namespace storegate::test {
namespace {

using migrate::Diff;
using migrate::Renames;
using repository::DatabaseModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MongodbMigrationRender : public MongodbMigrationCase {
 protected:
  // The model of a schema of one entity, by its options and fields.
  DatabaseModel Model(const std::string& options, const std::string& fields) {
    const std::string text = R"(syntax = "proto3";
package tree.v1;
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";
message Leaf {
  option (storegate.v1.entity) = {)" + options + R"(};
  string id = 1;
  )" + fields + R"(
}
enum Kind { PLAIN = 0; NICE = 1; }
message CreateLeafRequest { Leaf leaf = 1; }
service LeafStore { rpc CreateLeaf(CreateLeafRequest) returns (Leaf); }
)";
    schema::LoadResult loaded = schema::LoadEmbedded({{"a.proto", text}});
    for (const schema::Diagnostic& diagnostic : loaded.diagnostics) {
      ADD_FAILURE() << diagnostic.ToString() << text;
    }
    if (loaded.schema == nullptr) std::abort();  // no case could go on
    schemas_.push_back(std::move(loaded.schema));
    return generator().Model({&schemas_.back()->entities[0]});
  }
  static std::string Render(const DatabaseModel& before, const DatabaseModel& after,
                            const Renames& renames = {}, bool down = false) {
    migrate::RenderOptions options;
    options.down = down;
    return generator().Render(Diff(before, after, renames), after, options);
  }

  std::vector<std::unique_ptr<const schema::Schema>> schemas_;
};

TEST_F(MongodbMigrationRender, AllThatIsNewIsWhatCreateAllMakes) {
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : Library().entities) entities.push_back(&entity);
  const DatabaseModel model = generator().Model(entities);
  EXPECT_EQ(Render({}, model), generator().CreateAll(entities));
  EXPECT_EQ(Render(model, model), "");
  const repository::TableModel* authors = model.Table("authors");
  ASSERT_NE(authors, nullptr);
  ASSERT_NE(authors->Column("_id"), nullptr);
  EXPECT_EQ(authors->Column("_id")->field, Author().id);
  EXPECT_EQ(authors->Column("born")->type, "long");
  EXPECT_FALSE(authors->Column("born")->not_null);
  EXPECT_TRUE(authors->Column("_folded_name")->folded);
  EXPECT_EQ(authors->Column("_folded_name")->field, Author().Find("name"));
  EXPECT_EQ(authors->Column("_version")->field, nullptr);
  EXPECT_EQ(model.Table("notes")->Column("times")->type, "array of date");
  // What is rehearsed of it is the same.
  const auto rehearsed = migrator().Rehearse(StepsOf(generator().CreateAll(entities)));
  ASSERT_TRUE(rehearsed.ok());
  for (const repository::TableModel& table : (*rehearsed).tables) {
    for (const repository::IndexModel& index : table.indexes) {
      EXPECT_EQ(index.definition, model.Table(table.name)->Index(index.name)->definition);
      EXPECT_EQ(index.unique, model.Table(table.name)->Index(index.name)->unique);
    }
  }
}

TEST_F(MongodbMigrationRender, NewFieldsAreFilledWhereDocumentsLackThem) {
  const DatabaseModel before = Model("", "");
  const DatabaseModel after = Model("", R"(
    int64 pages = 2;
    string title = 3;
    bool open = 4;
    double weight = 5;
    Kind kind = 6;
    repeated string tags = 7;
    map<string, int32> counts = 8;
    optional int32 size = 9;
    optional Kind mood = 10 [(storegate.v1.field) = { default: "NICE" }];
    bytes data = 11;)");
  const std::string script = Render(before, after);
  const auto filled = [](const std::string& field, const std::string& value) {
    return R"({"storegate.backfill": "leaves", "filter": {")" + field +
           R"(": {"$exists": false}}, "set": {")" + field + "\": " + value + "}}";
  };
  const std::string collection = after.tables[0].name;
  EXPECT_EQ(before.tables[0].name, collection);
  std::string expected = "[\n";
  const std::pair<const char*, const char*> zeros[] = {
      {"pages", "0"}, {"title", "\"\""}, {"open", "false"}, {"weight", "0.0"},
      {"kind", "\"PLAIN\""}, {"tags", "[]"}, {"counts", "{}"}, {"mood", "\"NICE\""},
      {"data", R"({"$binary": {"base64": "", "subType": "00"}})"}};
  for (const auto& [field, zero] : zeros) {
    std::string line = filled(field, zero);
    line.replace(line.find("leaves"), 6, collection);
    expected += line + (std::string(field) == "data" ? "\n" : ",\n");
  }
  EXPECT_EQ(script, expected + "]\n");

  Insert(collection, R"({"_id": "1"}, {"_id": "2", "pages": 5, "size": 1})");
  const Result<int64_t> changed = RunAll(script);
  ASSERT_TRUE(changed.ok()) << changed.status().ToString();
  EXPECT_EQ(*changed, 2 * 8 + 1);
  EXPECT_THAT(Documents(collection)[0], HasSubstr(R"("pages" : 0, "title" : "", "open" : false)"));
  EXPECT_EQ(*RunAll(script), 0);

  const std::string down = Render(after, before, {}, true);
  EXPECT_THAT(down, HasSubstr(R"("filter": {"mood": {"$exists": true}}, "unset": {"mood": 1}})"));
  ASSERT_TRUE(RunAll(down).ok());
  EXPECT_THAT(Documents(collection), ElementsAre(R"({ "_id" : "1" })", R"({ "_id" : "2" })"));
  // Of a down script that brings fields back, none has more than its zero.
  EXPECT_EQ(Render(before, after, {}, true).find("NICE"), std::string::npos);
}

TEST_F(MongodbMigrationRender, WhatIsSearchedFromNowOnIsFoldedAnew) {
  const DatabaseModel none = Model("", "");
  const DatabaseModel plain = Model("", "string title = 2;");
  const DatabaseModel searched =
      Model("", "string title = 2 [(storegate.v1.field).searchable = true];");
  const std::string collection = plain.tables[0].name;
  EXPECT_EQ(Render(plain, searched), "[\n{\"storegate.refold\": \"" + collection + ".title\"}\n]\n");
  EXPECT_THAT(Render(none, searched), HasSubstr(R"("set": {"_folded_title": ""})"));
  EXPECT_THAT(Render(searched, plain), HasSubstr(R"("unset": {"_folded_title": 1})"));
}

TEST_F(MongodbMigrationRender, RenamesMoveFieldsTheirFoldedTwinsAndIndexes) {
  const std::string index = R"( index: { name: "by_it" fields: ")";
  const std::string rules = " [(storegate.v1.field) = { searchable: true max_len: 20 }];";
  const DatabaseModel before =
      Model(R"(collection: "leaves")" + index + "title\" }", "string title = 2" + rules);
  const DatabaseModel after =
      Model(R"(collection: "sheets")" + index + "label\" }", "string label = 2" + rules);
  Renames renames;
  renames.tables["leaves"] = "sheets";
  renames.columns[{"sheets", "title"}] = "label";
  const std::string script = Render(before, after, renames);
  EXPECT_THAT(script, HasSubstr(R"({"renameCollection": "leaves", "to": "sheets"})"));
  ASSERT_TRUE(RunAll(Render({}, before)).ok());
  Insert("leaves", R"({"_id": "1", "title": "A", "_folded_title": "a"})");
  const Result<int64_t> ran = RunAll(script);
  ASSERT_TRUE(ran.ok()) << ran.status().ToString() << script;
  EXPECT_THAT(Documents("sheets"),
              ElementsAre(R"({ "_id" : "1", "label" : "A", "_folded_label" : "a" })"));
  const auto described = migrator().Describe();
  ASSERT_TRUE(described.ok());
  ASSERT_EQ((*described).tables.size(), 1u);
  ASSERT_EQ((*described).tables[0].indexes.size(), 1u);
  EXPECT_EQ((*described).tables[0].indexes[0].definition, R"({"key": {"label": 1, "_id": 1}})");
  // What ran may run again, and back.
  EXPECT_TRUE(RunAll(script).ok());
  const Result<int64_t> back = RunAll(Render(after, before, renames.Reversed(), true));
  ASSERT_TRUE(back.ok()) << back.status().ToString();
  EXPECT_THAT(Documents("leaves"),
              ElementsAre(R"({ "_id" : "1", "title" : "A", "_folded_title" : "a" })"));
  EXPECT_EQ((*migrator().Describe()).tables[0].indexes[0].definition,
            R"({"key": {"title": 1, "_id": 1}})");
}

TEST_F(MongodbMigrationRender, IndexesAreDroppedAndMade) {
  const std::string field = "string title = 2 [(storegate.v1.field).max_len = 20]; int32 n = 3;";
  const DatabaseModel one = Model(R"(index: { name: "i" fields: "title" })", field);
  const DatabaseModel two = Model(R"(index: { name: "i" fields: "title" fields: "n desc" })", field);
  const std::string collection = one.tables[0].name;
  EXPECT_EQ(Render(one, two), "[\n{\"dropIndexes\": \"" + collection +
                                  "\", \"index\": \"i\"},\n{\"createIndexes\": \"" + collection +
                                  R"(", "indexes": [{"key": {"title": 1, "n": -1, "_id": 1}, )"
                                  "\"name\": \"i\"}]}\n]\n");
  ASSERT_TRUE(RunAll(Render({}, one)).ok());
  ASSERT_TRUE(RunAll(Render(one, two)).ok());
  EXPECT_TRUE(RunAll(Render(one, two)).ok());
  EXPECT_THAT(Render(one, {}), HasSubstr("{\"drop\": \"" + collection + "\"}"));
}

// Documents that were deleted before an index among the living was there lack its mark.
TEST_F(MongodbMigrationRender, AnIndexAmongTheLivingComesWithItsMarks) {
  const auto fields = [](const std::string& unique) {
    return "string title = 2 [(storegate.v1.field) = { max_len: 20 " + unique +
           " }]; google.protobuf.Timestamp delete_time = 14;";
  };
  const DatabaseModel before = Model("", fields("")), after = Model("", fields("unique: LIVE"));
  const std::string collection = before.tables[0].name;
  ASSERT_TRUE(RunAll(Render({}, before)).ok());
  const std::string deleted = R"("delete_time": {"$date": "2026-01-01T00:00:00Z"}})";
  Insert(collection, R"({"_id": "1", "title": "A"}, {"_id": "2", "title": "A", )" + deleted +
                         R"(, {"_id": "3", "title": "A", )" + deleted +
                         R"(, {"_id": "4", "title": "B", "_deleted": "4"})");
  const Result<int64_t> ran = RunAll(Render(before, after));
  ASSERT_TRUE(ran.ok()) << ran.status().ToString();
  EXPECT_EQ(*ran, 3);
  const std::vector<std::string> now = Documents(collection);
  EXPECT_THAT(now[1], HasSubstr(R"("_deleted" : "2")"));
  EXPECT_THAT(now[2], HasSubstr(R"("_deleted" : "3")"));
  EXPECT_EQ(now[3], R"({ "_id" : "4", "title" : "B" })");
}

TEST_F(MongodbMigrationRender, ChangesOfTypesConvertWhatHasAMeaning) {
  const DatabaseModel flag = Model("", "optional bool n = 2;"), narrow = Model("", "int32 n = 2;"),
                      wide = Model("", "int64 n = 2;");
  EXPECT_EQ(Render(narrow, wide), "");
  EXPECT_EQ(Render(wide, narrow, {}, true), "[]\n");
  const std::string collection = flag.tables[0].name;
  Insert(collection, R"({"_id": "1", "n": true}, {"_id": "2", "n": false}, {"_id": "3"})");
  ASSERT_TRUE(RunAll(Render(flag, narrow)).ok());
  EXPECT_THAT(Documents(collection),
              ElementsAre(R"({ "_id" : "1", "n" : 1 })", R"({ "_id" : "2", "n" : 0 })",
                          R"({ "_id" : "3", "n" : 0 })"));
  migrate::RenderOptions options;
  options.needs_this = true;
  EXPECT_EQ(generator().Render(Diff(narrow, wide), wide, options),
            "[\n{\"storegate.needs\": \"this\"}\n]\n");
}

}  // namespace
}  // namespace storegate::test
