// Tables changed with rows in them: what is kept, what is made anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/migrate/change.h"
#include "server/repository/migrator.h"
#include "tests/adapters/library.h"
#include "tests/adapters/sqlite_rows.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

using migrate::Change;
using migrate::Renames;
using repository::DatabaseModel;
using repository::Step;
using repository::TableModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

Step Transaction(std::string sql) {
  Step step;
  step.script = std::move(sql);
  return step;
}

constexpr char kShelves[] = "CREATE TABLE shelves (name TEXT NOT NULL PRIMARY KEY) STRICT;";
constexpr char kBooks[] =
    "CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT, pages INTEGER, "
    "shelf TEXT REFERENCES shelves (name)) STRICT; CREATE INDEX by_pages ON books (pages, id);"
    "CREATE TABLE pages (id INTEGER PRIMARY KEY, book INTEGER REFERENCES books (id)) STRICT;";

class SqliteAlter : public ::testing::Test {
 protected:
  SqliteAlter() {
    Make(std::string(kShelves) + kBooks);
    Make("INSERT INTO shelves VALUES ('a'), ('b');"
         "INSERT INTO books VALUES (1, 'one', 100, 'a'), (2, NULL, 200, 'b'), (9, 'nine', 9, NULL);"
         "DELETE FROM books WHERE id = 9;"
         "INSERT INTO pages VALUES (1, 1), (2, 2);");
  }

  void Make(const std::string& sql) {
    const Status status = migrator().Execute(sql);
    ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << sql;
  }

  // What makes of `books` one as `wanted` makes it, which the database then has.
  std::string Statements(const std::string& wanted, const Renames& renames = {}) {
    before_ = *migrator().Describe();
    after_ = *migrator().Rehearse({Transaction(kShelves), Transaction(wanted)});
    std::vector<Change> mine;
    std::string drops, adds;
    const migrate::Dialect& dialect = sqlite::SqliteDialect();
    TableModel books = *before_.Table("books");
    for (Change& change : migrate::Diff(before_, after_, renames)) {
      switch (change.kind) {
        case Change::Kind::kDropIndex:
          drops += dialect.DropIndex("books", *change.index_before, {});
          std::erase_if(books.indexes, [&](const auto& each) { return each.name == change.name; });
          break;
        case Change::Kind::kAddIndex:
          adds += dialect.CreateIndex("books", *change.index_after, {});
          break;
        case Change::Kind::kReorderColumns: break;
        default: mine.push_back(change);
      }
    }
    const std::string altered =
        mine.empty() ? ""
                     : dialect.AlterTable(mine, books, *after_.Table("books"), {});
    return drops + altered + adds;
  }

  // The same, done: the database is afterwards what was wanted.
  std::string Changed(const std::string& wanted, const Renames& renames = {}) {
    const std::string sql = Statements(wanted, renames);
    Make(sql);
    const DatabaseModel there = *migrator().Describe();
    for (const Change& change : migrate::Diff(there, after_)) {
      if (change.kind == Change::Kind::kReorderColumns) continue;
      ADD_FAILURE() << migrate::DescribeDrift(change) << "\n" << sql;
    }
    return sql;
  }

  std::vector<std::string> Rows(const std::string& select) { return SqliteRows(path_, select); }
  static std::string Wanted(const std::string& from, const std::string& to) {
    std::string sql = kBooks;
    return sql.replace(sql.find(from), from.size(), to);
  }
  repository::Migrator& migrator() { return *backend_->migrator(); }

  TempDir directory_;
  const std::string path_ = (directory_.path() / "test.db").string();
  std::unique_ptr<repository::Backend> backend_ = *sqlite::Open({.path = path_});
  DatabaseModel before_, after_;
};

TEST_F(SqliteAlter, ColumnsAreAddedRenamedAndDroppedInPlace) {
  std::string sql = Changed(
      Wanted("pages INTEGER", "pages INTEGER, size INTEGER NOT NULL DEFAULT 3, "
                              "more TEXT REFERENCES shelves (name)"));
  EXPECT_THAT(sql, Not(HasSubstr("CREATE TABLE")));
  EXPECT_THAT(Rows("SELECT id, title, pages, size, more FROM books"),
              ElementsAre("1|one|100|3|", "2||200|3|"));
  Renames renames;
  renames.columns[{"books", "title"}] = "name";
  sql = Changed(Wanted("title TEXT, pages INTEGER",
                       "name TEXT, pages INTEGER, more TEXT REFERENCES shelves (name)"),
                renames);
  EXPECT_EQ(sql, "ALTER TABLE \"books\" RENAME COLUMN \"title\" TO \"name\";\n"
                 "ALTER TABLE \"books\" DROP COLUMN \"size\";\n");
  sql = Changed(Wanted("title TEXT", "name TEXT"));
  EXPECT_THAT(sql, HasSubstr("CREATE TABLE"));  // what goes is a reference
  EXPECT_THAT(Rows("SELECT * FROM books"), ElementsAre("1|one|100|a", "2||200|b"));
  sql = Changed(Wanted("title TEXT, ", ""));
  EXPECT_THAT(sql, Not(HasSubstr("CREATE TABLE")));
  EXPECT_THAT(Rows("SELECT * FROM books"), ElementsAre("1|100|a", "2|200|b"));
}

TEST_F(SqliteAlter, WhatCannotBeDoneInPlaceKeepsRowsCountersIndexesAndForeignKeys) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"title TEXT", "title TEXT NOT NULL DEFAULT 'it''s none'"},
      {"title TEXT", "title TEXT DEFAULT 'x'"},
      {"title TEXT", "title TEXT CHECK (length(title) < 100)"},
      {"title TEXT", "title TEXT COLLATE NOCASE"},
      {"title TEXT", "title TEXT UNIQUE"},
      {"pages INTEGER", "pages REAL"},
      {"pages INTEGER", "pages TEXT"},
      {"title TEXT", "title BLOB"},
      {" REFERENCES shelves (name)", ""},
      {"pages INTEGER", "pages INTEGER, made TEXT DEFAULT CURRENT_TIMESTAMP"},
      {") STRICT; CREATE INDEX", "); CREATE INDEX"},
  };
  for (const auto& [from, to] : changes) {
    SCOPED_TRACE(from + " → " + to);
    const std::string sql = Changed(Wanted(from, to));
    EXPECT_THAT(sql, HasSubstr("CREATE TABLE \"_storegate_new_books\""));
    EXPECT_THAT(Rows("SELECT id, CAST(pages AS INTEGER), shelf FROM books"),
                ElementsAre("1|100|a", "2|200|b"));
    EXPECT_THAT(Rows("SELECT CAST(title AS TEXT) FROM books WHERE id = 1"), ElementsAre("one"));
    EXPECT_THAT(Rows("SELECT seq FROM sqlite_sequence WHERE name = 'books'"), ElementsAre("9"));
    EXPECT_THAT(Rows("SELECT name FROM sqlite_sequence"), ElementsAre("books"));
    EXPECT_THAT(Rows("SELECT \"table\" FROM pragma_foreign_key_list('pages')"),
                ElementsAre("books"));
    Changed(kBooks);  // and back
    EXPECT_THAT(Rows("SELECT id, title IS NULL, pages, shelf FROM books WHERE id = 1"),
                ElementsAre("1|0|100|a"));
  }
  EXPECT_THAT(Rows("SELECT title FROM books"), ElementsAre("one", "it's none"));
  Make("INSERT INTO books (title) VALUES ('next')");
  EXPECT_THAT(Rows("SELECT max(id) FROM books"), ElementsAre("10"));
  EXPECT_THAT(*migrator().Parts("_storegate_new_books"), IsEmpty());
}

TEST_F(SqliteAlter, ColumnsThatChangePlacesKeepTheirOwnValues) {
  Renames renames;
  renames.columns[{"books", "title"}] = "shelf";
  renames.columns[{"books", "shelf"}] = "title";
  Changed(Wanted("title TEXT, pages INTEGER, shelf TEXT REFERENCES shelves (name)",
                 "shelf TEXT, pages INTEGER, title TEXT REFERENCES shelves (name)"),
          renames);
  EXPECT_THAT(Rows("SELECT id, title, pages, shelf FROM books"),
              ElementsAre("1|a|100|one", "2|b|200|"));
}

TEST_F(SqliteAlter, IndexesOfARenamedColumnFollowAlsoWhenTheTableIsMadeAnew) {
  Renames renames;
  renames.columns[{"books", "pages"}] = "leaves";
  std::string wanted = Wanted("pages INTEGER", "leaves INTEGER NOT NULL DEFAULT 0");
  wanted.replace(wanted.find("(pages, id)"), 11, "(leaves, id)");
  Changed(wanted, renames);
  EXPECT_THAT(Rows("SELECT leaves FROM books ORDER BY 1"), ElementsAre("100", "200"));
  EXPECT_THAT(after_.Table("books")->indexes[0].definition, "(\"leaves\", \"id\")");
}

TEST_F(SqliteAlter, WhatOthersMadeOfTheTableStays) {
  Make("CREATE TABLE log (id INTEGER);"
       "CREATE TRIGGER logs AFTER INSERT ON books BEGIN INSERT INTO log VALUES (new.id); END;"
       "CREATE TRIGGER old_one AFTER INSERT ON books BEGIN INSERT INTO log VALUES (0); END;"
       "CREATE VIEW seen AS SELECT id, title FROM books;");
  const std::string sql = Statements(Wanted("title TEXT", "title TEXT NOT NULL DEFAULT ''"));
  Make("CREATE INDEX theirs ON books (lower(title));");
  Make("DROP TRIGGER old_one;" + sql);
  EXPECT_THAT(Rows("SELECT name FROM sqlite_schema WHERE type IN ('trigger', 'index') AND "
                   "tbl_name = 'books' ORDER BY 1"),
              ElementsAre("by_pages", "logs", "theirs"));
  Make("INSERT INTO books (title) VALUES ('next')");
  EXPECT_THAT(Rows("SELECT id FROM log"), ElementsAre("10"));
  EXPECT_THAT(Rows("SELECT title FROM seen WHERE id = 1"), ElementsAre("one"));
}

TEST_F(SqliteAlter, AnIndexOfOthersThatCannotStayIsNamed) {
  const std::string sql =
      Statements(Wanted("title TEXT, pages INTEGER", "pages INTEGER NOT NULL DEFAULT 0"));
  Make("CREATE INDEX theirs ON books (title);");
  const Status status = migrator().Execute(sql);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("theirs"));
  EXPECT_THAT(Rows("SELECT title FROM books WHERE id = 1"), ElementsAre("one"));
}

TEST_F(SqliteAlter, AColumnOfOthersIsNotLostWithATableThatIsMadeAnew) {
  // The script was written where the table did not have it.
  const std::string sql = Statements(Wanted("title TEXT", "title TEXT NOT NULL DEFAULT ''"));
  Make("ALTER TABLE books ADD COLUMN weight REAL; UPDATE books SET weight = 1.5");
  const Status status = migrator().Execute(sql);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("\"weight\""));
  EXPECT_THAT(Rows("SELECT weight FROM books WHERE id = 1"), ElementsAre("1.5"));
  // Who names it means it.
  Make("-- Weight is not kept.\n" + sql);
  EXPECT_EQ(migrator().Describe()->Table("books")->Column("weight"), nullptr);
}

TEST_F(SqliteAlter, AColumnThatIsMeantToGoGoesWithATableThatIsMadeAnew) {
  const std::string sql = Changed(
      Wanted("title TEXT, pages INTEGER", "pages INTEGER NOT NULL DEFAULT 0"));
  EXPECT_THAT(sql, HasSubstr("-- Without the column title."));
}

TEST_F(SqliteAlter, ConstraintsOfHandMadeTablesAreKept) {
  Make("CREATE TABLE pairs (a INTEGER, b INTEGER, c TEXT, PRIMARY KEY (a, b), CHECK (a < b),"
       " FOREIGN KEY (a, b) REFERENCES pairs (a, b) ON DELETE CASCADE) WITHOUT ROWID;"
       "INSERT INTO pairs VALUES (1, 2, 'x')");
  const DatabaseModel before = *migrator().Describe();
  TableModel after = *before.Table("pairs");
  after.references.push_back({"c", "shelves", "name", "", "ON DELETE SET NULL"});
  Change add;
  add.kind = Change::Kind::kAddReference;
  add.table = "pairs";
  add.name = "c";
  add.reference_after = &after.references.back();
  const std::string sql =
      sqlite::SqliteDialect().AlterTable({add}, *before.Table("pairs"), after, {});
  const Status broken = migrator().Execute(sql);
  EXPECT_THAT(broken, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(broken.message(), HasSubstr("\"pairs\""));
  EXPECT_THAT(broken.message(), HasSubstr("\"shelves\""));
  EXPECT_THAT(migrate::Diff(before, *migrator().Describe()), IsEmpty());
  Make("UPDATE pairs SET c = 'a', a = 1");
  Make(sql);
  const DatabaseModel there = *migrator().Describe();
  EXPECT_EQ(there.Table("pairs")->constraints, after.constraints);
  EXPECT_EQ(there.Table("pairs")->constraints.size(), 3u);
  EXPECT_EQ(there.Table("pairs")->suffix, "WITHOUT ROWID");
  EXPECT_EQ(there.Table("pairs")->references[0].rest, "ON DELETE SET NULL");
  EXPECT_THAT(Rows("SELECT * FROM pairs"), ElementsAre("1|2|a"));
}

TEST_F(SqliteAlter, AValueThatDoesNotFitTheNewTypeFailsAndNamesTheLine) {
  const std::string sql = Statements(Wanted("title TEXT", "title INTEGER"));
  const Status status = migrator().Execute(sql);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("line 7"));
  EXPECT_THAT(status.message(), HasSubstr("type"));
  EXPECT_THAT(Rows("SELECT title FROM books WHERE id = 1"), ElementsAre("one"));
}

TEST_F(SqliteAlter, DefaultsAreLiteralsOfTheirType) {
  schema::Field field;
  const auto literal = [&](schema::Type type, const std::string& text) {
    field.type = type;
    field.default_text = text;
    return sqlite::SqliteDialect().DefaultLiteral(field);
  };
  EXPECT_EQ(literal(schema::Type::kBool, "true"), "1");
  EXPECT_EQ(literal(schema::Type::kBool, "false"), "0");
  EXPECT_EQ(literal(schema::Type::kInt64, "-7"), "-7");
  EXPECT_EQ(literal(schema::Type::kString, "it's"), "'it''s'");
  EXPECT_EQ(literal(schema::Type::kBytes, "b"), "CAST('b' AS BLOB)");
  EXPECT_EQ(literal(schema::Type::kTimestamp, "1970-01-01T00:00:01Z"), "1000");
}

}  // namespace
}  // namespace storegate::test
