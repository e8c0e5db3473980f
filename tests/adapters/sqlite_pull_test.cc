// What is pulled of a SQLite database, whose columns hold what was put into them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "server/adapters/sqlite/sample.h"
#include "tests/adapters/pull_case.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SqlitePull : public ::testing::Test {
 protected:
  PulledSchema Pull(const std::string& sql) {
    const std::string path = (directory_.path() / "made.db").string();
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error), SQLITE_OK) << error;
    sqlite3_close(db);
    Result<migrate::PulledDatabase> database = sqlite::SampleFile(path);
    EXPECT_TRUE(database.ok()) << database.status().ToString();
    return ReadBack(*database);
  }

  TempDir directory_;
};

TEST_F(SqlitePull, TablesThatAProgramMadeAreDescribed) {
  PulledSchema pulled = Pull(
      "CREATE TABLE authors (id INTEGER PRIMARY KEY AUTOINCREMENT, handle VARCHAR(40) NOT NULL "
      "UNIQUE, created_at INTEGER NOT NULL);"
      "CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, "
      "authorId INTEGER NOT NULL REFERENCES authors, rating REAL, scan BLOB, "
      "state TEXT CHECK (state IN ('new', 'old')), extra JSON, done BOOLEAN NOT NULL DEFAULT 0, "
      "price NUMERIC(10,2), created_at INTEGER, deleted_at INTEGER);"
      "INSERT INTO authors VALUES (1, 'ann', 1700000000000);"
      "INSERT INTO books VALUES (1, 'A', 1, 4.5, x'00', 'new', '{}', 1, 3, 1700000000000, "
      "1700000000001);");
  ASSERT_NE(pulled.schema, nullptr);
  const schema::Entity& author = *pulled.schema->FindEntity("data.v1.Author");
  EXPECT_EQ(author.id->type, schema::Type::kInt64);
  EXPECT_NE(author.create_time, nullptr);
  EXPECT_EQ(author.Find("handle")->unique, schema::Unique::kAll);
  EXPECT_EQ(author.Find("handle")->max_len, 40);
  const schema::Entity& book = *pulled.schema->FindEntity("data.v1.Book");
  EXPECT_TRUE(book.soft_delete());
  EXPECT_EQ(book.Find("author_id")->references->entity, &author);
  EXPECT_EQ(book.Find("author_id")->column, "authorId");
  EXPECT_EQ(book.Find("rating")->type, schema::Type::kDouble);
  EXPECT_EQ(book.Find("scan")->type, schema::Type::kBytes);
  EXPECT_EQ(book.Find("state")->type, schema::Type::kEnum);
  EXPECT_EQ(book.Find("extra")->type, schema::Type::kStruct);
  EXPECT_EQ(book.Find("done")->type, schema::Type::kBool);
  EXPECT_THAT(pulled.left_out, ElementsAre(HasSubstr("price")));
}

TEST_F(SqlitePull, WhatIsInAColumnCountsMoreThanItsType) {
  PulledSchema pulled = Pull(
      "CREATE TABLE notes (id TEXT PRIMARY KEY, mixed TEXT, seconds_at INTEGER, created_at DATETIME,"
      " flag BOOLEAN, started_at DATETIME);"
      "INSERT INTO notes VALUES ('a', 'x', 1700000000, '2024-01-01 00:00:00', 7, 1700000000000);"
      "INSERT INTO notes VALUES ('b', x'00', 1700000001, '2024-01-01 00:00:00', 0, "
      "1700000000000);");
  ASSERT_NE(pulled.schema, nullptr);
  const schema::Entity& note = *pulled.schema->FindEntity("data.v1.Note");
  EXPECT_EQ(note.Find("seconds_at")->type, schema::Type::kInt64);
  EXPECT_EQ(note.Find("created_at")->type, schema::Type::kString);
  EXPECT_EQ(note.Find("started_at")->type, schema::Type::kTimestamp);
  EXPECT_EQ(note.Find("flag")->type, schema::Type::kInt64);
  EXPECT_THAT(pulled.left_out, ElementsAre(HasSubstr("not what its type says")));
}

TEST_F(SqlitePull, AFileThatIsNotThereIsNotMade) {
  const std::string path = (directory_.path() / "none.db").string();
  EXPECT_FALSE(sqlite::SampleFile(path).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace storegate::test
