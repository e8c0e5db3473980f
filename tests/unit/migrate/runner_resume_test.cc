// A process that ends in the middle, at each of the calls that change something.
#include "tests/unit/migrate/runner_case.h"

namespace storegate::migrate {
namespace {

using repository::AppliedMigration;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using State = AppliedMigration::State;

class RunnerResume : public RunnerCase {
 protected:
  RunnerResume() {
    File("0001_a", CreateText(), "drop table books\ndrop table authors");
    File("0002_b",
         "add books.pages int32\n== repeat 25\nfill\n== no transaction\n"
         "index books by_title title\n== transaction\nadd books.more string\n"
         "== refold books.title",
         "drop books.more\n== transaction\ndrop books.pages");
    File("0003_c", "add authors.age int32", "drop authors.age");
  }
  std::string CreateText() { return generator_.CreateAll(here_); }

  static FakeMigrator Fresh(bool transactional) {
    FakeMigrator migrator;
    migrator.transactional = transactional;
    migrator.database.to_go["fill\n"] = 25;
    return migrator;
  }
  // What is there, but for the times.
  std::string State() {
    std::string state;
    for (const auto& table : migrator_.database.model.tables) {
      state += table.name + ":";
      for (const auto& column : table.columns) state += " " + column.name + " " + column.type;
      for (const auto& index : table.indexes) state += " index " + index.name;
      for (const auto& reference : table.references) state += " to " + reference.table;
      state += "\n";
    }
    for (const auto& [number, row] : migrator_.database.history) {
      state += row.name + " " + std::to_string(static_cast<int>(row.state)) + " " +
               std::to_string(row.steps_done) + " " + row.error + "\n";
    }
    state += std::to_string(migrator_.database.to_go["fill\n"]) + " to go, " +
             (migrator_.database.kept ? "schema kept" : "no schema");
    return state;
  }
};

TEST_F(RunnerResume, TheNextUpFinishesWhereverOneDied) {
  for (const bool transactional : {false, true}) {
    migrator_ = Fresh(transactional);
    ASSERT_TRUE(Up().ok());
    const int calls = migrator_.calls;
    const std::string whole = State();
    ASSERT_GT(calls, 12);
    EXPECT_THAT(whole, HasSubstr("0 to go, schema kept"));
    for (int die_at = 1; die_at <= calls; ++die_at) {
      for (const bool behind : {false, true}) {
        SCOPED_TRACE(std::to_string(die_at) + (behind ? " behind" : " before"));
        migrator_ = Fresh(transactional);
        migrator_.die_at = die_at;
        migrator_.die_behind = behind;
        EXPECT_EQ(Up().code(), Code::kUnavailable);
        migrator_.die_at = 0;
        EXPECT_OK(Up());
        EXPECT_EQ(State(), whole);
      }
    }
  }
}

TEST_F(RunnerResume, TheNextDownFinishesWhereverOneDied) {
  for (const bool transactional : {false, true}) {
    migrator_ = Fresh(transactional);
    ASSERT_TRUE(Up().ok());
    const int before = migrator_.calls;
    ASSERT_TRUE(Down(1).ok());
    const int calls = migrator_.calls - before;
    const std::string whole = State();
    EXPECT_THAT(names_, ElementsAre("0003_c", "0002_b"));
    for (int die_at = 1; die_at <= calls; ++die_at) {
      for (const bool behind : {false, true}) {
        SCOPED_TRACE(std::to_string(die_at) + (behind ? " behind" : " before"));
        migrator_ = Fresh(transactional);
        ASSERT_TRUE(Up().ok());
        migrator_.calls = 0;
        migrator_.die_at = die_at;
        migrator_.die_behind = behind;
        EXPECT_EQ(Down(1).code(), Code::kUnavailable);
        migrator_.die_at = 0;
        EXPECT_OK(Down(1));
        EXPECT_EQ(State(), whole);
      }
    }
  }
}

TEST_F(RunnerResume, AStepThatNobodyConfirmedIsNotDoneTwice) {
  migrator_ = Fresh(false);
  // The first step of the first migration, behind the row that says that it is begun.
  migrator_.die_at = 2;
  migrator_.die_behind = true;
  EXPECT_EQ(Up().code(), Code::kUnavailable);
  EXPECT_EQ(Row(1).state, State::kApplied);
  EXPECT_EQ(Row(1).error, "");
}

TEST_F(RunnerResume, UpDoesNotGoOnWhereADownWasCutShort) {
  migrator_ = Fresh(false);
  ASSERT_TRUE(Up().ok());
  File("0003_c", "add authors.age int32", "drop authors.age\n== transaction\nfail");
  const Status down = Down(2);
  EXPECT_EQ(down.reason(), "MIGRATION_FAILED");
  EXPECT_THAT(down.message(), HasSubstr("run migrate down again"));
  EXPECT_EQ(Row(3).state, State::kReverting);
  EXPECT_EQ(Row(3).steps_done, 1);
  EXPECT_EQ(Row(3).error, down.message());
  const Status up = Up();
  EXPECT_EQ(up.reason(), "MIGRATION_REVERTING");
  EXPECT_THAT(up.message(), HasSubstr("0003_c"));
  EXPECT_THAT(up.message(), HasSubstr("migrate down 2"));
  EXPECT_REASON(CheckApplied(MakeJob()), "MIGRATION_REVERTING");
  migrator_.refuses = false;
  EXPECT_OK(Down(3)) << "goes on with it though it is not behind 3";
  EXPECT_THAT(names_, ElementsAre("0003_c"));
  EXPECT_OK(Up());
}

TEST_F(RunnerResume, DownIsRefusedBeforeAnythingIsDone) {
  migrator_ = Fresh(false);
  ASSERT_TRUE(Up().ok());
  const std::string before = State();
  files_.erase("0002_b.down.fake");
  Status status = Down(0);
  EXPECT_EQ(status.reason(), "NO_DOWN_MIGRATION");
  EXPECT_THAT(status.message(), HasSubstr("0002_b.down.fake"));
  files_.erase("0003_c.up.fake");
  files_.erase("0003_c.down.fake");
  EXPECT_REASON(Down(2), "NO_DOWN_MIGRATION");
  EXPECT_EQ(State(), before);
}

TEST_F(RunnerResume, OneThatIsHalfAppliedIsNotTakenBack) {
  migrator_ = Fresh(false);
  File("0003_c", "add authors.age int32\n== transaction\nfail", "drop authors.age");
  EXPECT_REASON(Up(), "MIGRATION_FAILED");
  EXPECT_REASON(Down(1), "MIGRATION_UNFINISHED");
  File("0004_d", "fail", "drop authors.never");
  migrator_.database.history[3].steps_done = 0;
  EXPECT_OK(Down(2)) << "of what failed before anything was done there is but the row";
  EXPECT_FALSE(migrator_.database.history.contains(3));
}

TEST_F(RunnerResume, ADownThatFailsWhereAllIsTakenBackLeavesTheMigrationApplied) {
  migrator_ = Fresh(true);
  File("0003_c", "add authors.age int32", "drop authors.age\nfail");
  ASSERT_TRUE(Up().ok());
  const Status status = Down(1);
  EXPECT_EQ(status.reason(), "MIGRATION_FAILED");
  EXPECT_EQ(Row(3).state, State::kApplied);
  EXPECT_EQ(Row(3).error, status.message());
  EXPECT_OK(Up());
  migrator_.refuses = false;
  EXPECT_OK(Down(1));
}

}  // namespace
}  // namespace storegate::migrate
