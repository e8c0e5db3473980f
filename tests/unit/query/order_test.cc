#include "server/query/order.h"

#include <gtest/gtest.h>

#include "tests/unit/query/test_schema.h"

namespace storegate::query {
namespace {

std::string Shown(std::string_view text) {
  const Result<Order> order = ParseOrder(text, Book());
  if (!order.ok()) return order.status().ToString();
  std::string shown;
  for (const SortKey& key : *order) {
    shown += (shown.empty() ? "" : ",") + key.field->name + (key.descending ? " desc" : "");
  }
  return shown;
}

TEST(OrderTest, EndsWithTheId) {
  EXPECT_EQ(Shown("text"), "text,id");
  EXPECT_EQ(Shown(" text\tdesc ,\n i32 asc "), "text desc,i32,id");
  EXPECT_EQ(Shown("text, id desc"), "text,id desc");
  EXPECT_EQ(Shown("id desc, text"), "id desc");  // nothing behind it matters
  EXPECT_EQ(Shown("time desc, span, wrapped, color, flag, f64"),
            "time desc,span,wrapped,color,flag,f64,id");
}

TEST(OrderTest, EmptyIsTheEntitysOwn) {
  EXPECT_EQ(Shown(""), "i32 desc,text,id");
  EXPECT_EQ(Shown("  "), "i32 desc,text,id");
  const Result<Order> none = ParseOrder("", Note());
  ASSERT_TRUE(none.ok());
  ASSERT_EQ(none->size(), 1u);
  EXPECT_EQ((*none)[0].field, Note().id);
}

TEST(OrderTest, ErrorsNameTheTerm) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"nothing", "Book has no field \"nothing\""},
      {"text, nothing desc", "in \"nothing desc\""},
      {"inner.title", "what is inside a field cannot be sorted by"},
      {"text,", "a term is empty"},
      {",", "a term is empty"},
      {"text,,i32", "a term is empty"},
      {"text DESC", "the direction is \"asc\" or \"desc\", not \"DESC\""},
      {"text desc desc", "not \"desc desc\""},
      {"text up", "not \"up\""},
      {"text;i32", "no field \"text;i32\""},
      {"text, i32, text desc", "Book.text is named twice"},
      {"id, id", "Book.id is named twice"},
      {"tags", "Book.tags has no order"},
      {"labels", "Book.labels has no order"},
      {"inner", "Book.inner has no order"},
      {"extra", "Book.extra has no order"},
      {"blob", "Book.blob has no order"},
      {"etag", "Book.etag has no order"},
      {"secret", "Book.secret is input only"},
      {"note_count", "Book.note_count is not stored"},
      {"id, flag, i32, i64, u32, f32, f64, text, color", "at most 8 terms"},
      {std::string(1025, ' ') + "x", "at most 1024 bytes, not 1026"},
      {std::string(1000000, ','), "at most 1024 bytes"},
      {"\xFF\x01", "no field \"\\xff\\u0001\""},
  };
  for (const auto& [text, says] : cases) {
    const Result<Order> order = ParseOrder(text, Book());
    ASSERT_FALSE(order.ok()) << text;
    EXPECT_EQ(order.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(order.status().reason(), "INVALID_ORDER_BY");
    EXPECT_NE(order.status().message().find(says), std::string::npos)
        << text << ": " << order.status().message();
  }
}

}  // namespace
}  // namespace storegate::query
