// Drift: what the database has against what its history says.
#include "tests/unit/migrate/runner_case.h"

namespace storegate::migrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Verified : public RunnerCase {
 protected:
  Verified() { File("0001_a", generator_.CreateAll(here_)); }
  std::vector<Drift> Found() {
    Result<std::vector<Drift>> drift = Verify(MakeJob());
    EXPECT_TRUE(drift.ok()) << drift.status().ToString();
    return drift.ok() ? *drift : std::vector<Drift>();
  }
  void Plant(const std::string& script) {
    migrator_.locked = true;
    EXPECT_OK(migrator_.Execute(script));
    migrator_.locked = false;
  }
};

TEST_F(Verified, NothingDrifted) {
  EXPECT_OK(Up());
  EXPECT_THAT(Found(), IsEmpty());
  File("0001_a", "# said more\n" + files_["0001_a.up.fake"]);
  EXPECT_THAT(Found(), IsEmpty()) << "a comment is no drift";
  Here("Book");
  EXPECT_EQ(Found().size(), 1u) << "the foreign key is not what the placement asks for";
  EXPECT_OK(Up());
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(Verified, WhatIsGoneOrOtherwiseIsNamed) {
  EXPECT_OK(Up());
  Plant("drop books.title");
  auto drift = Found();
  ASSERT_EQ(drift.size(), 1u);
  EXPECT_THAT(drift[0].text, HasSubstr("books.title"));
  EXPECT_EQ(drift[0].table, "books");
  EXPECT_EQ(drift[0].harmless, "");
  Plant("add books.title int32");
  drift = Found();
  ASSERT_FALSE(drift.empty());
  EXPECT_THAT(drift[0].text, HasSubstr("books.title"));
  Plant("unref books.author_id authors.id");
  EXPECT_EQ(Found().size(), drift.size() + 1);
  Plant("drop table books");
  drift = Found();
  ASSERT_FALSE(drift.empty());
  EXPECT_THAT(drift[0].text, HasSubstr("books"));
}

TEST_F(Verified, WhatOthersAddedIsExtra) {
  EXPECT_OK(Up());
  Plant("table shelves id\nadd books.more string\nindex books mine title");
  const auto drift = Found();
  ASSERT_EQ(drift.size(), 3u);
  for (const Drift& each : drift) EXPECT_EQ(each.harmless, "made by others") << each.text;
}

TEST_F(Verified, OfAMigrationThatWasBegunWhatWasDoneShouldBeThere) {
  File("0002_b", "add books.more string\n== transaction\nadd books.other string\nfail");
  EXPECT_REASON(Up(), "MIGRATION_FAILED");
  migrator_.refuses = false;
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(Verified, WithoutHistoryTheSchemaSaysWhatShouldBeThere) {
  auto drift = Found();
  EXPECT_EQ(drift.front().table, "authors");
  std::vector<std::string> made;
  EXPECT_OK(CreateTables(migrator_, generator_, here_, &made));
  drift = Found();
  EXPECT_THAT(drift, IsEmpty());
}

TEST_F(Verified, WhatCannotBeToldIsAnError) {
  EXPECT_OK(Up());
  files_.clear();
  EXPECT_REASON(Verify(MakeJob()).status(), "DATABASE_AHEAD");
  File("0001_a", "table books id");
  EXPECT_REASON(Verify(MakeJob()).status(), "MIGRATION_CHANGED");
}

}  // namespace
}  // namespace storegate::migrate
