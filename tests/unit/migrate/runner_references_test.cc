// Foreign keys by placement, and tables made without migrations.
#include "tests/unit/migrate/runner_case.h"

namespace storegate::migrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RunnerReferences : public RunnerCase {
 protected:
  RunnerReferences() { File("0001_a", generator_.CreateAll(here_)); }

  std::vector<std::string> References() {
    std::vector<std::string> references;
    for (const auto& table : migrator_.database.model.tables) {
      for (const auto& each : table.references) {
        references.push_back(table.name + "." + each.column + " " + each.table);
      }
    }
    return references;
  }
  size_t Calls() {
    migrator_.calls = 0;
    EXPECT_OK(Up());
    return migrator_.calls;
  }
};

TEST_F(RunnerReferences, AreBetweenThoseThatLiveHere) {
  EXPECT_OK(Up());
  EXPECT_THAT(References(), ElementsAre("books.author_id authors"));
  EXPECT_EQ(Calls(), 0u) << "nothing differs";
  Here("Book");
  EXPECT_OK(Up());
  EXPECT_THAT(References(), IsEmpty());
  EXPECT_EQ(Calls(), 0u);
  Here("Author");
  EXPECT_OK(Up());
  EXPECT_THAT(References(), IsEmpty());
  Use(kLibrary);
  EXPECT_OK(Up());
  EXPECT_THAT(References(), ElementsAre("books.author_id authors"));
  Here("Author");
  EXPECT_OK(Up());
  EXPECT_THAT(References(), IsEmpty()) << "rows left behind must not hold up a delete";
}

TEST_F(RunnerReferences, ThoseOfTablesThatOthersMadeAreLeft) {
  File("0002_b", "table shelves id\nadd books.shelf string\nref books.shelf shelves.id");
  Here("Book");
  EXPECT_OK(Up());
  EXPECT_THAT(References(), ElementsAre("books.shelf shelves"));
}

TEST_F(RunnerReferences, OneThatRowsBreakIsNamed) {
  Here("Book");
  EXPECT_OK(Up());
  Use(kLibrary);
  migrator_.refuses_references = true;
  const Status status = Up();
  EXPECT_EQ(status.reason(), "MIGRATION_FAILED");
  EXPECT_THAT(status.message(), HasSubstr("books.author_id to authors.id"));
  migrator_.refuses_references = false;
  EXPECT_OK(Up());
}

TEST_F(RunnerReferences, WaitForWhatIsPendingAndForWhoeverIsAhead) {
  File("0002_b", "add books.more string");
  Here("Book");
  EXPECT_OK(Up(1));
  EXPECT_THAT(References(), ElementsAre("books.author_id authors"));
  EXPECT_OK(Up());
  EXPECT_THAT(References(), IsEmpty());
  files_.erase("0002_b.up.fake");
  Use(kLibrary);
  EXPECT_OK(Up());
  EXPECT_THAT(References(), IsEmpty()) << "a later version knows better";
}

TEST_F(RunnerReferences, ArePlanned) {
  Here("Book");
  auto plan = *Plan(MakeJob(), 0);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan[0].name, "0001_a");
  EXPECT_EQ(plan[0].first_step, 0u);
  EXPECT_EQ(plan[1].number, 0);
  ASSERT_EQ(plan[1].steps.size(), 1u);
  EXPECT_EQ(plan[1].steps[0].script, "unref books.author_id authors.id\n");
  EXPECT_OK(Up());
  EXPECT_THAT(*Plan(MakeJob(), 0), IsEmpty());
  File("0002_b", "add books.more string\n== transaction\nfail");
  migrator_.refuses = false;
  EXPECT_EQ(Plan(MakeJob(), 0)->size(), 1u) << "what was dropped is not there to be dropped again";
  migrator_.refuses = true;
  EXPECT_REASON(Up(), "MIGRATION_FAILED");
  migrator_.refuses = false;
  plan = *Plan(MakeJob(), 0);
  ASSERT_EQ(plan.size(), 1u);
  EXPECT_EQ(plan[0].first_step, 1u);
  EXPECT_EQ(plan[0].steps.size(), 2u);
  File("0003_c", "add books.c string");
  EXPECT_EQ(Plan(MakeJob(), 2)->size(), 1u);
}

TEST_F(RunnerReferences, TablesAreMadeWhereTheyAreMissing) {
  std::vector<std::string> made;
  EXPECT_OK(CreateTables(migrator_, generator_, {here_[1]}, &made));
  EXPECT_THAT(made, ElementsAre("books"));
  EXPECT_REASON(CheckTables(migrator_, generator_, here_), "TABLE_MISMATCH");
  EXPECT_OK(CreateTables(migrator_, generator_, here_, &made));
  EXPECT_THAT(made, ElementsAre("authors"));
  EXPECT_THAT(References(), ElementsAre("books.author_id authors"));
  EXPECT_OK(CheckTables(migrator_, generator_, here_));
  EXPECT_OK(CreateTables(migrator_, generator_, {here_[1]}, &made));
  EXPECT_THAT(made, IsEmpty());
  EXPECT_THAT(References(), IsEmpty());
}

}  // namespace
}  // namespace storegate::migrate
