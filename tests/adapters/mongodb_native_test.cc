// Native queries in MongoDB: what is refused, what is sent, what comes back.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/native.h"
#include "server/repository/wire_sink.h"
#include "tests/adapters/library.h"
#include "tests/adapters/mongodb_session.h"

namespace storegate::test {
namespace {

using repository::NativeParameter;
using repository::NativeQuery;
using schema::Type;
using ::testing::HasSubstr;

std::string Refusal(const std::string& text) {
  const Status status = mongodb::CheckNative(text);
  EXPECT_TRUE(status.ok() || status.reason() == "INVALID_NATIVE_QUERY") << status.ToString();
  return status.message();
}

TEST(MongodbNative, WhatIsNoPipelineIsFoundWithoutAServer) {
  EXPECT_EQ(Refusal("[]"), "");
  EXPECT_EQ(Refusal(" [{\"$match\": {\"a\": {\"$date\": \"2026-01-01T00:00:00Z\"}}}] "), "");
  EXPECT_THAT(Refusal(""), HasSubstr("no JSON array"));
  EXPECT_THAT(Refusal("{\"$match\": {}}"), HasSubstr("no JSON array"));
  EXPECT_THAT(Refusal("[{\"$match\": {}}"), HasSubstr("no JSON"));
  EXPECT_THAT(Refusal("[]], \"x\": [1"), HasSubstr("no JSON"));
  EXPECT_THAT(Refusal("[{'$match': {}}]"), HasSubstr("no JSON"));
  EXPECT_THAT(Refusal("[\xff]"), HasSubstr("no UTF-8"));
  EXPECT_THAT(Refusal("[{\"$match\": {}}, 5]"), HasSubstr("stage 2 is no object"));
  EXPECT_THAT(Refusal("[{\"match\": {}}]"), HasSubstr("stage 1 has not one key"));
  EXPECT_THAT(Refusal("[{}]"), HasSubstr("stage 1 has not one key"));
  EXPECT_THAT(Refusal("[{\"$match\": {}, \"$limit\": 1}]"), HasSubstr("stage 1 has not one key"));
  EXPECT_THAT(Refusal("[{\"$limit\": 1}, {\"$match\": {\"a\": {\"$oid\": \"x\"}}}]"),
              HasSubstr("stage 2 is no Extended JSON"));
}

TEST(MongodbNative, WhatWritesOrRunsTextsIsRefused) {
  EXPECT_THAT(Refusal("[{\"$out\": \"x\"}]"), HasSubstr("$out"));
  EXPECT_THAT(Refusal("[{\"$merge\": {\"into\": \"x\"}}]"), HasSubstr("$merge"));
  EXPECT_THAT(Refusal("[{\"$facet\": {\"a\": [{\"$out\": \"x\"}]}}]"), HasSubstr("$out"));
  EXPECT_THAT(Refusal("[{\"$lookup\": {\"pipeline\": [{\"$merge\": \"x\"}]}}]"),
              HasSubstr("$merge"));
  EXPECT_THAT(Refusal("[{\"$match\": {\"$or\": [{\"$where\": \"$1\"}]}}]"), HasSubstr("$where"));
  EXPECT_EQ(Refusal("[{\"$match\": {\"a\": \"$out\"}}]"), "");
}

class MongodbNativeCommand : public testing::Test {
 protected:
  // The pipeline as it is sent.
  std::string Pipeline(const std::string& text) {
    schema::Native native;
    native.mongodb = text;
    query_.entity = &Author();
    query_.native = &native;
    const Result<mongodb::Bson> command = mongodb::NativeCommand(query_);
    EXPECT_TRUE(command.ok()) << command.status().ToString();
    if (!command.ok()) return "";
    char* json = bson_as_relaxed_extended_json(command->get(), nullptr);
    std::string sent = json;
    bson_free(json);
    const std::string before = "{ \"aggregate\" : \"authors\", \"pipeline\" : ";
    const size_t end = sent.find(", \"cursor\"");
    EXPECT_EQ(sent.substr(0, before.size()), before);
    return sent.substr(before.size(), end - before.size());
  }

  NativeQuery query_;
};

TEST_F(MongodbNativeCommand, ParametersAreValuesOfTheirTypes) {
  query_.parameters = {{Type::kString, false, {std::string("$x")}},
                       {Type::kInt32, true, {int64_t{1}, int64_t{2}}},
                       {Type::kTimestamp, false, {int64_t{1500}}},
                       {Type::kEnum, false, {}},
                       {Type::kUint32, false, {int64_t{4000000000}}},
                       {Type::kBytes, false, {Bytes{"a"}}},
                       {Type::kString, true, {}}};
  EXPECT_EQ(Pipeline("[{\"$match\": {\"a\": \"$1\", \"b\": {\"$in\": \"$2\"}, \"c\": {\"$gte\": "
                     "\"$3\"}, \"d\": [\"$4\", \"$5\"], \"e\": \"$6\", \"f\": \"$7\"}}]"),
            R"([ { "$match" : { "a" : "$x", "b" : { "$in" : [ 1, 2 ] }, )"
            R"("c" : { "$gte" : { "$date" : "1970-01-01T00:00:01.500Z" } }, )"
            R"("d" : [ null, 4000000000 ], )"
            R"("e" : { "$binary" : { "base64" : "YQ==", "subType" : "00" } }, "f" : [  ] } } ])");
}

TEST_F(MongodbNativeCommand, WhereAValueWouldBeEvaluatedItIsALiteral) {
  query_.parameters = {{Type::kString, false, {std::string("$x")}}};
  EXPECT_EQ(Pipeline(R"([{"$match": {"$expr": {"$eq": ["$a", "$1"]}}}])"),
            R"([ { "$match" : { "$expr" : { "$eq" : [ "$a", { "$literal" : "$x" } ] } } } ])");
  EXPECT_EQ(Pipeline(R"([{"$project": {"a": "$1", "b": {"$literal": "$1"}}}])"),
            R"([ { "$project" : { "a" : { "$literal" : "$x" }, "b" : { "$literal" : "$x" } } } ])");
  EXPECT_EQ(Pipeline(R"([{"$facet": {"f": [{"$match": {"a": "$1"}}, {"$sortByCount": "$1"}]}}])"),
            R"([ { "$facet" : { "f" : [ { "$match" : { "a" : "$x" } }, )"
            R"({ "$sortByCount" : { "$literal" : "$x" } } ] } } ])");
  EXPECT_EQ(Pipeline(R"([{"$lookup": {"from": "b", "as": "c", "let": {"v": "$1"}, "pipeline":
                         [{"$match": {"a": "$1"}}, {"$limit": 5}]}}])"),
            R"([ { "$lookup" : { "from" : "b", "as" : "c", )"
            R"("let" : { "v" : { "$literal" : "$x" } }, )"
            R"("pipeline" : [ { "$match" : { "a" : "$x" } }, { "$limit" : 5 } ] } } ])");
}

TEST_F(MongodbNativeCommand, WhatIsNoParameterStays) {
  query_.parameters = {{Type::kInt64, false, {int64_t{1}}}};
  for (const char* text : {"$2", "$0", "$01", "$", "$1 ", "$1.a", "$$1", "1", "$a", "$+1"}) {
    const std::string quoted = "\"" + std::string(text) + "\"";
    EXPECT_EQ(Pipeline("[{\"$match\": {\"$1\": " + quoted + "}}]"),
              "[ { \"$match\" : { \"$1\" : " + quoted + " } } ]");
  }
}

class MongodbNativeQuery : public testing::Test {
 protected:
  Status Ask(const std::string& pipeline, std::vector<NativeParameter> parameters = {}) {
    schema::Native native;
    native.mongodb = pipeline;
    // Fields of the row are those of an author.
    for (const schema::Field& field : Author().fields) {
      if (field.name != "name" && field.name != "born") continue;
      schema::Field* copy = &native.row.entity.fields.emplace_back(field);
      copy->entity = &native.row.entity;
      copy->index = static_cast<int>(native.row.entity.fields.size()) - 1;
      native.row.entity.stored.push_back(copy);
    }
    NativeQuery query{&Author(), &native, std::move(parameters), Deadline::max()};
    std::string bytes;
    repository::WireSink sink(&bytes);
    // A session keeps what it knows of a row as long as it lives.
    const Status status = home_.Session({})->Native(query, &sink);
    rows_ = sink.rows();
    const std::unique_ptr<google::protobuf::Message> row(Author().prototype->New());
    EXPECT_TRUE(row->ParseFromString(bytes));
    last_ = row->ShortDebugString();
    return status;
  }

  MongodbHome home_{OneMongodb(), Library()};
  size_t rows_ = 0;
  std::string last_;
};

TEST_F(MongodbNativeQuery, FieldsFillThoseOfTheirName) {
  home_.Insert("authors", R"([{"_id": 1, "slug": "a", "name": "p", "born": 5, "other": 1},
                             {"_id": 2, "slug": "b"}])");
  EXPECT_THAT(Ask(R"([{"$match": {"_id": "$1"}}])", {{Type::kInt32, false, {int64_t{1}}}}),
              HasReason(""));
  EXPECT_EQ(rows_, 1u);
  EXPECT_EQ(last_, "name: \"p\" born: 5");
  EXPECT_THAT(Ask(R"([{"$match": {"_id": "$1"}}])", {{Type::kInt32, false, {int64_t{7}}}}),
              HasReason(""));
  EXPECT_EQ(rows_, 0u);
  // An ObjectId is a text where one is wanted.
  EXPECT_THAT(Ask(R"([{"$limit": 1}, {"$project": {"name": {"$toObjectId":
                     "000000000000000000000007"}}}])"),
              HasReason(""));
  EXPECT_EQ(last_, "name: \"000000000000000000000007\"");
}

TEST_F(MongodbNativeQuery, WhatTheServerRefusesIsTheSchemasFault) {
  home_.Insert("authors", R"([{"_id": 1, "name": "p"}])");
  for (const char* text : {R"([{"$nosuchstage": 1}])", R"([{"$match": {"a": {"$nosuch": 1}}}])",
                           R"([{"$project": {"a": {"$nosuch": 1}}}])", R"([{"$out": "x"}])"}) {
    testing::internal::CaptureStderr();
    const Status status = Ask(text);
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_THAT(status, HasReason("NATIVE_QUERY_FAILED")) << text;
    EXPECT_EQ(status.code(), Code::kInternal);
    EXPECT_EQ(status.message().find('$'), std::string::npos);
    EXPECT_THAT(log, HasSubstr("$"));
  }
  EXPECT_THAT(Ask(R"([{"$project": {"born": "$name"}}])"), HasReason("NATIVE_QUERY_FAILED"));
}

}  // namespace
}  // namespace storegate::test
