// Typing: which comparisons a schema allows, and what their literals become.
#include "server/query/predicate.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tests/unit/query/test_schema.h"

namespace storegate::query {
namespace {

Result<Template> Parse(std::string_view text) {
  return Template::Parse(text, Book(), Values(), nullptr);
}

// The tree of a text without $.
Predicate Tree(std::string_view text) {
  Result<Template> parsed = Parse(text);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status().ToString();
  if (!parsed.ok()) return {};
  Result<Predicate> bound = parsed->Bind(nullptr);
  EXPECT_TRUE(bound.ok()) << text;
  return bound.ok() ? *std::move(bound) : Predicate();
}

Value Literal(std::string_view text) { return Tree(text).value; }

std::string Error(std::string_view text) {
  const Result<Template> parsed = Parse(text);
  if (parsed.ok()) return "none";
  EXPECT_EQ(parsed.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(parsed.status().reason(), "INVALID_FILTER");
  EXPECT_EQ(parsed.status().metadata().count("position"), 1u);
  return parsed.status().message();
}

TEST(TemplateTest, LiteralsTakeTheFormOfTheirColumn) {
  EXPECT_EQ(Literal("flag = true"), Value(true));
  EXPECT_EQ(Literal("flag = false"), Value(false));
  EXPECT_EQ(Literal("i32 = -2147483648"), Value(int64_t{INT32_MIN}));
  EXPECT_EQ(Literal("i64 = 9223372036854775807"), Value(INT64_MAX));
  EXPECT_EQ(Literal("u32 = 4294967295"), Value(int64_t{UINT32_MAX}));
  EXPECT_EQ(Literal("f64 = 5"), Value(5.0));
  EXPECT_EQ(Literal("f64 = -2.5e-3"), Value(-0.0025));
  EXPECT_EQ(Literal("f32 = 0.1"), Value(static_cast<double>(0.1f)));
  EXPECT_EQ(Literal("text = 'x'"), Value(std::string("x")));
  EXPECT_EQ(Literal("text = '\\*'"), Value(std::string("*")));
  EXPECT_EQ(Literal("blob = '+/8='"), Value(Bytes{"\xFB\xFF"}));
  EXPECT_EQ(Literal("color = RED"), Value(std::string("RED")));
  EXPECT_EQ(Literal("color = \"RED\""), Value(std::string("RED")));
  EXPECT_EQ(Literal("color = VERDANT"), Value(std::string("GREEN")));  // the stored name
  EXPECT_EQ(Literal("time = '1970-01-01T00:00:01+00:00'"), Value(int64_t{1000}));
  EXPECT_EQ(Literal("span = 1.5s"), Value(int64_t{1500000}));
  EXPECT_EQ(Literal("span = '-0.000001s'"), Value(int64_t{-1}));
  EXPECT_EQ(Literal("wrapped = 7"), Value(int64_t{7}));
  EXPECT_EQ(Literal("uuid = 'Not-One'"), Value(std::string("Not-One")));
  EXPECT_EQ(Literal("choice_number = 7"), Value(int64_t{7}));
}

TEST(TemplateTest, NegativeZeroIsZero) {
  EXPECT_FALSE(std::signbit(std::get<double>(Literal("f64 = -0.0"))));
  EXPECT_FALSE(std::signbit(std::get<double>(Literal("extra.a = -0.0"))));
  EXPECT_EQ(Literal("i32 = -0"), Value(int64_t{0}));
}

TEST(TemplateTest, LowerCaseFieldsLowerTheirLiterals) {
  EXPECT_EQ(Literal("email = 'ÀB@X'"), Value(std::string("àb@x")));
  EXPECT_EQ(Literal("text = 'AB'"), Value(std::string("AB")));
}

TEST(TemplateTest, PathsReachIntoMessagesMapsAndStructs) {
  Predicate tree = Tree("inner.inner.title = 'x'");
  EXPECT_EQ(tree.path.field->name, "inner");
  EXPECT_EQ(tree.path.below, (std::vector<std::string>{"inner", "title"}));
  EXPECT_EQ(tree.path.type, schema::Type::kString);
  EXPECT_EQ(tree.path.presence, schema::Presence::kPlain);

  tree = Tree("labels.\"dark red\" = 'x'");
  EXPECT_EQ(tree.path.below, std::vector<std::string>{"dark red"});
  EXPECT_EQ(tree.path.presence, schema::Presence::kOptional);

  EXPECT_EQ(Literal("inner.sizes.big = 5"), Value(int64_t{5}));
  EXPECT_EQ(Literal("color_of.x = VERDANT"), Value(std::string("GREEN")));
  EXPECT_EQ(Literal("by_number.5 = 'x'"), Value(std::string("x")));
  EXPECT_EQ(Literal("by_number.\"-5\" = 'x'"), Value(std::string("x")));
  EXPECT_EQ(Literal("by_flag.true.count > 3"), Value(int64_t{3}));
  EXPECT_EQ(Literal("inner.wrapped = 'x'"), Value(std::string("x")));

  tree = Tree("extra.a.b = 5");
  EXPECT_EQ(tree.path.type, schema::Type::kValue);
  EXPECT_EQ(tree.value, Value(5.0));
  EXPECT_EQ(Literal("extra.a = 'x'"), Value(std::string("x")));
  EXPECT_EQ(Literal("extra.a = true"), Value(true));
  EXPECT_EQ(Literal("any = 'x'"), Value(std::string("x")));
  EXPECT_EQ(Literal("any.a.b = 'x'"), Value(std::string("x")));
  EXPECT_EQ(Literal("extra_of.k.a = 'x'"), Value(std::string("x")));
}

TEST(TemplateTest, HasMeansElementKeyOrEquality) {
  Predicate tree = Tree("tags : 'x'");
  EXPECT_EQ(tree.kind, Predicate::Kind::kHas);
  EXPECT_EQ(tree.values, std::vector<Value>{std::string("x")});
  EXPECT_EQ(Tree("numbers : 5").values, std::vector<Value>{int64_t{5}});
  EXPECT_EQ(Tree("colors : VERDANT").values, std::vector<Value>{std::string("GREEN")});
  EXPECT_EQ(Tree("times : '1970-01-01T00:00:00Z'").values, std::vector<Value>{int64_t{0}});
  EXPECT_EQ(Tree("inner.tags : 'x'").path.below, std::vector<std::string>{"tags"});

  tree = Tree("labels : 'x'");
  EXPECT_EQ(tree.kind, Predicate::Kind::kHas);
  EXPECT_EQ(tree.path.presence, schema::Presence::kMap);
  EXPECT_EQ(Tree("by_number : 5").values, std::vector<Value>{std::string("5")});
  EXPECT_EQ(Tree("by_flag : true").values, std::vector<Value>{std::string("true")});
  EXPECT_EQ(Tree("by_flag.true.sizes : 'x'").values, std::vector<Value>{std::string("x")});

  tree = Tree("extra : 'a'");
  EXPECT_EQ(tree.kind, Predicate::Kind::kIsSet);
  EXPECT_EQ(tree.path.below, std::vector<std::string>{"a"});
  EXPECT_EQ(Tree("extra.a : 'b'").path.below, (std::vector<std::string>{"a", "b"}));

  tree = Tree("text : 'x'");
  EXPECT_EQ(tree.kind, Predicate::Kind::kCompare);
  EXPECT_EQ(tree.op, Compare::kEq);
  EXPECT_EQ(Tree("flag : true").value, Value(true));
}

TEST(TemplateTest, NotEqualIsNotOfEqual) {
  const Predicate tree = Tree("opt_text != 'x'");
  ASSERT_EQ(tree.kind, Predicate::Kind::kNot);
  EXPECT_EQ(tree.children[0].kind, Predicate::Kind::kCompare);
  EXPECT_EQ(tree.children[0].op, Compare::kEq);
}

TEST(TemplateTest, DescribesWithoutValuesAndKeys) {
  EXPECT_EQ(Describe(Tree("i32 >= 5 AND tags : 'x' AND labels.secret = 'y'")),
            "i32 >= ? AND tags : ? AND labels.? = ?");
  EXPECT_EQ(Describe(Tree("inner.title != 'z'")), "NOT inner.title = ?");
  EXPECT_EQ(Describe(Tree("extra.secret.key < 5 AND extra : 'key'")),
            "extra.?.? < ? AND extra.? : *");
  EXPECT_EQ(Describe(Tree("by_flag.true.title = 'x'")), "by_flag.?.title = ?");
}

struct Wrong {
  std::string text;
  std::string error;  // a part of the message
};

TEST(TemplateTest, RefusesWhatCannotBeCompared) {
  const std::vector<Wrong> cases = {
      // names
      {"nothing = 5", "at byte 0: Book has no field \"nothing\""},
      {"inner.nothing = 5", "at byte 6: inner has no field \"nothing\""},
      {"i32 = 1 AND Text = 'x'", "at byte 12: Book has no field \"Text\""},
      {"text.x = 'x'", "at byte 5: text has no fields"},
      {"labels.a.b = 'x'", "labels.a has no fields"},
      {"inners.title = 'x'", "inners is a list"},
      {"tags.x = 'x'", "tags is a list"},
      {"many.x = 'x'", "many has no fields"},
      {"by_number.x = 'x'", "no key of the map by_number"},
      {"by_number.05 = 'x'", "no key of the map by_number"},
      {"by_number.99999999999 = 'x'", "no key of the map by_number"},
      {"by_flag.1.title = 'x'", "no key of the map by_flag"},
      {"secret = 'x'", "Book.secret is input only"},
      {"etag = 'x'", "Book.etag changes with each write"},
      {"note_count = 5", "Book.note_count is not stored"},
      // operators
      {"flag < true", "at byte 5: flag is compared with \"=\" and \"!=\" only, not with \"<\""},
      {"color > RED", "color is compared with"},
      {"blob >= 'AA=='", "blob is compared with"},
      {"inner.took < 5s", "inner.took is compared with"},
      {"tags = 'x'", "tags is a list: ask for an element with \":\", not with \"=\""},
      {"tags != 'x'", "tags is a list"},
      {"labels = 'x'", "labels is a map: ask for a key with \":\""},
      {"inner = 'x'", "inner is no single value"},
      {"inner : 'x'", "inner is no single value"},
      {"extra = 'x'", "extra is no single value"},
      {"many : 'x'", "many is no single value"},
      {"inners : 'x'", "inners is a list of what cannot be compared"},
      {"extra.a < true", "compared with \"=\" and \"!=\" only"},
      // literals
      {"flag = 1", "at byte 7: flag takes true or false, not \"1\""},
      {"flag = 'true'", "flag takes true or false"},
      {"flag = TRUE", "flag takes true or false"},
      {"i32 = 2147483648", "i32 takes a whole number from -2147483648"},
      {"i32 = -2147483649", "i32 takes a whole number"},
      {"i32 = 1.0", "i32 takes a whole number"},
      {"i32 = 1e3", "i32 takes a whole number"},
      {"i32 = '5'", "i32 takes a whole number"},
      {"i64 = 9223372036854775808", "i64 takes a whole number of 64 bits"},
      {"u32 = -1", "u32 takes a whole number from 0"},
      {"u32 = 4294967296", "u32 takes a whole number from 0"},
      {"f32 = 1e39", "f32 takes a number within float's range"},
      {"f64 = 1e999", "f64 takes a number within double's range"},
      {"f64 = NaN", "f64 takes a number"},
      {"text = x", "text takes a text in quotes, not \"x\""},
      {"text = 5", "text takes a text in quotes"},
      {"blob = 'a'", "blob takes a text in quotes, in base64"},
      {"color = PURPLE", "color takes one of COLOR_UNSPECIFIED, RED, GREEN, VERDANT"},
      {"color = red", "color takes one of"},
      {"color = 1", "color takes one of"},
      {"time = 5", "time takes a time in quotes"},
      {"time = 'yesterday'", "time takes a time in quotes"},
      {"time = '2026-02-30T00:00:00Z'", "time takes a time in quotes"},
      {"span = 5", "span takes a duration"},
      {"span = '5m'", "span takes a duration"},
      {"numbers : 'x'", "numbers takes a whole number"},
      {"by_number : 'x'", "a key of by_number takes a whole number"},
      {"by_number : 3000000000", "a key of by_number takes a whole number"},
      {"labels : 5", "a key of labels takes a text"},
      {"extra : 5", "a key of extra takes a text"},
      {"extra.a = null", "extra.a takes a text in quotes, a number, true or false"},
      {"extra.a = 5s", "extra.a takes a text in quotes, a number"},
      // request values
      {"i32 = $", "a bare $ means the request field that carries the predicate"},
      {"i32 = $nothing", "Values has no field \"nothing\""},
      {"i32 = $text", "i32 takes a whole number"},
      {"i32 = $f64", "i32 takes a whole number"},
      {"i64 = $u64", "field u64 does not hold"},
      {"text = $i32", "text takes a text"},
      {"text = $labels", "text takes a text"},
      {"text = $inner", "text takes a text"},
      {"color = $other", "color takes a value of the enum lib.v1.Color"},
      {"color = $text", "color takes a value of the enum"},
      {"time = $text", "time takes a time"},
      {"flag = $i32", "flag takes true or false"},
      {"extra.a = $color", "extra.a takes"},
      {"extra.a < $flag", "extra.a takes"},
      {"i64 < $i64s", "field i64s is a list, which no value is less or more than"},
      {"extra : $i32", "extra takes a text"},
  };
  for (const Wrong& wrong : cases) {
    const std::string error = Error(wrong.text);
    EXPECT_NE(error.find(wrong.error), std::string::npos) << wrong.text << ": " << error;
  }
}

TEST(TemplateTest, RequestValuesNeedARequest) {
  const Result<Template> parsed = Template::Parse("i32 = $i32", Book(), nullptr, nullptr);
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.status().message().find("cannot be named here"), std::string::npos);
}

TEST(PredicateTest, AndOrNotAreSimplified) {
  const schema::Field* field = Book().Find("i32");
  const Predicate one = Predicate::Equals(field, int64_t{1});
  const Predicate no = Predicate::Not(Predicate::True());
  EXPECT_EQ(Describe(Predicate::And({})), "true");
  EXPECT_EQ(Describe(Predicate::Or({})), "false");
  EXPECT_EQ(Describe(Predicate::And({one, Predicate::True()})), "i32 = ?");
  EXPECT_EQ(Describe(Predicate::And({one, no})), "false");
  EXPECT_EQ(Describe(Predicate::Or({one, Predicate::True()})), "true");
  EXPECT_EQ(Describe(Predicate::Or({one, no})), "i32 = ?");
  EXPECT_EQ(Describe(Predicate::And({one, Predicate::And({one, one})})),
            "i32 = ? AND i32 = ? AND i32 = ?");
  EXPECT_EQ(Describe(Predicate::And({one, Predicate::Or({one, one})})),
            "i32 = ? AND (i32 = ? OR i32 = ?)");
  EXPECT_EQ(Describe(Predicate::Not(Predicate::Not(one))), "i32 = ?");
  EXPECT_EQ(Describe(Predicate::Not(Predicate::Or({one, one}))), "NOT (i32 = ? OR i32 = ?)");
  EXPECT_EQ(Describe(Predicate::Equals(field, Value())), "false");
  EXPECT_EQ(Describe(Predicate::In(field, {})), "false");
  EXPECT_EQ(Describe(Predicate::In(field, {int64_t{1}})), "i32 = ?");
  EXPECT_EQ(Describe(Predicate::In(field, {int64_t{1}, int64_t{2}})), "i32 = any ?");
  EXPECT_EQ(Describe(Predicate::IsSet(field)), "i32 : *");
}

TEST(TemplateTest, AndOrNotAndParenthesesAreTrees) {
  EXPECT_EQ(Describe(Tree("i32 = 1 AND i64 = 2 OR u32 = 3")), "i32 = ? AND (i64 = ? OR u32 = ?)");
  EXPECT_EQ(Describe(Tree("(i32 = 1 AND i64 = 2) OR -u32 = 3")),
            "(i32 = ? AND i64 = ?) OR NOT u32 = ?");
  EXPECT_EQ(Describe(Tree("NOT (flag = true OR color = RED)")), "NOT (flag = ? OR color = ?)");
  // What the request leaves open is as if it were not written.
  Result<Template> parsed = Parse("(opt_i64 = $i64 OR flag = true) AND NOT color = $color");
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(Describe(*parsed->Bind(nullptr)), "flag = ?");
}

TEST(TemplateTest, InListsLiterals) {
  const Predicate predicate = Tree("color IN (RED, \"GREEN\", RED)");
  EXPECT_EQ(predicate.kind, Predicate::Kind::kIn);
  EXPECT_EQ(predicate.values.size(), 3u);
  EXPECT_EQ(predicate.values[1], Value(std::string("GREEN")));
  EXPECT_EQ(Describe(Tree("i32 in (5)")), "i32 = ?");
  EXPECT_EQ(Describe(Tree("NOT extra.a IN (1, 'x', true)")), "NOT extra.? = any ?");
  EXPECT_NE(Error("color IN (RED, BLUE)").find("one of"), std::string::npos);
  EXPECT_NE(Error("tags IN ('a')").find("is a list"), std::string::npos);
  EXPECT_NE(Error("text IN ('a', 'b*')").find("wildcards stand behind = and != only"),
            std::string::npos);
}

TEST(TemplateTest, AColonAndAStarAskWhetherItIsSet) {
  for (const char* path : {"text", "opt_i64", "time", "extra", "any", "many", "inner", "tags",
                           "inners", "labels", "inner.inner", "inner.tags", "inner.sizes",
                           "extra.a.b", "labels.k", "by_flag.true.count", "choice_text"}) {
    const Predicate predicate = Tree(std::string(path) + " : *");
    EXPECT_EQ(predicate.kind, Predicate::Kind::kIsSet) << path;
  }
  EXPECT_NE(Error("secret : *").find("input only"), std::string::npos);
  EXPECT_NE(Error("nothing : *").find("no field"), std::string::npos);
}

TEST(TemplateTest, StarsAtTheEndsAreWildcards) {
  EXPECT_EQ(Describe(Tree("text = 'Red*'")), "text >= ? AND text < ?");
  EXPECT_EQ(Tree("text = 'Red*'").children[0].value, Value(std::string("Red")));
  EXPECT_EQ(Tree("text = 'Red*'").children[1].value, Value(std::string("Ree")));
  EXPECT_EQ(Tree("text = '\ud7ff*'").children[1].value, Value(std::string("\ue000")));
  EXPECT_EQ(Tree("text = 'a\U0010FFFF*'").children[1].value, Value(std::string("b")));
  EXPECT_EQ(Tree("text = 'a\u007f*'").children[1].value, Value(std::string("a\u0080")));
  EXPECT_EQ(Describe(Tree("text = '\U0010FFFF*'")), "text >= ?");
  EXPECT_EQ(Describe(Tree("text = '*'")), "text >= ?");
  EXPECT_EQ(Describe(Tree("text = '**'")), "text >= ?");
  EXPECT_EQ(Describe(Tree("text = '*red'")), "text = *?");
  EXPECT_EQ(Tree("text = '*red'").value, Value(std::string("red")));
  EXPECT_EQ(Describe(Tree("text : '*e*'")), "text = *?*");
  EXPECT_EQ(Describe(Tree("text != '*e*'")), "NOT text = *?*");
  EXPECT_EQ(Describe(Tree("text = '\\*'")), "text = ?");
  EXPECT_EQ(Tree("text = '\\**'").children[0].value, Value(std::string("*")));
  EXPECT_EQ(Tree("text = '*\\*'").value, Value(std::string("*")));
  EXPECT_EQ(Tree("email = '*@Example.COM'").value, Value(std::string("@example.com")));
  EXPECT_EQ(Describe(Tree("inner.title = '*x'")), "inner.title = *?");
  EXPECT_EQ(Describe(Tree("labels.k = '*x'")), "labels.? = *?");
  EXPECT_EQ(Describe(Tree("extra.a = '*x*'")), "extra.? = *?*");
  EXPECT_EQ(Describe(Tree("uuid = '0189*'")), "uuid >= ? AND uuid < ?");
}

TEST(TemplateTest, WildcardsElsewhereAreMistakes) {
  for (const char* text :
       {"text = 'a*b'", "text = '*a*b*'", "text = '***'", "text < 'a*'", "text >= '*'",
        "tags : 'a*'", "labels : 'k*'", "extra : 'k*'", "color = 'R*'", "blob = 'AA*'",
        "time = '2026*'", "uuid = '*0189'", "uuid = '*0189*'"}) {
    EXPECT_NE(Error(text).find("\\*"), std::string::npos) << text << ": " << Error(text);
  }
  EXPECT_NE(Error("text = '*" + std::string(1001, 'a') + "'").find("at most 1000 bytes"),
            std::string::npos);
  EXPECT_EQ(Error("text = '" + std::string(1001, 'a') + "*'"), "none");
}

}  // namespace
}  // namespace storegate::query
