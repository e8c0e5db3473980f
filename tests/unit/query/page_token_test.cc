#include "server/query/page_token.h"

#include <cstdlib>
#include <limits>
#include <random>

#include <gtest/gtest.h>

#include "server/base/text.h"
#include "tests/unit/query/test_schema.h"

namespace storegate::query {
namespace {

Order By(std::string_view text) {
  const Result<Order> order = ParseOrder(text, Book());
  EXPECT_TRUE(order.ok()) << order.status().ToString();
  return *order;
}

const TokenSealer& Sealer() {
  static const TokenSealer sealer(TokenSealer::DeriveKey("secret"));
  return sealer;
}

void ExpectRefused(const Result<std::vector<Value>>& opened, std::string_view says) {
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(opened.status().reason(), "INVALID_PAGE_TOKEN");
  EXPECT_NE(opened.status().message().find(says), std::string::npos) << opened.status().message();
}

constexpr std::string_view kForeign = "not a token that a list returned";

TEST(PageTokenTest, ValuesComeBack) {
  const Order order = By("flag, opt_i64, opt_f64 desc, opt_text, color, time, span");
  const std::vector<std::vector<Value>> rows = {
      {true, INT64_MAX, -2.5, std::string("é😀"), std::string("RED"), int64_t{-1}, INT64_MIN,
       std::string("id")},
      {false, INT64_MIN, std::numeric_limits<double>::infinity(), std::string(),
       std::string("GREEN"), Value(), Value(), std::string()},
      {false, Value(), Value(), Value(), std::string("RED"), int64_t{0}, int64_t{0},
       std::string("x")},
  };
  for (const auto& row : rows) {
    const std::string token = Sealer().Seal("request", row);
    const auto opened = Sealer().Open(token, "request", order);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    EXPECT_EQ(*opened, row);
    EXPECT_EQ(token.find_first_of("+/="), std::string::npos);
  }
}

TEST(PageTokenTest, LongValuesFit) {
  const std::vector<Value> row = {std::string(1 << 20, 'x'), std::string("id")};
  const auto opened = Sealer().Open(Sealer().Seal("r", row), "r", By("text"));
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(*opened, row);
}

TEST(PageTokenTest, NoTwoSealsAreAlike) {
  const std::vector<Value> row = {std::string("id")};
  EXPECT_NE(Sealer().Seal("r", row), Sealer().Seal("r", row));
  EXPECT_NE(TokenSealer::NewKey(), TokenSealer::NewKey());
  EXPECT_EQ(TokenSealer::NewKey().size(), TokenSealer::kKeyBytes);
  EXPECT_EQ(TokenSealer::DeriveKey("a"), TokenSealer::DeriveKey("a"));
  EXPECT_NE(TokenSealer::DeriveKey("a"), TokenSealer::DeriveKey("b"));
  EXPECT_EQ(TokenSealer::DeriveKey("").size(), TokenSealer::kKeyBytes);
}

TEST(PageTokenTest, ContentIsNotReadable) {
  const std::string token = Sealer().Seal("r", {std::string("a-secret-mail-address")});
  EXPECT_EQ(Base64Decode(token)->find("secret"), std::string::npos);
}

TEST(PageTokenTest, AnotherKeyRefuses) {
  const std::string token = Sealer().Seal("r", {std::string("id")});
  ExpectRefused(TokenSealer(TokenSealer::NewKey()).Open(token, "r", By("id")), kForeign);
}

TEST(PageTokenTest, AnotherRequestRefuses) {
  const std::string token = Sealer().Seal("list a", {std::string("id")});
  ExpectRefused(Sealer().Open(token, "list b", By("id")), "belongs to another request");
  ExpectRefused(Sealer().Open(token, "", By("id")), "belongs to another request");
}

TEST(PageTokenTest, AnotherOrderRefuses) {
  const std::string token = Sealer().Seal("r", {std::string("x"), std::string("id")});
  for (const char* order : {"id", "i32", "text, i32", "time", "flag", "opt_f64"}) {
    ExpectRefused(Sealer().Open(token, "r", By(order)), "does not fit the order");
  }
  // Null where the field cannot be null; a number that its field cannot hold.
  ExpectRefused(Sealer().Open(Sealer().Seal("r", {Value(), std::string("id")}), "r", By("text")),
                "does not fit the order");
  ExpectRefused(
      Sealer().Open(Sealer().Seal("r", {int64_t{1} << 40, std::string("id")}), "r", By("i32")),
      "does not fit the order");
  ExpectRefused(
      Sealer().Open(Sealer().Seal("r", {INT64_MAX, std::string("id")}), "r", By("time")),
      "does not fit the order");
}

TEST(PageTokenTest, EveryFlippedBitIsNoticed) {
  const std::string token = Sealer().Seal("r", {int64_t{5}, std::string("id")});
  const Order order = By("i64");
  std::string bytes = *Base64Decode(token);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
    ExpectRefused(Sealer().Open(Base64Url(bytes), "r", order), kForeign);
    bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
  }
  ASSERT_TRUE(Sealer().Open(Base64Url(bytes), "r", order).ok());
}

TEST(PageTokenTest, EveryCutIsNoticed) {
  const std::string token = Sealer().Seal("r", {int64_t{5}, std::string("id")});
  for (size_t size = 0; size < token.size(); ++size) {
    ExpectRefused(Sealer().Open(token.substr(0, size), "r", By("i64")), kForeign);
  }
  ExpectRefused(Sealer().Open(token + "A", "r", By("i64")), kForeign);
  ExpectRefused(Sealer().Open(token + "AAAA", "r", By("i64")), kForeign);
}

TEST(PageTokenTest, RandomBytesAreRefused) {
  const int rounds = std::getenv("STOREGATE_LONG") ? 100000 : 10000;
  std::mt19937 random(3);
  const Order order = By("i64");
  for (int i = 0; i < rounds; ++i) {
    std::string bytes(random() % 120, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    ExpectRefused(Sealer().Open(i % 2 ? bytes : Base64Url(bytes), "r", order), kForeign);
  }
  ExpectRefused(Sealer().Open(std::string(3000000, 'A'), "r", order), kForeign);
}

}  // namespace
}  // namespace storegate::query
