// Random texts, from noise to nearly right: no text may crash the parser, and
// whatever it takes can be bound, described and evaluated.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gtest/gtest.h>

#include "server/base/text.h"
#include "server/query/order.h"
#include "tests/unit/query/filter_target.h"

namespace storegate::query {
namespace {

int Rounds(int full) { return std::getenv("STOREGATE_LONG") ? full : full / 10; }

class FuzzTest : public testing::Test {
 protected:
  FuzzTest() {
    const char* seed = std::getenv("STOREGATE_SEED");
    seed_ = seed ? std::strtoul(seed, nullptr, 10) : std::random_device()();
    random_.seed(seed_);
    std::cout << "STOREGATE_SEED=" << seed_ << std::endl;
  }

  size_t Below(size_t bound) { return random_() % bound; }

  template <typename T>
  const T& AnyOf(const std::vector<T>& choices) {
    return choices[Below(choices.size())];
  }

  // True when the text was taken.
  bool Try(const std::string& text) {
    return target_.Try(text, [&](const std::string& what) {
      ADD_FAILURE() << "seed " << seed_ << ": " << Quoted(text) << " " << what;
    });
  }

  unsigned long seed_;
  std::mt19937 random_;
  const FilterTarget target_;
};

TEST_F(FuzzTest, NoiseNeverCrashes) {
  for (int i = 0; i < Rounds(200000); ++i) {
    std::string text(Below(40), '\0');
    for (char& byte : text) byte = static_cast<char>(random_());
    Try(text);
  }
}

TEST_F(FuzzTest, PiecesOfTheLanguageNeverCrash) {
  const std::vector<std::string> pieces = {
      "flag", "i32", "f64", "text", "color", "tags", "labels", "extra", "any", "inner", "by_number",
      "by_flag", "extra_of", "times", "many", "secret", ".", "a", "true", "5", ".title", ".inner",
      "=", "!=", "<", "<=", ">", ">=", ":", "'x'", "\"\\u00e9\"", "'\\*'", "'*'", "-5", "1e9",
      "2.5s", "RED", "$", "$text", "$texts", "$i32", "$inner", "AND", "OR", "NOT", "(", ")", ",",
      "IN", "in", "'a*'", "'*a'", "'*a*'", "*", "\\", "'", "\xFF", "é", std::string(300, 'a'), std::string(300, '9')};
  for (int i = 0; i < Rounds(200000); ++i) {
    std::string text;
    for (size_t j = Below(12); j > 0; --j) text += AnyOf(pieces) + (Below(3) ? " " : "");
    Try(text);
  }
}

TEST_F(FuzzTest, GoodTextsAreTakenAndTheirDamagedCopiesAreSurvived) {
  const std::vector<std::string> good = {
      "flag = true", "i32 >= 5", "f64 < 2.5e3", "text != 'x\\*y'", "color = VERDANT",
      "tags : 'a'", "numbers : 5", "labels.a = 'b'", "labels : \"a\"", "extra.a.b = 'x'",
      "extra.a : 'b'", "inner.inner.sizes.a > 0", "by_flag.true.title = 't'", "any = 'x'",
      "time > '2026-01-01T00:00:00Z'", "span <= 2s", "text = $texts", "tags : $texts",
      "text = $", "time < $time", "color = $colors", "extra.x = $f64s", "extra_of.m.a = 1",
      "NOT text = 'a*'", "-(text = '*b' OR flag = true)", "i32 IN (1, 2, 3)", "extra.a : *",
      "(i32 = 1 AND i32 = 2) OR color IN (RED)", "inner.title = '*x*'", "tags : *"};
  for (int i = 0; i < Rounds(50000); ++i) {
    std::string text = AnyOf(good);
    for (size_t j = Below(4); j > 0; --j) text += " AND " + AnyOf(good);
    ASSERT_TRUE(Try(text)) << text;
    for (size_t j = 1 + Below(3); j > 0 && !text.empty(); --j) {
      const size_t at = Below(text.size());
      switch (Below(3)) {
        case 0: text.erase(at, 1 + Below(3)); break;
        case 1: text.insert(at, 1, static_cast<char>(random_())); break;
        default: text[at] = static_cast<char>(random_());
      }
    }
    Try(text);
  }
}

TEST_F(FuzzTest, WhatTheFuzzerFoundIsSurvived) {
  // The corpus that libFuzzer left (./dev fuzz): each of its texts goes another way.
  size_t texts = 0, taken = 0;
  const std::filesystem::path corpus = std::filesystem::path(STOREGATE_SOURCE_DIR) / "tests/fuzz/filter";
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    std::ifstream file(entry.path(), std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    ++texts;
    taken += Try(text.str()) ? 1 : 0;
  }
  EXPECT_GT(texts, 100u);
  EXPECT_GT(taken, 10u);
}

TEST_F(FuzzTest, OrdersNeverCrash) {
  const std::vector<std::string> pieces = {"text", "i32", "id",  "desc", "asc", ",", " ", "tags",
                                           "x",    ".",   "\xFF", "etag", "",    "time"};
  for (int i = 0; i < Rounds(200000); ++i) {
    std::string text;
    for (size_t j = Below(14); j > 0; --j) text += AnyOf(pieces) + (Below(2) ? " " : "");
    const Result<Order> order = ParseOrder(text, Book());
    if (order.ok()) {
      ASSERT_FALSE(order->empty());
      ASSERT_EQ(order->back().field, Book().id) << text;
    } else {
      ASSERT_EQ(order.status().reason(), "INVALID_ORDER_BY") << text;
    }
  }
}

}  // namespace
}  // namespace storegate::query
