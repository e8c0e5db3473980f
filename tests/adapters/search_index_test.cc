// The trigram index of PostgreSQL: made, used, with the same hits as without it, and what is
// said where it cannot be made.
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/postgres/backend.h"
#include "server/base/text.h"
#include "server/migrate/ddl.h"
#include "server/migrate/runner.h"
#include "tests/adapters/postgres_migration_case.h"
#include "tests/unit/migrate/schema_pair.h"

namespace storegate::test {
namespace {

using migrate::SchemaOf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::unique_ptr<const schema::Schema> Notes(const std::string& options) {
  return SchemaOf("message Note { option (storegate.v1.entity) = { " + options +
                      " }; string id = 1; string title = 2 [(storegate.v1.field) = "
                      "{ max_len: 100 searchable: true }]; optional string body = 3 "
                      "[(storegate.v1.field) = { max_len: 1000 searchable: true }]; }",
                  {"Note"});
}

class SearchIndex : public PostgresMigrationCase {
 protected:
  void Make(const schema::Schema& schema) {
    Result<std::unique_ptr<repository::Backend>> opened = postgres::Open(options_);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    backend_ = *std::move(opened);
    std::vector<std::string> made;
    const Status status = migrate::CreateTables(*backend_->migrator(),
                                                postgres::PostgresGenerator(),
                                                migrate::EntitiesOf(schema), &made);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  // The ids of the notes whose title or body contains the text, as `search` asks for it.
  std::vector<std::string> Found(const schema::Schema& schema, const std::string& text) {
    const schema::Entity& note = *schema.FindEntity("a.v1.Note");
    std::vector<query::Predicate> any;
    for (const schema::Field* field : note.searchable) {
      query::Predicate contains;
      contains.kind = query::Predicate::Kind::kContains;
      contains.path = query::Predicate::IsSet(field).path;
      contains.value = FoldCase(text);
      any.push_back(std::move(contains));
    }
    const std::unique_ptr<repository::Session> session = Reader(*backend_);
    return Where(*session, note, query::Predicate::Or(std::move(any)));
  }

  std::unique_ptr<repository::Backend> backend_;
};

TEST_F(SearchIndex, IsOfAllFoldedColumns) {
  const auto schema = Notes("search_index: true");
  Make(*schema);
  EXPECT_EQ(One("SELECT indexdef FROM pg_indexes WHERE indexname = 'idx__search_notes'"),
            "CREATE INDEX idx__search_notes ON public.notes USING gin "
            "(_folded_title gin_trgm_ops, _folded_body gin_trgm_ops)");
  EXPECT_EQ(postgres::PostgresGenerator().CreateAll(migrate::EntitiesOf(*schema)),
            "CREATE TABLE \"notes\" (\n"
            "  \"id\" text COLLATE \"C\" PRIMARY KEY,\n"
            "  \"title\" text COLLATE \"C\" NOT NULL DEFAULT '',\n"
            "  \"body\" text COLLATE \"C\",\n"
            "  \"_folded_title\" text COLLATE \"C\" NOT NULL DEFAULT '',\n"
            "  \"_folded_body\" text COLLATE \"C\",\n"
            "  \"_version\" bigint NOT NULL DEFAULT 0\n"
            ");\n"
            "CREATE EXTENSION IF NOT EXISTS pg_trgm;\n"
            "CREATE INDEX \"idx__search_notes\" ON \"notes\" USING gin "
            "(\"_folded_title\" gin_trgm_ops, \"_folded_body\" gin_trgm_ops);\n");
}

// Two tables, one with the index and one without, are asked the same.
TEST_F(SearchIndex, FindsWhatIsFoundWithoutIt) {
  const std::vector<std::string> texts = {
      "100%",   "100 percent", "a_b",        "axb",      "a*b",     "a\\b",   "a\\\\b",
      "\\",     "%",           "_",          "\\%",      "%_%",     "",       " ",
      "  a  b", "a'b",         "Straße",     "STRASSE",  "Größe",   "ΣΊΣΥΦΟΣ", "日本語",
      "日本",   "🎈🎈🎈",      "cafe\u0301", "Ünïcödé",  "x",       "xy",     "xyz",
      "[ab]",   "end$",        "^start",     "tab\there", "new\nline", "a%b_c\\d"};
  const auto fill = [&](const std::string& table) {
    std::string rows;
    for (size_t i = 0; i < texts.size(); ++i) {
      const auto both = [](const std::string& text) {
        return migrate::QuoteText(text) + ", " + migrate::QuoteText(FoldCase(text));
      };
      rows += (i == 0 ? "('n" : ", ('n") + std::to_string(100 + i) + "', " + both(texts[i]) + ", " +
              (i % 3 == 0 ? "NULL, NULL" : both(texts[texts.size() - 1 - i] + " and more")) + ")";
    }
    Sql("INSERT INTO " + table + " (id, title, _folded_title, body, _folded_body) VALUES " + rows);
  };
  std::vector<std::vector<std::string>> found;
  for (const bool indexed : {false, true}) {
    const auto schema = Notes(indexed ? "collection: \"indexed\" search_index: true"
                                      : "collection: \"plain\"");
    Make(*schema);
    fill(indexed ? "indexed" : "plain");
    if (found.empty()) {
      for (const std::string& text : texts) found.push_back(Found(*schema, text));
      EXPECT_EQ(found[12].size(), texts.size()) << "all have the empty text";
      continue;
    }
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(Found(*schema, texts[i]), found[i]) << Quoted(texts[i]);
      EXPECT_FALSE(found[i].empty()) << Quoted(texts[i]);
    }
  }
}

TEST_F(SearchIndex, ServesSearches) {
  const auto schema = Notes("search_index: true");
  Make(*schema);
  Sql("INSERT INTO notes (id, title, _folded_title, body, _folded_body) SELECT g::text, m, m, b, b "
      "FROM generate_series(1, 5000) AS g, md5(g::text) AS m, repeat(m, 20) AS b");
  Sql("VACUUM ANALYZE notes");  // what was just written is in the index
  const std::vector<std::string> plan =
      Sql("EXPLAIN SELECT * FROM notes WHERE (_folded_title IS NOT NULL AND _folded_title LIKE "
          "'%a1b2%') OR (_folded_body IS NOT NULL AND _folded_body LIKE '%a1b2%')");
  std::string text;
  for (const std::string& line : plan) text += line + "\n";
  EXPECT_THAT(text, AllOf(HasSubstr("Bitmap Index Scan on idx__search_notes"),
                          Not(HasSubstr("Seq Scan"))));
}

// The extension is there already, in the schema of the tables: nobody needs to be allowed more.
TEST_F(SearchIndex, NeedsNoRightsWhereTheExtensionIsThere) {
  const auto schema = Notes("search_index: true");
  const std::string script =
      postgres::PostgresGenerator().CreateAll(migrate::EntitiesOf(*schema));
  const std::string user = "storegate_user_" + name_;
  Sql("CREATE ROLE " + user + "; GRANT CREATE, USAGE ON SCHEMA public TO " + user + "; GRANT " +
      user + " TO CURRENT_USER");
  options_.url += (options_.url.find('?') == std::string::npos ? "?" : "&") +
                  std::string("options=-crole%3D") + user;
  migrator_ = New();

  const Status refused = migrator_->Run(Script(script), Row(1));
  EXPECT_EQ(refused.reason(), "MIGRATION_FAILED") << refused.ToString();
  EXPECT_THAT(refused.message(),
              AllOf(HasSubstr("at line 9: the user may not create the extension \"pg_trgm\""),
                    HasSubstr("run CREATE EXTENSION pg_trgm in it once")));
  const Result<repository::DatabaseModel> rehearsed = migrator_->Rehearse({Script(script)});
  EXPECT_THAT(rehearsed.status().message(), HasSubstr("CREATE EXTENSION pg_trgm"));

  RunSql(SharedPostgresUrl(name_), "CREATE EXTENSION pg_trgm");
  const Result<repository::DatabaseModel> model = migrator_->Rehearse({Script(script)});
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ(model->Table("notes")->Index("idx__search_notes")->definition,
            "USING gin (_folded_title gin_trgm_ops, _folded_body gin_trgm_ops)");
  const Status made = migrator_->Run(Script(script), Row(1));
  EXPECT_TRUE(made.ok()) << made.ToString();
  EXPECT_EQ(migrator_->Describe()->Table("notes")->Index("idx__search_notes")->definition,
            model->Table("notes")->Index("idx__search_notes")->definition);
  migrator_.reset();
  RunSql(SharedPostgresUrl(name_), "DROP OWNED BY " + user + "; DROP ROLE " + user);
}

TEST_F(SearchIndex, AnExtensionThatTheServerDoesNotHaveIsNamed) {
  const Status status =
      migrator_->Run(Script("SELECT 1;\nCREATE EXTENSION no_such_thing;"), Row(1));
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("at line 2: the extension \"no_such_thing\" cannot be created"),
                    HasSubstr("postgresql-contrib")));
}

}  // namespace
}  // namespace storegate::test
