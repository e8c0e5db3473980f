// Predicates in SQLite's own words: literals of indexes, and the plans of queries.
// predicates_test.cc has what they mean.
#include "server/adapters/sqlite/predicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/sqlite/statements.h"
#include "tests/adapters/library.h"

namespace storegate::test {
namespace {

using ::testing::HasSubstr;

TEST(SqlitePredicates, AnIndexHasLiteralsAndNothingThatNeedsAQuery) {
  const auto literal = [](std::string_view text, const schema::Entity& entity) {
    return sqlite::LiteralPredicate(
        *query::Template::Parse(text, entity, nullptr, nullptr)->Bind(nullptr));
  };
  EXPECT_EQ(*literal("title = \"it's\" AND pages > -5 AND kind != POEM", Book()),
            "((\"title\" IS 'it''s') AND ((\"pages\" IS NOT NULL AND \"pages\" > -5) AND NOT "
            "(\"kind\" IS 'POEM')))");
  EXPECT_EQ(*literal("data.k = 1", Note()),
            "ifnull(json_type(\"data\", '$.\"k\"') IN ('integer', 'real') AND "
            "json_extract(\"data\", '$.\"k\"') = CAST('1' AS REAL), 0)");
  EXPECT_THAT(literal("tags : 'x'", Note()).status(), HasReason("UNSUPPORTED_INDEX"));
  EXPECT_THAT(literal("data.'a\\\"b' = 1", Note()).status(), HasReason("UNSUPPORTED_INDEX"));
}

TEST(SqlitePredicates, PagesAndKeysUseTheirIndexes) {
  const auto connection = *sqlite::Connection::Open({{.path = ":memory:"}, ":memory:", true},
                                                    sqlite::Connection::Use::kWrite);
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : Library().entities) entities.push_back(&entity);
  ASSERT_EQ(connection->Script(migrate::CreateSql(sqlite::SqliteDialect(), entities)), SQLITE_OK);
  const auto plan = [&](const sqlite::Sql& sql) {
    const sqlite::Sql explain{"EXPLAIN QUERY PLAN " + sql.text, sql.values};
    Result<sqlite::Cursor> cursor = connection->Run(explain);
    EXPECT_TRUE(cursor.ok()) << sql.text;
    std::string text;
    while (cursor.ok() && cursor->Step() == SQLITE_ROW) {
      text += reinterpret_cast<const char*>(sqlite3_column_text(cursor->row(), 3));
      text += "; ";
    }
    return text;
  };
  const sqlite::Plan author(Author());
  const sqlite::Plan book(Book());
  repository::Query query = All(Author(), "create_time desc");
  query.after = {int64_t{5}, std::string("x")};
  // Nulls follow, which are a part of their own. Both are read in order from where they begin;
  // what is sorted is what the two found, a page each.
  std::string steps = plan(*author.List(query, author.columns(false)));
  for (const std::string_view of : {"(create_time<?)", "(create_time=?)"}) {
    EXPECT_THAT(steps, HasSubstr("SEARCH authors USING INDEX idx_authors_create_time " +
                                 std::string(of) + "; SCAN (subquery-"));
  }
  EXPECT_THAT(steps, Not(HasSubstr("SCAN authors")));

  repository::GetRequest get;
  get.entity = &Author();
  for (const schema::Key& key : Author().keys) {
    if (key.fields[0]->name == "email") get.key = &key;
  }
  get.values = {{std::string("a")}, {std::string("b")}};
  steps = plan(author.Get(get, author.columns(false)));
  EXPECT_THAT(steps, HasSubstr("USING INDEX uq_authors_email"));
  EXPECT_THAT(steps, HasSubstr("USING INDEX idx__deleted_authors_email"));
  EXPECT_THAT(steps, Not(HasSubstr("SCAN authors")));

  get.entity = &Book();
  get.key = &Book().keys[1];
  get.values = {{std::string("a"), int64_t{1}}, {std::string("b"), int64_t{1}}};
  steps = plan(book.Get(get, book.columns(false)));
  EXPECT_THAT(steps, HasSubstr("USING INDEX uq_books_shelf_place (shelf=? AND place=?)"));

  steps = plan(sqlite::Referring(*Book().Find("author_slug"), std::string("s"), true, Author(),
                                 std::string("1")));
  EXPECT_THAT(steps, HasSubstr("USING INDEX idx__ref_books_author_slug"));
}

}  // namespace
}  // namespace storegate::test
