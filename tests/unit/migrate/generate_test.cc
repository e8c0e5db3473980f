// Migrations that are generated, over dialects that name what they are asked for.
#include "server/migrate/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/migrate/sql_generator.h"
#include "tests/unit/migrate/generate_case.h"

namespace storegate::migrate {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST(Generate, OfNothingNewIsNothing) {
  const auto schema = BookOf("string title = 2;");
  const auto made = Make(schema, schema);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->up, "");
  EXPECT_EQ(made->down, "");
}

TEST(Generate, TheFirstMakesAllInPlainStatements) {
  const auto schema = BookOf(
      "optional string author_id = 2 [(storegate.v1.field).references = \"Author.id\"];",
      "message Author { option (storegate.v1.entity) = {}; string id = 1; "
      "string name = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL }]; }",
      {"Author"});
  const auto made = Make(nullptr, schema);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(made->up,
            "-- Made by storegate, to\n"
            "--   add the table authors\n"
            "--   add the table books\n"
            "--   add the foreign key of books.author_id to authors.id\n"
            "\n"
            "CREATE TABLE \"authors\" (\n"
            "  \"id\" string NOT NULL PRIMARY KEY,\n"
            "  \"name\" string NOT NULL DEFAULT '',\n"
            "  \"_version\" int64 NOT NULL DEFAULT 0\n"
            ");\n"
            "CREATE UNIQUE INDEX \"uq_authors_name\" ON \"authors\" (\"name\");\n"
            "CREATE TABLE \"books\" (\n"
            "  \"id\" string NOT NULL PRIMARY KEY,\n"
            "  \"author_id\" string,\n"
            "  \"_version\" int64 NOT NULL DEFAULT 0\n"
            ");\n"
            "CREATE INDEX \"idx__ref_books_author_id\" ON \"books\" (\"author_id\", \"id\");\n"
            "ADD FK books.author_id REFERENCES \"authors\" (\"id\");\n");
  EXPECT_EQ(Body(made->down), "DROP TABLE \"books\";\nDROP TABLE \"authors\";\n");
  const auto inline_references = Make(nullptr, schema, {}, kWithTable);
  EXPECT_THAT(inline_references->up,
              AllOf(HasSubstr("\"author_id\" string REFERENCES \"authors\" (\"id\"),\n"),
                    HasSubstr(") STRICT;\n"), Not(HasSubstr("ADD FK"))));
}

TEST(Generate, ANewPlainFieldIsAColumnAndItsWayBackSaysWhatIsLost) {
  const auto made = Make(BookOf("string title = 2;"), BookOf("string title = 2; int64 pages = 3;"));
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->up,
            "-- Made by storegate, to\n--   add the column books.pages\n\n"
            "ALTER books(id title _version -> id title pages _version): add the column "
            "books.pages;\n");
  EXPECT_EQ(made->down,
            "-- Made by storegate, to\n--   drop the column books.pages\n\n"
            "ALTER books(id title _version pages -> id title _version): drop the column "
            "books.pages;\n");
}

TEST(Generate, ANewFieldWithADefaultIsFilledInBatches) {
  const auto before = BookOf("");
  const auto after = BookOf(
      "optional string mood = 2 [(storegate.v1.field) = { default: \"it's\" searchable: true "
      "max_len: 9 }];");
  EXPECT_EQ(Bodies(before, after).up,
            "ALTER books(id _version -> id mood _folded_mood _version): add the column books.mood; "
            "add the column books._folded_mood;\n"
            "-- storegate: repeat, total SELECT count(*) FROM \"books\" WHERE \"mood\" IS NULL\n"
            "UPDATE \"books\" SET \"mood\" = 'it''s' WHERE \"id\" IN (SELECT \"id\" FROM \"books\" "
            "WHERE \"mood\" IS NULL LIMIT 1000);\n"
            "-- storegate: refold books.mood\n");
  const auto back = Make(after, before, kAll);
  ASSERT_TRUE(back.ok());
  EXPECT_THAT(back->down, AllOf(Not(HasSubstr("repeat")), Not(HasSubstr("refold")),
                                HasSubstr("comes back without what was in it")));
}

TEST(Generate, ANewlySearchableFieldIsFoldedByTheGateway) {
  const auto before = BookOf("string title = 2 [(storegate.v1.field).max_len = 9];");
  const auto after =
      BookOf("string title = 2 [(storegate.v1.field) = { max_len: 9 searchable: true }];");
  EXPECT_EQ(Bodies(before, after).up,
            "ALTER books(id title _version -> id title _folded_title _version): add the column "
            "books._folded_title;\n"
            "-- storegate: refold books.title\n");
  EXPECT_THAT(Violations(Make(after, before).status()),
              ElementsAre(HasSubstr("books.title: It drops the column books._folded_title, which "
                                    "servers of the schema before write")));
  EXPECT_THAT(Bodies(after, before, kAll).down, HasSubstr("-- storegate: refold books.title"));
}

TEST(Generate, ANewFieldHasNothingToFold) {
  const auto after =
      BookOf("string title = 2 [(storegate.v1.field) = { max_len: 9 searchable: true }];");
  EXPECT_THAT(Bodies(BookOf(""), after).up, Not(HasSubstr("refold")));
}

TEST(Generate, AFoldedColumnFollowsItsFieldAndIsFoldedAnewWhenTheTypeChanges) {
  const std::string options = " [(storegate.v1.field) = { max_len: 36 searchable: true ";
  const auto before = BookOf("string title = 2" + options + "}];");
  const auto after = BookOf("string name = 2" + options + "}];");
  GenerateOptions asked = kAll;
  asked.renames.columns[{"books", "title"}] = "name";
  const Both renamed = Bodies(before, after, asked);
  EXPECT_EQ(renamed.up,
            "ALTER books(id title _folded_title _version -> id name _folded_name _version): rename "
            "the column books.title to name; rename the column books._folded_title to "
            "_folded_name;\n");
  EXPECT_THAT(renamed.down, HasSubstr("rename the column books._folded_name to _folded_title"));
  const auto uuid = BookOf("string name = 2 [(storegate.v1.field) = { format: UUID searchable: true }];");
  EXPECT_THAT(Bodies(uuid, before, {{{}, {{{"books", "name"}, "title"}}}, true, true}).up,
              HasSubstr("-- storegate: refold books.title\n"));
}

TEST(Generate, RenamesOfTableAndColumnGoTogetherAndTheIndexFollows) {
  const auto before = SchemaOf(R"(
message Book {
  option (storegate.v1.entity) = { index: { fields: "title" name: "by_title" } };
  string id = 1; string title = 2 [(storegate.v1.field).max_len = 9];
})", {"Book"});
  const auto after = SchemaOf(R"(
message Volume {
  option (storegate.v1.entity) = { index: { fields: "name" name: "by_title" } };
  string id = 1; string name = 2 [(storegate.v1.field).max_len = 9]; int32 size = 3;
})", {"Volume"});
  GenerateOptions options;
  options.renames.tables["books"] = "volumes";
  options.renames.columns[{"volumes", "title"}] = "name";
  EXPECT_THAT(Violations(Make(before, after, options).status()),
              ElementsAre(HasSubstr("volumes: It renames the table books to volumes"),
                          HasSubstr("volumes.name: It renames the column volumes.title to name")));
  options.allow_breaking = true;
  const Both made = Bodies(before, after, options);
  EXPECT_EQ(made.up,
            "ALTER TABLE \"books\" RENAME TO \"volumes\";\n"
            "ALTER volumes(id title _version -> id name size _version): rename the column "
            "volumes.title to name; add the column volumes.size; keep by_title;\n");
  EXPECT_EQ(made.down,
            "ALTER TABLE \"volumes\" RENAME TO \"books\";\n"
            "ALTER books(id name size _version -> id title _version size): rename the column "
            "books.name to title; keep by_title;\n"
            "ALTER books(id title _version size -> id title _version): drop the column "
            "books.size; keep by_title;\n");
  EXPECT_THAT(Make(before, after, options)->up, HasSubstr("-- storegate: needs this\n"));
  EXPECT_THAT(Make(before, after, options)->down, Not(HasSubstr("needs")));
}

TEST(Generate, ARenamedUniqueColumnTakesItsForeignKeysAlong) {
  const auto schema = [](const std::string& name) {
    return SchemaOf(
        "message Author { option (storegate.v1.entity) = {}; string id = 1; string " + name +
            " = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL immutable: true }]; }\n"
            "message Book { option (storegate.v1.entity) = {}; string id = 1; optional string by = "
            "2 [(storegate.v1.field) = { references: \"Author." + name + "\" max_len: 9 }]; }",
        {"Author", "Book"});
  };
  GenerateOptions options = kAll;
  options.renames.columns[{"authors", "slug"}] = "key";
  EXPECT_EQ(Bodies(schema("slug"), schema("key"), options).up,
            "DROP FK books.by REFERENCES \"authors\" (\"slug\");\n"
            "ALTER authors(id slug _version -> id key _version): rename the column authors.slug to "
            "key; keep uq_authors_slug;\n"
            "-- storegate: no transaction\n"
            "CREATE UNIQUE INDEX \"uq_authors_key\" ON \"authors\" (\"key\");\n"
            "DROP INDEX uq_authors_slug OF authors;\n"
            "-- storegate: transaction\n"
            "ADD FK books.by REFERENCES \"authors\" (\"key\");\n");
  EXPECT_EQ(Bodies(schema("slug"), schema("key"), options, kWithTable).up,
            "DROP INDEX uq_authors_slug OF authors;\n"
            "ALTER authors(id slug _version -> id key _version): rename the column authors.slug to "
            "key;\n"
            "CREATE UNIQUE INDEX \"uq_authors_key\" ON \"authors\" (\"key\");\n");
}

TEST(Generate, ARenameMustNameWhatIsThere) {
  const auto before = BookOf("string title = 2; string kept = 3;");
  const auto after = BookOf("string name = 2; string kept = 3;");
  const auto error = [&](const Renames& renames) {
    const Status status = Make(before, after, {renames, true, true}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_EQ(status.reason(), "INVALID_RENAME");
    return status.message();
  };
  EXPECT_THAT(error({{{"bocks", "books"}}, {}}), HasSubstr("has no table \"bocks\""));
  EXPECT_THAT(error({{{"books", "tomes"}}, {}}), HasSubstr("the schema has no table \"tomes\""));
  EXPECT_THAT(error({{}, {{{"bocks", "title"}, "name"}}}), HasSubstr("no table \"bocks\""));
  EXPECT_THAT(error({{}, {{{"books", "tilte"}, "name"}}}), HasSubstr("has no column \"books.tilte\""));
  EXPECT_THAT(error({{}, {{{"books", "title"}, "nane"}}}), HasSubstr("no column \"books.nane\""));
  EXPECT_THAT(error({{}, {{{"books", "title"}, "kept"}}}), HasSubstr("already"));
  EXPECT_THAT(error({{}, {{{"books", "kept"}, "name"}}}), HasSubstr("still has a column"));
  EXPECT_THAT(error({{}, {{{"books", "title"}, "name"}, {{"books", "_version"}, "name"}}}),
              HasSubstr("_version"));
}

TEST(Generate, WhatLosesDataOrBreaksServersIsRefusedAndExplained) {
  const auto before = BookOf("string title = 2; string note = 3;");
  const auto after = BookOf("string title = 2;");
  const Status status = Make(before, after).status();
  EXPECT_THAT(status.message(), HasSubstr("loses data, breaks running servers"));
  EXPECT_THAT(status.message(), HasSubstr("--allow-data-loss --allow-breaking"));
  EXPECT_THAT(Violations(status),
              ElementsAre(AllOf(HasSubstr("books.note: It drops the column books.note, and what is "
                                          "in it. 1. "), HasSubstr("--allow-data-loss")),
                          HasSubstr("servers of the schema before read and write")));
  EXPECT_THAT(Violations(Make(before, after, {{}, true, false}).status()),
              ElementsAre(HasSubstr("--allow-breaking")));
  const auto made = Make(before, after, kAll);
  ASSERT_TRUE(made.ok());
  EXPECT_THAT(made->up, HasSubstr("-- storegate: needs this\n\nALTER books"));
  const SqlGenerator generator(kOnline, "fake");
  EXPECT_EQ(generator.Steps("x", made->up)->needs, Script::kNeedsThis);
  EXPECT_THAT(made->down, HasSubstr("-- What was dropped comes back without what was in it.\n"));
}

TEST(Generate, ADroppedTableIsRefused) {
  const std::string author = "message Author { option (storegate.v1.entity) = {}; string id = 1; }";
  const auto before = BookOf("", author, {"Author"});
  EXPECT_THAT(Violations(Make(before, BookOf("")).status()),
              ElementsAre(HasSubstr("authors: It drops the table authors, and all that is in it"),
                          HasSubstr("authors: ")));
  const Both made = Bodies(before, BookOf(""), kAll);
  EXPECT_EQ(made.up, "DROP TABLE \"authors\";\n");
  EXPECT_THAT(made.down, StartsWith("CREATE TABLE \"authors\""));
}

TEST(Generate, ACircleOfReferencesComesAndGoes) {
  const auto circle = BookOf(
      "optional string author_id = 2 [(storegate.v1.field).references = \"Author.id\"];",
      "message Author { option (storegate.v1.entity) = {}; string id = 1; optional string best = 2 "
      "[(storegate.v1.field).references = \"Book.id\"]; }",
      {"Author"});
  const auto none = SchemaOf("message Note { option (storegate.v1.entity) = {}; string id = 1; }",
                             {"Note"});
  const std::string up = Bodies(none, circle, kAll).up;
  const size_t tables = up.rfind("CREATE TABLE"), keys = up.find("ADD FK");
  EXPECT_LT(tables, keys);
  EXPECT_THAT(up, AllOf(HasSubstr("ADD FK books.author_id"), HasSubstr("ADD FK authors.best")));
  const std::string gone = Bodies(circle, none, kAll).up;
  EXPECT_LT(gone.find("DROP FK"), gone.find("DROP TABLE"));
  EXPECT_THAT(Bodies(circle, none, kAll, kWithTable).up, Not(HasSubstr("FK")));
}

TEST(Generate, ANewUniqueIndexIsMadeBesideAndSaysWhenItFails) {
  const auto before = BookOf("string isbn = 2 [(storegate.v1.field).max_len = 9];");
  const auto after = BookOf("string isbn = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL }];");
  const auto made = Make(before, after);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_THAT(made->up, HasSubstr("-- A unique index cannot be made while rows repeat its value"));
  EXPECT_EQ(Body(made->up),
            "-- storegate: no transaction\n"
            "CREATE UNIQUE INDEX \"uq_books_isbn\" ON \"books\" (\"isbn\");\n");
  EXPECT_THAT(Body(made->down), HasSubstr("DROP INDEX uq_books_isbn OF books;\n"));
}

TEST(Generate, AnIndexThatTakesTheNameOfAnotherIsMadeBehindIt) {
  const auto with = [](const std::string& fields, const std::string& name) {
    return SchemaOf("message Book { option (storegate.v1.entity) = { index: { " + fields + name +
                        " } }; string id = 1; int32 a = 2; int32 b = 3; }",
                    {"Book"});
  };
  EXPECT_EQ(Bodies(with("fields: \"a\"", " name: \"i\""), with("fields: \"b\"", " name: \"i\"")).up,
            "-- storegate: no transaction\n"
            "DROP INDEX i OF books;\n"
            "CREATE INDEX \"i\" ON \"books\" (\"b\", \"id\");\n");
  EXPECT_EQ(Bodies(with("fields: \"a\"", ""), with("fields: \"a\" fields: \"b\"", "")).up,
            "-- storegate: no transaction\n"
            "CREATE INDEX \"idx_books_a_b\" ON \"books\" (\"a\", \"b\", \"id\");\n"
            "DROP INDEX idx_books_a OF books;\n");
}

TEST(Generate, ScriptsStandOnTheirOwnWithoutOthersAtTheTable) {
  const auto before = BookOf("string isbn = 2 [(storegate.v1.field).max_len = 9];");
  const auto after = BookOf(
      "string isbn = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL searchable: true }]; "
      "optional int64 n = 3 [(storegate.v1.field).default = \"7\"];");
  const DatabaseModel was = ModelOf(kOnline, EntitiesOf(*before));
  const DatabaseModel is = ModelOf(kOnline, EntitiesOf(*after));
  const std::vector<Change> changes = Diff(was, is);
  RenderOptions options;
  options.online = false;
  EXPECT_EQ(Body(SqlGenerator(kOnline, "fake").Render(changes, is, options)),
            "ALTER books(id isbn _version -> id isbn n _folded_isbn _version): add the column "
            "books.n; add the column books._folded_isbn;\n"
            "UPDATE \"books\" SET \"n\" = 7 WHERE \"n\" IS NULL;\n"
            "-- storegate: refold books.isbn\n"
            "-- storegate: transaction\n"
            "CREATE UNIQUE INDEX \"uq_books_isbn\" ON \"books\" (\"isbn\");\n");
}

TEST(Generate, NamesOutOfADatabaseStayInTheirComment) {
  TableModel hostile;
  hostile.name = "a\nDROP TABLE b;";
  hostile.columns.emplace_back().name = "x\n-- storegate: bogus";
  DatabaseModel before, after;
  before.tables = {hostile};
  const SqlGenerator generator(kOnline, "fake");
  const std::string script = generator.Render(Diff(before, after), after, {});
  const auto steps = generator.Steps("x", script);
  ASSERT_TRUE(steps.ok()) << steps.status().ToString();
  ASSERT_EQ(steps->steps.size(), 1u);
  EXPECT_THAT(steps->steps[0].script, ::testing::EndsWith("DROP TABLE \"a\nDROP TABLE b;\";"));
}

}  // namespace
}  // namespace storegate::migrate
