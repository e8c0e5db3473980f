// A schema that is pushed.
#include "tests/unit/migrate/runner_case.h"

namespace storegate::migrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Pushed : public RunnerCase {
 protected:
  Status Push(bool allow_data_loss = false) {
    return migrate::Push(MakeJob(), allow_data_loss, &names_);
  }
  static std::string Book(const std::string& fields) {
    return "message Book { option (storegate.v1.entity) = { collection: \"books\" };"
           " string id = 1; " + fields + " }";
  }
};

TEST_F(Pushed, TheDatabaseIsWhatTheSchemaSays) {
  EXPECT_OK(Push());
  EXPECT_FALSE(names_.empty());
  EXPECT_OK(CheckTables(migrator_, generator_, here_));
  EXPECT_THAT(*Verify(MakeJob()), IsEmpty());
  EXPECT_OK(Push());
  EXPECT_THAT(names_, IsEmpty());
  Here("Book");
  EXPECT_OK(Push());
  EXPECT_EQ(names_.size(), 1u) << "the foreign key goes";
}

TEST_F(Pushed, WhatNoSchemaHasIsLeft) {
  Use(Book("int32 pages = 2;"));
  EXPECT_OK(Push());
  migrator_.locked = true;
  EXPECT_OK(migrator_.Execute("table shelves id\nadd books.theirs string\nindex books mine id"));
  migrator_.locked = false;
  Use(Book("int32 pages = 2; string more = 3;"));
  EXPECT_OK(Push());
  EXPECT_THAT(Columns("books"), ElementsAre("id", "pages", "theirs", "more"));
  EXPECT_THAT(Columns("shelves"), ElementsAre("id"));
  EXPECT_NE(migrator_.database.model.Table("books")->Index("mine"), nullptr);
}

TEST_F(Pushed, WhatWouldBeLostIsNamed) {
  Use(Book("int32 pages = 2; int32 width = 3; int32 height = 4;"));
  EXPECT_OK(Push());
  migrator_.database.holds = {"books", "books.pages", "books.width"};
  Use(Book("string width = 3;"));
  const Status status = Push();
  EXPECT_EQ(status.reason(), "DATA_LOSS");
  ASSERT_EQ(status.violations().size(), 2u) << status.ToString();
  EXPECT_THAT(status.message(), HasSubstr("books.pages"));
  EXPECT_THAT(status.message(), HasSubstr("books.width"));
  EXPECT_THAT(Columns("books"), ElementsAre("id", "pages", "width", "height"));
  EXPECT_OK(Push(true));
  EXPECT_THAT(Columns("books"), ElementsAre("id", "width"));
}

TEST_F(Pushed, AWidenedColumnLosesNothing) {
  Use(Book("int32 pages = 2;"));
  EXPECT_OK(Push());
  migrator_.database.holds = {"books", "books.pages"};
  Use(Book("int64 pages = 2;"));
  EXPECT_OK(Push());
  EXPECT_EQ(names_.size(), 1u);
}

TEST_F(Pushed, ADatabaseWithAHistoryIsLeftToMigrations) {
  File("0001_a", generator_.CreateAll(here_));
  EXPECT_OK(Up());
  EXPECT_REASON(Push(), "HISTORY_EXISTS");
}

}  // namespace
}  // namespace storegate::migrate
