// Predicates and positions in MongoDB's own words. predicates_test.cc has what they
// mean.
#include "server/adapters/mongodb/predicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/filter_parts.h"
#include "server/adapters/mongodb/object_ids.h"
#include "server/schema/loader.h"
#include "tests/adapters/library.h"

namespace storegate::test {
namespace {

using query::Predicate;
using ::testing::HasSubstr;

std::string Json(const mongodb::Bson& document) {
  char* text = bson_as_relaxed_extended_json(document.get(), nullptr);
  std::string json = text;
  bson_free(text);
  return json;
}

Predicate Bound(std::string_view text, const schema::Entity& entity) {
  return *query::Template::Parse(text, entity, nullptr, nullptr)->Bind(nullptr);
}

std::string Filter(const Predicate& predicate) {
  Result<mongodb::Bson> filter = mongodb::FilterOf(predicate);
  return filter.ok() ? Json(*filter) : filter.status().ToString();
}

std::string Filter(std::string_view text, const schema::Entity& entity = Note()) {
  return Filter(Bound(text, entity));
}

Predicate Contains(const std::string& text) {
  Predicate predicate;
  predicate.kind = Predicate::Kind::kContains;
  predicate.path.field = Author().Find("name");
  predicate.value = text;
  return predicate;
}

bson_type_t TypeAt(const mongodb::Bson& document, const char* path) {
  bson_iter_t at, found;
  bson_iter_init(&at, document.get());
  return bson_iter_find_descendant(&at, path, &found) ? bson_iter_type(&found) : BSON_TYPE_EOD;
}

TEST(MongodbPredicates, ColumnsAreComparedAsTheyAre) {
  EXPECT_EQ(Filter("id = 5", Book()), R"({ "_id" : { "$eq" : 5 } })");
  EXPECT_EQ(Filter("title != 'x' AND pages >= -1", Book()),
            R"({ "$and" : [ { "$nor" : [ { "title" : { "$eq" : "x" } } ] }, )"
            R"({ "pages" : { "$gte" : -1 } } ] })");
  EXPECT_EQ(Filter("kind = POEM", Book()), R"({ "kind" : { "$eq" : "POEM" } })");
  EXPECT_EQ(Filter(Predicate::In(Book().Find("pages"), {int64_t{1}, int64_t{2}})),
            R"({ "pages" : { "$in" : [ 1, 2 ] } })");
  EXPECT_EQ(Filter(Predicate::IsSet(Author().Find("email"))), R"({ "email" : { "$ne" : null } })");
  EXPECT_EQ(Filter(Predicate::True()), "{ }");
  EXPECT_EQ(Filter(Predicate::In(Book().Find("pages"), {})), R"({ "_id" : { "$in" : [  ] } })");
}

TEST(MongodbPredicates, ConstantsHaveTheTypeOfTheirField) {
  const auto filter = [](std::string_view text, const schema::Entity& entity) {
    return *mongodb::FilterOf(Bound(text, entity));
  };
  EXPECT_EQ(TypeAt(filter("id = 5", Book()), "_id.$eq"), BSON_TYPE_INT64);
  EXPECT_EQ(TypeAt(filter("pages = 5", Book()), "pages.$eq"), BSON_TYPE_INT32);
  EXPECT_EQ(TypeAt(filter("weight = 5", Note()), "weight.$eq"), BSON_TYPE_DOUBLE);
  EXPECT_EQ(TypeAt(filter("key = 'AQ=='", Note()), "key.$eq"), BSON_TYPE_BINARY);
  EXPECT_EQ(TypeAt(filter("create_time > '1970-01-01T00:00:01Z'", Author()), "create_time.$gt"),
            BSON_TYPE_DATE_TIME);
  EXPECT_EQ(TypeAt(filter("flags : true", Note()), "flags.$in.0"), BSON_TYPE_BOOL);
  EXPECT_EQ(TypeAt(filter("durations : 1.5s", Note()), "durations.$in.0"), BSON_TYPE_INT64);
}

const schema::Entity& Stamp() {
  static const schema::LoadResult loaded = schema::LoadEmbedded({{"stamp.proto", R"(
      syntax = "proto3";
      package a.v1;
      import "storegate/v1/schema.proto";
      message Stamp {
        option (storegate.v1.entity) = {};
        string id = 1 [(storegate.v1.field).format = OBJECT_ID];
        string printer_id = 2 [(storegate.v1.field).format = OBJECT_ID];
        string album_id = 3 [(storegate.v1.field) = { format: OBJECT_ID required: true }];
        optional string sheet_id = 4 [(storegate.v1.field).format = OBJECT_ID];
        optional string original_id = 5 [(storegate.v1.field).references = "Stamp.id"];
      })"}});
  return loaded.schema->entities.front();
}

TEST(MongodbPredicates, ObjectIdsAreComparedAsObjectIds) {
  EXPECT_EQ(Filter("id >= '507f1f77bcf86cd799439011'", Stamp()),
            R"({ "_id" : { "$gte" : { "$oid" : "507f1f77bcf86cd799439011" } } })");
  // As texts would be, where the other is none.
  EXPECT_EQ(Filter("album_id > '5'", Stamp()),
            R"({ "album_id" : { "$gte" : { "$oid" : "500000000000000000000000" } } })");
  EXPECT_EQ(Filter("album_id <= '5z'", Stamp()),
            R"({ "album_id" : { "$lt" : { "$oid" : "600000000000000000000000" } } })");
  EXPECT_EQ(Filter("sheet_id < 'x'", Stamp()), R"({ "sheet_id" : { "$type" : "objectId" } })");
  EXPECT_EQ(Filter("sheet_id > 'x'", Stamp()), R"({ "_id" : { "$in" : [  ] } })");
  EXPECT_EQ(Filter("sheet_id = 'x'", Stamp()), R"({ "sheet_id" : { "$eq" : "x" } })");
  // Kept as text: it may be "".
  EXPECT_EQ(Filter("printer_id > '507f1f77bcf86cd799439011'", Stamp()),
            R"({ "printer_id" : { "$gt" : "507f1f77bcf86cd799439011" } })");
  EXPECT_EQ(TypeAt(*mongodb::FilterOf(Bound("original_id = '507f1f77bcf86cd799439011'", Stamp())),
                   "original_id.$eq"),
            BSON_TYPE_OID);
}

TEST(MongodbPredicates, TheFirstObjectIdBehindAText) {
  const auto filled = [](std::string digits) {
    digits.resize(24, '0');
    return digits;
  };
  EXPECT_EQ(mongodb::ObjectIdBehind(""), filled(""));
  EXPECT_EQ(mongodb::ObjectIdBehind("a"), filled("a"));
  EXPECT_EQ(mongodb::ObjectIdBehind("aA"), filled("aa"));
  EXPECT_EQ(mongodb::ObjectIdBehind("a:"), filled("aa"));
  EXPECT_EQ(mongodb::ObjectIdBehind("a "), filled("a"));
  EXPECT_EQ(mongodb::ObjectIdBehind("ag"), filled("b"));
  EXPECT_EQ(mongodb::ObjectIdBehind("9\u00e9"), filled("a"));
  EXPECT_EQ(mongodb::ObjectIdBehind("ffg"), std::nullopt);
  EXPECT_EQ(mongodb::ObjectIdBehind("z"), std::nullopt);
  EXPECT_EQ(mongodb::ObjectIdBehind(filled("a") + "0"), filled("a").substr(0, 23) + "1");
  EXPECT_EQ(mongodb::ObjectIdBehind(std::string(25, 'f')), std::nullopt);
}

TEST(MongodbPredicates, NoPathLooksIntoArrays) {
  EXPECT_EQ(Filter("data.k = 'x'"),
            R"({ "data.k" : { "$eq" : "x", "$not" : { "$type" : "array" } } })");
  EXPECT_EQ(Filter("data.k.'0' > 1"),
            R"({ "data.k" : { "$not" : { "$type" : "array" } }, )"
            R"("data.k.0" : { "$gt" : 1.0, "$not" : { "$type" : "array" } } })");
  EXPECT_EQ(Filter("value.k = true"),
            R"({ "value" : { "$not" : { "$type" : "array" } }, )"
            R"("value.k" : { "$eq" : true, "$not" : { "$type" : "array" } } })");
  // What types say needs no guard.
  EXPECT_EQ(Filter("inner.text = 'x'"), R"({ "inner.text" : { "$eq" : "x" } })");
  EXPECT_EQ(Filter("labels.k = 'x'"), R"({ "labels.k" : { "$eq" : "x" } })");
}

TEST(MongodbPredicates, KeysAreNamesAndNoOperators) {
  EXPECT_EQ(Filter("labels.'$where' = 'x'"), R"({ "labels.%24where" : { "$eq" : "x" } })");
  EXPECT_EQ(Filter("labels.'a.b' = 'x'"), R"({ "labels.a%2Eb" : { "$eq" : "x" } })");
  EXPECT_EQ(Filter("labels : ''"), R"({ "labels.%" : { "$exists" : true } })");
  EXPECT_EQ(Filter("by_number : -5"), R"({ "by_number.-5" : { "$exists" : true } })");
}

TEST(MongodbPredicates, WhatIsNullInAListIsNotNullItself) {
  EXPECT_EQ(Filter("data : 'k'"),
            R"({ "$or" : [ { "data.k" : { "$ne" : null } }, )"
            R"({ "data.k" : { "$type" : "array" } } ] })");
}

TEST(MongodbPredicates, TextsAreNoPatterns) {
  EXPECT_EQ(Filter(Contains("a.b*^$|?+()[]{}\\%_/")),
            R"({ "_folded_name" : { "$regex" : "a\\.b\\*\\^\\$\\|\\?\\+\\(\\)\\[\\]\\{\\}\\\\%_/" } })");
  EXPECT_EQ(Filter(Contains("")), R"({ "_folded_name" : { "$type" : "string" } })");
  EXPECT_EQ(Filter(Contains(std::string("a\0b", 3))), R"({ "_id" : { "$in" : [  ] } })");
}

TEST(MongodbPredicates, ATextTooLongForAPatternIsLookedForAsBytes) {
  EXPECT_THAT(Filter(Contains(std::string(30000, 'a'))), HasSubstr("$regex"));
  EXPECT_THAT(Filter(Contains(std::string(15001, '.'))), HasSubstr("$indexOfBytes"));
  const std::string text = "$" + std::string(30000, 'a');
  EXPECT_EQ(Filter(Contains(text)),
            R"({ "$expr" : { "$gte" : [ { "$indexOfBytes" : [ { "$ifNull" : [ "$_folded_name", "" )"
            R"(] }, { "$literal" : ")" + text + R"(" } ] }, 0 ] } })");
}

TEST(MongodbPredicates, WhatNoTemplateMakesIsRefused) {
  Predicate odd = Bound("pages = 1", Book());
  odd.value = std::string("x");
  EXPECT_THAT(mongodb::FilterOf(odd).status(), HasReason("UNSUPPORTED_PREDICATE"));
  odd.value = std::monostate();
  EXPECT_THAT(mongodb::FilterOf(Predicate::Not(odd)).status(), HasReason("UNSUPPORTED_PREDICATE"));
  Predicate nested = Predicate::IsSet(Note().Find("tags"));
  nested.path.below = {"x"};
  EXPECT_THAT(mongodb::FilterOf(nested).status(), HasReason("UNSUPPORTED_PREDICATE"));
}

TEST(MongodbPredicates, APageIsEnteredByItsFirstKey) {
  const auto behind = [](std::string_view order_by, std::vector<Value> after) {
    return Json(mongodb::BehindOf(*query::ParseOrder(order_by, Author()), after));
  };
  EXPECT_EQ(behind("", {std::string("x")}), R"({ "_id" : { "$gt" : "x" } })");
  EXPECT_EQ(behind("id desc", {std::string("x")}), R"({ "_id" : { "$lt" : "x" } })");
  EXPECT_EQ(behind("name", {std::string("n"), std::string("x")}),
            R"({ "$and" : [ { "name" : { "$gte" : "n" } }, { "$or" : [ )"
            R"({ "name" : { "$gt" : "n" } }, )"
            R"({ "name" : { "$eq" : "n" }, "_id" : { "$gt" : "x" } } ] } ] })");
}

TEST(MongodbPredicates, NullsAreFirstAscendingAndLastDescending) {
  const auto behind = [](std::string_view order_by, std::vector<Value> after) {
    return Json(mongodb::BehindOf(*query::ParseOrder(order_by, Author()), after));
  };
  const Value id = std::string("x"), null;
  EXPECT_EQ(behind("born", {null, id}),
            R"({ "$or" : [ { "born" : { "$ne" : null } }, )"
            R"({ "born" : null, "_id" : { "$gt" : "x" } } ] })");
  EXPECT_EQ(behind("born desc", {null, id}),
            R"({ "$and" : [ { "born" : null }, { "born" : null, "_id" : { "$gt" : "x" } } ] })");
  EXPECT_EQ(behind("born desc", {int64_t{5}, id}),
            R"({ "$and" : [ { "born" : { "$not" : { "$gt" : 5 } } }, { "$or" : [ )"
            R"({ "born" : { "$not" : { "$gte" : 5 } } }, )"
            R"({ "born" : { "$eq" : 5 }, "_id" : { "$gt" : "x" } } ] } ] })");
}

TEST(MongodbPredicates, PartialIndexesHaveComparisonsOfColumnsOnly) {
  const auto partial = [](std::string_view text, const schema::Entity& entity) {
    const std::optional<mongodb::Bson> filter = mongodb::PartialFilterOf(Bound(text, entity));
    return filter ? Json(*filter) : "none";
  };
  EXPECT_EQ(partial("pages > 5", Book()), R"({ "pages" : { "$gt" : 5 } })");
  EXPECT_EQ(partial("kind = POEM AND pages > 5", Book()),
            R"({ "$and" : [ { "kind" : { "$eq" : "POEM" } }, { "pages" : { "$gt" : 5 } } ] })");
  EXPECT_EQ(partial("kind != POEM", Book()), "none");
  EXPECT_EQ(partial("inner.text = 'x'", Note()), "none");
  EXPECT_EQ(partial("tags : 'x'", Note()), "none");
  EXPECT_EQ(Json(*mongodb::PartialFilterOf(Predicate::IsSet(Author().Find("email")))),
            R"({ "email" : { "$exists" : true } })");
  EXPECT_FALSE(mongodb::PartialFilterOf(Predicate::Or(
      {Bound("pages = 1", Book()), Bound("pages = 2", Book())})).has_value());
}

TEST(MongodbPredicates, BothIsEither) {
  EXPECT_EQ(Json(mongodb::Both(mongodb::Bson(), mongodb::Bson())), "{ }");
  mongodb::Bson a, b;
  a.AddInt32("a", 1);
  b.AddInt32("b", 2);
  EXPECT_EQ(Json(mongodb::Both(mongodb::Bson::CopyOf(a.get()), mongodb::Bson())), R"({ "a" : 1 })");
  EXPECT_EQ(Json(mongodb::Both(std::move(a), std::move(b))),
            R"({ "$and" : [ { "a" : 1 }, { "b" : 2 } ] })");
}

}  // namespace
}  // namespace storegate::test
