// The descriptor guard.
#include "tests/unit/migrate/runner_case.h"

namespace storegate::migrate {
namespace {

using ::testing::HasSubstr;

class Guarded : public RunnerCase {
 protected:
  Guarded() {
    Use(Book("int32 pages = 3; State state = 4;"));
    File("0001_a", generator_.CreateAll(here_));
    EXPECT_OK(Up());
    migrator_.database.holds = {"books", "books.id", "books.pages", "books.state"};
  }
  static std::string Book(const std::string& fields, const std::string& values = "LENT = 1;") {
    return "enum State { NONE = 0; " + values +
           " }\nmessage Book { option (storegate.v1.entity) = { collection: \"books\" };"
           " string id = 1; " + fields + " }";
  }
};

TEST_F(Guarded, TheSchemaThatWroteIsKept) {
  ASSERT_TRUE(migrator_.database.kept.has_value());
  migrator_.calls = 0;
  EXPECT_OK(Up());
  EXPECT_EQ(migrator_.calls, 0);
}

TEST_F(Guarded, AFieldThatIsGoneWhileDataIsThereIsRefused) {
  const std::string kept = *migrator_.database.kept;
  Use(Book("State state = 4;"));
  const Status status = Up();
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "SCHEMA_INCOMPATIBLE");
  EXPECT_THAT(status.message(), HasSubstr("library.v1.Book.pages"));
  ASSERT_EQ(status.violations().size(), 1u);
  EXPECT_EQ(status.violations()[0].field, "library.v1.Book.pages");
  EXPECT_THAT(status.violations()[0].description, HasSubstr("books.pages"));
  EXPECT_REASON(CheckApplied(MakeJob()), "SCHEMA_INCOMPATIBLE");
  EXPECT_EQ(*migrator_.database.kept, kept);
  migrator_.database.holds.erase("books.pages");
  EXPECT_OK(Up());
  EXPECT_NE(*migrator_.database.kept, kept);
}

TEST_F(Guarded, APendingMigrationMayDropOrRenameTheColumn) {
  File("0002_b", "drop books.pages");
  Use(Book("State state = 4;"));
  EXPECT_OK(Up());
  File("0003_c", "rename books.state mood");
  Use(Book("State mood = 4;"));
  EXPECT_OK(Up());
}

TEST_F(Guarded, APendingMigrationThatDoesSomethingElseDoesNotHelp) {
  File("0002_b", "add books.more string");
  Use(Book("State state = 4;"));
  EXPECT_REASON(Up(), "SCHEMA_INCOMPATIBLE");
  EXPECT_REASON(Up(), "SCHEMA_INCOMPATIBLE") << "nor does having applied it";
}

TEST_F(Guarded, ATypeIsWhatTheDatabaseHas) {
  Use(Book("string pages = 3; State state = 4;"));
  EXPECT_REASON(Up(), "SCHEMA_INCOMPATIBLE");
  File("0002_b", "# books.pages is named, and stays as it is");
  EXPECT_REASON(Up(), "SCHEMA_INCOMPATIBLE");
  File("0003_c", "type books.pages string");
  EXPECT_OK(Up());
}

TEST_F(Guarded, WhatTheDatabaseCannotShowAMigrationNames) {
  Use(Book("int32 pages = 3; State state = 4;", "GONE = 2;"));
  EXPECT_REASON(Up(), "SCHEMA_INCOMPATIBLE");
  File("0002_b", "# the states of bookshelves and substate");
  const size_t before = migrator_.database.history.size();
  EXPECT_REASON(Up(), "SCHEMA_INCOMPATIBLE");
  EXPECT_EQ(migrator_.database.history.size(), before) << "before anything is done";
  File("0002_b", "# no row of books has LENT as its state");
  EXPECT_OK(Up());
  EXPECT_OK(Up());
}

TEST_F(Guarded, AnOlderBinaryMayStartAndKeepsNothing) {
  File("0002_b", "add books.more string");
  Use(Book("int32 pages = 3; State state = 4; string more = 5;", "LENT = 1; LOST = 2;"));
  EXPECT_OK(Up());
  migrator_.database.holds.insert("books.more");
  const std::string kept = *migrator_.database.kept;
  files_.erase("0002_b.up.fake");
  Use(Book("int32 pages = 3; State state = 4;"));
  EXPECT_OK(Up());
  EXPECT_OK(CheckApplied(MakeJob()));
  EXPECT_EQ(*migrator_.database.kept, kept);
}

TEST_F(Guarded, AnOlderBinaryThatWouldMisreadIsRefused) {
  File("0002_b", "type books.pages string");
  Use(Book("string pages = 3; State state = 4;"));
  EXPECT_OK(Up());
  files_.erase("0002_b.up.fake");
  Use(Book("int32 pages = 3; State state = 4;"));
  EXPECT_REASON(Up(), "SCHEMA_INCOMPATIBLE");
}

TEST_F(Guarded, ASchemaThatIsNoneIsSaidToBeDamaged) {
  migrator_.database.kept = "\xFF\xFF";
  const Status status = Up();
  EXPECT_EQ(status.reason(), "SCHEMA_INCOMPATIBLE");
  EXPECT_THAT(status.message(), HasSubstr("damaged"));
}

}  // namespace
}  // namespace storegate::migrate
