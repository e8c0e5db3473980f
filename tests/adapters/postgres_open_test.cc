// Opening a PostgreSQL database, and migrations there: what goes wrong is said to who
// starts the gateway, in words, without the password.
#include <future>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/postgres/backend.h"
#include "server/migrate/runner.h"
#include "tests/adapters/library.h"
#include "tests/support/migrate.h"
#include "tests/support/postgres.h"
#include "tests/support/postgres_server.h"

namespace storegate::test {
namespace {

using migrate::Migration;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PostgresOpen : public ::testing::Test {
 protected:
  // Of a fresh, empty database.
  std::string Fresh(const std::string& more = "ENCODING 'UTF8'") {
    static int next = 0;
    const std::string name =
        "storegate_open_" + std::to_string(getpid()) + "_" + std::to_string(next++);
    RunSql(SharedPostgresUrl("postgres"),
           "CREATE DATABASE " + name + " TEMPLATE template0 " + more);
    made_.push_back(name);
    return SharedPostgresUrl(name);
  }
  ~PostgresOpen() override {
    for (const std::string& name : made_) {
      RunSql(SharedPostgresUrl("postgres"), "DROP DATABASE " + name + " WITH (FORCE)");
    }
  }
  static std::unique_ptr<repository::Backend> Open(const std::string& url) {
    auto backend = postgres::Open(
        {.url = url, .migration_timeout = std::chrono::milliseconds(300)});
    EXPECT_TRUE(backend.ok()) << backend.status().ToString();
    return backend.ok() ? *std::move(backend) : nullptr;
  }

 private:
  std::vector<std::string> made_;
};

TEST_F(PostgresOpen, WhatCannotBeOpenedSaysWhy) {
  const std::string url = SharedPostgresUrl("no_such_database");
  EXPECT_THAT(postgres::Open({.url = url}).status(), HasReason("CANNOT_OPEN_DATABASE"));
  EXPECT_THAT(postgres::Open({.url = url}).status().message(), HasSubstr("no_such_database"));
  for (const char* wrong : {"postgresql://u:hidden@127.0.0.1:1,127.0.0.1/x?port=1,2,3",
                            "postgresql://u:hidden@127.0.0.1:1/x?no_such_option=1",
                            "postgresql://u:hidden@127.0.0.1:1/x?sslmode=sometimes",
                            "postgresql://u:hidden@[::1/x"}) {
    const Status status = postgres::Open({.url = wrong}).status();
    EXPECT_THAT(status, HasReason("INVALID_OPTION")) << wrong;
    EXPECT_THAT(status.message(), Not(HasSubstr("hidden"))) << wrong;
  }
  const Status nobody = postgres::Open({.url = "postgresql://u:hidden@127.0.0.1:1/x"}).status();
  EXPECT_THAT(nobody, HasReason("DATABASE_UNAVAILABLE"));
  EXPECT_THAT(nobody.message(), Not(HasSubstr("hidden")));
}

TEST_F(PostgresOpen, ADatabaseThatIsNotInUtf8IsRefused) {
  const Status status =
      postgres::Open({.url = Fresh("ENCODING 'SQL_ASCII' LOCALE 'C'")}).status();
  EXPECT_THAT(status, HasReason("UNSUPPORTED_DATABASE"));
  EXPECT_THAT(status.message(), HasSubstr("SQL_ASCII"));
}

TEST_F(PostgresOpen, WhoeverKeepsASecretFirstWins) {
  const std::string url = Fresh();
  const std::string secret("\0first\xff", 7);
  std::vector<std::unique_ptr<repository::Backend>> backends;
  std::vector<std::future<std::string>> kept;
  for (int i = 0; i < 4; ++i) backends.push_back(Open(url));
  for (int i = 0; i < 4; ++i) {
    kept.push_back(std::async(std::launch::async, [&, i] {
      return *backends[static_cast<size_t>(i)]->KeepSecret("key", secret + std::to_string(i));
    }));
  }
  const std::string first = kept[0].get();
  EXPECT_EQ(first.substr(0, 7), secret);
  for (size_t i = 1; i < kept.size(); ++i) EXPECT_EQ(kept[i].get(), first);
  EXPECT_EQ(*backends[0]->KeepSecret("other", "third"), "third");
}

const Migration kFirst{1, "0001_first", "CREATE TABLE a (x integer); CREATE TABLE b (y integer);", ""};
const Migration kSecond{2, "0002_second", "ALTER TABLE a ADD COLUMN z text;", ""};

TEST_F(PostgresOpen, MigrationsAreAppliedOnceAndOneThatFailsKeepsThoseBeforeIt) {
  const auto backend = Open(Fresh());
  repository::Migrator& migrator = *backend->migrator();
  std::vector<std::string> applied;
  const Migration bad{2, "0002_bad", "CREATE TABLE c (x integer); CREATE TABLE a (x integer);", ""};
  const Status status = UpWith(migrator, postgres::PostgresGenerator(), {kFirst, bad}, &applied);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("0002_bad"));
  EXPECT_THAT(*migrator.Parts("c"), IsEmpty());
  ASSERT_TRUE(UpWith(migrator, postgres::PostgresGenerator(), {kFirst, kSecond}, &applied).ok());
  EXPECT_THAT(*migrator.Parts("a"), ElementsAre("x", "z"));
  EXPECT_EQ(migrator.History()->size(), 2u);
}

TEST_F(PostgresOpen, OnlyOneMigratesAtATimeAndTheHolderIsNamed) {
  const std::string url = Fresh();
  const auto one = Open(url);
  const auto other = Open(url);
  std::vector<std::string> applied;
  const Status status = one->migrator()->WithLock([&]() -> Status {
    other->migrator()->SetLockTimeout(300);
    const Status second = UpWith(*other->migrator(), postgres::PostgresGenerator(), {kFirst}, &applied);
    EXPECT_THAT(second, HasReason("MIGRATION_LOCKED"));
    EXPECT_THAT(second.message(), HasSubstr("process"));
    return {};
  });
  EXPECT_TRUE(status.ok());
  EXPECT_TRUE(UpWith(*other->migrator(), postgres::PostgresGenerator(), {kFirst}, &applied).ok());
}

TEST_F(PostgresOpen, ALockWhoseHolderIsGoneIsFree) {
  const std::string url = Fresh();
  const auto one = Open(url);
  const auto other = Open(url);
  std::vector<std::string> applied;
  one->migrator()->WithLock([&]() -> Status {
    RunSql(SharedPostgresUrl("postgres"),
           "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'");
    EXPECT_TRUE(UpWith(*other->migrator(), postgres::PostgresGenerator(), {kFirst}, &applied).ok());
    return {};
  }).ok();
  EXPECT_THAT(applied, ElementsAre("0001_first"));
}

}  // namespace
}  // namespace storegate::test
