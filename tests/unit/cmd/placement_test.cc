// Which database an entity lives in, and which routes are refused.
#include "server/cmd/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cmd/library_schema.h"

namespace storegate::cmd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PlacementTest : public ::testing::Test {
 protected:
  PlacementTest() : schema_(LibrarySchema()) {
    config_.databases = {{"main", "sqlite:a.db"}, {"other", "sqlite:b.db"}};
  }

  Result<Placement> Place() { return PlaceEntities(config_, *schema_); }

  std::string Of(const Placement& placement, const std::string& entity) {
    return placement.database_of.at(schema_->FindEntity("library.v1." + entity));
  }

  // "key | description" of each mistake, a line each.
  std::string Mistakes() {
    Result<Placement> placement = Place();
    if (placement.ok()) return "none";
    EXPECT_EQ(placement.status().reason(), "INVALID_CONFIG");
    std::string out;
    for (const Violation& violation : placement.status().violations()) {
      out += violation.field + " | " + violation.description + "\n";
    }
    return out;
  }

  std::unique_ptr<const schema::Schema> schema_;
  Config config_;
};

TEST_F(PlacementTest, WhatIsNotRoutedLivesInMain) {
  config_.routes = {{"library.v1.AuthorStore", "other"}};
  Result<Placement> placement = Place();
  ASSERT_TRUE(placement.ok());
  EXPECT_EQ(Of(*placement, "Author"), "other");
  EXPECT_EQ(Of(*placement, "Book"), "main");
  EXPECT_EQ(Of(*placement, "Shelf"), "main");
  EXPECT_EQ(placement->default_database, "main");
}

TEST_F(PlacementTest, MainIsNotNeededWhereAllIsRouted) {
  config_.databases = {{"b", "sqlite:b.db"}, {"a", "sqlite:a.db"}, {"unused", "sqlite:u.db"}};
  config_.routes = {{"library.v1.AuthorStore", "b"},
                    {"library.v1.BookStore", "a"},
                    {"library.v1.ArchiveStore", "a"},
                    {"library.v1.ShelfStore", "b"}};
  Result<Placement> placement = Place();
  ASSERT_TRUE(placement.ok()) << placement.status().ToString();
  EXPECT_EQ(placement->default_database, "a");
}

TEST_F(PlacementTest, ARouteOfAnUnknownStoreNamesTheKnownOnes) {
  config_.routes = {{"library.v1.BokStore", "other"}};
  EXPECT_THAT(Mistakes(), AllOf(HasSubstr("routes.library.v1.BokStore | "),
                                HasSubstr("library.v1.BookStore")));
}

TEST_F(PlacementTest, TwoStoresOfOneEntityNeedOneDatabase) {
  config_.routes = {{"library.v1.ArchiveStore", "other"}};
  EXPECT_THAT(Mistakes(),
              AllOf(HasSubstr("library.v1.Book"), HasSubstr("library.v1.ArchiveStore"),
                    HasSubstr("library.v1.BookStore"), HasSubstr("\"other\""),
                    HasSubstr("\"main\"")));
}

TEST_F(PlacementTest, WithoutMainEveryStoreNeedsARoute) {
  config_.databases = {{"other", "sqlite:b.db"}, {"third", "sqlite:c.db"}};
  config_.routes = {{"library.v1.AuthorStore", "other"}};
  EXPECT_THAT(Mistakes(), AllOf(HasSubstr("databases.main | store library.v1.BookStore"),
                                HasSubstr("library.v1.ShelfStore"), HasSubstr("are other")));
}

TEST_F(PlacementTest, TheOnlyDatabaseNeedsNotBeNamedMain) {
  config_.databases = {{"other", "sqlite:b.db"}};
  Result<Placement> placement = Place();
  ASSERT_TRUE(placement.ok()) << placement.status().ToString();
  EXPECT_EQ(Of(*placement, "Author"), "other");
  EXPECT_EQ(Of(*placement, "Book"), "other");
  EXPECT_EQ(placement->default_database, "other");
}

TEST_F(PlacementTest, AStoreLivesWhereItPrefersToBeUnlessItIsRouted) {
  config_.databases["documents"] = "sqlite:d.db";
  Result<Placement> placement = Place();
  ASSERT_TRUE(placement.ok()) << placement.status().ToString();
  EXPECT_EQ(Of(*placement, "Shelf"), "documents");
  EXPECT_EQ(Of(*placement, "Book"), "main");
  config_.routes = {{"library.v1.ShelfStore", "other"}};
  EXPECT_EQ(Of(*Place(), "Shelf"), "other");
}

TEST_F(PlacementTest, AStoreLivesInMainWhereThereIsNotWhatItPrefers) {
  Result<Placement> placement = Place();
  ASSERT_TRUE(placement.ok());
  EXPECT_EQ(Of(*placement, "Shelf"), "main");
}

}  // namespace
}  // namespace storegate::cmd
