// Sessions on SQLite: what only they have. session_test.cc has what all share.
#include "server/adapters/sqlite/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/repository/wire_sink.h"
#include "tests/adapters/library.h"

namespace storegate::test {
namespace {

using repository::Query;

class SqliteSession : public ::testing::Test {
 protected:
  Status Put(const schema::Entity& entity, const std::string& text) {
    return InsertText(*writer_, entity, text);
  }
  void PutAuthor(const std::string& id, const std::string& more = "") {
    const Status status =
        Put(Author(), "id: '" + id + "' name: 'N" + id + "' slug: 's" + id + "' " + more);
    EXPECT_TRUE(status.ok()) << status.ToString();
  }

  std::unique_ptr<repository::Backend> backend_ = OpenMemory();
  std::unique_ptr<repository::Session> writer_ = Writer(*backend_);
};

TEST_F(SqliteSession, ASessionForReadsWritesNothing) {
  const auto reader = Reader(*backend_);
  EXPECT_THAT(InsertText(*reader, Author(), "id: '1' name: 'x' slug: 's'"),
              HasReason("READ_SESSION"));
}

TEST_F(SqliteSession, StatementsKeptAreBounded) {
  const auto memory = OpenBackend({.path = ":memory:", .statement_cache = 4});
  const auto session = Reader(*memory);
  for (int i = 1; i < 40; ++i) {
    Query query = All(Book());
    for (int j = 0; j < i; ++j) {
      query::Predicate one = query::Predicate::Equals(Book().Find("place"), int64_t{j});
      query.where = query::Predicate::Or({query.where.kind == query::Predicate::Kind::kTrue
                                              ? query::Predicate::Equals(Book().Find("pages"),
                                                                         int64_t{1})
                                              : query.where,
                                          one});
    }
    ASSERT_TRUE(Rows(*session, query).ok());
  }
  EXPECT_EQ(dynamic_cast<sqlite::SqliteSession&>(*session).connection().cached(), 4u);
}

TEST_F(SqliteSession, AQueryEndsAtItsDeadline) {
  for (int i = 0; i < 200; ++i) PutAuthor(std::to_string(i));
  Query query = All(Author());
  query.deadline = std::chrono::steady_clock::now() - std::chrono::seconds(1);
  EXPECT_EQ(Rows(*writer_, query).status().code(), Code::kDeadlineExceeded);
  EXPECT_EQ(writer_->Count(query).status().code(), Code::kDeadlineExceeded);

  auto& connection = dynamic_cast<sqlite::SqliteSession&>(*writer_).connection();
  {
    const sqlite::Bounded bounded(&connection,
                                  std::chrono::steady_clock::now() + std::chrono::milliseconds(20));
    const sqlite::Sql endless{
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        {}};
    Result<sqlite::Cursor> cursor = connection.Run(endless);
    ASSERT_TRUE(cursor.ok());
    EXPECT_EQ(cursor->Step() & 0xFF, SQLITE_INTERRUPT);
  }
  // The session is as good as before.
  query.deadline = Deadline::max();
  EXPECT_EQ(*writer_->Count(query), 200);
}

}  // namespace
}  // namespace storegate::test
