// A database that was made otherwise is adopted.
#include "tests/unit/migrate/runner_case.h"

namespace storegate::migrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Baselined : public RunnerCase {
 protected:
  Baselined() {
    File("0001_a", generator_.CreateAll(here_));
    File("0002_b", "add books.pages int32");
    File("0003_c", "drop books.title");
  }
  void Plant(const std::string& script) {
    migrator_.locked = true;
    EXPECT_OK(migrator_.Execute(script));
    migrator_.locked = false;
  }
  std::string First() { return generator_.CreateAll(here_); }
};

TEST_F(Baselined, AllThatIsThereIsAdopted) {
  Plant(First() + "add books.pages int32\ndrop books.title\nadd books.theirs string\n");
  Plant("table shelves id");
  const BaselineResult result = *Baseline(MakeJob());
  EXPECT_THAT(result.adopted, ElementsAre("0001_a", "0002_b", "0003_c"));
  EXPECT_THAT(result.drift, IsEmpty());
  EXPECT_EQ(result.missing, "");
  EXPECT_TRUE(migrator_.database.kept.has_value());
  EXPECT_EQ(Row(3).applied_by, "a test");
  EXPECT_OK(CheckApplied(MakeJob()));
  EXPECT_REASON(Baseline(MakeJob()).status(), "HISTORY_EXISTS");
}

TEST_F(Baselined, WhatALaterOneDropsKeepsItFromBeingAdopted) {
  Plant(First() + "add books.pages int32\n");
  const BaselineResult result = *Baseline(MakeJob());
  EXPECT_THAT(result.adopted, ElementsAre("0001_a", "0002_b"));
  ASSERT_EQ(result.drift.size(), 1u);
  EXPECT_THAT(result.drift[0].text, HasSubstr("books.title"));
  EXPECT_EQ(result.missing, "drop books.title\n");
  EXPECT_OK(Up());
  EXPECT_THAT(names_, ElementsAre("0003_c"));
}

TEST_F(Baselined, WhatIsMissingIsWrittenAndThenAdopted) {
  Plant("table books id\nadd books.title int32\nadd books.theirs string\n");
  const BaselineResult result = *Baseline(MakeJob());
  EXPECT_THAT(result.adopted, IsEmpty());
  EXPECT_FALSE(result.drift.empty());
  EXPECT_THAT(result.missing, HasSubstr("table authors"));
  EXPECT_THAT(result.missing, HasSubstr("type books.title string"));
  EXPECT_THAT(result.missing, ::testing::Not(HasSubstr("theirs")));
  Plant(result.missing);
  EXPECT_THAT(Baseline(MakeJob())->adopted, ElementsAre("0001_a"));
}

}  // namespace
}  // namespace storegate::migrate
