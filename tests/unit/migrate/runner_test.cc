// The runner over a database that only remembers.
#include "server/migrate/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storegate::migrate {
namespace {

using repository::AppliedMigration;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FakeMigrator : public repository::Migrator {
 public:
  Status WithLock(const std::function<Status()>& work) override {
    if (locked_by_other) return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED", "locked");
    locked = true;
    Status status = work();
    locked = false;
    return status;
  }
  Result<std::vector<AppliedMigration>> History() override {
    EXPECT_TRUE(locked);
    return history;
  }
  Status Apply(const AppliedMigration& row, const std::string& sql) override {
    EXPECT_TRUE(locked);
    if (sql == "bad") return Status(Code::kFailedPrecondition, "MIGRATION_FAILED", "bad");
    history.push_back(row);
    return {};
  }
  Status Execute(const std::string& sql) override { return {}; }
  Result<std::vector<std::string>> Parts(std::string_view table) override {
    return std::vector<std::string>();
  }

  bool locked = false;
  bool locked_by_other = false;
  std::vector<AppliedMigration> history;
};

TEST(Runner, NamesOfFilesAreNumbersAndWords) {
  const auto migrations = ParseMigrations(
      {{"0010_later.up.sql", "b"}, {"0002_first.up.sql", "a"}}, ".up.sql");
  ASSERT_TRUE(migrations.ok());
  ASSERT_EQ(migrations->size(), 2u);
  EXPECT_EQ((*migrations)[0].number, 2);
  EXPECT_EQ((*migrations)[0].name, "0002_first");
  EXPECT_EQ((*migrations)[1].sql, "b");
  for (const char* name : {"0001_x.sql", "x.up.sql", "1.up.sql", "1_.up.sql", "_x.up.sql",
                           "0000_x.up.sql", "-1_x.up.sql", "1a_x.up.sql", ".up.sql",
                           "99999999999_x.up.sql"}) {
    const Status status = ParseMigrations({{name, ""}}, ".up.sql").status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << name;
    EXPECT_THAT(status.message(), HasSubstr(name));
  }
  EXPECT_THAT(
      ParseMigrations({{"1_a.up.sql", ""}, {"01_b.up.sql", ""}}, ".up.sql").status().message(),
      HasSubstr("1_a.up.sql"));
}

TEST(Runner, NamesEndAsTheKindOfDatabaseSays) {
  const auto migrations = ParseMigrations({{"0001_first.up.json", "[]"}}, ".up.json");
  ASSERT_TRUE(migrations.ok());
  EXPECT_EQ((*migrations)[0].name, "0001_first");
  EXPECT_THAT(ParseMigrations({{"0001_first.up.sql", ""}}, ".up.json").status().message(),
              HasSubstr("must be named as 0001_what_it_does.up.json"));
}

TEST(Runner, AChecksumIsOfTheStatementsAlone) {
  const std::string base = Checksum("CREATE TABLE a (x INTEGER);");
  EXPECT_EQ(base.size(), 64u);
  EXPECT_EQ(Checksum("-- why\nCREATE  TABLE\ta /* so\nso */ (x INTEGER); -- end"), base);
  EXPECT_NE(Checksum("CREATE TABLE a (y INTEGER);"), base);
  EXPECT_NE(Checksum("SELECT 'a  b'"), Checksum("SELECT 'a b'"));
  EXPECT_NE(Checksum("SELECT '--a'"), Checksum("SELECT '--b'"));
  EXPECT_NE(Checksum("SELECT 'it''s -- a'"), Checksum("SELECT 'it''s -- b'"));
  EXPECT_EQ(Checksum("SELECT 'cut"), Checksum(" SELECT 'cut"));
  EXPECT_EQ(Checksum("/* no end"), Checksum(""));
}

TEST(Runner, AppliesInOrderWhatTheHistoryLacks) {
  FakeMigrator migrator;
  std::vector<std::string> applied;
  ASSERT_TRUE(Up(migrator, {{1, "0001_a", "a"}, {2, "0002_b", "b"}}, &applied).ok());
  EXPECT_THAT(applied, ElementsAre("0001_a", "0002_b"));
  ASSERT_TRUE(Up(migrator, {{1, "0001_a", "a -- said more"}, {2, "0002_b", "b"}}, &applied).ok());
  EXPECT_THAT(applied, IsEmpty());
}

TEST(Runner, AChangedMigrationIsRefusedBeforeAnythingRuns) {
  FakeMigrator migrator;
  std::vector<std::string> applied;
  ASSERT_TRUE(Up(migrator, {{1, "0001_a", "a"}}, &applied).ok());
  const Status status = Up(migrator, {{1, "0001_a", "changed"}, {2, "0002_b", "b"}}, &applied);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "MIGRATION_CHANGED");
  EXPECT_EQ(migrator.history.size(), 1u);
}

TEST(Runner, ADatabaseOfALaterVersionIsRefused) {
  FakeMigrator migrator;
  std::vector<std::string> applied;
  ASSERT_TRUE(Up(migrator, {{1, "0001_a", "a"}, {2, "0002_b", "b"}}, &applied).ok());
  const Status status = Up(migrator, {{1, "0001_a", "a"}}, &applied);
  EXPECT_EQ(status.reason(), "DATABASE_AHEAD");
  EXPECT_THAT(status.message(), HasSubstr("0002_b"));
}

TEST(Runner, AFailureStopsAndIsReported) {
  FakeMigrator migrator;
  std::vector<std::string> applied = {"stale"};
  EXPECT_EQ(Up(migrator, {{1, "0001_a", "a"}, {2, "0002_b", "bad"}, {3, "0003_c", "c"}}, &applied)
                .reason(),
            "MIGRATION_FAILED");
  EXPECT_THAT(applied, IsEmpty());
  EXPECT_EQ(migrator.history.size(), 1u);
  migrator.locked_by_other = true;
  EXPECT_EQ(Up(migrator, {}, &applied).reason(), "MIGRATION_LOCKED");
}

}  // namespace
}  // namespace storegate::migrate
