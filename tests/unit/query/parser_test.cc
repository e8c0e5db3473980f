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
  ASSERT_EQ(comparison.values.size(), 1u);
  EXPECT_EQ(comparison.values[0].text, "-5");
}

TEST(ParserTest, AndJoinsAnyNumber) {
  const Result<Syntax> syntax = ParseSyntax("a = 1 AND b : 'x' AND c != $ AND d < $e");
  ASSERT_TRUE(syntax.ok());
  EXPECT_EQ(syntax->kind, Syntax::Kind::kAnd);
  ASSERT_EQ(syntax->children.size(), 4u);
  EXPECT_EQ(syntax->children[1].comparison.op, Operator::kHas);
  EXPECT_EQ(syntax->children[3].comparison.values[0].text, "e");
}

// As "(a AND b)", for comparisons that are named by their first field.
std::string Shape(const Syntax& syntax) {
  if (syntax.kind == Syntax::Kind::kComparison) return syntax.comparison.path[0].text;
  if (syntax.kind == Syntax::Kind::kNot) return "NOT " + Shape(syntax.children[0]);
  std::string text = "(";
  for (const Syntax& child : syntax.children) {
    if (text.size() > 1) text += syntax.kind == Syntax::Kind::kAnd ? " AND " : " OR ";
    text += Shape(child);
  }
  return text + ")";
}

TEST(ParserTest, OrBindsMoreTightlyThanAnd) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a = 1 AND b = 1 OR c = 1", "(a AND (b OR c))"},
      {"a = 1 OR b = 1 AND c = 1", "((a OR b) AND c)"},
      {"(a = 1 AND b = 1) OR c = 1", "((a AND b) OR c)"},
      {"NOT a = 1 OR b = 1", "(NOT a OR b)"},
      {"-(a = 1 OR b = 1) AND c = 1", "(NOT (a OR b) AND c)"},
      {"NOT(a = 1)", "NOT a"},
      {"((a = 1))", "a"},
      {"a : * OR b IN (1, 2)", "(a OR b)"},
  };
  for (const auto& [text, shape] : cases) {
    const Result<Syntax> syntax = ParseSyntax(text);
    ASSERT_TRUE(syntax.ok()) << text << syntax.status().ToString();
    EXPECT_EQ(Shape(*syntax), shape) << text;
  }
}

TEST(ParserTest, InListsValues) {
  const Result<Syntax> syntax = ParseSyntax("a.in in (-1, \"x\", NAME, 1.5s)");
  ASSERT_TRUE(syntax.ok()) << syntax.status().ToString();
  EXPECT_EQ(syntax->comparison.op, Operator::kEq);
  ASSERT_EQ(syntax->comparison.values.size(), 4u);
  EXPECT_EQ(syntax->comparison.values[0].text, "-1");
  EXPECT_EQ(syntax->comparison.values[3].kind, TokenKind::kDuration);
}

TEST(ParserTest, ErrorsSayWhereAndWhatIsExpected) {
  const std::vector<Wrong> cases = {
      {"", 0, "empty"},
      {"   ", 0, "empty"},
      {"a", 1, "one of = != < <= > >= : IN is missing at the end"},
      {"a =", 3, "a value is missing"},
      {"= 5", 0, "the name of a field is expected, not \"=\""},
      {"a = 1 b = 2", 6, "AND, OR or the end is expected, not \"b\""},
      {"a = 1 AND", 9, "the name of a field is missing"},
      {"a = 1 AND AND b = 1", 10, "not \"AND\""},
      {"a = 1 OR", 8, "the name of a field is missing"},
      {"OR a = 1", 0, "not \"OR\""},
      {"NOT", 3, "the name of a field is missing"},
      {"NOT NOT a = 1", 4, "not \"NOT\""},
      {"(a = 1", 6, "AND, OR or \")\" is missing"},
      {"(a = 1))", 7, "AND, OR or the end"},
      {"()", 1, "not \")\""},
      {"a. = 1", 3, "a name or a key in quotes"},
      {"a.-5 = 1", 2, "a name or a key in quotes"},
      {".a = 1", 0, "the name of a field"},
      {"'a' = 1", 0, "the name of a field"},
      {"5 = a", 0, "the name of a field"},
      {"a = *", 4, "a value is expected, not \"*\""},
      {"a.'*' = 1", 2, "write \\* for a star"},
      {"a = - 5", 4, "not \"-\""},
      {"a == 5", 3, "not \"=\""},
      {"a = (1)", 4, "not \"(\""},
      {"a IN 1", 5, "\"(\" is expected"},
      {"a IN ()", 6, "a value is expected"},
      {"a IN (1, )", 9, "a value is expected"},
      {"a IN (1 2)", 8, "\",\" or \")\" is expected"},
      {"a IN ($)", 6, "a value is expected"},
      {"a IN (*)", 6, "a value is expected"},
      {"a = $x.y", 6, "AND, OR or the end"},
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
  EXPECT_TRUE(comparisons(256).ok());
  EXPECT_FALSE(comparisons(257).ok());
  const auto parentheses = [](size_t count) {
    return ParseSyntax(std::string(count, '(') + "a = 1" + std::string(count, ')'));
  };
  EXPECT_TRUE(parentheses(16).ok());
  EXPECT_FALSE(parentheses(17).ok());
  EXPECT_FALSE(parentheses(60000).ok());
  const auto listed = [](int count) {
    std::string text = "a IN (1";
    for (int i = 1; i < count; ++i) text += ", 1";
    return ParseSyntax(text + ")");
  };
  EXPECT_TRUE(listed(1000).ok());
  EXPECT_FALSE(listed(1001).ok());
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
