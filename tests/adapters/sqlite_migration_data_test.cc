// What SQLite's migrator keeps and does row by row: history, batches, folded columns, the
// schema that wrote the data.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/text.h"
#include "server/repository/migrator.h"
#include "tests/adapters/library.h"
#include "tests/adapters/sqlite_rows.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

using repository::AppliedMigration;
using repository::Step;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Step Of(Step::Kind kind, std::string sql) {
  Step step;
  step.kind = kind;
  step.script = std::move(sql);
  return step;
}

AppliedMigration RowOf(int number) {
  AppliedMigration row;
  row.number = number;
  row.name = "000" + std::to_string(number) + "_it";
  row.checksum = "c";
  row.applied_at_millis = 1000 + number;
  return row;
}

class SqliteMigratorData : public ::testing::Test {
 protected:
  void Make(const std::string& sql) {
    const Status status = migrator_.Execute(sql);
    ASSERT_TRUE(status.ok()) << status.ToString();
  }
  std::vector<std::string> Rows(const std::string& select) { return SqliteRows(path_, select); }

  TempDir directory_;
  const std::string path_ = (directory_.path() / "test.db").string();
  std::unique_ptr<repository::Backend> backend_ =
      *sqlite::Open({.path = path_, .busy_timeout = std::chrono::milliseconds(50)});
  repository::Migrator& migrator_ = *backend_->migrator();
};

TEST_F(SqliteMigratorData, AHistoryOfAnEarlierVersionIsTakenOver) {
  Make("CREATE TABLE \"_storegate_migrations\" (\"number\" INTEGER NOT NULL PRIMARY KEY, "
       "\"name\" TEXT NOT NULL, \"checksum\" TEXT NOT NULL, \"applied_at\" INTEGER NOT NULL, "
       "\"duration_ms\" INTEGER NOT NULL) STRICT;"
       "INSERT INTO \"_storegate_migrations\" VALUES (1, '0001_it', 'c', 1001, 5)");
  auto history = *migrator_.History();
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].name, "0001_it");
  EXPECT_EQ(history[0].duration_millis, 5);
  EXPECT_EQ(history[0].state, AppliedMigration::State::kApplied);
  EXPECT_EQ(history[0].needs, 0);
  EXPECT_EQ(history[0].error, "");
  EXPECT_TRUE(migrator_.Record(RowOf(2)).ok());
  EXPECT_EQ(migrator_.History()->size(), 2u);
}

TEST_F(SqliteMigratorData, HistoryIsWrittenOverAndTakenOut) {
  EXPECT_THAT(*migrator_.History(), IsEmpty());
  AppliedMigration row = RowOf(2);
  row.state = AppliedMigration::State::kApplying;
  row.steps_done = 3;
  row.applied_by = "somebody";
  row.error = "it's wrong";
  row.needs = 1;
  row.duration_millis = 7;
  ASSERT_TRUE(migrator_.Record(row).ok());
  ASSERT_TRUE(migrator_.Record(RowOf(1)).ok());
  auto history = *migrator_.History();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].number, 1);
  EXPECT_EQ(history[1].state, AppliedMigration::State::kApplying);
  EXPECT_EQ(history[1].steps_done, 3);
  EXPECT_EQ(history[1].applied_by, "somebody");
  EXPECT_EQ(history[1].error, "it's wrong");
  EXPECT_EQ(history[1].needs, 1);
  row.state = AppliedMigration::State::kReverting;
  row.error = "";
  for (const auto kind : {Step::Kind::kTransaction, Step::Kind::kNoTransaction}) {
    const Status ran = migrator_.Run(Of(kind, "CREATE TABLE IF NOT EXISTS a (x)"), row);
    ASSERT_TRUE(ran.ok()) << ran.ToString();
  }
  history = *migrator_.History();
  EXPECT_EQ(history[1].state, AppliedMigration::State::kReverting);
  EXPECT_GE(history[1].duration_millis, 7);
  EXPECT_EQ(history[1].error, "");
  ASSERT_TRUE(migrator_.Forget(2).ok());
  ASSERT_TRUE(migrator_.Forget(2).ok());
  EXPECT_EQ(migrator_.History()->size(), 1u);
  Make("UPDATE \"_storegate_migrations\" SET state = 'dreaming'");
  EXPECT_THAT(migrator_.History().status(), HasReason("DATABASE_AHEAD"));
}

TEST_F(SqliteMigratorData, HistoryIsReadWhileAnotherMigrates) {
  ASSERT_TRUE(migrator_.Record(RowOf(1)).ok());
  const auto other = *sqlite::Open({.path = path_});
  EXPECT_TRUE(other->migrator()
                  ->WithLock([&]() -> Status {
                    EXPECT_TRUE(other->migrator()->Record(RowOf(2)).ok());
                    EXPECT_EQ(migrator_.History()->size(), 1u);
                    return {};
                  })
                  .ok());
  EXPECT_EQ(migrator_.History()->size(), 2u);
}

TEST_F(SqliteMigratorData, AFailureTakesTheRowBackAndItsErrorIsRecordedBehindIt) {
  const Status status = migrator_.WithLock([&]() -> Status {
    EXPECT_TRUE(migrator_.Run(Of(Step::Kind::kTransaction, "CREATE TABLE a (x)"), RowOf(1)).ok());
    Step wrong = Of(Step::Kind::kTransaction, "CREATE TABLE b (x);\n;;\nINSERT INTO c VALUES (1);");
    wrong.line = 20;
    return migrator_.Run(wrong, RowOf(1));
  });
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("0001_it failed at line 22"));
  EXPECT_THAT(*migrator_.History(), IsEmpty());
  EXPECT_THAT(*migrator_.Parts("a"), IsEmpty());
  AppliedMigration row = RowOf(1);
  row.error = status.message();
  EXPECT_TRUE(migrator_.Record(row).ok());
  EXPECT_EQ((*migrator_.History())[0].error, status.message());
}

TEST_F(SqliteMigratorData, RowsThatReferToNothingFailTheCommit) {
  Make("CREATE TABLE a (x INTEGER PRIMARY KEY); CREATE TABLE b (y REFERENCES a (x));");
  const std::string wrong = "INSERT INTO b VALUES (1), (2), (NULL)";
  for (const bool locked : {true, false}) {
    const auto run = [&] {
      return migrator_.Run(Of(Step::Kind::kTransaction, wrong), RowOf(1));
    };
    const Status status = locked ? migrator_.WithLock(run) : run();
    EXPECT_EQ(status.code(), Code::kFailedPrecondition);
    EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
    EXPECT_THAT(status.message(),
                HasSubstr("The table \"b\" has 2 rows that refer to rows of \"a\""));
    EXPECT_THAT(*migrator_.History(), IsEmpty());
    EXPECT_THAT(Rows("SELECT * FROM b"), IsEmpty());
  }
  // On the way they may be missing.
  EXPECT_TRUE(migrator_.Execute(wrong + "; INSERT INTO a VALUES (1), (2)").ok());
  // A foreign key to what is not unique.
  const Status mismatch = migrator_.Execute(
      "CREATE TABLE c (z); CREATE TABLE d (z REFERENCES c (z)); INSERT INTO d VALUES (1)");
  EXPECT_THAT(mismatch, HasReason("MIGRATION_FAILED"));
}

TEST_F(SqliteMigratorData, BatchesSayHowManyRowsTheyChanged) {
  Make("CREATE TABLE a (x INTEGER, y INTEGER); INSERT INTO a (x) VALUES (1), (2), (3)");
  Step batch = Of(Step::Kind::kRepeat,
                  "-- two at a time\nUPDATE a SET y = x WHERE rowid IN "
                  "(SELECT rowid FROM a WHERE y IS NULL LIMIT 2); -- done\n");
  batch.total = "SELECT count(*) FROM a WHERE y IS NULL";
  EXPECT_EQ(*migrator_.CountTotal(batch), 3);
  EXPECT_EQ(*migrator_.RunBatch(batch), 2);
  EXPECT_EQ(*migrator_.CountTotal(batch), 1);
  EXPECT_EQ(*migrator_.RunBatch(batch), 1);
  EXPECT_EQ(*migrator_.RunBatch(batch), 0);
  EXPECT_EQ(*migrator_.RunBatch(Of(Step::Kind::kRepeat, "SELECT 1")), 0);
  EXPECT_EQ(*migrator_.CountTotal(Of(Step::Kind::kRepeat, "SELECT 1")), 0);
  for (const char* wrong : {"", "-- nothing", "UPDATE a SET y = 1; UPDATE a SET y = 2", "COMMIT"}) {
    EXPECT_THAT(migrator_.RunBatch(Of(Step::Kind::kRepeat, wrong)).status(),
                HasReason("MIGRATION_FAILED"))
        << wrong;
  }
  EXPECT_THAT(Rows("SELECT y FROM a"), ElementsAre("1", "2", "3"));
  for (const char* wrong : {"-- nothing", "DELETE FROM a", "SELECT nothing FROM a"}) {
    batch.total = wrong;
    EXPECT_THAT(migrator_.CountTotal(batch).status(), HasReason("MIGRATION_FAILED")) << wrong;
  }
  EXPECT_THAT(migrator_.Run(batch, RowOf(1)), HasReason("INVALID_STEP"));
}

TEST_F(SqliteMigratorData, FoldedColumnsAreWrittenInBatchesById) {
  const schema::Field& name = *Author().Find("name");
  Make(sqlite::SqliteGenerator().CreateAll({&Author()}));
  Make("INSERT INTO authors (id, slug, name) "
       "WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) "
       "SELECT printf('%05d', i), i, 'STRASSE Ä' || i FROM n;"
       "UPDATE authors SET name = 'Straße', _folded_name = 'straße' WHERE id = '01001'");
  std::vector<int64_t> looked_at;
  Value after, last;
  while (true) {
    const auto rows = migrator_.Refold(name, after, &last);
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    looked_at.push_back(*rows);
    if (*rows == 0) break;
    after = last;
  }
  EXPECT_THAT(looked_at, ElementsAre(1000, 1000, 500, 0));
  EXPECT_EQ(std::get<std::string>(after), "02500");
  EXPECT_THAT(Rows("SELECT count(*) FROM authors WHERE _folded_name = ''"), ElementsAre("0"));
  EXPECT_THAT(Rows("SELECT _folded_name FROM authors WHERE id IN ('00001', '01001', '02500')"),
              ElementsAre(FoldCase("STRASSE Ä1"), FoldCase("Straße"), FoldCase("STRASSE Ä2500")));
}

TEST_F(SqliteMigratorData, TheSchemaIsKeptAndReadBack) {
  EXPECT_EQ(*migrator_.ReadSchema(), std::nullopt);
  for (const std::string& descriptors : {std::string("a\0b", 3), std::string(), std::string("c")}) {
    ASSERT_TRUE(migrator_.KeepSchema(descriptors).ok());
    EXPECT_EQ(*migrator_.ReadSchema(), descriptors);
  }
}

TEST_F(SqliteMigratorData, WhetherThereAreRowsIsSaid) {
  Make("CREATE TABLE \"a b\" (x, \"y\"\"z\"); CREATE TABLE empty (x);"
       "INSERT INTO \"a b\" VALUES (1, NULL)");
  EXPECT_TRUE(*migrator_.HoldsRows("a b", ""));
  EXPECT_TRUE(*migrator_.HoldsRows("a b", "x"));
  EXPECT_FALSE(*migrator_.HoldsRows("a b", "y\"z"));
  EXPECT_FALSE(*migrator_.HoldsRows("a b", "no such"));
  EXPECT_FALSE(*migrator_.HoldsRows("empty", ""));
  EXPECT_FALSE(*migrator_.HoldsRows("no such", ""));
}

}  // namespace
}  // namespace storegate::test
