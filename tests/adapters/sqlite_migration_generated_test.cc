// Each kind of schema change, generated and run on a SQLite database with rows in it: the
// database is then what its history says, rows are right, and down takes it back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/migrate/generate.h"
#include "server/migrate/runner.h"
#include "server/repository/migrator.h"
#include "server/schema/loader.h"
#include "tests/adapters/library.h"
#include "tests/adapters/sqlite_rows.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

using migrate::Migration;
using ::testing::ElementsAre;

constexpr char kProto[] = R"(
syntax = "proto3";
package library.v1;
import "storegate/v1/schema.proto";
message Author {
  option (storegate.v1.entity) = {};
  string id = 1;
  string name = 2 [(storegate.v1.field).max_len = 100];
  optional string pen_name = 3 [(storegate.v1.field).max_len = 100];
}
enum Kind { KIND_UNSPECIFIED = 0; NOVEL = 1; }
message Book {
  option (storegate.v1.entity) = { index: { fields: "pages" } };
  int64 id = 1;
  string title = 2 [(storegate.v1.field).max_len = 100];
  int32 pages = 3;
  Kind kind = 4;
  optional string author_id = 5 [(storegate.v1.field).references = "Author.id"];
  //new
}
message CreateAuthorRequest { Author author = 1; }
message CreateBookRequest { Book book = 1; }
service AuthorStore { rpc CreateAuthor(CreateAuthorRequest) returns (Author); }
service BookStore { rpc CreateBook(CreateBookRequest) returns (Book); }
)";

std::unique_ptr<const schema::Schema> Load(const std::string& text) {
  schema::LoadResult loaded = schema::LoadEmbedded({{"library.proto", text}});
  for (const schema::Diagnostic& each : loaded.diagnostics) ADD_FAILURE() << each.ToString();
  return std::move(loaded.schema);
}

struct Kind {
  std::string name;
  std::string from, to;  // in the proto
  std::string rows;      // a query, and its one row when the change is made
  std::string expected;
  migrate::Renames renames = {};
};

class SqliteGenerated : public ::testing::TestWithParam<Kind> {
 protected:
  migrate::Job JobOf(const schema::Schema& schema, std::vector<Migration> migrations) {
    migrate::Job job;
    job.migrator = backend_->migrator();
    job.generator = &sqlite::SqliteGenerator();
    job.migrations = std::move(migrations);
    job.schema = &schema;
    for (const schema::Entity& entity : schema.entities) job.here.push_back(&entity);
    return job;
  }
  void ExpectNoDrift(const migrate::Job& job) {
    const auto drifts = migrate::Verify(job);
    ASSERT_TRUE(drifts.ok()) << drifts.status().ToString();
    for (const migrate::Drift& drift : *drifts) {
      // What comes back with a down script is behind the others.
      if (drift.text.ends_with("are in another order")) continue;
      ADD_FAILURE() << drift.text;
    }
  }
  std::vector<std::string> Rows(const std::string& select) { return SqliteRows(path_, select); }

  TempDir directory_;
  const std::string path_ = (directory_.path() / "test.db").string();
  std::unique_ptr<repository::Backend> backend_ = *sqlite::Open({.path = path_});
};

TEST_P(SqliteGenerated, KeepsRowsAndGoesBack) {
  const Kind& kind = GetParam();
  std::string text = kProto;
  ASSERT_NE(text.find(kind.from), std::string::npos);
  text.replace(text.find(kind.from), kind.from.size(), kind.to);
  const auto before = Load(kProto), after = Load(text);
  ASSERT_TRUE(before != nullptr && after != nullptr);
  const migrate::GenerateOptions options{kind.renames, true, true};
  const migrate::Generator& generator = sqlite::SqliteGenerator();
  const auto first = migrate::Generate(nullptr, *before, generator, {});
  const auto second = migrate::Generate(before.get(), *after, generator, options);
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  ASSERT_TRUE(second.ok()) << second.status().ToString();
  const std::vector<Migration> migrations = {{1, "0001_first", first->up, first->down},
                                             {2, "0002_second", second->up, second->down}};
  std::vector<std::string> names;
  Status status = migrate::Up(JobOf(*before, {migrations[0]}), 0, &names);
  ASSERT_TRUE(status.ok()) << status.ToString();
  Rows("INSERT INTO authors (id, name) VALUES ('a', 'Ärna')");
  Rows("INSERT INTO books (title, pages, kind, author_id) VALUES ('One', 10, 'NOVEL', 'a')");
  Rows("INSERT INTO books (title) WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
       "WHERE i < 1500) SELECT 'ÜBER ' || i FROM n");

  const migrate::Job job = JobOf(*after, migrations);
  status = migrate::Up(job, 0, &names);
  ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << second->up;
  EXPECT_THAT(names, ElementsAre("0002_second"));
  ExpectNoDrift(job);
  EXPECT_THAT(Rows(kind.rows), ElementsAre(kind.expected)) << second->up;
  EXPECT_TRUE(migrate::CheckApplied(job).ok());

  status = migrate::Down(job, 1, &names);
  ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << second->down;
  ExpectNoDrift(JobOf(*before, {migrations[0]}));
  EXPECT_THAT(Rows("SELECT id, author_id, length(title) FROM books WHERE id IN (1, 1501)"),
              ElementsAre("1|a|3", "1501||9"));
  EXPECT_THAT(Rows("SELECT seq FROM sqlite_sequence WHERE name = 'books'"), ElementsAre("1501"));
}

const char kKind[] = "Kind kind = 4;";
const char kNew[] = "//new";
migrate::Renames Renamed() {
  migrate::Renames renames;
  renames.columns[{"books", "kind"}] = "sort";
  return renames;
}

INSTANTIATE_TEST_SUITE_P(
    All, SqliteGenerated,
    ::testing::Values(
        Kind{"PlainField", kNew, "int64 size = 9;", "SELECT DISTINCT size FROM books", "0"},
        Kind{"OptionalField", kNew, "optional bool good = 9;",
             "SELECT DISTINCT good IS NULL FROM books", "1"},
        Kind{"EnumField", kNew, "Kind other = 9;", "SELECT DISTINCT other FROM books",
             "KIND_UNSPECIFIED"},
        Kind{"RepeatedField", kNew, "repeated string tags = 9;",
             "SELECT DISTINCT tags FROM books", "[]"},
        Kind{"ReferenceField", kNew,
             "optional string editor_id = 9 [(storegate.v1.field).references = \"Author.id\"];",
             "SELECT count(*) FROM pragma_foreign_key_list('books')", "2"},
        Kind{"SearchableField", "title = 2 [(storegate.v1.field).max_len = 100]",
             "title = 2 [(storegate.v1.field) = { max_len: 100 searchable: true }]",
             "SELECT _folded_title FROM books WHERE id = 1501", "über 1500"},
        Kind{"DroppedField", kKind, "", "SELECT title, pages FROM books WHERE id = 1", "One|10"},
        Kind{"RenamedField", kKind, "Kind sort = 4;", "SELECT sort FROM books WHERE id = 1",
             "NOVEL", Renamed()},
        Kind{"EnumValue", "NOVEL = 1;", "NOVEL = 1; POEM = 2;",
             "SELECT kind FROM books WHERE id = 1", "NOVEL"},
        Kind{"NoLongerOptional", "optional string pen_name", "string pen_name",
             "SELECT pen_name = '' FROM authors", "1"},
        Kind{"NoReferenceAnyMore", " [(storegate.v1.field).references = \"Author.id\"]", "",
             "SELECT count(*) FROM pragma_foreign_key_list('books')", "0"},
        Kind{"Index", "index: { fields: \"pages\" }",
             "index: { fields: \"pages\" } index: { fields: \"title desc\" }",
             "SELECT count(*) FROM pragma_index_list('books') AS i "
             "JOIN pragma_index_xinfo(i.name) AS x WHERE x.name = 'title' AND x.\"desc\"",
             "1"},
        Kind{"UniqueIndex", "index: { fields: \"pages\" }",
             "index: { fields: \"title\" unique: ALL }",
             "SELECT count(*) FROM pragma_index_list('books') WHERE \"unique\"", "1"},
        Kind{"Entity", "message CreateAuthorRequest",
             "message Note { option (storegate.v1.entity) = {}; string id = 1; }"
             "message CreateNoteRequest { Note note = 1; }"
             "service NoteStore { rpc CreateNote(CreateNoteRequest) returns (Note); }"
             "message CreateAuthorRequest",
             "SELECT count(*) FROM notes", "0"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace storegate::test
