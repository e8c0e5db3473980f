// The runner over a database that only remembers: files, and what is applied.
#include "tests/unit/migrate/runner_case.h"

namespace storegate::migrate {
namespace {

using repository::AppliedMigration;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = AppliedMigration::State;

TEST(MigrationFiles, NamesAreNumbersAndWords) {
  const FakeGenerator generator;
  const auto migrations = ParseMigrations({{"0010_later.up.fake", "b"},
                                           {"0002_first.down.fake", "c"},
                                           {"0002_first.up.fake", "a"}},
                                          generator);
  ASSERT_TRUE(migrations.ok());
  ASSERT_EQ(migrations->size(), 2u);
  EXPECT_EQ((*migrations)[0].number, 2);
  EXPECT_EQ((*migrations)[0].name, "0002_first");
  EXPECT_EQ((*migrations)[0].down, "c");
  EXPECT_EQ((*migrations)[1].up, "b");
  EXPECT_EQ((*migrations)[1].down, "");
  for (const char* name : {"0001_x.fake", "x.up.fake", "1.up.fake", "1_.up.fake", "_x.up.fake",
                           "0000_x.up.fake", "-1_x.up.fake", "1a_x.up.fake", ".up.fake",
                           "99999999999_x.up.fake", "x.down.fake", "0001_x.up.sql"}) {
    const Status status = ParseMigrations({{name, ""}}, generator).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << name;
    EXPECT_EQ(status.reason(), "INVALID_MIGRATION") << name;
    EXPECT_THAT(status.message(), HasSubstr(name));
  }
}

TEST(MigrationFiles, ANumberIsTakenOnceAndADownHasItsUp) {
  const FakeGenerator generator;
  const auto wrong = [&](const std::vector<std::pair<std::string, std::string>>& files) {
    const Status status = ParseMigrations(files, generator).status();
    EXPECT_EQ(status.reason(), "INVALID_MIGRATION");
    return status.message();
  };
  EXPECT_THAT(wrong({{"1_a.up.fake", ""}, {"01_b.up.fake", ""}}), HasSubstr("1_a.up.fake"));
  EXPECT_THAT(wrong({{"1_a.up.fake", ""}, {"1_a.down.fake", ""}, {"01_a.down.fake", ""}}),
              HasSubstr("1_a.down.fake"));
  EXPECT_THAT(wrong({{"1_a.up.fake", ""}, {"2_b.down.fake", ""}}), HasSubstr("2_b.up.fake"));
  EXPECT_THAT(wrong({{"1_a.up.fake", ""}, {"1_b.down.fake", ""}}), HasSubstr("1_b.up.fake"));
}

TEST(MigrationFiles, AChecksumIsOfWhatIsSignificant) {
  const FakeGenerator generator;
  const std::string base = Checksum(generator, "table a x");
  EXPECT_EQ(base.size(), 64u);
  EXPECT_EQ(Checksum(generator, "# why\n table  a x\n"), base);
  EXPECT_NE(Checksum(generator, "table a y"), base);
}

using Runner = RunnerCase;

TEST_F(Runner, AppliesInOrderWhatTheHistoryLacks) {
  File("0002_b", "add books.title string");
  File("0001_a", "table books id");
  ASSERT_TRUE(Up().ok());
  EXPECT_THAT(names_, ElementsAre("0001_a", "0002_b"));
  EXPECT_THAT(Columns("books"), ElementsAre("id", "title"));
  EXPECT_EQ(Row(1).state, State::kApplied);
  EXPECT_EQ(Row(1).name, "0001_a");
  EXPECT_EQ(Row(1).applied_by, "a test");
  EXPECT_EQ(Row(1).checksum, Checksum(generator_, "table books id"));
  EXPECT_GT(Row(1).applied_at_millis, 0);
  EXPECT_GE(Row(1).duration_millis, 5);
  File("0001_a", "# said more\ntable books id");
  ASSERT_TRUE(Up().ok());
  EXPECT_THAT(names_, IsEmpty());
}

TEST_F(Runner, GoesAsFarAsItIsTold) {
  File("0001_a", "table books id");
  File("0002_b", "add books.title string");
  ASSERT_TRUE(Up(1).ok());
  EXPECT_THAT(names_, ElementsAre("0001_a"));
  EXPECT_FALSE(migrator_.database.kept.has_value()) << "the schema is that of what is to come";
  ASSERT_TRUE(Up().ok());
  EXPECT_THAT(names_, ElementsAre("0002_b"));
  EXPECT_TRUE(migrator_.database.kept.has_value());
}

TEST_F(Runner, OneMergedLateIsAppliedBehindALaterOne) {
  File("0002_b", "table books id");
  ASSERT_TRUE(Up().ok());
  File("0001_a", "table authors id");
  ASSERT_TRUE(Up().ok());
  EXPECT_THAT(names_, ElementsAre("0001_a"));
}

TEST_F(Runner, OneWithoutAnyStatementIsApplied) {
  File("0001_a", "# nothing");
  ASSERT_TRUE(Up().ok());
  EXPECT_THAT(names_, ElementsAre("0001_a"));
  EXPECT_EQ(Row(1).state, State::kApplied);
}

TEST_F(Runner, AFileThatCannotBeReadIsRefusedBeforeAnythingRuns) {
  File("0001_a", "table books id");
  File("0002_b", "== whatever");
  EXPECT_REASON(Up(), "INVALID_MIGRATION");
  EXPECT_TRUE(migrator_.database.history.empty());
}

TEST_F(Runner, AChangedMigrationIsRefusedBeforeAnythingRuns) {
  File("0001_a", "table books id");
  ASSERT_TRUE(Up().ok());
  File("0001_a", "table books id other");
  File("0002_b", "add books.title string");
  const Status status = Up();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "MIGRATION_CHANGED");
  EXPECT_THAT(status.message(), HasSubstr("0001_a"));
  EXPECT_EQ(migrator_.database.history.size(), 1u);
}

TEST_F(Runner, AMigrationWhoseFileIsGoneFromAmidTheOthersIsNamed) {
  File("0001_a", "table books id");
  File("0002_b", "add books.title string");
  ASSERT_TRUE(Up().ok());
  files_.erase("0001_a.up.fake");
  const Status status = Up();
  EXPECT_EQ(status.reason(), "MIGRATION_CHANGED");
  EXPECT_THAT(status.message(), HasSubstr("0001_a"));
}

TEST_F(Runner, ADatabaseThatIsAheadIsFineUnlessItNeedsToBeKnown) {
  File("0001_a", "table books id");
  File("0002_b", "add books.title string");
  File("0003_c", "add books.more string");
  ASSERT_TRUE(Up().ok());
  const std::string kept = *migrator_.database.kept;
  files_.erase("0003_c.up.fake");
  Use(R"(message Book {
    option (storegate.v1.entity) = { collection: "books" };
    string id = 1; })");
  EXPECT_OK(Up());
  EXPECT_THAT(names_, IsEmpty());
  EXPECT_EQ(*migrator_.database.kept, kept) << "an older schema must not take its place";
  EXPECT_OK(CheckApplied(MakeJob()));
  for (const int needs : {3, 4}) {
    migrator_.database.history[3].needs = needs;
    const Status status = Up();
    EXPECT_EQ(status.reason(), "DATABASE_AHEAD");
    EXPECT_THAT(status.message(), HasSubstr("0003_c"));
    EXPECT_REASON(CheckApplied(MakeJob()), "DATABASE_AHEAD");
  }
  migrator_.database.history[3].needs = 2;
  EXPECT_OK(Up());
  migrator_.database.history[3].state = State::kApplying;
  migrator_.database.history[3].needs = 3;
  EXPECT_REASON(Up(), "DATABASE_AHEAD");
}

TEST_F(Runner, ADatabaseMayBeAheadByAsManyAsTheJobSays) {
  File("0001_a", "table books id");
  File("0002_b", "add books.title string");
  File("0003_c", "add books.more string");
  ASSERT_TRUE(Up().ok());
  files_.erase("0003_c.up.fake");
  files_.erase("0002_b.up.fake");
  Job job = MakeJob();
  job.max_ahead = 2;
  EXPECT_OK(migrate::Up(job, 0, &names_));
  job.max_ahead = 1;
  const Status status = migrate::Up(job, 0, &names_);
  EXPECT_EQ(status.reason(), "DATABASE_AHEAD");
  EXPECT_THAT(status.message(), HasSubstr("0002_b"));
}

TEST_F(Runner, WhatBinariesMustKnowIsKeptInTheHistory) {
  File("0001_a", "table books id");
  File("0002_b", "== needs this\nadd books.title string");
  File("0003_c", "== needs 1\nadd books.more string");
  ASSERT_TRUE(Up().ok());
  EXPECT_EQ(Row(1).needs, 0);
  EXPECT_EQ(Row(2).needs, 2);
  EXPECT_EQ(Row(3).needs, 1);
}

TEST_F(Runner, WhatFailsIsWrittenDownAndTheNextUpGoesOnThere) {
  for (const bool transactional : {false, true}) {
    migrator_ = FakeMigrator();
    migrator_.transactional = transactional;
    File("0001_a", "table books id");
    File("0002_b", "add books.title string\n== transaction\nfail\nadd books.more string");
    names_ = {"stale"};
    const Status status = Up();
    EXPECT_EQ(status.reason(), "MIGRATION_FAILED");
    EXPECT_THAT(status.message(), HasSubstr("0002_b failed at step 2 of 2 (line 2"));
    EXPECT_THAT(status.message(), HasSubstr("run migrate up again"));
    EXPECT_EQ(Row(2).state, State::kApplying);
    EXPECT_EQ(Row(2).error, status.message());
    if (transactional) {
      EXPECT_THAT(names_, IsEmpty());
      EXPECT_EQ(Row(2).steps_done, 0);
      EXPECT_EQ(Row(2).needs, 0);
      EXPECT_FALSE(migrator_.database.history.contains(1));
    } else {
      EXPECT_THAT(names_, ElementsAre("0001_a"));
      EXPECT_EQ(Row(2).steps_done, 1);
      EXPECT_THAT(Columns("books"), ElementsAre("id", "title"));
    }
    EXPECT_REASON(CheckApplied(MakeJob()), "MIGRATIONS_PENDING");
    migrator_.refuses = false;
    EXPECT_OK(Up());
    EXPECT_EQ(names_.back(), "0002_b");
    EXPECT_THAT(Columns("books"), ElementsAre("id", "title", "more"));
    EXPECT_EQ(Row(2).error, "");
    EXPECT_EQ(Row(2).state, State::kApplied);
  }
}

TEST_F(Runner, AFileMayBeMendedAsLongAsNothingOfItWasDone) {
  File("0001_a", "table books id");
  File("0002_b", "fail\n== transaction\nadd books.title string");
  EXPECT_REASON(Up(), "MIGRATION_FAILED");
  File("0002_b", "add books.title string\n== transaction\nfail");
  EXPECT_REASON(Up(), "MIGRATION_FAILED");
  EXPECT_EQ(Row(2).steps_done, 1);
  File("0002_b", "add books.title string\n== transaction\nadd books.more string");
  const Status status = Up();
  EXPECT_EQ(status.reason(), "MIGRATION_CHANGED");
  EXPECT_THAT(status.message(), HasSubstr("1 of its steps"));
}

TEST_F(Runner, WhatWasBegunIsGoneOnWithWhateverIsAskedFor) {
  File("0001_a", "table books id");
  File("0003_c", "add books.title string\n== transaction\nfail");
  EXPECT_REASON(Up(), "MIGRATION_FAILED");
  migrator_.refuses = false;
  File("0002_b", "table authors id");
  ASSERT_TRUE(Up(1).ok());
  EXPECT_THAT(names_, ElementsAre("0003_c"));
  ASSERT_TRUE(Up().ok());
  EXPECT_THAT(names_, ElementsAre("0002_b"));
}

TEST_F(Runner, WhoLostTheLockWritesNothing) {
  File("0001_a", "table books id");
  migrator_.lock_lost = true;
  EXPECT_REASON(Up(), "MIGRATION_LOCK_LOST");
  EXPECT_TRUE(migrator_.database.history.empty());
}

class Told : public Watcher {
 public:
  void OnWaiting(const repository::LockHolder& holder) override { Say("waits for " + holder.who); }
  void OnStep(const Migration& migration, const repository::Step&, size_t index,
              size_t count) override {
    Say(migration.name + " " + std::to_string(index) + "/" + std::to_string(count));
  }
  void OnRows(int64_t done, int64_t total) override {
    Say(std::to_string(done) + " of " + std::to_string(total));
  }
  void OnDone(const Migration& migration, bool up, int64_t) override {
    Say((up ? "up " : "down ") + migration.name);
  }
  std::vector<std::string> said;

 private:
  void Say(std::string text) { said.push_back(std::move(text)); }
};

TEST_F(Runner, ToldIsWhatHappens) {
  Told told;
  watcher_ = &told;
  migrator_.held_by = repository::LockHolder{"another", 1, 2};
  File("0001_a", "table books id title\n== repeat 25\nfill\n== refold books.title",
       "drop table books");
  migrator_.database.to_go["fill\n"] = 25;
  EXPECT_OK(Up());
  EXPECT_THAT(told.said,
              ElementsAre("waits for another", "0001_a 0/3", "0001_a 1/3", "0 of 25", "10 of 25",
                          "20 of 25", "25 of 25", "0001_a 2/3", "0 of 0", "3 of 0", "up 0001_a"));
  told.said.clear();
  EXPECT_OK(Down(0));
  EXPECT_THAT(told.said, ElementsAre("waits for another", "0001_a 0/1", "down 0001_a"));
  migrator_.locked_for_good = true;
  EXPECT_REASON(Up(), "MIGRATION_LOCKED");
}

TEST_F(Runner, WhatIsFoldedAnewIsInTheSchemaUnlessALaterMigrationDropsIt) {
  File("0001_a", "table books id title gone\n== refold books.gone");
  const Status status = Up();
  EXPECT_EQ(status.reason(), "MIGRATION_FAILED");
  EXPECT_THAT(status.message(), HasSubstr("books.gone"));
  File("0002_b", "drop books.gone");
  EXPECT_OK(Up());
  EXPECT_TRUE(migrator_.database.refolded.empty());
  File("0003_c", "== refold books.title");
  EXPECT_OK(Up());
  EXPECT_EQ(migrator_.database.refolded["title"], 2);
}

TEST_F(Runner, StatusSaysOfEachWhatItIs) {
  File("0001_a", "table books id");
  File("0002_b", "add books.b string");
  File("0003_c", "add books.c string", "# one\ndrop books.c\n== transaction\nfail");
  File("0004_d", "add books.d string");
  ASSERT_TRUE(Up().ok());
  EXPECT_REASON(Down(3), "NO_DOWN_MIGRATION");
  files_.erase("0004_d.up.fake");
  migrator_.database.history[2].checksum = "other";
  File("0003_e", "", "");
  files_.erase("0003_e.up.fake");
  files_.erase("0003_e.down.fake");
  migrator_.database.history[3].state = State::kReverting;
  migrator_.database.history[3].steps_done = 1;
  auto statuses = *GetStatus(MakeJob());
  ASSERT_EQ(statuses.size(), 4u);
  EXPECT_EQ(statuses[0].state, MigrationState::kApplied);
  EXPECT_EQ(statuses[1].state, MigrationState::kChanged);
  EXPECT_EQ(statuses[2].state, MigrationState::kReverting);
  EXPECT_EQ(statuses[2].steps, 2u) << "those of the down file";
  EXPECT_EQ(statuses[3].state, MigrationState::kAhead);
  EXPECT_EQ(statuses[3].name, "0004_d");
  File("0005_e", "add books.e string\n== transaction\nfail");
  migrator_.database.history.erase(4);
  migrator_.database.history.erase(3);
  migrator_.database.history.erase(2);
  statuses = *GetStatus(MakeJob());
  EXPECT_EQ(statuses[1].state, MigrationState::kPending);
  EXPECT_EQ(statuses.back().steps, 2u);
  migrator_.database.model.tables.clear();
  migrator_.database.history.clear();
  EXPECT_REASON(Up(), "MIGRATION_FAILED");
  EXPECT_EQ(GetStatus(MakeJob())->back().state, MigrationState::kUnfinished);
}

TEST_F(Runner, CheckAppliedNamesWhatIsPending) {
  File("0001_a", "table books id");
  const Status status = CheckApplied(MakeJob());
  EXPECT_EQ(status.reason(), "MIGRATIONS_PENDING");
  EXPECT_THAT(status.message(), HasSubstr("0001_a"));
  EXPECT_TRUE(migrator_.database.history.empty());
  ASSERT_TRUE(Up().ok());
  EXPECT_OK(CheckApplied(MakeJob()));
}

}  // namespace
}  // namespace storegate::migrate
