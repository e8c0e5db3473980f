// What of a migration loses data or breaks servers, and how that is said.
#include "server/migrate/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/migrate/generate_case.h"

namespace storegate::migrate {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

ColumnModel Column(const std::string& name, const std::string& type, bool not_null = false) {
  ColumnModel column;
  column.name = name;
  column.type = type;
  column.not_null = not_null;
  return column;
}

TEST(Risks, AWidenedTypeBreaksServersWhereTheDatabaseSeesIt) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"int32", "int64"}, {"uint32", "int64"}, {"float", "double"}}) {
    const auto before = BookOf(from + " n = 2;"), after = BookOf(to + " n = 2;");
    EXPECT_THAT(Violations(Make(before, after).status()),
                ElementsAre(AllOf(HasSubstr("changes the column books.n from " + from + " to " + to),
                                  HasSubstr("do not expect"))));
    EXPECT_THAT(Bodies(before, after, {{}, false, true}).up,
                HasSubstr("change the column books.n: " + from + " becomes " + to));
  }
  const auto same = Make(BookOf("int32 n = 2;"), BookOf("int64 n = 2;"), {}, kWithTable);
  ASSERT_TRUE(same.ok()) << same.status().ToString();
  EXPECT_EQ(same->up, "");
}

TEST(Risks, WhereEachRecordHasItsTypesAWidenedOneBreaksNothing) {
  const auto before = BookOf("int32 n = 2;"), after = BookOf("int64 n = 2;");
  const DatabaseModel was = ModelOf(kOnline, EntitiesOf(*before));
  const DatabaseModel is = ModelOf(kOnline, EntitiesOf(*after));
  const std::vector<Change> changes = Diff(was, is), back = Diff(is, was);
  EXPECT_EQ(RisksOf(changes, false).size(), 1u);
  EXPECT_EQ(RisksOf(changes, true).size(), 0u);
  ASSERT_EQ(RisksOf(back, true).size(), 1u);
  EXPECT_EQ(RisksOf(back, true)[0].kind, Risk::Kind::kLosesData);
}

TEST(Risks, ANarrowedTypeLosesDataAlsoWhereTheDatabaseDoesNotSeeIt) {
  const auto before = BookOf("int64 n = 2;"), after = BookOf("int32 n = 2;");
  for (const Dialect* dialect : {static_cast<const Dialect*>(&kOnline),
                                 static_cast<const Dialect*>(&kWithTable)}) {
    EXPECT_THAT(Violations(Make(before, after, {{}, false, true}, *dialect).status()),
                ElementsAre(HasSubstr("from int64 to int32, which not all of its values fit into")));
  }
  EXPECT_THAT(Bodies(before, after, kAll).up, HasSubstr("int64 becomes int32"));
}

TEST(Risks, AnotherTypeIsImpossible) {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"int64", "string"},
           {"string", "bytes"},
           {"string", "repeated string"},
           {"google.protobuf.Timestamp", "int64"},
           {"bool", "int32"}}) {
    const Status status =
        Make(BookOf(from + " n = 2;"), BookOf(to + " n = 2;"), kAll).status();
    EXPECT_THAT(status.message(), AllOf(HasSubstr("cannot be changed"), Not(HasSubstr("--allow"))));
    EXPECT_THAT(Violations(status), ElementsAre(HasSubstr("Add a field with a number of its own")));
  }
}

TEST(Risks, AnIdKeepsItsTypeAndItsPlace) {
  const auto text = SchemaOf("message Book { option (storegate.v1.entity) = {}; string id = 1; }",
                             {"Book"});
  const auto number = SchemaOf("message Book { option (storegate.v1.entity) = {}; int64 id = 1; }",
                               {"Book"});
  const auto uuid = SchemaOf("message Book { option (storegate.v1.entity) = {}; string id = 1 "
                             "[(storegate.v1.field).format = UUID]; }", {"Book"});
  const auto moved = SchemaOf("message Book { option (storegate.v1.entity) = {}; string id = 1 "
                              "[(storegate.v1.field).column = \"key\"]; }", {"Book"});
  EXPECT_THAT(Violations(Make(text, number, kAll).status()), ElementsAre(HasSubstr("it is an id")));
  EXPECT_THAT(Violations(Make(uuid, text, kAll).status()), ElementsAre(HasSubstr("it is an id")));
  EXPECT_THAT(Violations(Make(text, moved, kAll).status()), ElementsAre(HasSubstr("--rename")));
  GenerateOptions options = kAll;
  options.renames.columns[{"books", "id"}] = "key";
  EXPECT_THAT(Bodies(text, moved, options).up, HasSubstr("rename the column books.id to key"));
}

TEST(Risks, PresenceMayBeWidenedAndLosesDataWhenNarrowed) {
  const auto plain = BookOf("int64 n = 2;"), optional = BookOf("optional int64 n = 2;");
  EXPECT_THAT(Bodies(plain, optional).up, HasSubstr("may be null"));
  EXPECT_THAT(Violations(Make(optional, plain).status()),
              ElementsAre(HasSubstr("where it is, it becomes zero"),
                          HasSubstr("servers of the schema before")));
  EXPECT_THAT(Bodies(optional, plain, kAll).up, HasSubstr("never null"));
}

TEST(Risks, EnumValuesComeFreelyAndGoWithData) {
  const auto with = [](const std::string& values, const std::string& label = "") {
    return BookOf(label + " Mood mood = 2;",
                  "enum Mood { MOOD_UNSPECIFIED = 0; GOOD = 1; " + values + "}\n");
  };
  const auto made = Make(with(""), with("BAD = 2;"));
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_THAT(made->up, HasSubstr("cannot read rows in which books.mood is BAD."));
  EXPECT_THAT(made->down,
              HasSubstr("UPDATE \"books\" SET \"mood\" = 'MOOD_UNSPECIFIED' WHERE \"id\" IN (SELECT "
                        "\"id\" FROM \"books\" WHERE \"mood\" IN ('BAD') LIMIT 1000);\n"
                        "-- storegate: transaction\nALTER books"));
  EXPECT_THAT(Violations(Make(with("BAD = 2;"), with("WORSE = 2;")).status()),
              ElementsAre(AllOf(HasSubstr("takes BAD from the values of books.mood"),
                                HasSubstr("Values are kept by their names")),
                          HasSubstr("may write")));
  EXPECT_THAT(Bodies(with("BAD = 2;", "optional"), with("", "optional"), kAll).up,
              HasSubstr("SET \"mood\" = NULL"));
  // In a list the database checks nothing.
  EXPECT_THAT(Violations(Make(with("BAD = 2;", "repeated"), with("", "repeated")).status()),
              ElementsAre(HasSubstr("takes BAD"), HasSubstr("takes BAD")));
}

TEST(Risks, ANewRequiredFieldIsExplained) {
  const auto after = BookOf("string title = 2 [(storegate.v1.field).required = true];");
  EXPECT_THAT(Violations(Make(BookOf(""), after).status()),
              ElementsAre(AllOf(HasSubstr("adds the required field books.title"),
                                HasSubstr("1. Add it without `required`"))));
  EXPECT_THAT(Bodies(BookOf(""), after, {{}, false, true}).up, HasSubstr("add the column"));
}

TEST(Risks, ANewRequiredReferenceIsExplained) {
  const std::string author = "message Author { option (storegate.v1.entity) = {}; string id = 1; }";
  const auto before = BookOf("", author, {"Author"});
  const auto after = BookOf(
      "string by = 2 [(storegate.v1.field) = { references: \"Author.id\" required: true }];",
      author, {"Author"});
  EXPECT_THAT(Violations(Make(before, after).status()),
              ElementsAre(AllOf(HasSubstr("rows that are there refer to nothing"),
                                HasSubstr("1. Add it as `optional`"))));
  EXPECT_EQ(Bodies(before, after, kAll).up,
            "ALTER books(id _version -> id by _version): add the column books.by;\n"
            "-- storegate: no transaction\n"
            "CREATE INDEX \"idx__ref_books_by\" ON \"books\" (\"by\", \"id\");\n"
            "-- storegate: transaction\n"
            "ADD FK books.by REFERENCES \"authors\" (\"id\");\n");
  EXPECT_THAT(Bodies(after, before, kAll).down,
              AllOf(HasSubstr("-- Left out: the foreign key of books.by."), Not(HasSubstr("ADD FK"))));
  EXPECT_THAT(Bodies(before, after, kAll, kWithTable).up,
              HasSubstr("add the column books.by; add the foreign key of books.by to authors.id;"));
}

TEST(Risks, ANewUniqueFieldCannotBeTheSameInAllRows) {
  const auto plain = BookOf("string isbn = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL }];");
  const auto optional =
      BookOf("optional string isbn = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL }];");
  EXPECT_THAT(Violations(Make(BookOf(""), plain).status()),
              ElementsAre(HasSubstr("of which all rows that are there have the same value")));
  EXPECT_TRUE(Make(BookOf(""), optional).ok());
}

TEST(Risks, SoftDeleteComesFreelyAndGoesWithData) {
  const auto hard = BookOf("string a = 2;");
  const auto soft = BookOf("string a = 2; google.protobuf.Timestamp delete_time = 3;");
  const auto made = Make(hard, soft);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_THAT(made->up, HasSubstr("still show rows of books that are deleted"));
  EXPECT_THAT(Violations(Make(soft, hard).status()),
              ElementsAre(AllOf(HasSubstr("rows that are deleted are there again"),
                                HasSubstr("Purge")),
                          HasSubstr("read and write")));
}

TEST(Risks, OfWhatWasReadAreJudgedByTexts) {
  TableModel was, is;
  was.name = is.name = "books";
  was.columns = {Column("a", "text"), Column("b", "text")};
  is.columns = {Column("a", "int"), Column("b", "text", true), Column("c", "text", true)};
  DatabaseModel before, after;
  before.tables = {was};
  after.tables = {is};
  std::vector<std::string> said;
  const std::vector<Change> changes = Diff(before, after);
  for (const Risk& risk : RisksOf(changes)) said.push_back(risk.what);
  EXPECT_THAT(said, ElementsAre(HasSubstr("adds the column books.c, which must not be null"),
                                HasSubstr("from text to int"), HasSubstr("never null")));
}

}  // namespace
}  // namespace storegate::migrate
