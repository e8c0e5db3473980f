#include "server/query/tokenizer.h"

#include <gtest/gtest.h>

namespace storegate::query {
namespace {

using K = TokenKind;

std::vector<Token> Tokens(std::string_view text) {
  Result<std::vector<Token>> tokens = Tokenize(text);
  EXPECT_TRUE(tokens.ok()) << text << ": " << tokens.status().ToString();
  return tokens.ok() ? *std::move(tokens) : std::vector<Token>();
}

std::vector<K> Kinds(std::string_view text) {
  std::vector<K> kinds;
  for (const Token& token : Tokens(text)) kinds.push_back(token.kind);
  return kinds;
}

// The position of the error; -1 when there is none.
int ErrorAt(std::string_view text) {
  const Result<std::vector<Token>> tokens = Tokenize(text);
  if (tokens.ok()) return -1;
  EXPECT_EQ(tokens.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(tokens.status().reason(), "INVALID_FILTER");
  return std::stoi(tokens.status().metadata().at("position"));
}

TEST(TokenizerTest, KnowsEveryToken) {
  EXPECT_EQ(Kinds("a.b = != < <= > >= : ( ) , - * $ $x AND OR NOT 'a' \"b\" 5 2s"),
            (std::vector<K>{K::kName, K::kDot, K::kName, K::kEq, K::kNe, K::kLt, K::kLe, K::kGt,
                            K::kGe, K::kColon, K::kLeftParen, K::kRightParen, K::kComma, K::kMinus,
                            K::kStar, K::kDollar, K::kDollar, K::kAnd, K::kOr, K::kNot, K::kString,
                            K::kString, K::kNumber, K::kDuration, K::kEnd}));
  EXPECT_EQ(Kinds(""), std::vector<K>{K::kEnd});
  EXPECT_EQ(Kinds(" \t\r\n "), std::vector<K>{K::kEnd});
  EXPECT_EQ(Kinds("a>=b<=c!=d"),
            (std::vector<K>{K::kName, K::kGe, K::kName, K::kLe, K::kName, K::kNe, K::kName,
                            K::kEnd}));
}

TEST(TokenizerTest, SaysWhereEachTokenStands) {
  const auto tokens = Tokens("ab  >= 'ö\\n' $name");
  ASSERT_EQ(tokens.size(), 5u);
  EXPECT_EQ(tokens[0].position, 0u);
  EXPECT_EQ(tokens[1].position, 4u);
  EXPECT_EQ(tokens[1].size, 2u);
  EXPECT_EQ(tokens[2].position, 7u);
  EXPECT_EQ(tokens[2].size, 6u);  // bytes as written
  EXPECT_EQ(tokens[2].text, "ö\n");
  EXPECT_EQ(tokens[3].text, "name");
  EXPECT_EQ(tokens[4].position, 19u);
}

TEST(TokenizerTest, KeywordsAreUpperCaseAndNamesBehindADot) {
  EXPECT_EQ(Kinds("and Or not"), (std::vector<K>{K::kName, K::kName, K::kName, K::kEnd}));
  EXPECT_EQ(Kinds("a.AND"), (std::vector<K>{K::kName, K::kDot, K::kName, K::kEnd}));
  EXPECT_EQ(Kinds("ANDROID NOTE"), (std::vector<K>{K::kName, K::kName, K::kEnd}));
  EXPECT_EQ(Kinds("a.5x.6"),
            (std::vector<K>{K::kName, K::kDot, K::kName, K::kDot, K::kName, K::kEnd}));
}

TEST(TokenizerTest, ResolvesEscapes) {
  EXPECT_EQ(Tokens(R"("\"\'\\\n\r\t\u00e9\uD83D\uDE00")")[0].text, "\"'\\\n\r\té😀");
  EXPECT_EQ(Tokens(R"('it"s')")[0].text, "it\"s");
  EXPECT_EQ(Tokens(R"("it's")")[0].text, "it's");
  EXPECT_EQ(Tokens("''")[0].text, "");
}

TEST(TokenizerTest, TellsEscapedStarsFromBareOnes) {
  const Token token = Tokens(R"("a*\*é*")")[0];
  EXPECT_EQ(token.text, "a**é*");
  EXPECT_EQ(token.stars, (std::vector<size_t>{1, 5}));
}

TEST(TokenizerTest, ReadsNumbersWithTheirSigns) {
  for (const char* text : {"0", "5", "007", "1.25", "1e8", "1E-8", "2.5e+3", "-5", "-1.5e3"}) {
    const auto tokens = Tokens("a = " + std::string(text));
    ASSERT_EQ(tokens.size(), 4u) << text;
    EXPECT_EQ(tokens[2].kind, K::kNumber) << text;
    EXPECT_EQ(tokens[2].text, text);
  }
  for (const char* text : {"20s", "1.5s", "-3s"}) {
    EXPECT_EQ(Tokens("a = " + std::string(text))[2].kind, K::kDuration) << text;
  }
  // A minus where no value can stand is the other notation of NOT.
  EXPECT_EQ(Kinds("-5"), (std::vector<K>{K::kMinus, K::kNumber, K::kEnd}));
  EXPECT_EQ(Kinds("a = - 5"), (std::vector<K>{K::kName, K::kEq, K::kMinus, K::kNumber, K::kEnd}));
}

TEST(TokenizerTest, RefusesWhatIsNoToken) {
  EXPECT_EQ(ErrorAt("a = é"), 4);
  EXPECT_EQ(ErrorAt("a ; b"), 2);
  EXPECT_EQ(ErrorAt("a ! b"), 2);
  EXPECT_EQ(ErrorAt("a = 1."), 4);
  EXPECT_EQ(ErrorAt("a = 1.2.3"), 4);
  EXPECT_EQ(ErrorAt("a = 1e"), 4);
  EXPECT_EQ(ErrorAt("a = 5x"), 4);
  EXPECT_EQ(ErrorAt("a = 5sx"), 4);
  EXPECT_EQ(ErrorAt("a = 0x10"), 4);
  EXPECT_EQ(ErrorAt("a = \"open"), 4);
  EXPECT_EQ(ErrorAt("a = 'open\""), 4);
  EXPECT_EQ(ErrorAt("a = 'x\\"), 6);
  EXPECT_EQ(ErrorAt("a = 'x\\q'"), 6);
  EXPECT_EQ(ErrorAt("a = '\\u12'"), 5);
  EXPECT_EQ(ErrorAt("a = '\\u0000'"), 5);
  EXPECT_EQ(ErrorAt("a = '\\uD800'"), 5);
  EXPECT_EQ(ErrorAt("a = '\\uD800\\u0041'"), 5);
  EXPECT_EQ(ErrorAt("a = '\\uDC00'"), 5);
  EXPECT_EQ(ErrorAt("a = '\xFF'"), 5);
  EXPECT_EQ(ErrorAt(std::string_view("a = '\0'", 7)), 5);
}

TEST(TokenizerTest, IsBounded) {
  EXPECT_EQ(ErrorAt(std::string(kMaxFilterBytes, ' ')), -1);
  EXPECT_EQ(ErrorAt(std::string(kMaxFilterBytes + 1, ' ')), static_cast<int>(kMaxFilterBytes));
  EXPECT_EQ(ErrorAt(std::string(1000000, '(')), static_cast<int>(kMaxFilterBytes));
}

}  // namespace
}  // namespace storegate::query
