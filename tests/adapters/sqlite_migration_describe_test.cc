// What a SQLite database holds, read: hand-made tables as well, and drift is noticed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/sqlite/describe_table.h"
#include "server/adapters/sqlite/describe_tokens.h"
#include "server/migrate/change.h"
#include "server/repository/migrator.h"
#include "tests/adapters/library.h"

namespace storegate::test {
namespace {

using repository::ColumnModel;
using repository::DatabaseModel;
using repository::Step;
using repository::TableModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string NormalizedText(std::string_view sql) {
  const std::vector<sqlite::Token> tokens = sqlite::Tokenize(sql);
  return sqlite::Normalized(tokens, 0, tokens.size());
}

Step Transaction(std::string sql) {
  Step step;
  step.script = std::move(sql);
  return step;
}

class SqliteDescribe : public ::testing::Test {
 protected:
  SqliteDescribe() : backend_(*sqlite::Open({.path = ":memory:"})) {}

  void Make(const std::string& sql) {
    const Status status = migrator().Execute(sql);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  DatabaseModel Read() { return *migrator().Describe(); }
  DatabaseModel Tried(const std::string& sql) { return *migrator().Rehearse({Transaction(sql)}); }
  repository::Migrator& migrator() { return *backend_->migrator(); }

  std::unique_ptr<repository::Backend> backend_;
};

TEST(SqliteText, IsOneForAllWaysToWriteIt) {
  EXPECT_EQ(NormalizedText("a>=1 and[b]<>'x''y'"), "\"a\" >= 1 AND \"b\" <> 'x''y'");
  EXPECT_EQ(NormalizedText("/* c */ `a``b` -- to the end\n\tis  NOT null"),
            "\"a`b\" IS NOT NULL");
  EXPECT_EQ(NormalizedText("Lower( a )||x'0F' in('A' ,'B')"),
            "Lower(\"a\") || x'0F' IN ('A', 'B')");
  EXPECT_EQ(NormalizedText("-1 - -2 + a.b*1.5e-3"), "-1 - -2 + \"a\".\"b\" * 1.5e-3");
  EXPECT_EQ(NormalizedText("true or 0xFe - 1"), "TRUE OR 0xFe - 1");
  EXPECT_EQ(NormalizedText("data->>'$.a' , json(data)"), "\"data\" ->> '$.a', json(\"data\")");
  // Nothing of it ends.
  for (const char* broken : {"'a", "\"a", "[a", "/* a", "(((", "x'", "1e", "-"}) {
    NormalizedText(broken);
    sqlite::ParseTable("CREATE TABLE t (" + std::string(broken));
    sqlite::ParseTable("CREATE TABLE t (a " + std::string(broken) + ")");
    sqlite::IndexDefinition("CREATE INDEX i ON t (" + std::string(broken));
  }
}

TEST_F(SqliteDescribe, TablesOfTheSchemaAreAsTheyWereMade) {
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : Library().entities) entities.push_back(&entity);
  const std::string sql = sqlite::SqliteGenerator().CreateAll(entities);
  Make(sql);
  const DatabaseModel there = Read();
  EXPECT_THAT(migrate::Diff(Tried(sql), there), IsEmpty());
  // The model of the schema says the same, but for its order.
  const DatabaseModel model = sqlite::SqliteGenerator().Model(entities);
  ASSERT_EQ(model.tables.size(), there.tables.size());
  for (const migrate::Change& change : migrate::Diff(model, there)) {
    ADD_FAILURE() << migrate::DescribeDrift(change);
  }
}

TEST_F(SqliteDescribe, ColumnsAreReadWithAllThatTheySay) {
  Make(R"(create table if not exists "odd ""name""" (  -- a comment, with a ) in it
    id integer primary key autoincrement,
    [a b] varchar ( 20 ) not null default 'it''s, (x)' collate nocase,
    `c` REAL DEFAULT -1.5 CONSTRAINT positive check (c<0 or c > 1) CHECK (c <> 7),
    d NOT NULL ON CONFLICT REPLACE DEFAULT (1 + 2),
    e TEXT DEFAULT hello UNIQUE,
    f text default current_timestamp,
    g int generated always as (id * 2) stored,
    h DOUBLE PRECISION default (0),
    i))");
  const DatabaseModel database = Read();
  ASSERT_EQ(database.tables.size(), 1u);
  const TableModel& table = database.tables[0];
  EXPECT_EQ(table.name, "odd \"name\"");
  std::vector<std::string> lines;
  for (const ColumnModel& column : table.columns) lines.push_back(migrate::ColumnSql(column));
  EXPECT_THAT(lines, ElementsAre(
      R"("id" INTEGER PRIMARY KEY AUTOINCREMENT)",
      R"("a b" VARCHAR(20) COLLATE NOCASE NOT NULL DEFAULT 'it''s, (x)')",
      R"("c" REAL DEFAULT -1.5 CHECK (("c" < 0 OR "c" > 1) AND ("c" <> 7)))",
      R"("d" NOT NULL DEFAULT (1 + 2) NOT NULL ON CONFLICT REPLACE)",
      R"("e" TEXT DEFAULT 'hello' UNIQUE)",
      R"("f" TEXT DEFAULT CURRENT_TIMESTAMP)",
      R"("g" INT GENERATED ALWAYS AS ("id" * 2) STORED)",
      R"("h" DOUBLE PRECISION DEFAULT 0)",
      R"("i")"));
  EXPECT_EQ(table.columns[2].check_name, "positive");
  EXPECT_EQ(table.suffix, "");
  // What was read makes the same again.
  EXPECT_THAT(migrate::Diff(database, Tried(migrate::CreateTableText(table, table.references))),
              IsEmpty());
}

TEST_F(SqliteDescribe, ConstraintsOfTheTableAreReadToo) {
  Make(R"(
    CREATE TABLE authors (slug TEXT, born INTEGER, PRIMARY KEY (slug)) WITHOUT ROWID, strict;
    CREATE TABLE places (a INT, b INT, c INT, id INTEGER,
      PRIMARY KEY (a, b) ON CONFLICT IGNORE UNIQUE (c), CONSTRAINT less CHECK (a < b),
      FOREIGN KEY (a, b) REFERENCES places (a, b) ON DELETE CASCADE);
    CREATE TABLE books (
      id INTEGER, author REFERENCES authors ON DELETE SET NULL ON UPDATE NO ACTION,
      other TEXT CONSTRAINT named REFERENCES authors (slug) DEFERRABLE INITIALLY DEFERRED NOT NULL,
      place INT, PRIMARY KEY (id AUTOINCREMENT),
      FOREIGN KEY (place) REFERENCES places (c) MATCH FULL))");
  const DatabaseModel database = Read();
  ASSERT_EQ(database.tables.size(), 3u);
  const TableModel &authors = database.tables[0], &books = database.tables[1],
                   &places = database.tables[2];
  EXPECT_EQ(authors.suffix, "WITHOUT ROWID, STRICT");
  EXPECT_EQ(authors.columns[0].rest, "PRIMARY KEY");
  EXPECT_EQ(places.columns[2].rest, "UNIQUE");
  EXPECT_THAT(places.constraints,
              ElementsAre(
                  R"(PRIMARY KEY ("a", "b") ON CONFLICT IGNORE)",
                  R"(CONSTRAINT "less" CHECK ("a" < "b"))",
                  R"(FOREIGN KEY ("a", "b") REFERENCES "places" ("a", "b") ON DELETE CASCADE)"));
  EXPECT_EQ(books.columns[0].rest, "PRIMARY KEY AUTOINCREMENT");
  EXPECT_TRUE(books.columns[2].not_null);
  ASSERT_EQ(books.references.size(), 3u);
  EXPECT_EQ(migrate::ReferencesText(books.references[0]),
            R"( REFERENCES "authors" ("slug") ON DELETE SET NULL ON UPDATE NO ACTION)");
  EXPECT_EQ(books.references[1].name, "named");
  EXPECT_EQ(migrate::ReferencesText(books.references[1]),
            R"( REFERENCES "authors" ("slug") DEFERRABLE INITIALLY DEFERRED)");
  EXPECT_EQ(books.references[2].column, "place");
  EXPECT_EQ(books.references[2].target, "c");
  EXPECT_THAT(books.constraints, IsEmpty());
  std::string again;
  for (const TableModel& table : database.tables) {
    again += migrate::CreateTableText(table, table.references);
  }
  EXPECT_THAT(migrate::Diff(database, Tried(again)), IsEmpty()) << again;
}

TEST_F(SqliteDescribe, TablesThatOtherToolsMadeAreRead) {
  Make(R"(
    CREATE TABLE source (a TEXT, b INT);
    CREATE TABLE copied AS SELECT a, b AS "b c" FROM source;
    ALTER TABLE source ADD COLUMN late BOOLEAN NOT NULL DEFAULT FALSE;
    ALTER TABLE source RENAME COLUMN b TO "b d";
    ALTER TABLE source RENAME TO "the source";
    CREATE VIRTUAL TABLE words USING fts5(body, tokenize = 'porter');
    CREATE VIEW seen AS SELECT a FROM copied;
    CREATE TABLE _storegate_own (x);
    CREATE INDEX i1 ON copied (a COLLATE nocase asc, "b c" desc) where a is not null;
    create unique index "i 2" on copied(lower(a)))");
  const DatabaseModel database = Read();
  std::vector<std::string> names;
  for (const TableModel& table : database.tables) names.push_back(table.name);
  EXPECT_THAT(names, ElementsAre("copied", "the source", "words"));
  const TableModel &copied = database.tables[0], &source = database.tables[1],
                   &words = database.tables[2];
  EXPECT_EQ(copied.columns[1].name, "b c");
  ASSERT_EQ(copied.indexes.size(), 2u);
  EXPECT_EQ(copied.indexes[0].name, "i 2");
  EXPECT_TRUE(copied.indexes[0].unique);
  EXPECT_EQ(copied.indexes[0].definition, R"((lower("a")))");
  EXPECT_FALSE(copied.indexes[1].unique);
  EXPECT_EQ(copied.indexes[1].definition,
            R"(("a" COLLATE "nocase", "b c" DESC) WHERE "a" IS NOT NULL)");
  EXPECT_EQ(source.columns[1].name, "b d");
  EXPECT_EQ(migrate::ColumnSql(source.columns[2]), R"("late" BOOLEAN NOT NULL DEFAULT FALSE)");
  ASSERT_FALSE(words.columns.empty());
  EXPECT_EQ(words.columns[0].name, "body");
  EXPECT_THAT(words.suffix, HasSubstr("USING fts5("));
}

constexpr char kNotes[] =
    "CREATE TABLE notes (id TEXT NOT NULL PRIMARY KEY, size INTEGER NOT NULL DEFAULT 0, "
    "kind TEXT CHECK (kind IN ('A', 'B'))) STRICT; CREATE INDEX by_size ON notes (size, id);";

TEST_F(SqliteDescribe, WhatOnlyLooksDifferentIsNoDrift) {
  Make("create table \"notes\" ( \"id\" text not null primary key,\n [size] INTEGER /* bytes */ "
       "DEFAULT 0 NOT NULL, kind TEXT CHECK(\"kind\" in('A','B')) ) strict;"
       "CREATE INDEX by_size on notes(size ASC,`id`)");
  for (const migrate::Change& change : migrate::Diff(Read(), Tried(kNotes))) {
    ADD_FAILURE() << migrate::DescribeDrift(change);
  }
}

TEST_F(SqliteDescribe, PlantedDriftIsNoticed) {
  const std::vector<std::pair<std::string, std::string>> drifts = {
      {"id TEXT NOT NULL PRIMARY KEY", "id TEXT NOT NULL COLLATE NOCASE PRIMARY KEY"},
      {"id TEXT NOT NULL PRIMARY KEY", "id TEXT NOT NULL"},
      {"size INTEGER", "size TEXT"},
      {"size INTEGER", "length INTEGER"},
      {"INTEGER NOT NULL", "INTEGER"},
      {"DEFAULT 0", "DEFAULT 1"},
      {" DEFAULT 0", ""},
      {"'A', 'B'", "'A', 'B', 'C'"},
      {" CHECK (kind IN ('A', 'B'))", " REFERENCES notes (id)"},
      {") STRICT", ")"},
      {"(size, id)", "(size)"},
      {"(size, id)", "(size DESC, id)"},
      {"(size, id)", "(size, id) WHERE size > 1"},
      {"CREATE INDEX", "CREATE UNIQUE INDEX"},
      {"kind TEXT", "more TEXT, kind TEXT"},
      {"by_size", "another"},
  };
  const DatabaseModel whole = Tried(kNotes);
  for (const auto& [from, to] : drifts) {
    std::string sql = kNotes;
    sql.replace(sql.find(from), from.size(), to);
    if (to == "length INTEGER") sql.replace(sql.find("(size"), 5, "(length");
    EXPECT_FALSE(migrate::Diff(Tried(sql), whole).empty()) << from << " → " << to;
  }
}

TEST_F(SqliteDescribe, ARehearsalLeavesNothingAndSaysWhereItFails) {
  Make("CREATE TABLE real (x)");
  Step skipped;
  skipped.kind = Step::Kind::kRepeat;
  skipped.script = "UPDATE nothing SET x = 1";
  Step second = Transaction("\n\n-- a comment\nCREATE TABLE b (x);");
  second.kind = Step::Kind::kNoTransaction;
  const DatabaseModel tried =
      *migrator().Rehearse({Transaction("CREATE TABLE a (x);"), skipped, second});
  EXPECT_EQ(tried.tables.size(), 2u);
  EXPECT_EQ(Read().tables.size(), 1u);
  Step wrong = Transaction("CREATE TABLE a (x);\n\n/* one\n two */ CREATE TABLE a (y);");
  wrong.line = 10;
  const auto failed = migrator().Rehearse({wrong});
  EXPECT_THAT(failed.status(), HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(failed.status().message(), HasSubstr("line 13"));
}

}  // namespace
}  // namespace storegate::test
