// Each kind of change of a schema: generated, applied to rows that were written before, read,
// taken back, and read again.
#include "tests/migrate/migrate_case.h"

namespace storegate::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// An entity with `fields` behind its id and title.
std::string Book(const std::string& fields, const std::string& options = "") {
  return "message Book {\n  option (storegate.v1.entity) = { collection: \"books\" " + options +
         " };\n  string id = 1;\n  string title = 2 [(storegate.v1.field).max_len = 100];\n" +
         fields + "\n}\n";
}

class Changes : public MigrateCase {
 protected:
  // Two rows of the first schema.
  void Start(const std::string& first) {
    ASSERT_TRUE(Generate(Library(first)).ok());
    Up();
    Insert("Book", {{"id", "'id-1'"}, {"title", "'One'"}});
    Insert("Book", {{"id", "'id-2'"}, {"title", "'Two'"}});
    EXPECT_THAT(Drift(), IsEmpty());
  }
  void Next(const std::string& schema, migrate::GenerateOptions options = {}) {
    const Status made = Generate(Library(schema), std::move(options));
    ASSERT_TRUE(made.ok()) << made.ToString();
    Up();
    EXPECT_THAT(Drift(), IsEmpty());
  }
  void Back() {
    Down(1);
    EXPECT_THAT(Drift(), IsEmpty());
    EXPECT_THAT(Read("Book", {"title"}), ElementsAre("title=\"One\"", "title=\"Two\""));
  }
};
INSTANTIATE_TEST_SUITE_P(Migrate, Changes, ::testing::Range<size_t>(0, 3),
                         [](const auto& info) { return Kinds()[info.param].name; });

TEST_P(Changes, ANewPlainFieldIsZeroInRowsFromBefore) {
  Start(Book(""));
  Next(Book("int32 pages = 3;"));
  EXPECT_THAT(Read("Book", {"title", "pages"}),
              ElementsAre("title=\"One\" pages=0", "title=\"Two\" pages=0"));
  Insert("Book", {{"id", "'id-3'"}, {"pages", "7"}});
  EXPECT_THAT(Read("Book", {"pages"}), ElementsAre("pages=0", "pages=0", "pages=7"));
  Down(1);
  EXPECT_THAT(Read("Book", {"title"}),
              ElementsAre("title=\"One\"", "title=\"Two\"", "title=\"\""));
}

TEST_P(Changes, ANewOptionalFieldIsUnsetInRowsFromBefore) {
  Start(Book(""));
  Next(Book("optional int32 pages = 3;"));
  EXPECT_THAT(Read("Book", {"pages"}), ElementsAre("pages=-", "pages=-"));
  Back();
}

TEST_P(Changes, ANewFieldWithADefaultIsFilled) {
  Start(Book(""));
  Next(Book("optional string state = 3 [(storegate.v1.field) = "
            "{ max_len: 20 default: \"new\" }];"));
  EXPECT_THAT(Read("Book", {"state"}), ElementsAre("state=\"new\"", "state=\"new\""));
  Back();
}

TEST_P(Changes, ANewIndexAndANewUniqueOneAreMade) {
  Start(Book(""));
  Next(Book("", "index: { fields: \"title\" }"));
  Back();
  ASSERT_TRUE(Generate(Library("message Book {\n  option (storegate.v1.entity) = "
                               "{ collection: \"books\" };\n  string id = 1;\n  string title = 2 "
                               "[(storegate.v1.field) = { max_len: 100 unique: ALL }];\n}\n"))
                  .ok());
  Up();
  EXPECT_THAT(Drift(), IsEmpty());
  Back();
}

TEST_P(Changes, ATextThatBecomesSearchableIsFolded) {
  Start(Book(""));
  Next("message Book {\n  option (storegate.v1.entity) = { collection: \"books\" };\n"
       "  string id = 1;\n  string title = 2 "
       "[(storegate.v1.field) = { max_len: 100 searchable: true }];\n}\n");
  EXPECT_THAT(Read("Book", {"title"}), ElementsAre("title=\"One\"", "title=\"Two\""));
  Back();
}

// A database that has no such index has nothing to migrate.
TEST_P(Changes, ASearchIndexIsMadeFollowsItsFieldsAndIsTakenBack) {
  const auto book = [](const std::string& options, const std::string& more) {
    return "message Book {\n  option (storegate.v1.entity) = { collection: \"books\" " + options +
           " };\n  string id = 1;\n  string title = 2 "
           "[(storegate.v1.field) = { max_len: 100 searchable: true }];\n"
           "  string blurb = 3 [(storegate.v1.field) = { max_len: 100 " + more + "}];\n}\n";
  };
  Start(book("", ""));
  const auto has_index = [&] {
    const Result<repository::DatabaseModel> model = backend_->migrator()->Describe();
    return model.ok() && model->Table("books")->Index("idx__search_books") != nullptr;
  };
  const bool served = std::string(kind().name) == "postgresql";
  const size_t before = schemas_.size();
  Next(book("search_index: true", ""));
  EXPECT_EQ(has_index(), served);
  Next(book("search_index: true", "searchable: true "));
  EXPECT_EQ(has_index(), served);
  EXPECT_THAT(Read("Book", {"title"}), ElementsAre("title=\"One\"", "title=\"Two\""));
  Down(static_cast<int>(before) + 1);
  EXPECT_THAT(Drift(), IsEmpty());
  EXPECT_EQ(has_index(), served);
  Down(static_cast<int>(before));
  EXPECT_THAT(Drift(), IsEmpty());
  EXPECT_FALSE(has_index());
}

TEST_P(Changes, ARenameKeepsWhatIsInTheField) {
  Start(Book("int32 pages = 3;"));
  Insert("Book", {{"id", "'id-3'"}, {"pages", "7"}});
  migrate::GenerateOptions options;
  options.allow_breaking = true;
  options.renames.columns[{"books", "pages"}] = "length";
  Next(Book("int32 length = 3;"), options);
  EXPECT_THAT(Read("Book", {"length"}), ElementsAre("length=0", "length=0", "length=7"));
  Down(1);
  EXPECT_THAT(Read("Book", {"pages"}), ElementsAre("pages=0", "pages=0", "pages=7"));
}

TEST_P(Changes, AWidenedFieldKeepsItsValues) {
  Start(Book("int32 pages = 3;"));
  Insert("Book", {{"id", "'id-3'"}, {"pages", "7"}});
  migrate::GenerateOptions options;
  options.allow_breaking = true;
  Next(Book("int64 pages = 3;"), options);
  EXPECT_THAT(Read("Book", {"pages"}), ElementsAre("pages=0", "pages=0", "pages=7"));
}

TEST_P(Changes, ADroppedFieldIsGoneAndTheWayBackHasItEmpty) {
  Start(Book("optional int32 pages = 3;"));
  Insert("Book", {{"id", "'id-3'"}, {"pages", "7"}});
  EXPECT_EQ(Generate(Library(Book(""))).reason(), "UNSAFE_MIGRATION");
  migrate::GenerateOptions options;
  options.allow_data_loss = options.allow_breaking = true;
  Next(Book(""), options);
  Down(1);
  EXPECT_THAT(Read("Book", {"pages"}), ElementsAre("pages=-", "pages=-", "pages=-"));
}

TEST_P(Changes, AnEnumWithAValueMoreTakesItAndTheWayBackHasItsZeroInstead) {
  const auto kind = [](const std::string& more) {
    return "enum Kind { NOVEL = 0; POEM = 1;" + more + " }\n" + Book("Kind kind = 3;");
  };
  Start(kind(""));
  Insert("Book", {{"id", "'id-3'"}, {"kind", "POEM"}});
  Next(kind(" PLAY = 2;"));
  Insert("Book", {{"id", "'id-4'"}, {"kind", "PLAY"}});
  EXPECT_THAT(Read("Book", {"kind"}),
              ElementsAre("kind=NOVEL", "kind=NOVEL", "kind=POEM", "kind=PLAY"));
  Down(1);
  EXPECT_THAT(Drift(), IsEmpty());
  EXPECT_THAT(Read("Book", {"kind"}),
              ElementsAre("kind=NOVEL", "kind=NOVEL", "kind=POEM", "kind=NOVEL"));
}

TEST_P(Changes, ATableThatIsRenamedKeepsItsRowsBothWays) {
  Start(Book("", "index: { fields: \"title\" }"));
  migrate::GenerateOptions options;
  options.allow_breaking = true;
  options.renames.tables["books"] = "volumes";
  std::string renamed = Book("", "index: { fields: \"title\" }");
  renamed.replace(renamed.find("\"books\""), 7, "\"volumes\"");
  Next(renamed, options);
  EXPECT_THAT(Read("Book", {"title"}), ElementsAre("title=\"One\"", "title=\"Two\""));
  Back();
}

TEST_P(Changes, AReferenceIsMadeForRowsThatAreThereAndTakenBack) {
  const auto both = [](const std::string& options) {
    return Book("optional string first_id = 3" + options + ";");
  };
  Start(both(""));
  Insert("Book", {{"id", "'id-3'"}, {"first_id", "'id-1'"}});
  migrate::GenerateOptions options;
  options.allow_breaking = true;
  Next(both(" [(storegate.v1.field).references = \"Book.id\"]"), options);
  EXPECT_THAT(Read("Book", {"first_id"}),
              ElementsAre("first_id=-", "first_id=-", "first_id=\"id-1\""));
  Down(1);
  EXPECT_THAT(Drift(), IsEmpty());
  Insert("Book", {{"id", "'id-4'"}, {"first_id", "'nobody'"}});
}

TEST_P(Changes, AFieldThatBecomesOptionalKeepsItsValuesAndTheWayBackHasZeros) {
  Start(Book("int32 pages = 3;"));
  Insert("Book", {{"id", "'id-3'"}, {"pages", "7"}});
  migrate::GenerateOptions options;
  options.allow_breaking = true;
  Next(Book("optional int32 pages = 3;"), options);
  Insert("Book", {{"id", "'id-4'"}});
  EXPECT_THAT(Read("Book", {"pages"}),
              ElementsAre("pages=0", "pages=0", "pages=7", "pages=-"));
  Down(1);
  EXPECT_THAT(Drift(), IsEmpty());
  EXPECT_THAT(Read("Book", {"pages"}),
              ElementsAre("pages=0", "pages=0", "pages=7", "pages=0"));
}

TEST_P(Changes, ANewEntityWithAReferenceIsMadeAndTakenBack) {
  Start(Book(""));
  Next(Book("") +
       "message Note {\n  option (storegate.v1.entity) = { collection: \"notes\" };\n"
       "  string id = 1;\n  optional string book_id = 2 "
       "[(storegate.v1.field).references = \"Book.id\"];\n}\n");
  Insert("Note", {{"id", "'id-1'"}, {"book_id", "'id-1'"}});
  EXPECT_THAT(Read("Note", {"book_id"}), ElementsAre("book_id=\"id-1\""));
  Back();
}

TEST_P(Changes, AFieldThatIsGoneWithoutAMigrationIsRefused) {
  Start(Book("optional int32 pages = 3;"));
  Insert("Book", {{"id", "'id-3'"}, {"pages", "7"}});
  schemas_.back() = &Library(Book(""));
  std::vector<std::string> applied;
  const Status status = migrate::Up(MakeJob(*backend_), 0, &applied);
  EXPECT_EQ(status.reason(), "SCHEMA_INCOMPATIBLE") << status.ToString();
  ASSERT_EQ(status.violations().size(), 1u);
  EXPECT_EQ(status.violations()[0].field, "library.v1.Book.pages");
  EXPECT_EQ(migrate::CheckApplied(MakeJob(*backend_)).reason(), "SCHEMA_INCOMPATIBLE");
}

TEST_P(Changes, ForeignKeysFollowThePlacement) {
  const std::string both =
      Book("") +
      "message Note {\n  option (storegate.v1.entity) = { collection: \"notes\" };\n"
      "  string id = 1;\n  optional string book_id = 2 "
      "[(storegate.v1.field).references = \"Book.id\"];\n}\n";
  Start(both);
  std::vector<std::string> applied;
  migrate::Job job = MakeJob(*backend_);
  job.here = {schemas_.back()->FindEntity("library.v1.Note")};
  ASSERT_EQ(migrate::Up(job, 0, &applied).ToString(), Status().ToString());
  EXPECT_THAT(*migrate::Verify(job), IsEmpty());
  Insert("Note", {{"id", "'id-1'"}, {"book_id", "'nowhere'"}});
  EXPECT_THAT(Read("Note", {"book_id"}), ElementsAre("book_id=\"nowhere\""));
  const Status status = migrate::Up(MakeJob(*backend_), 0, &applied);
  if (!kind().has_columns) return;  // checks no references
  EXPECT_EQ(status.reason(), "MIGRATION_FAILED") << status.ToString();
  // SQLite finds it when all is committed, and names the tables alone.
  EXPECT_THAT(status.message(), ::testing::ContainsRegex("notes.*books"));
  ASSERT_EQ(migrate::Up(job, 0, &applied).ToString(), Status().ToString());
  EXPECT_THAT(*migrate::Verify(job), IsEmpty());
}

}  // namespace
}  // namespace storegate::test
