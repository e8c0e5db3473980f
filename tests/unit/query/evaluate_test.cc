#include "server/query/evaluate.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "server/base/text.h"
#include "tests/unit/query/test_schema.h"

namespace storegate::query {
namespace {

Predicate Tree(std::string_view text) {
  Result<Template> parsed = Template::Parse(text, Book(), nullptr, nullptr);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status().ToString();
  return parsed.ok() ? *parsed->Bind(nullptr) : Predicate();
}

bool Holds(std::string_view text, const std::string& json) {
  const auto book = MakeBook(json);
  const Predicate tree = Tree(text);
  const bool holds = Matches(tree, *book);
  // Two-valued: NOT is the complement, whatever is unset.
  EXPECT_EQ(Matches(Predicate::Not(tree), *book), !holds) << text;
  return holds;
}

TEST(EvaluateTest, ComparesEveryType) {
  const std::string book = R"({
    "flag": true, "i32": -5, "i64": "9007199254740993", "u32": 5, "f32": 0.1, "f64": 2.5,
    "text": "é", "blob": "+/8=", "color": "VERDANT", "time": "2026-01-31T23:59:59.123Z",
    "span": "1.5s", "wrapped": "7", "choiceNumber": 3})";
  for (const char* text :
       {"flag = true", "flag != false", "i32 = -5", "i32 < 0", "i32 <= -5", "i32 >= -5", "i32 > -6",
        "i64 = 9007199254740993", "i64 != 9007199254740992", "u32 > 4", "f32 = 0.1", "f64 = 2.5",
        "f64 > 2", "text = 'é'", "text > 'z'", "text : 'é'", "blob = '+/8'", "blob != ''",
        "color = GREEN", "color = VERDANT", "color != RED", "time = '2026-01-31T23:59:59.123Z'",
        "time < '2026-02-01T00:00:00Z'", "span = 1.5s", "span > 1s", "wrapped >= 7",
        "choice_number = 3", "choice_text != ''"}) {
    EXPECT_TRUE(Holds(text, book)) << text;
  }
  for (const char* text : {"flag = false", "i32 > -5", "text = 'e'", "text = 'É'", "color = RED",
                           "choice_text = ''", "wrapped = 8"}) {
    EXPECT_FALSE(Holds(text, book)) << text;
  }
}

TEST(EvaluateTest, WildcardsMatchExactly) {
  const std::string book = R"({
    "text": "Red Wine", "optText": "x\u00e9*y", "inner": {"title": "abc"}, "labels": {"k": "v1"},
    "extra": {"a": "text", "n": 5, "l": ["text"]}})";
  for (const char* text :
       {"text = 'Red*'", "text = '*Wine'", "text = '*d W*'", "text = '*'", "text = '*Red Wine'",
        "text = 'Red Wine*'", "opt_text = 'x\u00e9*'", "opt_text = '*\\*y'", "text != 'red*'",
        "text != '*wine'", "text != '*D W*'", "inner.title = '*c'", "labels.k = 'v*'",
        "extra.a = '*ex*'", "extra.n != '*5*'", "extra.l != '*text'", "opt_text = '*\u00e9*'",
        "choice_text != '*'"}) {
    EXPECT_TRUE(Holds(text, book)) << text;
  }
  for (const char* text : {"text = 'ed*'", "text = '*Win'", "opt_text = 'xe*'", "choice_text = '*'",
                           "extra.n = '*'", "extra.missing = '*x'"}) {
    EXPECT_FALSE(Holds(text, book)) << text;
  }
}

TEST(EvaluateTest, AndOrNotInAndPresence) {
  const std::string book = R"({"i32": 5, "text": "x", "tags": ["a"], "extra": {"n": null, "z": 0},
                               "inner": {}})";
  for (const char* text :
       {"i32 = 1 OR i32 = 5", "i32 = 1 AND i32 = 2 OR NOT text = 'x' OR i32 = 1 OR i32 != 9",
        "NOT (i32 = 5 AND text = 'y')", "i32 IN (1, 5)", "NOT i32 IN (1, 2)", "tags : *",
        "NOT numbers : *", "extra : *", "extra.z : *", "NOT extra.n : *", "inner : *",
        "NOT inner.inner : *", "NOT opt_text : *", "text : *", "inner.title : *",
        "NOT inner.count : *", "extra.z IN ('x', 0)", "NOT (NOT i32 = 5)"}) {
    // The second is false: OR binds more tightly.
    if (std::string_view(text).starts_with("i32 = 1 AND")) {
      EXPECT_FALSE(Holds(text, book)) << text;
    } else {
      EXPECT_TRUE(Holds(text, book)) << text;
    }
  }
}

TEST(EvaluateTest, ComparisonWithUnsetIsFalse) {
  for (const char* text :
       {"opt_i64 = 0", "opt_i64 < 5", "opt_i64 >= -5", "opt_text = ''", "opt_flag = false",
        "time > '0001-01-01T00:00:00Z'", "wrapped = 0", "extra.a = 'x'", "labels.a = ''",
        "inner.title = ''", "inner.count = 0", "tags : ''", "any = false", "labels : 'a'"}) {
    EXPECT_FALSE(Holds(text, "{}")) << text;
  }
  for (const char* text : {"opt_i64 != 0", "opt_text != ''", "inner.title != 'x'", "i32 = 0",
                           "text = ''", "color = COLOR_UNSPECIFIED", "flag = false"}) {
    EXPECT_TRUE(Holds(text, "{}")) << text;
  }
}

TEST(EvaluateTest, ReachesIntoMessages) {
  const std::string book = R"({"inner": {"inner": {"title": "deep", "sizes": {"a": 5}},
                                         "tags": ["x"], "took": "2s", "wrapped": ""}})";
  EXPECT_TRUE(Holds("inner.inner.title = 'deep'", book));
  EXPECT_TRUE(Holds("inner.inner.sizes.a = 5", book));
  EXPECT_TRUE(Holds("inner.inner.sizes : 'a'", book));
  EXPECT_TRUE(Holds("inner.tags : 'x'", book));
  EXPECT_TRUE(Holds("inner.took = 2s", book));
  EXPECT_TRUE(Holds("inner.wrapped = ''", book));
  EXPECT_TRUE(Holds("inner.title = ''", book));  // there, because inner is
  EXPECT_TRUE(Holds("inner.color = COLOR_UNSPECIFIED", book));
  EXPECT_FALSE(Holds("inner.count = 0", book));
  EXPECT_FALSE(Holds("inner.inner.inner.title = ''", book));
}

TEST(EvaluateTest, ReachesIntoMaps) {
  const std::string book = R"({"labels": {"a": "x", "b c": "", "": "empty"},
                               "byNumber": {"-5": "five"}, "byFlag": {"true": {"count": 3}},
                               "colorOf": {"k": "GREEN"}})";
  EXPECT_TRUE(Holds("labels.a = 'x'", book));
  EXPECT_TRUE(Holds("labels.'b c' = ''", book));
  EXPECT_TRUE(Holds("labels.'' = 'empty'", book));
  EXPECT_TRUE(Holds("labels : 'b c'", book));
  EXPECT_FALSE(Holds("labels : 'B C'", book));
  EXPECT_FALSE(Holds("labels.b = ''", book));
  EXPECT_TRUE(Holds("by_number.'-5' = 'five'", book));
  EXPECT_TRUE(Holds("by_number : -5", book));
  EXPECT_FALSE(Holds("by_number : 5", book));
  EXPECT_TRUE(Holds("by_flag.true.count > 2", book));
  EXPECT_TRUE(Holds("by_flag : true", book));
  EXPECT_FALSE(Holds("by_flag : false", book));
  EXPECT_TRUE(Holds("color_of.k = VERDANT", book));
}

TEST(EvaluateTest, StructValuesCompareWithTheirOwnTypeOnly) {
  const std::string book = R"({"extra": {"s": "5", "n": 5, "t": true, "z": null, "e": "",
                                         "l": [], "o": {"in": "x"}},
                               "any": {"k": 1}, "extraOf": {"m": {"a": "x"}}})";
  EXPECT_TRUE(Holds("extra.s = '5'", book));
  EXPECT_FALSE(Holds("extra.s = 5", book));
  EXPECT_FALSE(Holds("extra.s > 1", book));
  EXPECT_TRUE(Holds("extra.n = 5", book));
  EXPECT_TRUE(Holds("extra.n >= 4.5", book));
  EXPECT_FALSE(Holds("extra.n = '5'", book));
  EXPECT_FALSE(Holds("extra.n = true", book));
  EXPECT_TRUE(Holds("extra.n != '5'", book));
  EXPECT_TRUE(Holds("extra.t = true", book));
  EXPECT_FALSE(Holds("extra.t = 'true'", book));
  EXPECT_FALSE(Holds("extra.t = 1", book));
  EXPECT_FALSE(Holds("extra.z = ''", book));
  EXPECT_TRUE(Holds("extra.e = ''", book));
  EXPECT_FALSE(Holds("extra.l = ''", book));
  EXPECT_TRUE(Holds("extra.o.in = 'x'", book));
  EXPECT_FALSE(Holds("extra.s.in = 'x'", book));
  EXPECT_TRUE(Holds("extra : 's'", book));
  EXPECT_TRUE(Holds("extra : 'l'", book));  // there, though empty
  EXPECT_FALSE(Holds("extra : 'z'", book));
  EXPECT_FALSE(Holds("extra : 'none'", book));
  EXPECT_TRUE(Holds("extra.o : 'in'", book));
  EXPECT_TRUE(Holds("any.k = 1", book));
  EXPECT_FALSE(Holds("any = 1", book));
  EXPECT_TRUE(Holds("any = 1", R"({"any": 1})"));
  EXPECT_TRUE(Holds("extra_of.m.a = 'x'", book));
}

TEST(EvaluateTest, ListsHaveTheirElements) {
  const std::string book = R"({"tags": ["a", "b"], "numbers": [0], "colors": ["GREEN"]})";
  EXPECT_TRUE(Holds("tags : 'b'", book));
  EXPECT_FALSE(Holds("tags : 'c'", book));
  EXPECT_TRUE(Holds("numbers : 0", book));
  EXPECT_TRUE(Holds("colors : VERDANT", book));
  EXPECT_TRUE(Holds("tags : 'a' AND tags : 'b'", book));
}

TEST(EvaluateTest, IsSetKnowsNullsEmptyListsAndZeros) {
  const auto is_set = [](const std::string& field, const std::string& json) {
    return Matches(Predicate::IsSet(Book().Find(field)), *MakeBook(json));
  };
  EXPECT_TRUE(is_set("i32", "{}"));
  EXPECT_FALSE(is_set("opt_i64", "{}"));
  EXPECT_TRUE(is_set("opt_i64", R"({"optI64": 0})"));
  EXPECT_FALSE(is_set("tags", "{}"));
  EXPECT_TRUE(is_set("tags", R"({"tags": [""]})"));
  EXPECT_FALSE(is_set("labels", "{}"));
  EXPECT_FALSE(is_set("inner", "{}"));
  EXPECT_TRUE(is_set("inner", R"({"inner": {}})"));
  EXPECT_TRUE(is_set("extra", R"({"extra": {}})"));
  EXPECT_TRUE(is_set("any", R"({"any": null})"));
  EXPECT_FALSE(is_set("any", "{}"));
  EXPECT_TRUE(is_set("any", R"({"any": []})"));
}

TEST(EvaluateTest, ContainsLooksAtFoldedTextsAndKnowsNoPattern) {
  const auto contains = [](const std::string& part, const std::string& text) {
    const auto note = Make("Note", "{}");
    const auto* body = note->GetDescriptor()->FindFieldByName("body");
    note->GetReflection()->SetString(note.get(), body, text);
    Predicate predicate;
    predicate.kind = Predicate::Kind::kContains;
    predicate.path.field = Note().Find("body");
    predicate.path.type = schema::Type::kString;
    predicate.value = FoldCase(part);
    // The entity's own message: paths are followed by its descriptors.
    std::unique_ptr<google::protobuf::Message> record(Note().prototype->New());
    record->ParseFromString(note->SerializeAsString());
    return Matches(predicate, *record);
  };
  EXPECT_TRUE(contains("STRASSE", "Lange Straße 5"));
  EXPECT_TRUE(contains("É", "caf\u0065\u0301"));
  EXPECT_FALSE(contains("e", "é"));
  EXPECT_TRUE(contains("", ""));
  EXPECT_FALSE(contains("%", "100"));
  EXPECT_TRUE(contains("%", "100%"));
  EXPECT_FALSE(contains("a_c", "abc"));
}

TEST(EvaluateTest, NullsComeFirstAscendingAndLastDescending) {
  const std::vector<std::string> jsons = {
      R"({"id": "1", "optI64": 5})", R"({"id": "2"})", R"({"id": "3", "optI64": -5})",
      R"({"id": "4", "optI64": 5})", R"({"id": "5"})"};
  const auto sorted = [&](const char* order_by) {
    const Result<Order> order = ParseOrder(order_by, Book());
    std::vector<std::unique_ptr<google::protobuf::Message>> books;
    for (const auto& json : jsons) books.push_back(MakeBook(json));
    std::reverse(books.begin(), books.end());
    std::sort(books.begin(), books.end(), [&](const auto& a, const auto& b) {
      return CompareRecords(*order, *a, *b) < 0;
    });
    std::string ids;
    for (const auto& book : books) {
      ids += std::get<std::string>(*ReadValue(*book, Book().id->descriptor));
    }
    return ids;
  };
  EXPECT_EQ(sorted("opt_i64"), "25314");
  EXPECT_EQ(sorted("opt_i64 desc"), "14325");
  EXPECT_EQ(sorted("opt_i64 desc, id desc"), "41352");
  EXPECT_EQ(sorted("id desc"), "54321");
}

TEST(EvaluateTest, TextsSortByCodePointAndEnumsByName) {
  const auto compare = [](const char* order_by, const char* a, const char* b) {
    return CompareRecords(*ParseOrder(order_by, Book()), *MakeBook(a), *MakeBook(b));
  };
  EXPECT_LT(compare("text", R"({"text": "Z"})", R"({"text": "a"})"), 0);
  EXPECT_LT(compare("text", R"({"text": "z"})", R"({"text": "é"})"), 0);
  // U+FF5E before U+1F600, though its UTF-16 is behind.
  EXPECT_LT(compare("text", R"({"text": "～"})", R"({"text": "😀"})"), 0);
  EXPECT_LT(compare("text", R"({"text": "a"})", R"({"text": "a "})"), 0);
  EXPECT_LT(compare("color", R"({"color": "GREEN"})", R"({"color": "RED"})"), 0);
  EXPECT_LT(compare("f64", R"({"f64": "-Infinity"})", R"({"f64": -1e300})"), 0);
  EXPECT_LT(compare("flag", "{}", R"({"flag": true})"), 0);
  EXPECT_EQ(compare("text", "{}", "{}"), 0);
}

}  // namespace
}  // namespace storegate::query
