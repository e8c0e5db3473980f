// What commands of migrations do, once and again; backfills; what a database is found to be.
#include "server/adapters/mongodb/rehearse.h"

#include "server/migrate/change.h"
#include "tests/adapters/mongodb_migration_case.h"

namespace storegate::test {
namespace {

using repository::DatabaseModel;
using repository::Step;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class MongodbMigrationCommands : public MongodbMigrationCase {
 protected:
  Status Execute(const std::string& script) { return migrator().Execute(script); }
  DatabaseModel Described() {
    Result<DatabaseModel> model = migrator().Describe();
    EXPECT_TRUE(model.ok()) << model.status().ToString();
    return model.ok() ? *std::move(model) : DatabaseModel();
  }
  DatabaseModel Rehearsed(const std::string& script) {
    Result<DatabaseModel> model = migrator().Rehearse(StepsOf(script));
    EXPECT_TRUE(model.ok()) << model.status().ToString();
    return model.ok() ? *std::move(model) : DatabaseModel();
  }
  static std::vector<std::string> Shown(const DatabaseModel& model) {
    std::vector<std::string> lines;
    for (const auto& table : model.tables) {
      lines.push_back(table.name);
      for (const auto& index : table.indexes) {
        lines.push_back(table.name + "." + index.name + " " + index.definition);
      }
    }
    return lines;
  }
};

// A migration that dies runs again from its first command.
TEST_F(MongodbMigrationCommands, EachCommandMayRunTwice) {
  for (const char* script : {
           R"([{"create": "a"}])",
           R"([{"createIndexes": "a", "indexes": [{"key": {"x": 1}, "name": "x"}]}])",
           R"([{"createIndexes": "a", "indexes": [{"key": {"x": 1.0}, "name": "x"},)"
           R"( {"key": {"y": -1, "_id": 1}, "name": "y", "unique": true}]}])",
           R"([{"create": "gone"}, {"renameCollection": "a", "to": "b"}, {"drop": "gone"}])",
           R"([{"dropIndexes": "b", "index": "x"}])",
           R"([{"dropIndexes": "nowhere", "index": "x"}])",
           R"([{"dropIndexes": "b", "index": {"y": -1, "_id": 1}}])",
           R"([{"createIndexes": "b", "indexes": [{"key": {"p": 1}, "name": "p"},)"
           R"( {"key": {"q": 1}, "name": "q"}, {"key": {"r": 1}, "name": "r"}]},)"
           R"( {"dropIndexes": "b", "index": ["p", "not there"]}])",
           R"([{"dropIndexes": "b", "index": "*"}])",
           R"([{"drop": "nowhere"}, {"renameCollection": "nowhere", "to": "b"}])",
       }) {
    for (int i = 0; i < 2; ++i) {
      const Status status = Execute(script);
      EXPECT_TRUE(status.ok()) << script << status.ToString();
    }
  }
  EXPECT_THAT(Shown(Described()), ElementsAre("b"));
}

TEST_F(MongodbMigrationCommands, AFailureKeepsWhatWasDoneAndNamesTheCommandAndItsLine) {
  const std::string script = "[{\"create\": \"c\"},\n{\"noSuchCommand\": \"c\"},\n{\"create\": \"d\"}]";
  const Status status = migrator().Run(StepsOf("\n" + script)[0], Row(2, "0002_bad"));
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("Command 2 of the migration 0002_bad"));
  EXPECT_THAT(status.message(), HasSubstr("noSuchCommand\" in line 3"));
  EXPECT_THAT(status.message(), HasSubstr("kept"));
  EXPECT_THAT(Shown(Described()), ElementsAre("c"));
  EXPECT_THAT(*migrator().History(), IsEmpty());
  EXPECT_THAT(Execute("[{\"create\": \"e\"},\n {\"create\": \"f\", }"), HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(Execute(R"([{"storegate.refold": "a.b"}])"), HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(Shown(Described()), ElementsAre("c"));
}

TEST_F(MongodbMigrationCommands, AWriteThatSucceedsInPartHasFailed) {
  EXPECT_THAT(Execute(R"([{"insert": "a", "documents": [{"_id": 1}, {"_id": 1}]}])"),
              HasReason("MIGRATION_FAILED"));
}

TEST_F(MongodbMigrationCommands, AnIndexOfANameThatAnotherHasIsNotMadeAnew) {
  ASSERT_TRUE(
      Execute(R"([{"createIndexes": "a", "indexes": [{"key": {"x": 1}, "name": "x"}]}])").ok());
  for (const char* index : {R"({"key": {"y": 1}, "name": "x"})", R"({"key": {"x": -1}, "name": "x"})",
                            R"({"key": {"x": 1}, "name": "x", "unique": true})",
                            R"({"key": {"x": 1}, "name": "x", "expireAfterSeconds": 5})"}) {
    const Status status =
        Execute(R"([{"createIndexes": "a", "indexes": [)" + std::string(index) + "]}]");
    EXPECT_THAT(status, HasReason("MIGRATION_FAILED")) << index;
    EXPECT_THAT(status.message(), HasSubstr("there is one of that name, {\"key\": {\"x\": 1}}"));
  }
  const Status twin =
      Execute(R"([{"createIndexes": "a", "indexes": [{"key": {"x": 1}, "name": "twin"}]}])");
  EXPECT_THAT(twin, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(twin.message(), HasSubstr("under the name \"x\""));
  EXPECT_THAT(Shown(Described()), ElementsAre("a", R"(a.x {"key": {"x": 1}})"));
}

TEST_F(MongodbMigrationCommands, AUniqueIndexOverSharedValuesSaysSo) {
  Insert("a", R"({"_id": 1, "x": 5, "y": "secret"}, {"_id": 2, "x": 5, "y": "secret"},)"
              R"( {"_id": 3, "x": 5, "y": "other"}, {"_id": 4}, {"_id": 5})");
  const Status status = Execute(
      R"([{"createIndexes": "a", "indexes": [{"key": {"z": 1}, "name": "z"},)"
      R"( {"key": {"x": 1, "y": -1}, "name": "x_y", "unique": true, "sparse": true}]}])");
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("the unique index \"x_y\": 2 documents of \"a\" share"));
  EXPECT_THAT(status.message(), HasSubstr("(x, y)"));
  EXPECT_THAT(status.message(), Not(HasSubstr("secret")));
  EXPECT_THAT(status.message(), Not(HasSubstr("E11000")));
  client_.Run(R"({"delete": "a", "deletes": [{"q": {"_id": 2}, "limit": 1}]})");
  const Status mended = Execute(
      R"([{"createIndexes": "a", "indexes": [{"key": {"x": 1, "y": -1}, "name": "x_y",)"
      R"( "unique": true, "sparse": true}]}])");
  EXPECT_TRUE(mended.ok()) << mended.ToString();
}

TEST_F(MongodbMigrationCommands, ARenameToWhatIsThereIsRefused) {
  ASSERT_TRUE(Execute(R"([{"create": "a"}, {"create": "b"}])").ok());
  const Status status = Execute(R"([{"renameCollection": "a", "to": "b"}])");
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(Execute(R"([{"renameCollection": "a"}])").message(), HasSubstr("must say \"to\""));
  EXPECT_THAT(Shown(Described()), ElementsAre("a", "b"));
}

TEST_F(MongodbMigrationCommands, AUniqueIndexWithAFilterIsMadeWhereTheServerHonoursIt) {
  const std::string script =
      R"([{"createIndexes": "a", "indexes": [{"key": {"x": 1}, "name": "few", "unique": true,)"
      R"( "partialFilterExpression": {"y": {"$gt": 5}}}]}])";
  const Status status = Execute(script);
  if (SharedMongodb().real()) {
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_THAT(*migrator().Parts("a"), UnorderedElementsAre("_id_", "few"));
    return;
  }
  // mongo-java-server takes the filter and ignores it.
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status, HasReason("UNSUPPORTED_INDEX"));
  EXPECT_THAT(status.message(), HasSubstr("few"));
  EXPECT_THAT(Shown(Described()), IsEmpty());
}

// --- Backfills ---

TEST_F(MongodbMigrationCommands, ABackfillChangesAThousandAtATimeAndCountsThem) {
  std::string documents;
  for (int i = 0; i < 1000; ++i) {
    documents += (i ? "," : "") + std::string("{\"_id\": ") + std::to_string(i) + "}";
  }
  Insert("a", documents);
  Insert("a", R"({"_id": 1000}, {"_id": "text"}, {"_id": 1001, "n": 7}, {"_id": 1002, "n": null})");
  const Step step = StepsOf(
      R"([{"storegate.backfill": "a", "filter": {"n": {"$exists": false}}, "set": {"n": 0}}])")[0];
  EXPECT_EQ(*migrator().CountTotal(step), 1002);
  EXPECT_EQ(*migrator().RunBatch(step), 1000);
  EXPECT_EQ(*migrator().CountTotal(step), 2);
  EXPECT_EQ(*migrator().RunBatch(step), 2);
  EXPECT_EQ(*migrator().RunBatch(step), 0);
  EXPECT_EQ(*migrator().CountTotal(step), 0);
  const std::vector<std::string> now = Documents("a");
  ASSERT_EQ(now.size(), 1004u);
  EXPECT_EQ(now[0], R"({ "_id" : 0, "n" : 0 })");
  EXPECT_EQ(now[1001], R"({ "_id" : 1001, "n" : 7 })");
  EXPECT_EQ(*migrator().RunBatch(StepsOf(R"([{"storegate.backfill": "nowhere", "filter": {},)"
                                         R"( "set": {"n": 0}}])")[0]),
            0);
}

TEST_F(MongodbMigrationCommands, ABackfillRenamesTakesAwayAndCopies) {
  Insert("a", R"({"_id": 1, "was": 5, "old": 1}, {"_id": 2, "old": null}, {"_id": 3, "is": 1})");
  const Result<int64_t> changed = RunAll(R"([
      {"storegate.backfill": "a", "filter": {"was": {"$exists": true}}, "rename": {"was": "is"}},
      {"storegate.backfill": "a", "filter": {"old": {"$exists": true}}, "unset": {"old": 1}},
      {"storegate.backfill": "a", "filter": {"from": {"$exists": false}}, "copy": {"_id": "from"},
       "set": {"by": "us"}}])");
  ASSERT_TRUE(changed.ok()) << changed.status().ToString();
  EXPECT_EQ(*changed, 1 + 2 + 3);
  EXPECT_THAT(Documents("a"),
              ElementsAre(R"({ "_id" : 1, "is" : 5, "by" : "us", "from" : 1 })",
                          R"({ "_id" : 2, "by" : "us", "from" : 2 })",
                          R"({ "_id" : 3, "is" : 1, "by" : "us", "from" : 3 })"));
}

TEST_F(MongodbMigrationCommands, ABackfillThatWouldNeverEndIsRefused) {
  Insert("a", R"({"_id": 1}, {"_id": 2})");
  const Status status =
      RunAll(R"([{"storegate.backfill": "a", "filter": {"m": null}, "set": {"n": 0}}])").status();
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("would never end"));
  EXPECT_THAT(status.message(), HasSubstr(R"({"m": null})"));
  const Status copy =
      RunAll(R"([{"storegate.backfill": "a", "filter": {}, "copy": {"nothing": "n2"}}])").status();
  EXPECT_THAT(copy, HasReason("MIGRATION_FAILED"));
}

TEST_F(MongodbMigrationCommands, ABackfillThatBreaksAUniqueIndexNamesIt) {
  ASSERT_TRUE(Execute(R"([{"createIndexes": "a", "indexes": [{"key": {"n": 1}, "name": "n",)"
                      R"( "unique": true, "sparse": true}]}])").ok());
  Insert("a", R"({"_id": 1}, {"_id": 2})");
  const Status status = RunAll(R"([{"storegate.backfill": "a",)"
                               R"( "filter": {"n": {"$exists": false}}, "set": {"n": 0}}])")
                            .status();
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("unique index \"n\""));
}

// --- Folded texts ---

TEST_F(MongodbMigrationCommands, FoldsTextsAnewInOrderOfId) {
  const schema::Field* name = Author().Find("name");
  ASSERT_NE(name, nullptr);
  std::string documents;
  for (int i = 0; i < 990; ++i) {
    documents += R"({"_id": "a)" + std::to_string(1000 + i) + R"(", "name": "Straße"},)";
  }
  documents += R"({"_id": "b1", "name": "Ä", "_folded_name": "ä"}, {"_id": "b2"},)"
               R"( {"_id": "b3", "_folded_name": "stale"}, {"_id": "b4", "name": 5})";
  Insert("authors", documents);
  Insert("authors", R"({"_id": "c1", "name": "LAST"}, {"_id": "c2", "name": "X", "_folded_name": "y"},)"
                    R"( {"_id": "c3", "name": ""}, {"_id": "c4", "name": "Q"}, {"_id": "c5"},)"
                    R"( {"_id": "c6", "name": "R"}, {"_id": "c7", "name": "S"}, {"_id": 7, "name": "N"})");
  Value last;
  EXPECT_EQ(*migrator().Refold(*name, Value(), &last), 1000);
  EXPECT_EQ(last, Value(std::string("c6")));
  EXPECT_EQ(*migrator().Refold(*name, last, &last), 1);
  EXPECT_EQ(*migrator().Refold(*name, last, &last), 0);
  const std::vector<std::string> now = Documents("authors");
  ASSERT_EQ(now.size(), 1002u);
  EXPECT_EQ(now[0], R"({ "_id" : 7, "name" : "N" })");
  EXPECT_EQ(now[1], R"({ "_id" : "a1000", "name" : "Straße", "_folded_name" : "strasse" })");
  EXPECT_THAT(std::vector<std::string>(now.begin() + 991, now.end()),
              ElementsAre(R"({ "_id" : "b1", "name" : "Ä", "_folded_name" : "ä" })",
                          R"({ "_id" : "b2" })", R"({ "_id" : "b3" })",
                          R"({ "_id" : "b4", "name" : 5 })",
                          R"({ "_id" : "c1", "name" : "LAST", "_folded_name" : "last" })",
                          R"({ "_id" : "c2", "name" : "X", "_folded_name" : "x" })",
                          R"({ "_id" : "c3", "name" : "", "_folded_name" : "" })",
                          R"({ "_id" : "c4", "name" : "Q", "_folded_name" : "q" })",
                          R"({ "_id" : "c5" })",
                          R"({ "_id" : "c6", "name" : "R", "_folded_name" : "r" })",
                          R"({ "_id" : "c7", "name" : "S", "_folded_name" : "s" })"));
}

TEST_F(MongodbMigrationCommands, SaysWhatHoldsRows) {
  Insert("a", R"({"_id": 1, "x": null, "y": 0})");
  const auto holds = [&](const char* column) { return *migrator().HoldsRows("a", column); };
  EXPECT_TRUE(holds(""));
  EXPECT_TRUE(holds("id"));
  EXPECT_TRUE(holds("y"));
  EXPECT_FALSE(holds("x"));
  EXPECT_FALSE(holds("nothing"));
  EXPECT_FALSE(*migrator().HoldsRows("nowhere", ""));
}

// --- What is there, and what should be ---

constexpr char kMade[] = R"([
{"create": "a"}, {"create": "gone"}, {"create": "was"},
{"createIndexes": "a", "indexes": [
  {"key": {"x": 1, "y": -1}, "name": "plain", "background": true},
  {"key": {"u": 1}, "name": "uniq", "unique": true, "sparse": false},
  {"key": {"s": {"$numberLong": "1"}}, "name": "sparse", "sparse": true, "v": 2},
  {"key": {"t": 1.0}, "name": "ttl", "expireAfterSeconds": {"$numberLong": "3600"}},
  {"key": {"p": 1}, "name": "some", "partialFilterExpression": {"n": {"$gt": 5.0}}}]},
{"createIndexes": "was", "indexes": [{"key": {"x": 1}, "name": "x"}, {"key": {"y": 1}, "name": "y"}]},
{"dropIndexes": "was", "index": "y"},
{"insert": "made", "documents": [{"_id": 1}]},
{"renameCollection": "was", "to": "is"},
{"drop": "gone"},
{"storegate.backfill": "a", "filter": {"n": {"$exists": false}}, "set": {"n": 0}},
{"storegate.refold": "a.n"}
])";

TEST_F(MongodbMigrationCommands, ARehearsalIsWhatIsFoundOnceTheMigrationRan) {
  ASSERT_TRUE(RunAll(kMade).ok());
  const std::vector<std::string> rehearsed = Shown(Rehearsed(kMade));
  EXPECT_EQ(Shown(Described()), rehearsed);
  EXPECT_THAT(rehearsed,
              ElementsAre("a", R"(a.plain {"key": {"x": 1, "y": -1}})",
                          R"(a.some {"key": {"p": 1}, "partialFilterExpression": {"n": {"$gt": 5}}})",
                          R"(a.sparse {"key": {"s": 1}, "sparse": true})",
                          R"(a.ttl {"key": {"t": 1}, "expireAfterSeconds": 3600})",
                          R"(a.uniq {"key": {"u": 1}, "unique": true})", "is",
                          R"(is.x {"key": {"x": 1}})", "made"));
}

TEST_F(MongodbMigrationCommands, DriftThatIsPlantedInAnIndexOptionIsFound) {
  ASSERT_TRUE(RunAll(kMade).ok());
  EXPECT_THAT(migrate::Diff(Rehearsed(kMade), Described()), IsEmpty());
  ASSERT_TRUE(Execute(R"([{"dropIndexes": "a", "index": "ttl"},
      {"createIndexes": "a", "indexes": [{"key": {"t": 1}, "name": "ttl", "expireAfterSeconds": 60}]},
      {"dropIndexes": "a", "index": "sparse"},
      {"createIndexes": "a", "indexes": [{"key": {"s": 1}, "name": "sparse"}]}])").ok());
  const DatabaseModel rehearsed = Rehearsed(kMade), described = Described();
  const std::vector<migrate::Change> changes = migrate::Diff(rehearsed, described);
  std::vector<std::string> named;
  for (const migrate::Change& change : changes) {
    if (change.kind == migrate::Change::Kind::kDropIndex) named.push_back(change.name);
  }
  EXPECT_THAT(named, UnorderedElementsAre("ttl", "sparse"));
  EXPECT_EQ(changes.size(), 4u);
}

// Without a server: real ones show more than the tests' own.
TEST_F(MongodbMigrationCommands, IndexesAreAsTheServerShowsThem) {
  const auto index = [&](const std::string& text) {
    const DatabaseModel model =
        Rehearsed(R"([{"createIndexes": "a", "indexes": [)" + text + "]}]");
    return model.tables.empty() || model.tables[0].indexes.empty()
               ? std::string()
               : model.tables[0].indexes[0].definition;
  };
  EXPECT_EQ(index(R"({"key": {"b": "text", "x": 1, "a": "text"}, "name": "t"})"),
            index(R"({"v": 2, "key": {"_fts": "text", "_ftsx": 1, "x": 1}, "name": "t",
                      "weights": {"a": 1, "b": 1.0}, "default_language": "english",
                      "language_override": "language", "textIndexVersion": 3, "ns": "d.a"})"));
  EXPECT_EQ(index(R"({"key": {"a": 1}, "name": "c", "collation": {"locale": "de", "strength": 2}})"),
            index(R"({"key": {"a": 1}, "name": "c", "collation": {"locale": "de",
                      "caseLevel": false, "caseFirst": "off", "strength": 2,
                      "numericOrdering": false, "alternate": "non-ignorable",
                      "maxVariable": "punct", "normalization": false, "backwards": false,
                      "version": "57.1"}})"));
  EXPECT_NE(index(R"({"key": {"a": 1}, "name": "c", "collation": {"locale": "de"}})"),
            index(R"({"key": {"a": 1}, "name": "c", "collation": {"locale": "fr"}})"));
  EXPECT_EQ(index(R"({"key": {"a": 1}, "name": "h", "hidden": false, "unique": 0,
                      "partialFilterExpression": {}})"),
            R"({"key": {"a": 1}})");
  EXPECT_EQ(index(R"({"key": {"g": "2dsphere"}, "name": "g", "2dsphereIndexVersion": 3})"),
            R"({"key": {"g": "2dsphere"}})");
  EXPECT_EQ(index(R"({"key": {"_id": 1}, "name": "_id_"})"), "");
}

TEST_F(MongodbMigrationCommands, ARehearsalKnowsWhatTheServersOfTheTestsDoNot) {
  EXPECT_THAT(Shown(Rehearsed(R"([
      {"create": "c", "collation": {"locale": "de"}},
      {"create": "v", "viewOn": "c", "pipeline": []},
      {"createIndexes": "c", "indexes": [
        {"key": {"a": 1}, "name": "a", "expireAfterSeconds": 5},
        {"key": {"b": 1}, "name": "b", "collation": {"locale": "simple"}}]},
      {"collMod": "c", "index": {"keyPattern": {"a": 1.0}, "expireAfterSeconds": 60}},
      {"collMod": "c", "index": {"name": "b", "hidden": true, "unique": true}},
      {"update": "u", "updates": [{"q": {}, "u": {"$set": {"a": 1}}, "upsert": true}]},
      {"update": "none", "updates": [{"q": {}, "u": {"$set": {"a": 1}}}]},
      {"aggregate": "c", "pipeline": [{"$out": "o"}], "cursor": {}},
      {"aggregate": "c", "pipeline": [{"$merge": {"into": "m"}}], "cursor": {}},
      {"create": "_storegate_x"}])")),
              ElementsAre("c",
                          R"(c.a {"key": {"a": 1}, "collation": {"locale": "de"}, )"
                          R"("expireAfterSeconds": 60})",
                          R"(c.b {"key": {"b": 1}, "unique": true, "hidden": true})", "m", "o", "u"));
  const Status status =
      migrator().Rehearse(StepsOf("[{\"create\": \"a\"}, {\"create\": \"b\"},\n"
                                  "{\"renameCollection\": \"a\", \"to\": \"b\"}]")).status();
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("in line 2"));
}

TEST_F(MongodbMigrationCommands, WhatTheGatewayKeepsIsNotDescribed) {
  ASSERT_TRUE(migrator().WithLock([&] { return migrator().Record(Row(1, "0001_first")); }).ok());
  ASSERT_TRUE(migrator().KeepSchema("x").ok());
  EXPECT_THAT(Shown(Described()), IsEmpty());
}

}  // namespace
}  // namespace storegate::test
