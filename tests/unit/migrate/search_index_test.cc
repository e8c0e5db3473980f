// The index that serves `search`, where the database has one: in migrations that are generated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/migrate/generate_case.h"

namespace storegate::migrate {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

SchemaPtr Book(const std::string& options, const std::string& fields) {
  return SchemaOf("message Book {\n  option (storegate.v1.entity) = { " + options +
                      " };\n  string id = 1;\n" + fields + "}\n",
                  {"Book"});
}

const std::string kTitle =
    "string title = 2 [(storegate.v1.field) = { max_len: 9 searchable: true }];";
const std::string kBlurb =
    "string blurb = 3 [(storegate.v1.field) = { max_len: 9 searchable: true }];";

TEST(SearchIndex, IsMadeWithItsTableBehindWhatItNeeds) {
  const auto made = Make(nullptr, Book("search_index: true", kTitle + kBlurb));
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_THAT(made->up, HasSubstr("NEED parts;\nCREATE INDEX \"idx__search_books\" ON \"books\" "
                                  "USING parts (\"_folded_title\", \"_folded_blurb\");\n"));
  EXPECT_THAT(CreateSql(kOnline, EntitiesOf(*Book("search_index: true", kTitle))),
              HasSubstr("NEED parts;\nCREATE INDEX \"idx__search_books\" ON \"books\" "
                        "USING parts (\"_folded_title\");\n"));
}

TEST(SearchIndex, IsMadeBesideThoseWhoUseTheTable) {
  const Both both = Bodies(Book("", kTitle), Book("search_index: true", kTitle));
  EXPECT_EQ(both.up,
            "NEED parts;\n"
            "-- storegate: no transaction\n"
            "CREATE INDEX \"idx__search_books\" ON \"books\" USING parts (\"_folded_title\");\n");
  EXPECT_EQ(both.down,
            "-- storegate: no transaction\n"
            "DROP INDEX idx__search_books OF books;\n");
}

TEST(SearchIndex, IsMadeAnewWhenItsFieldsChange) {
  const auto one = Book("search_index: true", kTitle);
  const auto two = Book("search_index: true", kTitle + kBlurb);
  const Both both = Bodies(one, two, kAll);
  EXPECT_THAT(both.up, HasSubstr("DROP INDEX idx__search_books OF books;\n"));
  EXPECT_THAT(both.up, HasSubstr("NEED parts;\n-- storegate: no transaction\n"
                                 "CREATE INDEX \"idx__search_books\" ON \"books\" USING parts "
                                 "(\"_folded_title\", \"_folded_blurb\");\n"));
}

TEST(SearchIndex, IsNoneWhereTheDatabaseHasNone) {
  EXPECT_THAT(CreateSql(kWithTable, EntitiesOf(*Book("search_index: true", kTitle))),
              Not(HasSubstr("_search_")));
  const auto made =
      Make(Book("", kTitle), Book("search_index: true", kTitle), kAll, kWithTable);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->up, "");
}

}  // namespace
}  // namespace storegate::migrate
