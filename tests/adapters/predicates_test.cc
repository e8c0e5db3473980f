// Predicates: every type, every operator, into JSON with any key, and two-valued
// throughout; the same on each backend.
#include <algorithm>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/adapters/adapter_case.h"

namespace storegate::test {
namespace {

using query::Compare;
using query::Predicate;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PredicatesCase : public AdapterCase {
 protected:
  void Put(const schema::Entity& entity, const std::string& text) {
    const Status status = InsertText(*session_, entity, text);
    EXPECT_TRUE(status.ok()) << status.ToString() << " " << text;
  }
  // A note; the bytes of its key are its id.
  void PutNote(const std::string& id, const std::string& more) {
    Put(Note(), "id: '" + id + "' key: '" + id + "' " + more);
  }
  std::vector<std::string> Notes(std::string_view predicate) {
    return Where(*session_, Note(), predicate);
  }
  // Those of the notes where the predicate does not hold.
  std::vector<std::string> Others(std::string_view predicate) {
    Result<query::Template> parsed = query::Template::Parse(predicate, Note(), nullptr, nullptr);
    return Where(*session_, Note(), Predicate::Not(*parsed->Bind(nullptr)));
  }
  // The predicate holds for those and no other, and its NOT for all the rest.
  void Expect(std::string_view predicate, const std::vector<std::string>& ids) {
    EXPECT_EQ(Notes(predicate), ids) << predicate;
    std::vector<std::string> rest;
    for (const std::string& id : Where(*session_, Note(), Predicate::True())) {
      if (std::ranges::find(ids, id) == ids.end()) rest.push_back(id);
    }
    EXPECT_EQ(Others(predicate), rest) << "NOT " << predicate;
  }

  std::unique_ptr<repository::Session> session_ = Writer(*backend_);
};
STOREGATE_ADAPTERS(PredicatesCase);

TEST_P(PredicatesCase, AnUnsetFieldComparesFalseAndItsNotTrue) {
  PutNote("a", "weight: 1.5");
  PutNote("b", "weight: 2");
  PutNote("c", "");
  Expect("weight = 1.5", {"a"});
  Expect("weight != 1.5", {"b", "c"});
  Expect("weight < 2", {"a"});
  Expect("weight <= 2", {"a", "b"});
  Expect("weight > 1.5", {"b"});
  Expect("weight >= 1.5", {"a", "b"});
  const schema::Field* weight = Note().Find("weight");
  EXPECT_THAT(Where(*session_, Note(), Predicate::IsSet(weight)), ElementsAre("a", "b"));
  EXPECT_THAT(Where(*session_, Note(), Predicate::Not(Predicate::IsSet(weight))),
              ElementsAre("c"));
  const Predicate in = Predicate::In(weight, {1.5, 3.0});
  EXPECT_THAT(Where(*session_, Note(), in), ElementsAre("a"));
  EXPECT_THAT(Where(*session_, Note(), Predicate::Not(in)), ElementsAre("b", "c"));
}

TEST_P(PredicatesCase, ListsHaveElementsOfEveryType) {
  PutNote("a",
          "tags: 'x' tags: 'it\\'s' numbers: 9007199254740993 numbers: -1 weights: 0.1 "
          "weights: inf blobs: '\\377\\000' kinds: POEM times { seconds: -1 nanos: 5000000 } "
          "flags: false ratios: 0.1 durations { seconds: 1 nanos: 500000000 }");
  PutNote("b", "tags: 'X' numbers: 9007199254740992 weights: 0.30000000000000004 flags: true");
  PutNote("c", "");
  Expect("tags : 'x'", {"a"});
  Expect("tags : \"it's\"", {"a"});
  Expect("tags : '%'", {});
  Expect("numbers : 9007199254740993", {"a"});
  Expect("numbers : 9007199254740992", {"b"});
  Expect("weights : 0.1", {"a"});
  Expect("weights : 0.30000000000000004", {"b"});
  Expect("weights : 0.3", {});
  Expect("blobs : '/wA='", {"a"});
  Expect("kinds : POEM", {"a"});
  Expect("kinds : NOVEL", {});
  Expect("times : '1969-12-31T23:59:59.005Z'", {"a"});
  Expect("flags : false", {"a"});
  Expect("flags : true", {"b"});
  Expect("ratios : 0.1", {"a"});
  Expect("durations : 1.5s", {"a"});
  Predicate has = *query::Template::Parse("weights : 1", Note(), nullptr, nullptr)->Bind(nullptr);
  has.values = {-1.0, std::numeric_limits<double>::infinity()};
  EXPECT_THAT(Where(*session_, Note(), has), ElementsAre("a"));
  EXPECT_THAT(Where(*session_, Note(), Predicate::IsSet(Note().Find("tags"))),
              ElementsAre("a", "b"));
}

TEST_P(PredicatesCase, DoublesInJsonAreEqualToThemselves) {
  const std::vector<double> values = {0.1,     1.0 / 3,  1e23,     5e-324, 1.7976931348623157e308,
                                      2.5e-10, 123456.7, 9007199254740993.0, -0.0, 1e21, 4.35,
                                      0.000001, 8.41e21, 2.2250738585072011e-308};
  for (size_t i = 0; i < values.size(); ++i) {
    auto record = Record(Note(), "id: 'x" + std::to_string(i) + "' key: 'x" + std::to_string(i) +
                                     "'");
    record->GetReflection()->AddDouble(record.get(), Note().Find("weights")->descriptor,
                                       values[i]);
    ASSERT_TRUE(Apply(*session_, {Insert(*record)}).ok());
  }
  Predicate has = *query::Template::Parse("weights : 1", Note(), nullptr, nullptr)->Bind(nullptr);
  for (size_t i = 0; i < values.size(); ++i) {
    has.values = {values[i] + 0.0};
    EXPECT_THAT(Where(*session_, Note(), has), ElementsAre("x" + std::to_string(i))) << values[i];
  }
}

TEST_P(PredicatesCase, MapsHaveKeysOfAnyText) {
  const std::vector<std::string> keys = {"plain", "it's", "a\"b", "a.b", "$", "", "a\\b", "é", "/",
                                         "a b",   "[0]",  "%",    "\n",  "0"};
  int i = 0;
  for (const std::string& key : keys) {
    const std::string id = "k" + std::to_string(100 + i++);
    auto record = Record(Note(), "id: '" + id + "' key: '" + id + "' labels { value: 'v' }");
    auto* map = record->GetReflection()->MutableRepeatedMessage(
        record.get(), Note().Find("labels")->descriptor, 0);
    map->GetReflection()->SetString(map, map->GetDescriptor()->map_key(), key);
    ASSERT_TRUE(Apply(*session_, {Insert(*record)}).ok());
  }
  for (size_t k = 0; k < keys.size(); ++k) {
    const std::string id = "k" + std::to_string(100 + k);
    Predicate has;
    has.kind = Predicate::Kind::kHas;
    has.path = {Note().Find("labels"), {}, schema::Type::kString, schema::Presence::kMap};
    has.values = {keys[k]};
    EXPECT_THAT(Where(*session_, Note(), has), ElementsAre(id)) << keys[k];

    Predicate compare;
    compare.kind = Predicate::Kind::kCompare;
    compare.path = {Note().Find("labels"), {keys[k]}, schema::Type::kString,
                    schema::Presence::kOptional};
    compare.value = std::string("v");
    EXPECT_THAT(Where(*session_, Note(), compare), ElementsAre(id)) << keys[k];
    compare.op = Compare::kNe;
    EXPECT_EQ(Where(*session_, Note(), compare).size(), keys.size() - 1) << keys[k];
    compare.op = Compare::kGt;
    EXPECT_THAT(Where(*session_, Note(), compare), IsEmpty()) << keys[k];
  }
}

TEST_P(PredicatesCase, MapsOfNumbersHaveNumbersAsKeys) {
  PutNote("a", "by_number { key: -5 value: 'x' }");
  PutNote("b", "by_number { key: 5 value: 'y' }");
  Expect("by_number : -5", {"a"});
  Expect("by_number.'5' = 'y'", {"b"});
}

TEST_P(PredicatesCase, MessagesAreComparedInside) {
  PutNote("a",
          "inner { text: 'x' weight: 0.1 time { seconds: 100 } took { nanos: 1000 } data: '\\001' "
          "words: 'w' counts { key: 'one.two' value: 7 } ratio: 0.1 kind: NOVEL flag: false }");
  PutNote("b", "inner { weight: -inf flag: true }");
  PutNote("c", "");
  Expect("inner.text = 'x'", {"a"});
  Expect("inner.text = ''", {"b"});
  Expect("inner.weight = 0.1", {"a"});
  Expect("inner.weight < 0", {"b"});
  Expect("inner.weight > -5", {"a"});
  Expect("inner.time >= '1970-01-01T00:01:40Z'", {"a"});
  Expect("inner.time > '1970-01-01T00:01:40Z'", {});
  Expect("inner.took = 0.000001s", {"a"});
  Expect("inner.data = 'AQ=='", {"a"});
  Expect("inner.words : 'w'", {"a"});
  Expect("inner.counts : 'one.two'", {"a"});
  Expect("inner.counts.'one.two' = 7", {"a"});
  Expect("inner.counts.'one.two' > 7", {});
  Expect("inner.ratio = 0.1", {"a"});
  Expect("inner.kind = NOVEL", {"a"});
  Expect("inner.flag = true", {"b"});
  Expect("inner.flag != true", {"a", "c"});
}

TEST_P(PredicatesCase, StructsCompareWithLiteralsOfTheirOwnType) {
  const auto data = [](const std::string& key, const std::string& value) {
    return "data { fields { key: '" + key + "' value { " + value + " } } }";
  };
  PutNote("bool", data("k", "bool_value: true"));
  PutNote("list", data("k", "list_value { values { string_value: 'x' } values { number_value: 1 } }"));
  PutNote("none", "");
  PutNote("null", data("k", "null_value: NULL_VALUE"));
  PutNote("number", data("k", "number_value: 1"));
  PutNote("struct", data("k", "struct_value { fields { key: 'a.\"b' value { number_value: 5 } } }"));
  PutNote("text", data("k", "string_value: '1'"));
  PutNote("truth", data("k", "string_value: 'true'"));
  Expect("data.k = 1", {"number"});
  Expect("data.k = '1'", {"text"});
  Expect("data.k = true", {"bool"});
  Expect("data.k = 'true'", {"truth"});
  Expect("data.k = false", {});
  Expect("data.k > 0", {"number"});
  Expect("data.k < 'u'", {"text", "truth"});
  Expect("data.k != 1", {"bool", "list", "none", "null", "struct", "text", "truth"});
  Expect("data : 'k'", {"bool", "list", "number", "struct", "text", "truth"});
  Expect("data.k.'a.\\\"b' = 5", {"struct"});
  Expect("data.k.'a.\\\"b'.deeper.'' = 5", {});
  Expect("data.k : 'a.\\\"b'", {"struct"});
  Predicate in = *query::Template::Parse("data.k = 1", Note(), nullptr, nullptr)->Bind(nullptr);
  in.kind = Predicate::Kind::kIn;
  in.values = {1.0, std::string("true"), true};
  EXPECT_THAT(Where(*session_, Note(), in), ElementsAre("bool", "number", "truth"));
}

TEST_P(PredicatesCase, WildcardsMatchTheEndsOfTexts) {
  const auto note = [&](const std::string& id, const std::string& text) {
    PutNote(id, "inner { text: '" + text + "' } labels { key: 'k.1' value: '" + text +
                    "' } data { fields { key: 'a' value { string_value: '" + text + "' } } }");
  };
  note("a", "Red Wine");
  note("b", "red wine");
  note("c", "Wine, Red\\n");
  note("d", "R\\303\\251d.*Wine");
  PutNote("e", "data { fields { key: 'a' value { list_value { values { string_value: 'Red' } } } } }");
  PutNote("f", "data { fields { key: 'a' value { number_value: 5 } } }");
  for (const std::string path : {"inner.text", "labels.'k.1'", "data.a"}) {
    Expect(path + " = 'Red*'", {"a"});
    Expect(path + " = '*Wine'", {"a", "d"});
    Expect(path + " = '*Red'", {});
    Expect(path + " = '*Red\\n'", {"c"});
    Expect(path + " = '*Wine*'", {"a", "c", "d"});
    Expect(path + " = '*.\\**'", {"d"});
    Expect(path + " = 'R\u00e9*'", {"d"});
    Expect(path + " = '*\u00e9d.\\*Wine'", {"d"});
    Expect(path + " = '*'", {"a", "b", "c", "d"});
  }
}

TEST_P(PredicatesCase, AValueFieldIsComparedAsWhatItHolds) {
  PutNote("a", "value { string_value: 'x' }");
  PutNote("b", "value { number_value: 2 }");
  PutNote("c", "value { struct_value { fields { key: 'k' value { bool_value: true } } } }");
  PutNote("d", "");
  Expect("value = 'x'", {"a"});
  Expect("value = 2", {"b"});
  Expect("value > 1", {"b"});
  Expect("value.k = true", {"c"});
  Expect("value : 'k'", {"c"});
}

TEST_P(PredicatesCase, NoPathLooksIntoLists) {
  const auto data = [](const std::string& value) {
    return "data { fields { key: 'k' value { " + value + " } } }";
  };
  PutNote("list", data("list_value { values { number_value: 1 } values { string_value: 'x' } }"));
  PutNote("lists", data("list_value { values { list_value { values { number_value: 1 } } } }"));
  PutNote("named", data("struct_value { fields { key: '0' value { number_value: 1 } } }"));
  PutNote("nulls", data("list_value { values { null_value: NULL_VALUE } }"));
  PutNote("number", data("number_value: 1"));
  PutNote("records", data("list_value { values { struct_value { fields { key: 'a' value { "
                          "number_value: 1 } } fields { key: '0' value { number_value: 1 } } } } }"));
  PutNote("record", data("struct_value { fields { key: 'a' value { number_value: 1 } } }"));
  Expect("data.k = 1", {"number"});
  Expect("data.k = 'x'", {});
  Expect("data.k >= 1", {"number"});
  Expect("data.k.'0' = 1", {"named"});
  Expect("data.k.a = 1", {"record"});
  Expect("data.k.a >= 1", {"record"});
  Expect("data.k : 'a'", {"record"});
  Expect("data.k : '0'", {"named"});
  Expect("data.k.'0'.a = 1", {});
  Expect("data : 'k'", {"list", "lists", "named", "nulls", "number", "record", "records"});
  Predicate in = *query::Template::Parse("data.k = 1", Note(), nullptr, nullptr)->Bind(nullptr);
  in.kind = Predicate::Kind::kIn;
  in.values = {1.0, std::string("x")};
  EXPECT_THAT(Where(*session_, Note(), in), ElementsAre("number"));
}

TEST_P(PredicatesCase, AValueFieldThatIsAListIsNoneOfItsElements) {
  PutNote("list", "value { list_value { values { string_value: 'x' } values { number_value: 2 } } }");
  PutNote("lists", "value { list_value { values { list_value { values { number_value: 2 } } } } }");
  PutNote("none", "");
  PutNote("null", "value { null_value: NULL_VALUE }");
  PutNote("nulls", "value { list_value { values { null_value: NULL_VALUE } } }");
  PutNote("records", "value { list_value { values { struct_value { fields { key: 'k' value { "
                     "number_value: 2 } } } } } }");
  Expect("value = 'x'", {});
  Expect("value >= 0", {});
  Expect("value.'0' = 'x'", {});
  Expect("value.k = 2", {});
  Expect("value : 'k'", {});
  EXPECT_THAT(Where(*session_, Note(), Predicate::IsSet(Note().Find("value"))),
              ElementsAre("list", "lists", "null", "nulls", "records"));
}

TEST_P(PredicatesCase, TruthIsNoNumber) {
  PutNote("false", "data { fields { key: 'k' value { bool_value: false } } }");
  PutNote("true", "data { fields { key: 'k' value { bool_value: true } } }");
  PutNote("0", "data { fields { key: 'k' value { number_value: 0 } } }");
  PutNote("1", "data { fields { key: 'k' value { number_value: 1 } } }");
  Expect("data.k = true", {"true"});
  Expect("data.k = 1", {"1"});
  Expect("data.k < 1", {"0"});
  Expect("data.k = false", {"false"});
}

TEST_P(PredicatesCase, WhatIsEmptyIsNotSetButAnEmptyMessageIs) {
  PutNote("a", "tags: '' labels { value: '' } inner { words: '' counts { value: 0 } }");
  PutNote("b", "inner { }");
  PutNote("c", "data { }");
  const auto set = [&](const schema::Field* field, std::vector<std::string> below,
                       schema::Type type, schema::Presence presence) {
    Predicate predicate = Predicate::IsSet(field);
    predicate.path.below = std::move(below);
    predicate.path.type = type;
    predicate.path.presence = presence;
    return Where(*session_, Note(), predicate);
  };
  using schema::Presence;
  using schema::Type;
  const schema::Field* inner = Note().Find("inner");
  EXPECT_THAT(Where(*session_, Note(), Predicate::IsSet(Note().Find("tags"))), ElementsAre("a"));
  EXPECT_THAT(Where(*session_, Note(), Predicate::IsSet(Note().Find("labels"))), ElementsAre("a"));
  EXPECT_THAT(Where(*session_, Note(), Predicate::IsSet(inner)), ElementsAre("a", "b"));
  EXPECT_THAT(Where(*session_, Note(), Predicate::IsSet(Note().Find("data"))), ElementsAre("c"));
  EXPECT_THAT(set(inner, {"words"}, Type::kString, Presence::kRepeated), ElementsAre("a"));
  EXPECT_THAT(set(inner, {"counts"}, Type::kInt64, Presence::kMap), ElementsAre("a"));
  EXPECT_THAT(set(inner, {"text"}, Type::kString, Presence::kPlain), ElementsAre("a", "b"));
  EXPECT_THAT(set(inner, {"flag"}, Type::kBool, Presence::kOptional), IsEmpty());
}

TEST_P(PredicatesCase, SearchTakesNothingForAPattern) {
  const char* names[] = {"100% Wolle", "Straße_1", "ANGEBOT*", "plain"};
  for (int i = 0; i < 4; ++i) {
    Put(Author(), "id: '" + std::to_string(i) + "' slug: '" + std::to_string(i) + "' name: '" +
                      names[i] + "'");
  }
  const auto contains = [&](const std::string& folded) {
    Predicate predicate;
    predicate.kind = Predicate::Kind::kContains;
    predicate.path.field = Author().Find("name");
    predicate.value = folded;
    return Where(*session_, Author(), predicate);
  };
  EXPECT_THAT(contains("%"), ElementsAre("0"));
  EXPECT_THAT(contains("_"), ElementsAre("1"));
  EXPECT_THAT(contains("*"), ElementsAre("2"));
  EXPECT_THAT(contains("strasse"), ElementsAre("1"));
  EXPECT_THAT(contains("angebot"), ElementsAre("2"));
  EXPECT_THAT(contains("'"), IsEmpty());
  EXPECT_THAT(contains(""), ElementsAre("0", "1", "2", "3"));
  EXPECT_THAT(contains(std::string(40000, '.')), IsEmpty());
  const std::string dots(20000, '.'), dollars = "$" + std::string(31000, 'x');
  Put(Author(), "id: '4' slug: '4' name: 'a" + dots + "'");
  Put(Author(), "id: '5' slug: '5' name: '" + dollars + "'");
  EXPECT_THAT(contains(dots), ElementsAre("4"));
  EXPECT_THAT(contains(dollars), ElementsAre("5"));
}

}  // namespace
}  // namespace storegate::test
