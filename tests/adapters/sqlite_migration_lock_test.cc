// The lock of SQLite's migrations: all or nothing also where its holder dies, and who waits
// is told for whom.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/time.h"
#include "server/migrate/runner.h"
#include "server/repository/migrator.h"
#include "tests/adapters/library.h"
#include "tests/adapters/sqlite_rows.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

using repository::AppliedMigration;
using repository::LockHolder;
using repository::Step;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SqliteLock : public ::testing::Test {
 protected:
  std::unique_ptr<repository::Backend> Open() { return *sqlite::Open({.path = path_}); }

  // Runs `work` in a process of its own, which does not come back.
  pid_t Fork(const std::function<void(repository::Migrator&)>& work) {
    int ready[2];
    EXPECT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const auto backend = Open();
      repository::Migrator& migrator = *backend->migrator();
      (void)migrator
          .WithLock([&]() -> Status {
            work(migrator);
            (void)!::write(ready[1], "x", 1);
            while (true) ::pause();
          })
          .ok();
      ::_exit(1);
    }
    char byte;
    ::close(ready[1]);
    EXPECT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    return child;
  }
  static void Kill(pid_t child) {
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
  }

  TempDir directory_;
  const std::string path_ = (directory_.path() / "test.db").string();
  const std::string note_ = path_ + ".migrating";
};

migrate::Job JobOf(repository::Migrator& migrator, std::vector<migrate::Migration> migrations) {
  migrate::Job job;
  job.migrator = &migrator;
  job.generator = &sqlite::SqliteGenerator();
  job.migrations = std::move(migrations);
  job.schema = &Library();
  return job;
}

TEST_F(SqliteLock, AHolderThatIsKilledLeavesAllOrNothingAndTheNextRunFinishes) {
  const std::vector<migrate::Migration> migrations = {
      {1, "0001_first", "CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1), (2);", ""},
      {2, "0002_second",
       "ALTER TABLE a ADD COLUMN y TEXT;\n-- storegate: repeat\nUPDATE a SET y = x WHERE rowid IN "
       "(SELECT rowid FROM a WHERE y IS NULL LIMIT 1);\n",
       ""}};
  { const auto made = Open(); }
  std::vector<std::string> applied;
  for (int steps = 0; steps < 3; ++steps) {
    Kill(Fork([&](repository::Migrator& migrator) {
      AppliedMigration row;
      row.number = 1;
      row.name = "0001_first";
      Step step;
      step.script = migrations[0].up;
      if (steps > 0) EXPECT_TRUE(migrator.Run(step, row).ok());
      step.script = "ALTER TABLE a ADD COLUMN y TEXT;";
      if (steps > 1) EXPECT_TRUE(migrator.Run(step, row).ok());
    }));
    const auto backend = Open();
    EXPECT_THAT(*backend->migrator()->History(), IsEmpty());
    EXPECT_THAT(*backend->migrator()->Parts("a"), IsEmpty());
  }
  const auto backend = Open();
  const Status status = migrate::Up(JobOf(*backend->migrator(), migrations), 0, &applied);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_THAT(applied, ElementsAre("0001_first", "0002_second"));
  EXPECT_THAT(SqliteRows(path_, "SELECT x, y FROM a ORDER BY x"), ElementsAre("1|1", "2|2"));
  EXPECT_NE(::access(note_.c_str(), F_OK), 0);
}

TEST_F(SqliteLock, WhoWaitsIsToldForWhom) {
  const auto backend = Open();
  repository::Migrator& migrator = *backend->migrator();
  const int64_t began = NowMillis();
  const pid_t child = Fork([](repository::Migrator& holder) { holder.AtMigration(7); });
  std::vector<LockHolder> told;
  migrator.OnWaiting([&](const LockHolder& holder) { told.push_back(holder); });
  migrator.SetLockTimeout(1);
  const Status status = migrator.WithLock([]() -> Status { return {}; });
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status, HasReason("MIGRATION_LOCKED"));
  const std::string who = "process " + std::to_string(child) + " on ";
  EXPECT_THAT(status.message(), HasSubstr(who));
  EXPECT_THAT(status.message(), HasSubstr("at migration 7"));
  ASSERT_FALSE(told.empty());
  EXPECT_THAT(told.back().who, HasSubstr(who));
  EXPECT_EQ(told.back().migration, 7);
  EXPECT_GE(told.back().since_millis, began);
  EXPECT_LE(told.back().since_millis, NowMillis());

  // Its note outlives it, and nobody believes it.
  Kill(child);
  EXPECT_EQ(::access(note_.c_str(), F_OK), 0);
  SqliteRows(path_, "SELECT 1");
  const auto other = Open();
  EXPECT_TRUE(other->migrator()
                  ->WithLock([&]() -> Status {
                    EXPECT_FALSE(migrator.WithLock([]() -> Status { return {}; }).ok());
                    EXPECT_THAT(told.back().who, HasSubstr(std::to_string(::getpid())));
                    EXPECT_EQ(told.back().migration, 0);
                    return {};
                  })
                  .ok());
  EXPECT_NE(::access(note_.c_str(), F_OK), 0);
  migrator.SetLockTimeout(60000);
  EXPECT_TRUE(migrator.WithLock([]() -> Status { return {}; }).ok());
}

TEST_F(SqliteLock, AnotherWriterIsNotTakenForTheHolderOfAnOldNote) {
  const auto backend = Open();
  Kill(Fork([](repository::Migrator& holder) { holder.AtMigration(7); }));
  ASSERT_EQ(::access(note_.c_str(), F_OK), 0);
  sqlite3* writer = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &writer), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(writer, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  repository::Migrator& migrator = *backend->migrator();
  migrator.SetLockTimeout(1);
  const Status status = migrator.WithLock([]() -> Status { return {}; });
  EXPECT_THAT(status, HasReason("MIGRATION_LOCKED"));
  EXPECT_THAT(status.message(), HasSubstr("Another process was writing"));
  sqlite3_close(writer);
}

TEST_F(SqliteLock, WhatIsNoNoteSaysNothingAndIsWrittenOver) {
  const auto backend = Open();
  const auto other = Open();
  for (const char* text : {"", "a", "a\nb\nc\n", "a\n1\n99999999999999999999\n", "a\n1\n-5\n"}) {
    std::ofstream(note_) << text << std::string(5000, 'z');
    repository::Migrator& migrator = *backend->migrator();
    migrator.SetLockTimeout(0);
    const Status status = other->migrator()->WithLock([&]() -> Status {
      const Status locked = migrator.WithLock([]() -> Status { return {}; });
      EXPECT_THAT(locked.message(), HasSubstr(std::to_string(::getpid())));
      return {};
    });
    EXPECT_TRUE(status.ok());
    EXPECT_NE(::access(note_.c_str(), F_OK), 0);
  }
}

TEST_F(SqliteLock, WithoutAPlaceForTheNoteItWorksAllTheSame) {
  const auto backend = Open();
  ASSERT_TRUE(std::filesystem::create_directory(note_));
  EXPECT_TRUE(backend->migrator()->WithLock([]() -> Status { return {}; }).ok());
  const auto memory = *sqlite::Open({.path = ":memory:"});
  EXPECT_TRUE(memory->migrator()->WithLock([]() -> Status { return {}; }).ok());
  EXPECT_NE(::access(":memory:.migrating", F_OK), 0);
}

TEST_F(SqliteLock, ManyAtOnceApplyEachMigrationOnce) {
  const std::vector<migrate::Migration> migrations = {
      {1, "0001_first", "CREATE TABLE a (x INTEGER);", ""},
      {2, "0002_second", "INSERT INTO a VALUES (1);", ""}};
  { const auto made = Open(); }
  std::vector<std::thread> threads;
  std::atomic<int> ok = 0;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] {
      const auto backend = Open();
      std::vector<std::string> applied;
      const Status status = migrate::Up(JobOf(*backend->migrator(), migrations), 0, &applied);
      EXPECT_TRUE(status.ok()) << status.ToString();
      ok += status.ok();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, 10);
  EXPECT_THAT(SqliteRows(path_, "SELECT count(*) FROM a"), ElementsAre("1"));
}

TEST_F(SqliteLock, ALockThatTheDatabaseTookBackIsLost) {
  const auto backend =
      *sqlite::Open({.path = (directory_.path() / "small.db").string(), .max_pages = 20});
  repository::Migrator& migrator = *backend->migrator();
  const Status status = migrator.WithLock([&]() -> Status {
    EXPECT_TRUE(migrator.Execute("CREATE TABLE a (x BLOB)").ok());
    const Status full = migrator.Execute(
        "INSERT INTO a WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) "
        "SELECT zeroblob(4000) FROM n");
    EXPECT_THAT(full, HasReason("STORAGE_FULL"));
    return full;
  });
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(*migrator.Parts("a"), IsEmpty());
  const Status lost = migrator.WithLock([&]() -> Status {
    EXPECT_TRUE(migrator.Execute("CREATE TABLE a (x INTEGER PRIMARY KEY)").ok());
    EXPECT_FALSE(
        migrator.Execute("INSERT INTO a VALUES (1); INSERT OR ROLLBACK INTO a VALUES (1)").ok());
    EXPECT_THAT(migrator.Execute("CREATE TABLE b (x)"), HasReason("MIGRATION_LOCK_LOST"));
    return {};
  });
  EXPECT_THAT(lost, HasReason("MIGRATION_LOCK_LOST"));
  EXPECT_THAT(*migrator.Parts("b"), IsEmpty());
  EXPECT_TRUE(migrator.Execute("CREATE TABLE b (x)").ok());
}

}  // namespace
}  // namespace storegate::test
