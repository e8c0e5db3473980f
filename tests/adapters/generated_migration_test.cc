// Migrations that are generated, tried on real databases: up leads to what the schema as it is
// would have been made as, and down back to what was.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/sqlite/backend.h"
#include "server/migrate/generate.h"
#include "server/repository/migrator.h"
#include "tests/adapters/adapter_case.h"
#include "tests/unit/migrate/schema_pair.h"

namespace storegate::test {
namespace {

using migrate::BookOf;
using migrate::SchemaOf;
using repository::DatabaseModel;
using repository::Step;
using ::testing::IsEmpty;
using SchemaPtr = std::unique_ptr<const schema::Schema>;

class GeneratedMigration : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "postgres") {
      Result<std::unique_ptr<TestDatabase>> database = PostgresUnderTest().create(nothing_);
      ASSERT_TRUE(database.ok()) << database.status().ToString();
      database_ = *std::move(database);
    }
    auto opened = database_ ? database_->Open() : sqlite::Open({.path = ":memory:"});
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    backend_ = *std::move(opened);
  }

  const migrate::Generator& generator() const {
    return GetParam() == "postgres" ? postgres::PostgresGenerator() : sqlite::SqliteGenerator();
  }

  std::vector<Step> StepsOf(const std::string& script) {
    Result<migrate::Script> cut = generator().Steps("script", script);
    EXPECT_TRUE(cut.ok()) << cut.status().ToString() << "\n" << script;
    return cut.ok() ? cut->steps : std::vector<Step>();
  }

  DatabaseModel Try(const std::vector<std::string>& scripts) {
    std::vector<Step> steps;
    for (const std::string& script : scripts) {
      const std::vector<Step> more = StepsOf(script);
      steps.insert(steps.end(), more.begin(), more.end());
    }
    Result<DatabaseModel> model = backend_->migrator()->Rehearse(steps);
    EXPECT_TRUE(model.ok()) << model.status().ToString() << "\n" << scripts.back();
    return model.ok() ? *std::move(model) : DatabaseModel();
  }

  static std::vector<std::string> Difference(const DatabaseModel& is, const DatabaseModel& should) {
    std::vector<std::string> lines;
    const std::vector<migrate::Change> changes = migrate::Diff(is, should);
    for (const migrate::Change& change : changes) {
      if (change.kind == migrate::Change::Kind::kReorderColumns) continue;
      lines.push_back(migrate::DescribeDrift(change));
    }
    return lines;
  }

  // Up and down between the two, both ways.
  void Expect(const SchemaPtr& before, const SchemaPtr& after,
              const migrate::Renames& renames = {}) {
    Lead(before, after, renames);
    Lead(after, before, renames.Reversed());
  }

  void Lead(const SchemaPtr& before, const SchemaPtr& after, const migrate::Renames& renames) {
    const migrate::GenerateOptions options = {renames, true, true};
    const auto made = migrate::Generate(before.get(), *after, generator(), options);
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    const std::string was = generator().CreateAll(migrate::EntitiesOf(*before));
    const std::string is = generator().CreateAll(migrate::EntitiesOf(*after));
    EXPECT_THAT(Difference(Try({was, made->up}), Try({is})), IsEmpty()) << made->up;
    EXPECT_THAT(Difference(Try({was, made->up, made->down}), Try({was})), IsEmpty())
        << made->up << made->down;
  }

  static const schema::Schema nothing_;  // its copies are known by its address
  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<repository::Backend> backend_;
};

const schema::Schema GeneratedMigration::nothing_;

INSTANTIATE_TEST_SUITE_P(Adapters, GeneratedMigration, ::testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return info.param; });

const char kAuthor[] =
    "message Author { option (storegate.v1.entity) = {}; string id = 1; optional string best = 2 "
    "[(storegate.v1.field).references = \"Book.id\"]; }\n";
const char kAuthorAlone[] =
    "message Author { option (storegate.v1.entity) = {}; string id = 1; }\n";

TEST_P(GeneratedMigration, TheFirstMakesAll) {
  const auto schema = BookOf(
      "optional string by = 2 [(storegate.v1.field).references = \"Author.id\"];", kAuthor,
      {"Author"});
  const auto made = migrate::Generate(nullptr, *schema, generator(), {});
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_THAT(Difference(Try({made->up}),
                         Try({generator().CreateAll(migrate::EntitiesOf(*schema))})),
              IsEmpty());
  EXPECT_THAT(Try({made->up, made->down}).tables, IsEmpty()) << made->down;
}

TEST_P(GeneratedMigration, FieldsComeAndGo) {
  for (const char* field :
       {"string a = 2;", "int64 a = 2;", "bool a = 2;", "double a = 2;", "bytes a = 2;",
        "repeated string a = 2;", "map<string, string> a = 2;", "optional int32 a = 2;",
        "google.protobuf.Timestamp a = 2;",
        "string a = 2 [(storegate.v1.field) = { searchable: true max_len: 9 }];",
        "optional string a = 2 [(storegate.v1.field) = { unique: ALL max_len: 9 }];",
        "google.protobuf.Timestamp delete_time = 2;"}) {
    SCOPED_TRACE(field);
    Expect(BookOf("int32 n = 9;"), BookOf(std::string(field) + "int32 n = 9;"));
  }
}

// PostgreSQL keeps it as the column's default too, for servers that do not know the field.
TEST_P(GeneratedMigration, AFieldWithADefaultIsFilledAndGoes) {
  for (const char* field : {"optional string a = 2 [(storegate.v1.field).default = \"it's\"];",
                            "optional bool a = 2 [(storegate.v1.field).default = \"true\"];",
                            "optional double a = 2 [(storegate.v1.field).default = \"0.5\"];"}) {
    SCOPED_TRACE(field);
    const auto before = BookOf(""), after = BookOf(field);
    const auto made = migrate::Generate(before.get(), *after, generator(), {});
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    const std::string was = generator().CreateAll(migrate::EntitiesOf(*before));
    EXPECT_NE(Try({was, made->up}).tables[0].Column("a"), nullptr);
    EXPECT_THAT(Difference(Try({was, made->up, made->down}), Try({was})), IsEmpty());
    const std::vector<Step> steps = StepsOf(made->up);
    EXPECT_EQ(std::ranges::count(steps, Step::Kind::kRepeat, &Step::kind), 1);
  }
}

TEST_P(GeneratedMigration, TypesAndPresenceChange) {
  Expect(BookOf("int32 n = 2;"), BookOf("int64 n = 2;"));
  Expect(BookOf("uint32 n = 2;"), BookOf("int64 n = 2;"));
  Expect(BookOf("float n = 2;"), BookOf("double n = 2;"));
  Expect(BookOf("int32 n = 2;"), BookOf("optional int32 n = 2;"));
  Expect(BookOf("repeated int32 n = 2;"), BookOf("repeated int64 n = 2;"));
  Expect(BookOf("string n = 2 [(storegate.v1.field).format = UUID];"), BookOf("string n = 2;"));
}

TEST_P(GeneratedMigration, EnumsChange) {
  const std::string two = "enum Mood { MOOD_UNSPECIFIED = 0; GOOD = 1; }\n";
  const std::string three = "enum Mood { MOOD_UNSPECIFIED = 0; GOOD = 1; BAD = 2; }\n";
  for (const char* label : {"", "optional ", "repeated "}) {
    SCOPED_TRACE(label);
    const std::string field = std::string(label) + "Mood mood = 2;";
    Expect(BookOf(field, two), BookOf(field, three));
    Expect(BookOf("", two), BookOf(field, three));
  }
  Expect(BookOf("Mood mood = 2;", two), BookOf("string mood = 2;"));
}

TEST_P(GeneratedMigration, ReferencesComeAndGoInCirclesToo) {
  const std::string required = "string by = 2 [(storegate.v1.field) = { references: \"Author.id\" "
                               "required: true }];";
  const std::string optional =
      "optional string by = 2 [(storegate.v1.field).references = \"Author.id\"];";
  Expect(BookOf("", kAuthorAlone, {"Author"}), BookOf(optional, kAuthor, {"Author"}));
  Expect(BookOf("optional string by = 2;", kAuthorAlone, {"Author"}),
         BookOf(optional, kAuthorAlone, {"Author"}));
  Expect(BookOf(optional, kAuthorAlone, {"Author"}), BookOf(required, kAuthorAlone, {"Author"}));
  Expect(BookOf(""), BookOf(optional, kAuthor, {"Author"}));
}

TEST_P(GeneratedMigration, TablesColumnsAndUniqueKeysAreRenamed) {
  const auto of = [](const std::string& author, const std::string& key, const std::string& book,
                     const std::string& title) {
    return SchemaOf(
        "message " + author + " { option (storegate.v1.entity) = {}; string id = 1; string " + key +
            " = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL immutable: true }]; }\n"
            "message " + book + " { option (storegate.v1.entity) = { index: { fields: \"" + title +
            "\" name: \"by_title\" } }; string id = 1; optional string by = 2 "
            "[(storegate.v1.field) = { references: \"" + author + "." + key + "\" max_len: 9 }]; "
            "string " + title + " = 3 [(storegate.v1.field) = { searchable: true max_len: 9 }]; }",
        {author, book});
  };
  migrate::Renames renames;
  renames.columns[{"authors", "slug"}] = "key";
  renames.columns[{"books", "title"}] = "name";
  Expect(of("Author", "slug", "Book", "title"), of("Author", "key", "Book", "name"), renames);
  renames.tables = {{"authors", "writers"}, {"books", "volumes"}};
  renames.columns.clear();
  renames.columns[{"writers", "slug"}] = "key";
  renames.columns[{"volumes", "title"}] = "name";
  Expect(of("Author", "slug", "Book", "title"), of("Writer", "key", "Volume", "name"), renames);
}

TEST_P(GeneratedMigration, IndexesChange) {
  const auto with = [](const std::string& index) {
    return SchemaOf("message Book { option (storegate.v1.entity) = { " + index +
                        " }; string id = 1; int32 a = 2; optional string b = 3 "
                        "[(storegate.v1.field).max_len = 9]; "
                        "google.protobuf.Timestamp delete_time = 4; }",
                    {"Book"});
  };
  Expect(with(""), with("index: { fields: \"a desc\" }"));
  Expect(with("index: { fields: \"a\" name: \"i\" }"), with("index: { fields: \"b\" name: \"i\" }"));
  Expect(with("index: { fields: \"a\" }"), with("index: { fields: \"a\" where: \"a > 5\" }"));
  Expect(with("index: { fields: \"b\" }"), with("index: { fields: \"b\" unique: LIVE }"));
}

TEST_P(GeneratedMigration, SearchIndexesComeGoAndFollowTheirFields) {
  const auto with = [](const std::string& options, const std::string& title,
                       const std::string& blurb) {
    return SchemaOf("message Book { option (storegate.v1.entity) = { " + options +
                        " }; string id = 1; string " + title +
                        " = 2 [(storegate.v1.field) = { max_len: 9 searchable: true }]; "
                        "optional string blurb = 3 [(storegate.v1.field) = { max_len: 9 " +
                        blurb + " }]; }",
                    {"Book"});
  };
  const std::string on = "search_index: true", searchable = "searchable: true";
  Expect(with("", "title", ""), with(on, "title", ""));
  Expect(with(on, "title", ""), with(on, "title", searchable));
  Expect(with("", "title", searchable), with(on, "title", searchable));
  migrate::Renames renames;
  renames.columns[{"books", "title"}] = "name";
  Expect(with(on, "title", searchable), with(on, "name", searchable), renames);
  // With the field that it is of.
  Expect(BookOf("string title = 2;"), with(on, "title", ""));
}

}  // namespace
}  // namespace storegate::test
