#include "server/schema/names.h"

#include <gtest/gtest.h>

namespace storegate::schema {
namespace {

TEST(Names, SnakeCaseSplitsWordsAndAcronyms) {
  EXPECT_EQ(SnakeCase("Book"), "book");
  EXPECT_EQ(SnakeCase("OrderItem"), "order_item");
  EXPECT_EQ(SnakeCase("HTTPServer"), "http_server");
  EXPECT_EQ(SnakeCase("ServerHTTP"), "server_http");
  EXPECT_EQ(SnakeCase("V2Book"), "v2_book");
  EXPECT_EQ(SnakeCase("already_snake"), "already_snake");
  EXPECT_EQ(SnakeCase(""), "");
}

TEST(Names, PluralsFollowTheRules) {
  EXPECT_EQ(Plural("Book"), "Books");
  EXPECT_EQ(Plural("Story"), "Stories");
  EXPECT_EQ(Plural("Day"), "Days");
  EXPECT_EQ(Plural("Box"), "Boxes");
  EXPECT_EQ(Plural("Bus"), "Buses");
  EXPECT_EQ(Plural("Branch"), "Branches");
  EXPECT_EQ(Plural("Dish"), "Dishes");
  EXPECT_EQ(Plural("Quiz"), "Quizes");
  EXPECT_EQ(Plural("Y"), "Ys");
}

TEST(Names, IdentifiersAreWhatEveryDatabaseTakes) {
  EXPECT_TRUE(IsIdentifier("a"));
  EXPECT_TRUE(IsIdentifier("_A9"));
  EXPECT_TRUE(IsIdentifier(std::string(63, 'a')));
  EXPECT_FALSE(IsIdentifier(std::string(64, 'a')));
  EXPECT_FALSE(IsIdentifier(""));
  EXPECT_FALSE(IsIdentifier("9a"));
  EXPECT_FALSE(IsIdentifier("a-b"));
  EXPECT_FALSE(IsIdentifier("a\"b"));
  EXPECT_FALSE(IsIdentifier("ä"));
}

TEST(Names, LongIndexNamesAreCutAndStayDistinct) {
  std::vector<std::string> columns(10, "some_column");
  std::string one = IndexName(false, "books", columns);
  columns.push_back("x");
  std::string two = IndexName(false, "books", columns);
  EXPECT_EQ(one.size(), 63u);
  EXPECT_EQ(two.size(), 63u);
  EXPECT_NE(one, two);
  EXPECT_EQ(IndexName(true, "books", {"a", "b"}), "uq_books_a_b");
}

TEST(Names, AdviceNamesWhatIsNear) {
  EXPECT_EQ(DidYouMean("titel", {"id", "title"}), "; did you mean \"title\"?");
  EXPECT_EQ(DidYouMean("author", {"id", "title"}), "");
  EXPECT_EQ(DidYouMean("", {"id"}), "");
  EXPECT_EQ(DidYouMean(std::string(100000, 'x'), {"id"}), "");
}

}  // namespace
}  // namespace storegate::schema
