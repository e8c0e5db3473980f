// What turns one model into another, and how it is said.
#include "server/migrate/change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/migrate/fake_dialect.h"
#include "tests/unit/migrate/schema_pair.h"

namespace storegate::migrate {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = Change::Kind;

TableModel Table(const std::string& name, const std::vector<std::string>& columns) {
  TableModel table;
  table.name = name;
  for (const std::string& column : columns) {
    ColumnModel model;
    model.name = column;
    model.type = "text";
    table.columns.push_back(model);
  }
  return table;
}

std::vector<std::string> Said(const DatabaseModel& before, const DatabaseModel& after,
                              const Renames& renames = {}) {
  std::vector<std::string> lines;
  for (const Change& change : Diff(before, after, renames)) {
    lines.push_back(DescribeChange(change));
  }
  return lines;
}

std::vector<std::string> Drift(const DatabaseModel& is, const DatabaseModel& should) {
  std::vector<std::string> lines;
  const std::vector<Change> changes = Diff(is, should);
  for (const Change& change : changes) lines.push_back(DescribeDrift(change));
  return lines;
}

DatabaseModel Of(std::vector<TableModel> tables) {
  DatabaseModel model;
  model.tables = std::move(tables);
  return model;
}

TEST(Diff, OfTheSameIsNothing) {
  TableModel table = Table("books", {"id", "title"});
  table.indexes.push_back({"i", true, "(\"title\")", true});
  table.references.push_back({"title", "books", "id", "a_name", ""});
  TableModel other = table;
  other.references[0].name = "another";
  EXPECT_THAT(Said(Of({table}), Of({other})), IsEmpty());
}

TEST(Diff, ComesInAnOrderInWhichItCanBeDone) {
  TableModel was = Table("books", {"id", "old", "kept"});
  was.indexes = {{"i_gone", false, "(\"old\")", true}, {"i_other", false, "(\"kept\")", true}};
  was.references = {{"old", "gone", "id", "", ""}};
  TableModel is = Table("books", {"id", "kept", "fresh"});
  is.columns[1].type = "int";
  is.indexes = {{"i_other", true, "(\"kept\")", true}, {"i_new", false, "(\"fresh\")", true}};
  is.references = {{"fresh", "added", "id", "", ""}};
  EXPECT_THAT(Said(Of({was, Table("gone", {"id"})}), Of({is, Table("added", {"id"})})),
              ElementsAre("drop the foreign key of books.old to gone.id",
                          "drop the index i_gone of books", "",
                          "add the table added", "add the column books.fresh",
                          "change the column books.kept: text becomes int",
                          "make the unique index i_other of books anew",
                          "add the index i_new of books",
                          "add the foreign key of books.fresh to added.id",
                          "drop the column books.old", "drop the table gone"));
}

TEST(Diff, TablesComeBehindThoseTheyReferToAndGoBeforeThem) {
  TableModel a = Table("a", {"id"}), b = Table("b", {"id"}), c = Table("c", {"id"});
  a.references = {{"id", "b", "id", "", ""}};
  b.references = {{"id", "c", "id", "", ""}};
  EXPECT_THAT(Said({}, Of({a, b, c})),
              ElementsAre("add the table c", "add the table b", "add the table a",
                          "add the foreign key of b.id to c.id",
                          "add the foreign key of a.id to b.id"));
  EXPECT_THAT(Said(Of({c, b, a}), {}),
              ElementsAre("drop the table a", "drop the table b", "drop the table c"));
}

TEST(Diff, ACircleThatGoesLosesTheForeignKeyThatHoldsIt) {
  TableModel a = Table("a", {"id"}), b = Table("b", {"id"});
  a.references = {{"id", "b", "id", "", ""}, {"id", "a", "id", "", ""}};
  b.references = {{"id", "a", "id", "", ""}};
  EXPECT_THAT(Said(Of({a, b}), {}), ElementsAre("drop the foreign key of b.id to a.id",
                                                "drop the table a", "drop the table b"));
}

TEST(Diff, FollowsWhatIsRenamed) {
  TableModel was = Table("books", {"id", "name", "_folded_name", "author_id"});
  was.indexes = {{"by_name", false, "(\"name\" DESC, \"id\") WHERE \"name\" > '\"name\"'", true}};
  was.columns[1].check = "\"name\" <> ''";
  was.references = {{"author_id", "writers", "id", "", ""}};
  TableModel is = Table("volumes", {"id", "title", "_folded_title", "author_id"});
  is.indexes = {{"by_name", false, "(\"title\" DESC, \"id\") WHERE \"title\" > '\"name\"'", true}};
  is.columns[1].check = "\"title\" <> ''";
  is.references = {{"author_id", "authors", "key", "", ""}};
  Renames renames;
  renames.tables = {{"books", "volumes"}, {"writers", "authors"}};
  renames.columns = {{{"volumes", "name"}, "title"}, {{"authors", "id"}, "key"}};
  EXPECT_THAT(Said(Of({was, Table("writers", {"id"})}), Of({is, Table("authors", {"key"})}), renames),
              ElementsAre("rename the table books to volumes", "rename the table writers to authors",
                          "rename the column volumes.name to title",
                          "rename the column volumes._folded_name to _folded_title",
                          "rename the column authors.id to key"));
  EXPECT_THAT(Said(Of({is, Table("authors", {"key"})}), Of({was, Table("writers", {"id"})}),
                   renames.Reversed()),
              ElementsAre("rename the table volumes to books", "rename the table authors to writers",
                          "rename the column books.title to name",
                          "rename the column books._folded_title to _folded_name",
                          "rename the column writers.key to id"));
}

TEST(Diff, WithoutARenameAColumnGoesAndAnotherComes) {
  EXPECT_THAT(Said(Of({Table("a", {"id", "x"})}), Of({Table("a", {"id", "y"})})),
              ElementsAre("add the column a.y", "drop the column a.x"));
}

TEST(Diff, AnotherOrderIsNothingToDo) {
  const DatabaseModel was = Of({Table("a", {"x", "y"})});
  const DatabaseModel is = Of({Table("a", {"y", "new", "x"})});
  const auto changes = Diff(was, is);
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].kind, Kind::kAddColumn);
  EXPECT_EQ(changes[1].kind, Kind::kReorderColumns);
  EXPECT_EQ(DescribeChange(changes[1]), "");
  EXPECT_EQ(DescribeDrift(changes[1]), "the columns of the table a are in another order");
}

TEST(Drift, IsSaidForEachThing) {
  TableModel is = Table("books", {"id", "extra", "title"});
  is.columns[2].not_null = true;
  is.columns[2].default_value = "0";
  is.indexes = {{"i", false, "(\"a\")", false}, {"j", false, "(\"b\")", true}};
  is.references = {{"id", "books", "id", "", "ON DELETE CASCADE"}};
  is.suffix = "";
  TableModel should = Table("books", {"id", "lost", "title"});
  should.columns[2].type = "uuid";
  should.columns[2].check = "c";
  should.indexes = {{"i", true, "(\"a\")", true}, {"k", false, "(\"b\")", true}};
  should.references = {{"id", "books", "id", "", ""}};
  should.suffix = "STRICT";
  EXPECT_THAT(
      Drift(Of({is, Table("more", {"id"})}), Of({should, Table("less", {"id"})})),
      ElementsAre(
          "the foreign key of books.id to books.id ON DELETE CASCADE is there and should not be",
          "the index i of books is (\"a\") and was never finished, not unique (\"a\")",
          "the index j of books is there and should not be", "the table less is missing",
          "the column books.lost is missing",
          "the column books.title is text, not uuid, cannot be null, has the default 0, not "
          "nothing, has the check nothing, not c",
          "the table books has nothing behind its columns, not STRICT", "",
          "the index k of books is missing", "the foreign key of books.id to books.id is missing",
          "the column books.extra is there and should not be",
          "the table more is there and should not be"));
  const DatabaseModel model = Of({should}), nothing;
  EXPECT_EQ(DescribeDrift(Diff(nothing, model)[0], "collection"),
            "the collection books is missing");
}

TEST(Model, IsWhatCreateSqlIsMadeOf) {
  const auto schema = SchemaOf(R"(
enum Kind { KIND_UNSPECIFIED = 0; LONG = 1; }
message Author { option (storegate.v1.entity) = {}; string id = 1; }
message Book {
  option (storegate.v1.entity) = {};
  string id = 1;
  string title = 2 [(storegate.v1.field) = { searchable: true max_len: 9 unique: ALL }];
  optional string author_id = 3 [(storegate.v1.field).references = "Author.id"];
  Kind kind = 4;
}
)", {"Author", "Book"});
  ASSERT_NE(schema, nullptr);
  const FakeDialect dialect;
  const DatabaseModel model = ModelOf(dialect, EntitiesOf(*schema));
  ASSERT_EQ(model.tables.size(), 2u);
  EXPECT_EQ(model.tables[0].name, "authors");
  const TableModel& books = model.tables[1];
  EXPECT_EQ(books.entity, &schema->entities[1]);
  const ColumnModel& id = books.columns[0];
  EXPECT_EQ(id.type, "string");
  EXPECT_TRUE(id.not_null);
  EXPECT_EQ(id.rest, "PRIMARY KEY");
  EXPECT_EQ(id.field, books.entity->id);
  EXPECT_EQ(books.Column("kind")->check, "\"kind\" IN ('KIND_UNSPECIFIED', 'LONG')");
  EXPECT_EQ(books.Column("kind")->default_value, "'KIND_UNSPECIFIED'");
  EXPECT_TRUE(books.Column("_folded_title")->folded);
  EXPECT_EQ(books.Column("_folded_title")->field, books.Column("title")->field);
  EXPECT_EQ(books.Column("_version")->field, nullptr);
  EXPECT_EQ(books.Column("_version")->default_value, "0");
  ASSERT_EQ(books.indexes.size(), 2u);
  EXPECT_EQ(books.indexes[0].definition, "(\"title\")");
  EXPECT_TRUE(books.indexes[0].unique);
  ASSERT_EQ(books.references.size(), 1u);
  EXPECT_EQ(books.references[0].table, "authors");
  EXPECT_THAT(ModelOf(dialect, {&schema->entities[1]}).tables[0].references, IsEmpty());
}

}  // namespace
}  // namespace storegate::migrate
