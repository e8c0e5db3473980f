// What is changed by hand behind the migrations' back is found and named.
#include <string>
#include <vector>

#include "tests/migrate/migrate_case.h"

namespace storegate::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const char* const kBook = R"(
  enum Kind { NOVEL = 0; POEM = 1; }
  message Book {
    option (storegate.v1.entity) = {
      collection: "books"
      index: { fields: "pages" fields: "title" name: "by_pages" }
    };
    string id = 1;
    string title = 2 [(storegate.v1.field) = { max_len: 100 unique: ALL }];
    int32 pages = 3;
    Kind kind = 4;
    optional string note = 5;
  }
)";

// A place in what the migration says, what is there in its place, and what is said of it.
struct Planted {
  std::string from;
  std::string to;
  std::string said;
};

// As both SQL databases are written; the last one is an index that is missing.
const std::vector<Planted> kPlantedInSql = {
    {"DEFAULT 0,\n  \"kind\"", "DEFAULT 7,\n  \"kind\"", "books.pages has the default 7"},
    {"'NOVEL', 'POEM'", "'NOVEL'", "books.kind has the check"},
    {"CREATE UNIQUE INDEX", "CREATE INDEX", "uq_books_title"},
    {R"(("pages", "title", "id"))", R"(("pages" DESC, "title", "id"))", "by_pages"},
    {R"(CREATE INDEX "by_pages" ON "books" ("pages", "title", "id");)", "", "by_pages"}};

const std::vector<std::vector<Planted>>& PlantedByKind() {
  static const std::vector<std::vector<Planted>> own = {
      {// sqlite
       {R"("pages" INTEGER)", R"("pages" TEXT)", "books.pages is TEXT, not INTEGER"},
       {R"("title" TEXT)", R"("title" TEXT COLLATE NOCASE)", "books.title is TEXT COLLATE NOCASE"},
       {R"("note" TEXT)", R"("note" TEXT NOT NULL)", "books.note cannot be null"},
       {"\"note\" TEXT,\n", "", "books.note is missing"}},
      {// postgresql
       {R"("pages" integer)", R"("pages" bigint)", "books.pages is bigint, not integer"},
       {R"("title" text COLLATE "C")", R"("title" text COLLATE "POSIX")",
        R"(books.title is text COLLATE "POSIX")"},
       {R"("note" text COLLATE "C")", R"("note" text COLLATE "C" NOT NULL)",
        "books.note cannot be null"},
       {"\"note\" text COLLATE \"C\",\n", "", "books.note is missing"}},
      {// mongodb
       {R"(, "unique": true)", "", "uq_books_title"},
       {R"("pages": 1)", R"("pages": -1)", "by_pages"},
       {R"("name": "by_pages")", R"("name": "by_pages", "sparse": true)", "by_pages"},
       {R"("name": "by_pages")", R"("name": "by_pages", "expireAfterSeconds": 60)", "by_pages"},
       {R"(, {"key": {"pages": 1, "title": 1, "_id": 1}, "name": "by_pages"})", "", "by_pages"}},
  };
  static const auto planted = [] {
    std::vector<std::vector<Planted>> all = own;
    for (size_t sql : {size_t{0}, size_t{1}}) {
      all[sql].insert(all[sql].end(), kPlantedInSql.begin(), kPlantedInSql.end());
    }
    return all;
  }();
  return planted;
}

class DriftFound : public MigrateCase {
 protected:
  DriftFound() { EXPECT_TRUE(Generate(Library(kBook)).ok()); }

  // Makes the table, which holds nothing, anew.
  void Remake(const std::string& up) {
    const std::string drop =
        kind().has_columns ? "DROP TABLE \"books\";\n" : R"([{"drop": "books"}])";
    for (const std::string& script : {drop, up}) Run(script);
  }
  void Run(const std::string& script) {
    const Status done = backend_->migrator()->WithLock(
        [&] { return backend_->migrator()->Execute(script); });
    ASSERT_TRUE(done.ok()) << done.ToString() << script;
  }
};
INSTANTIATE_TEST_SUITE_P(Migrate, DriftFound, ::testing::Range<size_t>(0, 3),
                         [](const auto& info) { return Kinds()[info.param].name; });

TEST_P(DriftFound, WhateverItIsAndNothingElse) {
  Up();
  const std::string up = migrations_[0].up;
  for (const Planted& planted : PlantedByKind()[GetParam()]) {
    SCOPED_TRACE(planted.from + " -> " + planted.to);
    std::string changed = up;
    const size_t at = changed.find(planted.from);
    ASSERT_NE(at, std::string::npos) << up;
    changed.replace(at, planted.from.size(), planted.to);
    Remake(changed);
    EXPECT_THAT(Drift(), ElementsAre(HasSubstr(planted.said)));
    Remake(up);
    EXPECT_THAT(Drift(), IsEmpty());
  }
}

TEST_P(DriftFound, ACommentOrAnotherLayoutOfTheFileIsNone) {
  Up();
  std::string& up = migrations_[0].up;
  up = kind().has_columns ? "-- by hand\n\n" + up : "\n\n" + up;
  EXPECT_THAT(Drift(), IsEmpty());
  EXPECT_EQ(migrate::CheckApplied(MakeJob(*backend_)).ToString(), Status().ToString());
}

TEST_P(DriftFound, BaselineNamesItAndMakesItGood) {
  const std::string up = migrations_[0].up;
  const Planted& planted = PlantedByKind()[GetParam()].back();
  std::string changed = up;
  changed.replace(changed.find(planted.from), planted.from.size(), planted.to);
  ASSERT_NO_FATAL_FAILURE(Run(changed));
  Result<migrate::BaselineResult> result = migrate::Baseline(MakeJob(*backend_));
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_THAT(result->adopted, IsEmpty());
  ASSERT_EQ(result->drift.size(), 1u);
  EXPECT_THAT(result->drift[0].text, HasSubstr("by_pages"));
  ASSERT_NO_FATAL_FAILURE(Run(result->missing));
  result = migrate::Baseline(MakeJob(*backend_));
  ASSERT_TRUE(result.ok()) << result.status().ToString();
  EXPECT_THAT(result->adopted, ElementsAre("0001_step"));
  EXPECT_THAT(Drift(), IsEmpty());
  Up();
}

TEST_P(DriftFound, PushMakesTheDatabaseMatch) {
  std::vector<std::string> done;
  migrate::Job job = MakeJob(*backend_);
  job.migrations.clear();
  ASSERT_EQ(migrate::Push(job, false, &done).ToString(), Status().ToString());
  EXPECT_FALSE(done.empty());
  Insert("Book", {{"id", "'id-1'"}, {"title", "'One'"}, {"pages", "3"}});
  const Planted& planted = PlantedByKind()[GetParam()].back();
  const std::string drop = kind().has_columns
                               ? "DROP INDEX \"by_pages\";"
                               : R"([{"dropIndexes": "books", "index": "by_pages"}])";
  ASSERT_NO_FATAL_FAILURE(Run(drop));
  ASSERT_EQ(migrate::Push(job, false, &done).ToString(), Status().ToString());
  EXPECT_THAT(done, ElementsAre(HasSubstr(planted.said)));
  ASSERT_EQ(migrate::Push(job, false, &done).ToString(), Status().ToString());
  EXPECT_THAT(done, IsEmpty());
  EXPECT_THAT(Read("Book", {"title", "pages"}), ElementsAre("title=\"One\" pages=3"));
}

}  // namespace
}  // namespace storegate::test
