// What others made and serves as well stays.
#include "server/migrate/serves.h"

#include <gtest/gtest.h>

#include "tests/unit/migrate/fake_migrator.h"

namespace storegate::migrate {
namespace {

class ServesTest : public ::testing::Test {
 protected:
  ServesTest() {
    should_.name = "title";
    should_.type = "string";
    should_.not_null = true;
    should_.default_value = "''";
    is_ = should_;
  }
  bool Served() { return Serves(generator_, table_, is_, should_); }

  FakeGenerator generator_;
  TableModel table_;
  ColumnModel is_;
  ColumnModel should_;
  schema::Field field_;
};

TEST_F(ServesTest, AnotherDefaultOrNone) {
  EXPECT_TRUE(Served());
  is_.default_value = "'draft'";
  EXPECT_TRUE(Served());
  is_.default_value = "";
  EXPECT_TRUE(Served());
}

TEST_F(ServesTest, NotAnotherType) {
  is_.type = "int32";
  is_.default_value = "7";
  EXPECT_FALSE(Served());
  // The rest of it stays as it is.
  const ColumnModel served = migrate::Served(generator_, table_, is_, should_);
  EXPECT_EQ(served.type, "string");
  EXPECT_EQ(served.default_value, "7");
}

TEST_F(ServesTest, NullWhereThereMustBeNoneIsFilledWithTheSchemasDefault) {
  is_.not_null = false;
  is_.default_value = "";
  EXPECT_FALSE(Served());
  EXPECT_EQ(migrate::Served(generator_, table_, is_, should_).default_value, "''");
}

TEST_F(ServesTest, NoNullOfWhatIsAlwaysWritten) {
  should_.not_null = false;
  EXPECT_FALSE(Served());
  should_.field = &field_;
  EXPECT_FALSE(Served());
  field_.required = true;
  EXPECT_TRUE(Served());
  field_.required = false;
  field_.role = schema::Role::kCreateTime;
  EXPECT_TRUE(Served());
}

TEST_F(ServesTest, AnothersRules) {
  is_.check = "length(title) < 9";
  is_.rest = "UNIQUE";
  EXPECT_TRUE(Served());
  should_.check = "title <> ''";
  EXPECT_FALSE(Served());
  should_.check = "";
  is_.rest = "UNIQUE ON CONFLICT REPLACE";
  EXPECT_FALSE(Served());
  is_.rest = "GENERATED ALWAYS AS (lower(name)) STORED";
  EXPECT_FALSE(Served());
}

TEST_F(ServesTest, AKeyWhereOneMustBe) {
  should_.rest = "PRIMARY KEY";
  EXPECT_FALSE(Served());
  table_.constraints = {"PRIMARY KEY (\"title\")"};
  EXPECT_TRUE(Served());
  table_.constraints = {"PRIMARY KEY (\"title\", \"b\")"};
  EXPECT_FALSE(Served());
  is_.rest = "PRIMARY KEY";
  EXPECT_TRUE(Served());
  should_.rest = "";
  EXPECT_FALSE(Served());
}

TEST_F(ServesTest, AnIndexByAnotherNameOrAConstraint) {
  const IndexModel wanted{"uq_books_title", true, "(\"title\")", true};
  EXPECT_FALSE(HasIndexLike(table_, wanted));
  table_.indexes = {{"theirs", true, "(\"title\")", false}};
  EXPECT_FALSE(HasIndexLike(table_, wanted));
  table_.indexes[0].valid = true;
  EXPECT_TRUE(HasIndexLike(table_, wanted));
  table_.indexes[0].unique = false;
  EXPECT_FALSE(HasIndexLike(table_, wanted));
  table_.constraints = {"UNIQUE (\"title\")"};
  EXPECT_TRUE(HasIndexLike(table_, wanted));
  table_.constraints.clear();
  table_.indexes.clear();
  is_.rest = "UNIQUE";
  table_.columns = {is_};
  EXPECT_TRUE(HasIndexLike(table_, wanted));
  EXPECT_FALSE(HasIndexLike(table_, {"ix", false, "(\"title\")", true}));
}

}  // namespace
}  // namespace storegate::migrate
