// Migrations on SQLite: all or nothing, one at a time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/migrate/runner.h"
#include "tests/adapters/library.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

using migrate::Migration;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SqliteMigrator : public ::testing::Test {
 protected:
  std::unique_ptr<repository::Backend> Open() {
    return *sqlite::Open({.path = (directory_.path() / "test.db").string(),
                          .busy_timeout = std::chrono::milliseconds(50),
                          .migration_timeout = std::chrono::milliseconds(50)});
  }

  static Status Up(repository::Migrator& migrator, std::vector<Migration> migrations,
                   std::vector<std::string>* applied) {
    migrate::Job job;
    job.migrator = &migrator;
    job.generator = &sqlite::SqliteGenerator();
    job.migrations = std::move(migrations);
    job.schema = &Library();
    job.applied_by = "a test";
    return migrate::Up(job, 0, applied);
  }

  TempDir directory_;
  std::unique_ptr<repository::Backend> backend_ = Open();
  repository::Migrator& migrator_ = *backend_->migrator();
  std::vector<std::string> applied_;
};

const Migration kFirst{1, "0001_first",
                       "CREATE TABLE a (x INTEGER); CREATE TABLE b (y INTEGER);", ""};
const Migration kSecond{2, "0002_second", "ALTER TABLE a ADD COLUMN z TEXT;", ""};

TEST_F(SqliteMigrator, AppliesWhatIsPendingOnceAndWritesItDown) {
  ASSERT_TRUE(Up(migrator_, {kFirst}, &applied_).ok());
  EXPECT_THAT(applied_, ElementsAre("0001_first"));
  ASSERT_TRUE(Up(migrator_, {kFirst, kSecond}, &applied_).ok());
  EXPECT_THAT(applied_, ElementsAre("0002_second"));
  EXPECT_THAT(*migrator_.Parts("a"), ElementsAre("x", "z"));
  const auto history = *migrator_.History();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[1].name, "0002_second");
  EXPECT_EQ(history[1].checksum, migrate::Checksum(sqlite::SqliteGenerator(), kSecond.up));
  EXPECT_GT(history[1].applied_at_millis, 0);
}

TEST_F(SqliteMigrator, OneThatFailsTakesAllOfThemBack) {
  const Migration bad{2, "0002_bad", "CREATE TABLE c (x INTEGER); CREATE TABLE a (x INTEGER);", ""};
  const Status status = Up(migrator_, {kFirst, bad}, &applied_);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("0002_bad"));
  EXPECT_THAT(applied_, IsEmpty());
  EXPECT_THAT(*migrator_.Parts("a"), IsEmpty());
  EXPECT_THAT(*migrator_.Parts("c"), IsEmpty());
  const auto history = *migrator_.History();
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].state, repository::AppliedMigration::State::kApplying);
  EXPECT_EQ(history[0].steps_done, 0);
  EXPECT_THAT(history[0].error, HasSubstr("at line 1"));
  const Status again = Up(migrator_, {kFirst, {2, "0002_bad", kSecond.up, ""}}, &applied_);
  EXPECT_TRUE(again.ok()) << again.ToString();
  EXPECT_THAT(applied_, ElementsAre("0001_first", "0002_bad"));
}

TEST_F(SqliteMigrator, WhatWouldEndTheLockIsRefused) {
  for (const char* sql : {"COMMIT;", "ROLLBACK;", "BEGIN;", "SAVEPOINT s;",
                          "CREATE TABLE t (x INTEGER); COMMIT; CREATE TABLE u (x INTEGER);",
                          "ATTACH 'other.db' AS other;"}) {
    const Status status = migrator_.WithLock([&]() -> Status {
      const Status made = migrator_.Execute(kFirst.up);
      return made.ok() ? migrator_.Execute(sql) : made;
    });
    EXPECT_THAT(status, HasReason("MIGRATION_FAILED")) << sql;
    EXPECT_THAT(*migrator_.Parts("a"), IsEmpty()) << sql;
    EXPECT_THAT(*migrator_.Parts("t"), IsEmpty()) << sql;
  }
}

TEST_F(SqliteMigrator, OnlyOneAtATime) {
  const auto other = Open();
  const Status status = migrator_.WithLock([&]() -> Status {
    const Status second = Up(*other->migrator(), {kFirst}, &applied_);
    EXPECT_EQ(second.code(), Code::kFailedPrecondition);
    EXPECT_THAT(second, HasReason("MIGRATION_LOCKED"));
    return {};
  });
  EXPECT_TRUE(status.ok());
  EXPECT_TRUE(Up(*other->migrator(), {kFirst}, &applied_).ok());
}

TEST_F(SqliteMigrator, MakesOnlyTheTablesThatAreMissing) {
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : Library().entities) entities.push_back(&entity);
  std::vector<std::string> created;
  const migrate::Generator& generator = sqlite::SqliteGenerator();
  ASSERT_TRUE(migrate::CreateTables(migrator_, generator, {&Note()}, &created).ok());
  EXPECT_THAT(created, ElementsAre("notes"));
  ASSERT_TRUE(migrate::CreateTables(migrator_, generator, entities, &created).ok());
  EXPECT_THAT(created, ElementsAre("authors", "books", "genres", "book_genres", "loans"));
  ASSERT_TRUE(migrate::CreateTables(migrator_, generator, entities, &created).ok());
  EXPECT_THAT(created, IsEmpty());
  EXPECT_TRUE(migrate::CheckTables(migrator_, generator, entities).ok());
}

TEST_F(SqliteMigrator, ATableThatLacksColumnsIsNamed) {
  ASSERT_TRUE(migrator_.Execute("CREATE TABLE authors (id TEXT PRIMARY KEY, name TEXT)").ok());
  const Status status =
      migrate::CheckTables(migrator_, sqlite::SqliteGenerator(), {&Author(), &Note()});
  EXPECT_THAT(status, HasReason("TABLE_MISMATCH"));
  EXPECT_THAT(status.message(), HasSubstr("the column authors.slug"));
  EXPECT_THAT(status.message(), HasSubstr("the column authors._version"));
  EXPECT_THAT(status.message(), HasSubstr("the table notes"));
  EXPECT_THAT(status.message(), HasSubstr("--create-tables"));
}

}  // namespace
}  // namespace storegate::test
