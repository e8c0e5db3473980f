// The server that stands in for MongoDB does what MongoDB does where its makers left it
// doing something else. On a real one these hold anyway.
#include "tests/support/mongodb_server.h"

#include <string>
#include <vector>

#include <bson/bson.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace storegate::test {
namespace {

class MongodbServerTest : public testing::Test {
 protected:
  void TearDown() override {
    for (const std::string& name : names_) Run(name, R"({"dropDatabase": 1})");
  }

  // Unlike that of any other test.
  std::string Database(const std::string& name) {
    names_.push_back("storegate_server_test_" + std::to_string(getpid()) + "_" + name);
    return names_.back();
  }

  // The reply as relaxed extended JSON.
  std::string Run(const std::string& database, const std::string& command) {
    bson_t reply;
    std::string failed;
    RunMongodbCommand(SharedMongodb().Url(database), command, &reply, &failed);
    char* text = bson_as_relaxed_extended_json(&reply, nullptr);
    bson_destroy(&reply);
    std::string json = text;
    bson_free(text);
    return json;
  }

  // What a find answers, without what is around it.
  std::string Find(const std::string& database, const std::string& rest) {
    const std::string reply = Run(database, R"({"find": "c", )" + rest + "}");
    const size_t begin = reply.find("firstBatch\" : ");
    if (begin == std::string::npos) return reply;
    const size_t from = begin + 14;
    return reply.substr(from, reply.find(']', from) + 1 - from);
  }

  std::vector<std::string> names_;
};

TEST_F(MongodbServerTest, StringsAreOrderedByCodePoint) {
  const std::string database = Database("order");
  Run(database, R"({"insert": "c", "documents": [
      {"_id": "\ud83d\ude00", "n": 4}, {"_id": "\uffff", "n": 3}, {"_id": "a", "n": 1},
      {"_id": "\ue000", "n": 2}, {"_id": "\ud83d\ude01", "n": 5}]})");
  const std::string shown = R"("projection": {"_id": 0, "n": 1}, )";
  EXPECT_EQ(Find(database, shown + R"("sort": {"_id": 1})"),
            R"([ { "n" : 1 }, { "n" : 2 }, { "n" : 3 }, { "n" : 4 }, { "n" : 5 } ])");
  EXPECT_EQ(Find(database, shown + R"("sort": {"_id": -1})"),
            R"([ { "n" : 5 }, { "n" : 4 }, { "n" : 3 }, { "n" : 2 }, { "n" : 1 } ])");
  EXPECT_EQ(Find(database, shown + R"("sort": {"n": 1}, "filter": {"_id": {"$gt": "\uffff"}})"),
            R"([ { "n" : 4 }, { "n" : 5 } ])");
  EXPECT_EQ(Find(database, shown + R"("sort": {"n": 1}, "filter": {"_id": {"$lte": "\uffff"}})"),
            R"([ { "n" : 1 }, { "n" : 2 }, { "n" : 3 } ])");
}

TEST_F(MongodbServerTest, StringsAreOrderedByCodePointWhereThereIsAnIndex) {
  const std::string database = Database("index_order");
  Run(database, R"({"createIndexes": "c", "indexes": [
      {"name": "t", "key": {"t": 1}, "unique": true}]})");
  Run(database, R"({"insert": "c", "documents": [
      {"_id": 2, "t": "\ud83d\ude00"}, {"_id": 1, "t": "\uffff"}]})");
  const std::string shown = R"("projection": {"_id": 1}, )";
  EXPECT_EQ(Find(database, shown + R"("sort": {"t": 1})"), R"([ { "_id" : 1 }, { "_id" : 2 } ])");
  EXPECT_EQ(Find(database, shown + R"("filter": {"t": {"$gt": "\uffff"}})"),
            R"([ { "_id" : 2 } ])");
  EXPECT_EQ(Find(database, shown + R"("filter": {"t": "\ud83d\ude00"})"), R"([ { "_id" : 2 } ])");
}

TEST_F(MongodbServerTest, NumbersAreOrderedByWhatTheyAre) {
  const std::string database = Database("numbers");
  Run(database, R"({"insert": "c", "documents": [
      {"_id": 1, "n": {"$numberDouble": "NaN"}}, {"_id": 2, "n": {"$numberDouble": "-Infinity"}},
      {"_id": 4, "n": {"$numberLong": "9007199254740993"}},
      {"_id": 3, "n": {"$numberDouble": "9007199254740992"}},
      {"_id": 6, "n": {"$numberDouble": "9223372036854775808"}},
      {"_id": 5, "n": {"$numberLong": "9223372036854775807"}}]})");
  EXPECT_EQ(Find(database, R"("projection": {"_id": 1}, "sort": {"n": 1})"),
            R"([ { "_id" : 1 }, { "_id" : 2 }, { "_id" : 3 }, { "_id" : 4 }, )"
            R"({ "_id" : 5 }, { "_id" : 6 } ])");
  EXPECT_EQ(Find(database, R"("projection": {"_id": 1}, "filter": {"n": {
                 "$gt": {"$numberDouble": "3000000000.5"},
                 "$lt": {"$numberLong": "9007199254740993"}}})"),
            R"([ { "_id" : 3 } ])");
}

TEST_F(MongodbServerTest, CountsAreOfWhatWasDone) {
  const std::string database = Database("counts");
  Run(database, R"({"insert": "c", "documents": [{"_id": 2}]})");
  EXPECT_THAT(Run(database, R"({"insert": "c", "documents": [
                  {"_id": 1}, {"_id": 2}, {"_id": 3}]})"),
              testing::HasSubstr(R"("n" : 1)"));
  EXPECT_THAT(Run(database, R"({"insert": "c", "ordered": false,
                                "documents": [{"_id": 1}, {"_id": 2}, {"_id": 4}]})"),
              testing::HasSubstr(R"("n" : 1)"));
  // The third statement does not run: the second failed, and they are ordered.
  const std::string updated = Run(database, R"({"update": "c", "updates": [
      {"q": {"_id": 1}, "u": {"$set": {"a": 1}}}, {"q": {"_id": 1}, "u": {"$wrong": {"a": 1}}},
      {"q": {"_id": 2}, "u": {"$set": {"a": 1}}}]})");
  EXPECT_THAT(updated, testing::HasSubstr(R"("n" : 1)"));
  EXPECT_THAT(updated, testing::HasSubstr(R"("index" : 1)"));
  EXPECT_EQ(Find(database, R"("filter": {"_id": 2})"), R"([ { "_id" : 2 } ])");
}

TEST_F(MongodbServerTest, ADatabaseThatIsDroppedTakesNoneOfItsNeighbours) {
  const std::string one = Database("drop_1"), two = Database("drop_12");
  Run(one, R"({"insert": "c", "documents": [{"_id": 1}]})");
  Run(two, R"({"insert": "c", "documents": [{"_id": 1}]})");
  Run(one, R"({"dropDatabase": 1})");
  Run(two, R"({"insert": "c", "documents": [{"_id": 2}]})");
  EXPECT_EQ(Find(one, R"("sort": {"_id": 1})"), "[  ]");
  EXPECT_EQ(Find(two, R"("sort": {"_id": 1})"), R"([ { "_id" : 1 }, { "_id" : 2 } ])");
}

TEST_F(MongodbServerTest, AnIndexThatIsDroppedTakesNoneOfItsName) {
  const std::string database = Database("indexes");
  for (const char* collection : {"c", "d"}) {
    Run(database, std::string(R"({"createIndexes": ")") + collection +
                      R"(", "indexes": [{"name": "by_a", "key": {"a": 1}, "unique": true}]})");
  }
  Run(database, R"({"dropIndexes": "c", "index": "by_a"})");
  EXPECT_THAT(Run(database, R"({"listIndexes": "c"})"), testing::Not(testing::HasSubstr("by_a")));
  EXPECT_THAT(Run(database, R"({"listIndexes": "d"})"), testing::HasSubstr("by_a"));
  EXPECT_THAT(Run(database, R"({"dropIndexes": "c", "index": "by_a"})"),
              testing::HasSubstr(R"("code" : 27)"));
}

TEST_F(MongodbServerTest, AUniqueIndexThatCouldNotBeBuiltCanBeLater) {
  const std::string database = Database("build");
  const std::string build =
      R"({"createIndexes": "c", "indexes": [{"name": "a", "key": {"a": 1}, "unique": true}]})";
  Run(database, R"({"insert": "c", "documents": [{"_id": 1, "a": 5}, {"_id": 2, "a": 5}]})");
  EXPECT_THAT(Run(database, build), testing::HasSubstr(R"("code" : 11000)"));
  Run(database, R"({"update": "c", "updates": [{"q": {"_id": 2}, "u": {"$set": {"a": 6}}}]})");
  EXPECT_THAT(Run(database, build), testing::HasSubstr(R"("ok" : 1)"));
  EXPECT_THAT(Run(database, R"({"insert": "c", "documents": [{"_id": 3, "a": 6}]})"),
              testing::HasSubstr(R"("code" : 11000)"));
}

TEST_F(MongodbServerTest, WhatIsNotThereIsSaid) {
  const std::string database = Database("nothing");
  for (const char* command : {R"({"listIndexes": "c"})", R"({"dropIndexes": "c", "index": "a"})"}) {
    EXPECT_THAT(Run(database, command), testing::HasSubstr(R"("code" : 26)")) << command;
  }
  Run(database, R"({"create": "c"})");
  Run(database, R"({"create": "d"})");
  const std::string listed = Run(database, R"({"listCollections": 1, "filter": {"name": "d"}})");
  EXPECT_THAT(listed, testing::HasSubstr(R"("name" : "d")"));
  EXPECT_THAT(listed, testing::Not(testing::HasSubstr(R"("name" : "c")")));
}

TEST_F(MongodbServerTest, AServerOfOnesOwnIsKilledAndThereAgainWithAllThatItAcknowledged) {
  MongodbServer server({.own = true});
  const std::string url = server.Url("kill");
  for (int i = 0; i < 20; ++i) {
    RunMongodbCommand(url, R"({"insert": "c", "documents": [{"_id": )" + std::to_string(i) + "}]}");
  }
  server.Kill9();
  std::string failed;
  EXPECT_FALSE(RunMongodbCommand(url + (url.find('?') == std::string::npos ? "?" : "&") +
                                     "serverSelectionTimeoutMS=200",
                                 R"({"ping": 1})", nullptr, &failed));
  server.Start();
  bson_t reply;
  RunMongodbCommand(url, R"({"count": "c"})", &reply);
  bson_iter_t at;
  ASSERT_TRUE(bson_iter_init_find(&at, &reply, "n"));
  EXPECT_EQ(bson_iter_as_int64(&at), 20);
  bson_destroy(&reply);

  server.Freeze();
  EXPECT_FALSE(RunMongodbCommand(url + (url.find('?') == std::string::npos ? "?" : "&") +
                                     "serverSelectionTimeoutMS=200&connectTimeoutMS=200",
                                 R"({"ping": 1})", nullptr, &failed));
  server.Thaw();
  RunMongodbCommand(url, R"({"ping": 1})");
  server.Stop();
  server.Start();
  RunMongodbCommand(url, R"({"ping": 1})");
}

TEST_F(MongodbServerTest, GroupsAreOfTheValuesThatTextsAre) {
  // Also of those that begin as a path does.
  const std::string database = Database("groups");
  Run(database, R"({"insert": "c", "documents": [
      {"_id": 1, "a": "$x"}, {"_id": 2, "a": "$x"}, {"_id": 3, "a": "b"}, {"_id": 4}]})");
  EXPECT_THAT(
      Run(database, R"({"aggregate": "c", "cursor": {}, "pipeline": [
          {"$group": {"_id": {"a": "$a", "b": {"$ifNull": ["$a", null]}}, "n": {"$sum": 1}}},
          {"$sort": {"n": -1, "_id.b": 1}}]})"),
      testing::HasSubstr(R"([ { "_id" : { "a" : "$x", "b" : "$x" }, "n" : 2 }, )"
                         R"({ "_id" : { "b" : null }, "n" : 1 }, )"
                         R"({ "_id" : { "a" : "b", "b" : "b" }, "n" : 1 } ])"));
}

TEST_F(MongodbServerTest, DecimalsAreOrderedExactlyAmongOtherNumbers) {
  const std::string database = Database("decimals");
  Run(database, R"({"insert": "c", "documents": [
      {"_id": 1, "d": {"$numberDecimal": "9007199254740993"}},
      {"_id": 2, "d": {"$numberDecimal": "0.5"}}]})");
  EXPECT_EQ(Find(database, R"("filter": {"d": {"$gt": {"$numberLong": "9007199254740992"}}},
                              "projection": {"_id": 1})"),
            R"([ { "_id" : 1 } ])");
  EXPECT_EQ(Find(database, R"("filter": {"d": {"$lte": 0.5}}, "projection": {"_id": 1})"),
            R"([ { "_id" : 2 } ])");
}

}  // namespace
}  // namespace storegate::test
