#include "server/query/parser.h"

#include <gtest/gtest.h>

namespace storegate::query {
namespace {

struct Wrong {
  std::string text;
  int position;
  std::string says;
};

TEST(ParserTest, OneComparisonStandsAlone) {
  const Result<Syntax> syntax = ParseSyntax("a.\"b c\".d >= -5");
  ASSERT_TRUE(syntax.ok()) << syntax.status().ToString();
  EXPECT_EQ(syntax->kind, Syntax::Kind::kComparison);
  const Comparison& comparison = syntax->comparison;
  ASSERT_EQ(comparison.path.size(), 3u);
  EXPECT_EQ(comparison.path[1].text, "b c");
  EXPECT_EQ(comparison.path[1].position, 2u);
  EXPECT_EQ(comparison.op, Operator::kGe);
  EXPECT_EQ(comparison.op_position, 10u);
  EXPECT_EQ(comparison.value.text, "-5");
}

TEST(ParserTest, AndJoinsAnyNumber) {
  const Result<Syntax> syntax = ParseSyntax("a = 1 AND b : 'x' AND c != $ AND d < $e");
  ASSERT_TRUE(syntax.ok());
  EXPECT_EQ(syntax->kind, Syntax::Kind::kAnd);
  ASSERT_EQ(syntax->children.size(), 4u);
  EXPECT_EQ(syntax->children[1].comparison.op, Operator::kHas);
  EXPECT_EQ(syntax->children[3].comparison.value.text, "e");
}

TEST(ParserTest, ErrorsSayWhereAndWhatIsExpected) {
  const std::vector<Wrong> cases = {
      {"", 0, "empty"},
      {"   ", 0, "empty"},
      {"a", 1, "one of = != < <= > >= : is missing at the end"},
      {"a =", 3, "a value is missing"},
      {"= 5", 0, "the name of a field is expected, not \"=\""},
      {"a = 1 b = 2", 6, "AND or the end is expected, not \"b\""},
      {"a = 1 OR b = 2", 6, "not \"OR\""},
      {"NOT a = 1", 0, "not \"NOT\""},
      {"-a = 1", 0, "not \"-\""},
      {"(a = 1)", 0, "not \"(\""},
      {"a = 1 AND", 9, "the name of a field is missing"},
      {"a = 1 AND AND b = 1", 10, "not \"AND\""},
      {"a. = 1", 3, "a name or a key in quotes"},
      {"a.-5 = 1", 2, "a name or a key in quotes"},
      {".a = 1", 0, "the name of a field"},
      {"'a' = 1", 0, "the name of a field"},
      {"5 = a", 0, "the name of a field"},
      {"a : *", 4, "a value is expected, not \"*\""},
      {"a = 'x*'", 4, "write \\* for a star"},
      {"a.'*' = 1", 2, "write \\* for a star"},
      {"a = - 5", 4, "not \"-\""},
      {"a == 5", 3, "not \"=\""},
      {"a = (1)", 4, "not \"(\""},
      {"a = $x.y", 6, "AND or the end"},
  };
  for (const Wrong& wrong : cases) {
    const Result<Syntax> syntax = ParseSyntax(wrong.text);
    ASSERT_FALSE(syntax.ok()) << wrong.text;
    EXPECT_EQ(syntax.status().metadata().at("position"), std::to_string(wrong.position))
        << wrong.text;
    EXPECT_NE(syntax.status().message().find(wrong.says), std::string::npos)
        << wrong.text << ": " << syntax.status().message();
  }
}

TEST(ParserTest, CountsComparisonsAndNames) {
  const auto comparisons = [](int count) {
    std::string text = "a = 1";
    for (int i = 1; i < count; ++i) text += " AND a = 1";
    return ParseSyntax(text);
  };
  EXPECT_TRUE(comparisons(64).ok());
  EXPECT_FALSE(comparisons(65).ok());
  const auto names = [](int count) {
    std::string text = "a";
    for (int i = 1; i < count; ++i) text += ".b";
    return ParseSyntax(text + " = 1");
  };
  EXPECT_TRUE(names(32).ok());
  EXPECT_FALSE(names(33).ok());
}

}  // namespace
}  // namespace storegate::query
