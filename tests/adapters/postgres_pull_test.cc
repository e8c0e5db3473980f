// What is pulled of a PostgreSQL database that a program made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/adapters/postgres/backend.h"
#include "server/adapters/postgres/sample.h"
#include "server/repository/migrator.h"
#include "tests/adapters/pull_case.h"
#include "tests/support/postgres_server.h"

namespace storegate::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(PostgresPull, TablesThatAProgramMadeAreDescribed) {
  const std::string name = "storegate_pull_" + std::to_string(getpid());
  RunSql(SharedPostgresUrl("postgres"), "CREATE DATABASE " + name);
  RunSql(SharedPostgresUrl(name),
         "CREATE TYPE mood AS ENUM ('sad', 'ok');"
         "CREATE TABLE authors (id serial PRIMARY KEY, handle varchar(40) NOT NULL UNIQUE, "
         "created_at timestamp NOT NULL DEFAULT now());"
         "CREATE TABLE books (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), title text NOT NULL, "
         "\"authorId\" integer NOT NULL REFERENCES authors (id), "
         "handle varchar(40) REFERENCES authors (handle), "
         "rating double precision, stars smallint NOT NULL DEFAULT 0, scan bytea, "
         "state text NOT NULL CHECK (state IN ('fresh', 'old')), extra jsonb NOT NULL DEFAULT '{}',"
         "tags text[] NOT NULL DEFAULT '{}', done boolean NOT NULL DEFAULT false, "
         "price numeric(10,2), feeling mood, day date, isbn text, "
         "created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz, "
         "deleted_at timestamptz);"
         "CREATE UNIQUE INDEX books_isbn ON books (isbn) WHERE deleted_at IS NULL;"
         "CREATE INDEX \"idx_books_authorId\" ON books (\"authorId\");"
         "CREATE EXTENSION pg_trgm;"
         "CREATE INDEX books_search ON books USING gin (title gin_trgm_ops);"
         "CREATE TABLE tags (a integer, b integer, PRIMARY KEY (a, b));");
  PulledSchema pulled;
  {
    auto backend = postgres::Open({.url = SharedPostgresUrl(name)});
    ASSERT_TRUE(backend.ok()) << backend.status().ToString();
    Result<repository::DatabaseModel> model = (*backend)->migrator()->Describe();
    ASSERT_TRUE(model.ok()) << model.status().ToString();
    pulled = ReadBack(postgres::PulledOf(*model));
  }
  RunSql(SharedPostgresUrl("postgres"), "DROP DATABASE " + name + " WITH (FORCE)");
  ASSERT_NE(pulled.schema, nullptr);
  const schema::Entity& author = *pulled.schema->FindEntity("data.v1.Author");
  EXPECT_EQ(author.id->type, schema::Type::kInt64);
  EXPECT_NE(author.create_time, nullptr);
  EXPECT_EQ(author.Find("handle")->unique, schema::Unique::kAll);
  const schema::Entity& book = *pulled.schema->FindEntity("data.v1.Book");
  EXPECT_TRUE(book.soft_delete());
  EXPECT_EQ(book.id->format, schema::Format::kUuid);
  EXPECT_EQ(book.Find("author_id")->references->entity, &author);
  EXPECT_EQ(book.Find("handle")->references->field->name, "handle");
  EXPECT_EQ(book.Find("rating")->presence, schema::Presence::kOptional);
  EXPECT_EQ(book.Find("stars")->lte, 32767);
  EXPECT_EQ(book.Find("state")->type, schema::Type::kEnum);
  EXPECT_EQ(book.Find("extra")->type, schema::Type::kValue);
  EXPECT_EQ(book.Find("tags")->presence, schema::Presence::kRepeated);
  EXPECT_EQ(book.Find("isbn")->unique, schema::Unique::kLive);
  EXPECT_FALSE(book.search_index);
  EXPECT_THAT(pulled.left_out,
              ElementsAre(HasSubstr("\"tags\": its primary key has more than one column"),
                          HasSubstr("price"), HasSubstr("feeling"), HasSubstr("day")));
}

}  // namespace
}  // namespace storegate::test
