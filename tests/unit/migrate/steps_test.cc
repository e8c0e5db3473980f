// SQL migration files, cut into steps.
#include "server/migrate/sql_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace storegate::migrate {
namespace {

using repository::Step;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = Step::Kind;

constexpr SqlSyntax kSqlite = {false, false, false, true};

Script Cut(std::string_view sql, const SqlSyntax& syntax = {}) {
  Result<Script> script = SqlSteps("0002_x.up.sql", sql, syntax);
  if (script.ok()) return *std::move(script);
  ADD_FAILURE() << script.status().ToString();
  return {};
}

std::string ErrorOf(std::string_view sql, const SqlSyntax& syntax = {}) {
  const Result<Script> script = SqlSteps("0002_x.up.sql", sql, syntax);
  if (script.ok()) return "";
  EXPECT_EQ(script.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(script.status().reason(), "INVALID_MIGRATION");
  return script.status().message();
}

std::vector<std::string> Scripts(const Script& script) {
  std::vector<std::string> texts;
  for (const Step& step : script.steps) texts.push_back(step.script);
  return texts;
}

// Of the statements behind `no transaction`.
std::vector<std::string> Statements(const std::string& sql, const SqlSyntax& syntax = {}) {
  return Scripts(Cut("-- storegate: no transaction\n" + sql, syntax));
}

TEST(Steps, AFileWithoutDirectivesIsOneTransaction) {
  const Script script = Cut("\n\nCREATE TABLE a (x INTEGER);\n-- why\nCREATE TABLE b (x TEXT);\n\n");
  ASSERT_EQ(script.steps.size(), 1u);
  EXPECT_EQ(script.steps[0].kind, Kind::kTransaction);
  EXPECT_EQ(script.steps[0].script,
            "CREATE TABLE a (x INTEGER);\n-- why\nCREATE TABLE b (x TEXT);");
  EXPECT_EQ(script.steps[0].line, 3);
  EXPECT_EQ(script.needs, 0);
}

TEST(Steps, WhatHasNoStatementIsNoStep) {
  EXPECT_THAT(Cut("").steps, IsEmpty());
  EXPECT_THAT(Cut(" \n-- nothing\n/* at all */\n;\n").steps, IsEmpty());
  EXPECT_THAT(Cut("-- storegate: transaction\n-- storegate: no transaction\n-- a\n").steps,
              IsEmpty());
}

TEST(Steps, ADirectiveInsideAStatementIsAnError) {
  EXPECT_THAT(ErrorOf("CREATE TABLE a (\n-- storegate: no transaction\nx INTEGER);"),
              AllOf(HasSubstr("0002_x.up.sql:2:"), HasSubstr("begins in line 1"),
                    HasSubstr("no transaction")));
}

TEST(Steps, KnowsTheKindsAndTheirLines) {
  const Script script = Cut(
      "-- storegate: needs this\r\n"
      "ALTER TABLE a ADD c TEXT;\n"
      "-- storegate: repeat, total SELECT count(*) FROM a\n"
      "UPDATE a SET c = '';\n"
      "-- storegate: refold books.title\n"
      "DROP TABLE b;\n"
      "-- storegate: no transaction\n"
      "CREATE INDEX i ON a (c); VACUUM");
  ASSERT_EQ(script.steps.size(), 6u);
  EXPECT_EQ(script.needs, Script::kNeedsThis);
  EXPECT_EQ(script.steps[0].line, 2);
  EXPECT_EQ(script.steps[1].kind, Kind::kRepeat);
  EXPECT_EQ(script.steps[1].script, "UPDATE a SET c = '';");
  EXPECT_EQ(script.steps[1].total, "SELECT count(*) FROM a");
  EXPECT_EQ(script.steps[1].line, 4);
  EXPECT_EQ(script.steps[2].kind, Kind::kRefold);
  EXPECT_EQ(script.steps[2].table, "books");
  EXPECT_EQ(script.steps[2].column, "title");
  EXPECT_EQ(script.steps[2].line, 5);
  EXPECT_EQ(script.steps[3].kind, Kind::kTransaction);
  EXPECT_EQ(script.steps[3].script, "DROP TABLE b;");
  EXPECT_EQ(script.steps[4].kind, Kind::kNoTransaction);
  EXPECT_EQ(script.steps[5].script, "VACUUM");
  EXPECT_EQ(script.steps[5].line, 8);
}

TEST(Steps, WhatIsInQuotesAndCommentsCutsNothing) {
  EXPECT_EQ(Cut("SELECT '\n-- storegate: no transaction\n;';").steps.size(), 1u);
  EXPECT_EQ(Cut("SELECT $a$\n-- storegate: bogus\n$$ ; $a$;").steps.size(), 1u);
  EXPECT_EQ(Cut("/*\n-- storegate: bogus\n*/ SELECT 1;").steps.size(), 1u);
  EXPECT_EQ(Cut("  -- storegate: bogus\nSELECT 1;").steps.size(), 1u);
}

TEST(Steps, StatementsEndAtTheirOwnSemicolons) {
  EXPECT_THAT(Statements("SELECT ';'; SELECT \";\"; SELECT 'it''s;';"),
              ElementsAre("SELECT ';';", "SELECT \";\";", "SELECT 'it''s;';"));
  EXPECT_THAT(Statements("SELECT E'\\';'; SELECT e'a\\\\';SELECT 1"),
              ElementsAre("SELECT E'\\';';", "SELECT e'a\\\\';", "SELECT 1"));
  EXPECT_THAT(Statements("SELECT $$;$$; SELECT $a$;$$;$a$; SELECT $1;"),
              ElementsAre("SELECT $$;$$;", "SELECT $a$;$$;$a$;", "SELECT $1;"));
  EXPECT_THAT(Statements("SELECT /* ; /* ; */ ; */ 1; SELECT -- ;\n 2;"),
              ElementsAre("SELECT /* ; /* ; */ ; */ 1;", "SELECT -- ;\n 2;"));
  EXPECT_THAT(Statements(";; SELECT 1;; -- end"), ElementsAre("SELECT 1;"));
  EXPECT_THAT(Statements("SELECT a$b$;SELECT c$b$;"), ElementsAre("SELECT a$b$;", "SELECT c$b$;"));
}

TEST(Steps, SqliteHasItsOwnQuotesAndComments) {
  EXPECT_THAT(Statements("SELECT `;'`; SELECT [;\"];", kSqlite),
              ElementsAre("SELECT `;'`;", "SELECT [;\"];"));
  EXPECT_THAT(Statements("SELECT /* /* */ 1; SELECT 2;", kSqlite),
              ElementsAre("SELECT /* /* */ 1;", "SELECT 2;"));
  EXPECT_THAT(Statements("SELECT a[1]; SELECT 2;"), ElementsAre("SELECT a[1];", "SELECT 2;"));
}

TEST(Steps, ABodyIsPartOfItsStatement) {
  const std::string trigger =
      "CREATE TEMP TRIGGER t AFTER UPDATE ON a WHEN CASE new.x WHEN 1 THEN 1 END\n"
      "BEGIN UPDATE a SET y = CASE x WHEN 1 THEN 2 ELSE 3 END; DELETE FROM b; END;";
  EXPECT_THAT(Statements(trigger + " SELECT 1;", kSqlite), ElementsAre(trigger, "SELECT 1;"));
  const std::string function =
      "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;";
  EXPECT_THAT(Statements(function + "SELECT 3;"), ElementsAre(function, "SELECT 3;"));
  const std::string call = "CREATE TRIGGER t AFTER INSERT ON a EXECUTE FUNCTION f();";
  EXPECT_THAT(Statements(call + call), ElementsAre(call, call));
  EXPECT_THAT(Statements("CREATE TABLE function (begin INT); SELECT 1;"),
              ElementsAre("CREATE TABLE function (begin INT);", "SELECT 1;"));
}

TEST(Steps, WhatDoesNotEndIsNamedWithItsLine) {
  EXPECT_THAT(ErrorOf("SELECT 1;\nSELECT 'a"), HasSubstr("0002_x.up.sql:2: The quotation"));
  EXPECT_THAT(ErrorOf("SELECT \"a"), HasSubstr("does not end"));
  EXPECT_THAT(ErrorOf("\n\nSELECT $x$ a $y$"), HasSubstr(":3: The quotation"));
  EXPECT_THAT(ErrorOf("SELECT E'\\'"), HasSubstr("does not end"));
  EXPECT_THAT(ErrorOf("/* a /* b */"), HasSubstr(":1: The comment"));
  EXPECT_THAT(ErrorOf("SELECT 1;\nCREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1;", kSqlite),
              HasSubstr(":2: The statement that begins here does not end"));
}

TEST(Steps, AnUnknownDirectiveIsNamed) {
  for (const char* text : {"", "no transactions", "transactional", "needs", "needs 0", "needs -1",
                           "needs 1 2", "needs 99999999999", "refold", "refold a", "refold a.",
                           "refold .b", "refold a.b.c", "refold a b", "refold a. b", "repeat 5",
                           "repeat,", "repeat, total", "repeat, count SELECT 1", "Transaction"}) {
    const std::string error = ErrorOf("SELECT 1;\n-- storegate: " + std::string(text) + "\nSELECT 2;");
    EXPECT_THAT(error, HasSubstr("0002_x.up.sql:2: ")) << text;
  }
  EXPECT_THAT(ErrorOf("-- storegate: needs 1\n-- storegate: needs 2\n"), HasSubstr(":2: "));
}

TEST(Steps, ARepeatHasOneStatement) {
  EXPECT_THAT(ErrorOf("SELECT 1;\n-- storegate: repeat\n"),
              AllOf(HasSubstr(":2: "), HasSubstr("followed by 0 statements")));
  EXPECT_THAT(ErrorOf("-- storegate: repeat\nSELECT 1; SELECT 2;"), HasSubstr("by 2 statements"));
}

TEST(Steps, TransactionsAreNotWrittenByHand) {
  EXPECT_THAT(ErrorOf("SELECT 1;\nCOMMIT;"), AllOf(HasSubstr(":2: "), HasSubstr("COMMIT")));
  EXPECT_THAT(ErrorOf("begin; SELECT 1;"), HasSubstr("begin"));
  EXPECT_EQ(Cut("SELECT 1 AS begin;").steps.size(), 1u);
}

TEST(Steps, HostileFilesTakeNoLong) {
  const std::string deep = [] {
    std::string text;
    for (int i = 0; i < 200000; ++i) text += "/*";
    return text;
  }();
  EXPECT_THAT(ErrorOf(deep), HasSubstr("does not end"));
  std::string dollars;
  for (int i = 0; i < 3000; ++i) dollars += "$a" + std::to_string(i) + "$";
  EXPECT_NE(ErrorOf(dollars), "");
  EXPECT_EQ(Statements(std::string(1 << 20, ';')).size(), 0u);
}

TEST(Significant, IsOfStatementsAndDirectives) {
  const auto of = [](std::string_view sql) { return SignificantSql(sql, {}); };
  EXPECT_EQ(of("-- a\nSELECT  1 ; /* b */\n\n"), "SELECT 1 ;");
  EXPECT_EQ(of("SELECT 'a  -- b'"), "SELECT 'a  -- b'");
  EXPECT_EQ(of("-- storegate:  no   transaction  \nVACUUM;"),
            "-- storegate: no transaction\nVACUUM;");
  EXPECT_NE(of("-- storegate: no transaction\nVACUUM;"), of("VACUUM;"));
  EXPECT_EQ(of("SELECT 1;\n-- storegate: refold a.b\n"), "SELECT 1;\n-- storegate: refold a.b");
  EXPECT_EQ(of(" -- storegate: refold a.b\nSELECT 1;"), "SELECT 1;");
  EXPECT_EQ(of("SELECT $$ a\n\n-- b $$"), "SELECT $$ a\n\n-- b $$");
}

}  // namespace
}  // namespace storegate::migrate
