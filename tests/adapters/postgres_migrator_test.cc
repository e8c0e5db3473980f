// Migrations on PostgreSQL: history, steps, what is refused.
#include <future>

#include "tests/adapters/postgres_migration_case.h"

namespace storegate::test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PostgresMigrate : public PostgresMigrationCase {};

TEST_F(PostgresMigrate, AHistoryOfAnEarlierVersionIsTakenOverAndItCanGoOnWritingIt) {
  Sql("CREATE TABLE \"_storegate_migrations\" (\"number\" integer NOT NULL PRIMARY KEY, \"name\" "
      "text NOT NULL, \"checksum\" text NOT NULL, \"applied_at\" timestamptz NOT NULL, "
      "\"duration_ms\" bigint NOT NULL)");
  Sql("INSERT INTO \"_storegate_migrations\" VALUES (1, '0001_first', 'abc', "
      "'2026-01-02T03:04:05.678Z', 12)");
  const auto history = migrator_->History();
  ASSERT_TRUE(history.ok()) << history.status().ToString();
  ASSERT_EQ(history->size(), 1u);
  const repository::AppliedMigration& row = (*history)[0];
  EXPECT_EQ(row.name, "0001_first");
  EXPECT_EQ(row.applied_at_millis, 1767323045678);
  EXPECT_EQ(row.duration_millis, 12);
  EXPECT_EQ(row.state, State::kApplied);
  EXPECT_EQ(row.needs, 0);
  Sql("INSERT INTO \"_storegate_migrations\" VALUES (2, '0002_second', 'def', now(), 12)");
  EXPECT_EQ(migrator_->History()->size(), 2u);
}

TEST_F(PostgresMigrate, ManyThatMakeTheHistoryAtOnceAllHaveIt) {
  std::vector<std::future<bool>> made;
  for (int i = 0; i < 8; ++i) {
    made.push_back(std::async(std::launch::async, [&] { return New()->History().ok(); }));
  }
  for (std::future<bool>& each : made) EXPECT_TRUE(each.get());
}

TEST_F(PostgresMigrate, RowsAreWrittenOverAndTakenOutAsTheyAre) {
  repository::AppliedMigration row = Row(3, 2, State::kReverting);
  row.error = "it's \"broken\"";
  row.needs = 2;
  row.duration_millis = 77;
  ASSERT_TRUE(migrator_->Record(Row(1)).ok());
  ASSERT_TRUE(migrator_->Record(Row(3)).ok());
  ASSERT_TRUE(migrator_->Record(row).ok());
  const auto history = *migrator_->History();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[1].state, State::kReverting);
  EXPECT_EQ(history[1].steps_done, 2);
  EXPECT_EQ(history[1].applied_by, "me");
  EXPECT_EQ(history[1].error, row.error);
  EXPECT_EQ(history[1].needs, 2);
  EXPECT_EQ(history[1].duration_millis, 77);
  EXPECT_EQ(history[1].applied_at_millis, 3000);
  ASSERT_TRUE(migrator_->Forget(1).ok());
  EXPECT_EQ(migrator_->History()->size(), 1u);
}

TEST_F(PostgresMigrate, AStepAndItsRowAreKeptTogetherOrNotAtAll) {
  ASSERT_TRUE(migrator_->Run(Script("CREATE TABLE a (x integer); CREATE TABLE b (y integer)"),
                             Row(1, 1)).ok());
  EXPECT_EQ(migrator_->History()->at(0).steps_done, 1);
  const Status status = migrator_->Run(
      Script("CREATE TABLE c (x integer);\n-- a note; with a semicolon\nCREATE TABLE d ();\n\n"
             "CREATE TABLE a (x integer);",
             Kind::kTransaction, 10),
      Row(1, 2));
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("0001_it failed at line 14"));
  EXPECT_THAT(status.message(), HasSubstr("there already"));
  EXPECT_THAT(*migrator_->Parts("c"), IsEmpty());
  EXPECT_EQ(migrator_->History()->at(0).steps_done, 1);
}

TEST_F(PostgresMigrate, AnErrorIsNamedByTheLineThatTheDatabaseSaw) {
  const Status status = migrator_->Run(
      Script("SELECT 'ä\nö';\nSELECT 1,\n  no_such_column", Kind::kTransaction, 5), Row(1));
  EXPECT_THAT(status.message(), HasSubstr("line 8: a column that it names is not there"));
  EXPECT_THAT(migrator_->Run(Script("CREATE TABEL x ();"), Row(1)).message(),
              HasSubstr("line 1: this is no SQL"));
}

TEST_F(PostgresMigrate, WhatWouldEndTheTransactionIsRefusedBeforeAnyOfItIsRun) {
  for (const char* sql : {"CREATE TABLE t (); COMMIT;", "BEGIN;", "CREATE TABLE t (); rollback",
                          "CREATE TABLE t (); END", "START TRANSACTION", "ABORT"}) {
    EXPECT_THAT(migrator_->Run(Script(sql), Row(1)), HasReason("MIGRATION_FAILED")) << sql;
  }
  EXPECT_THAT(migrator_->Run(Script(std::string("CREATE TABLE t ();\0CREATE TABLE u ();", 37)),
                             Row(1)),
              HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(Sql("SELECT 1 FROM pg_class WHERE relname = 't'"), IsEmpty());
  EXPECT_THAT(*migrator_->History(), IsEmpty());
  EXPECT_TRUE(migrator_->Run(Script("SAVEPOINT s; SELECT 1; ROLLBACK TO s;"), Row(1)).ok());
}

TEST_F(PostgresMigrate, AStepThatAnotherDidMeanwhileIsNotDoneTwice) {
  ASSERT_TRUE(migrator_->Run(Script("CREATE TABLE n (x integer); INSERT INTO n VALUES (1)"),
                             Row(1, 1)).ok());
  EXPECT_THAT(migrator_->Run(Script("INSERT INTO n VALUES (1)"), Row(1, 1)),
              HasReason("MIGRATION_LOCK_LOST"));
  EXPECT_EQ(One("SELECT count(*) FROM n"), "1");
}

TEST_F(PostgresMigrate, ATableThatOthersHoldIsTriedAgainUntilItIsHad) {
  options_.migration_lock_wait = milliseconds(50);
  migrator_ = New();
  Sql("CREATE TABLE t (x integer)");
  auto other = std::make_unique<HeldConnection>(options_.url);
  other->Run("BEGIN; SELECT * FROM t");
  auto ran = std::async(std::launch::async, [&] {
    return migrator_->Run(Script("CREATE TABLE before (); ALTER TABLE t ADD COLUMN y integer"),
                          Row(1));
  });
  // Others are served meanwhile: the ALTER does not stand in their way for long.
  for (int i = 0; i < 20; ++i) Sql("SELECT * FROM t");
  EXPECT_EQ(ran.wait_for(milliseconds(0)), std::future_status::timeout);
  other.reset();
  const Status status = ran.get();
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_THAT(*migrator_->Parts("t"), ElementsAre("x", "y"));
}

TEST_F(PostgresMigrate, ATableThatIsNeverHadIsAFailureThatSaysWhoIsInTheWay) {
  options_.migration_lock_wait = milliseconds(20);
  options_.migration_lock_patience = milliseconds(100);
  migrator_ = New();
  Sql("CREATE TABLE t (x integer)");
  HeldConnection other(options_.url + "?application_name=sleeper");
  other.Run("BEGIN; SELECT * FROM t");
  const Status status = migrator_->Run(Script("ALTER TABLE t ADD COLUMN y integer"), Row(1));
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("sleeper, process "));
  EXPECT_THAT(*migrator_->History(), IsEmpty());
}

TEST_F(PostgresMigrate, BatchesChangeRowsUntilNoneIsLeft) {
  Sql("CREATE TABLE t (id integer PRIMARY KEY, x text); INSERT INTO t SELECT g, NULL FROM "
      "generate_series(1, 2500) AS g");
  repository::Step step = Script(
      "-- fill\nUPDATE t SET x = 'a' WHERE id IN (SELECT id FROM t WHERE x IS NULL LIMIT 1000);",
      Kind::kRepeat);
  step.total = "SELECT count(*) FROM t WHERE x IS NULL";
  EXPECT_EQ(*migrator_->CountTotal(step), 2500);
  EXPECT_EQ(*migrator_->RunBatch(step), 1000);
  EXPECT_EQ(*migrator_->CountTotal(step), 1500);
  EXPECT_EQ(*migrator_->RunBatch(step), 1000);
  EXPECT_EQ(*migrator_->RunBatch(step), 500);
  EXPECT_EQ(*migrator_->RunBatch(step), 0);
  step.total = "SELECT 'many'";
  EXPECT_THAT(migrator_->CountTotal(step).status(), HasReason("MIGRATION_FAILED"));
  step.script = "UPDATE t SET x = 'b'; SELECT 1";
  EXPECT_THAT(migrator_->RunBatch(step).status(), HasReason("MIGRATION_FAILED"));
  step.script = "\nUPDATE t SET z = 'b'";
  EXPECT_THAT(migrator_->RunBatch(step).status().message(), HasSubstr("line 2"));
}

TEST_F(PostgresMigrate, FoldsTextsAnewInOrderOfIdAndLeavesWhatOthersWrote) {
  ASSERT_TRUE(migrator_->Execute(postgres::PostgresGenerator().CreateAll({&Author()})).ok());
  Sql("INSERT INTO authors (id, name, slug) SELECT to_char(g, 'FM0000'), 'STRASSE ' || g, g FROM "
      "generate_series(1, 2300) AS g");
  Value last;
  const schema::Field& name = *Author().Find("name");
  EXPECT_EQ(*migrator_->Refold(name, Value(), &last), 1000);
  EXPECT_EQ(last, Value(std::string("1000")));
  EXPECT_EQ(One("SELECT count(*) FROM authors WHERE _folded_name = lower(name)"), "1000");
  EXPECT_EQ(*migrator_->Refold(name, Value(last), &last), 1000);
  EXPECT_EQ(*migrator_->Refold(name, Value(last), &last), 300);
  EXPECT_EQ(*migrator_->Refold(name, Value(last), &last), 0);
  EXPECT_EQ(One("SELECT count(*) FROM authors WHERE _folded_name = lower(name)"), "2300");
  EXPECT_EQ(One("SELECT _folded_name FROM authors WHERE id = '0007'"), "strasse 7");
}

TEST_F(PostgresMigrate, LongTextsAreFoldedInShortBatches) {
  ASSERT_TRUE(migrator_->Execute(postgres::PostgresGenerator().CreateAll({&Author()})).ok());
  Sql("INSERT INTO authors (id, name, slug) SELECT to_char(g, 'FM00'), repeat('A', 3000000), g "
      "FROM generate_series(1, 5) AS g");
  Value last;
  const schema::Field& name = *Author().Find("name");
  EXPECT_EQ(*migrator_->Refold(name, Value(), &last), 2);
  EXPECT_EQ(*migrator_->Refold(name, Value(last), &last), 2);
  EXPECT_EQ(*migrator_->Refold(name, Value(last), &last), 1);
  EXPECT_EQ(One("SELECT count(*) FROM authors WHERE _folded_name = lower(name)"), "5");
}

TEST_F(PostgresMigrate, KeepsTheSchemaAsBytes) {
  EXPECT_EQ(*migrator_->ReadSchema(), std::nullopt);
  const std::string bytes("\0\xff schema", 9);
  ASSERT_TRUE(migrator_->KeepSchema("first").ok());
  ASSERT_TRUE(migrator_->KeepSchema(bytes).ok());
  EXPECT_EQ(*New()->ReadSchema(), bytes);
}

TEST_F(PostgresMigrate, SaysWhetherThereAreRows) {
  Sql("CREATE TABLE \"T\" (\"A\" integer, b integer)");
  EXPECT_FALSE(*migrator_->HoldsRows("T", ""));
  Sql("INSERT INTO \"T\" VALUES (1, NULL)");
  EXPECT_TRUE(*migrator_->HoldsRows("T", ""));
  EXPECT_TRUE(*migrator_->HoldsRows("T", "A"));
  EXPECT_FALSE(*migrator_->HoldsRows("T", "b"));
  EXPECT_FALSE(*migrator_->HoldsRows("T", "c"));
  EXPECT_FALSE(*migrator_->HoldsRows("t", ""));
}

TEST_F(PostgresMigrate, AConnectionThatIsCutIsUnavailableAndTheNextCallHasAnother) {
  Sql("CREATE TABLE t (x integer)");
  auto ran = std::async(std::launch::async, [&] {
    return migrator_->Run(Script("ALTER TABLE t ADD COLUMN y integer; SELECT pg_sleep(60)"),
                          Row(1));
  });
  ASSERT_TRUE(Await("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "
                    "wait_event = 'PgSleep'", "1"));
  Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
  EXPECT_EQ(ran.get().code(), Code::kUnavailable);
  EXPECT_THAT(*migrator_->Parts("t"), ElementsAre("x"));
  EXPECT_TRUE(migrator_->Run(Script("ALTER TABLE t ADD COLUMN y integer"), Row(1)).ok());
}

TEST_F(PostgresMigrate, GoesToTheUrlForMigrations) {
  options_.migration_url = options_.url;
  options_.url = "postgresql://127.0.0.1:1/nowhere";
  options_.transaction_pooler = true;
  migrator_ = New();
  EXPECT_TRUE(migrator_->WithLock([&] {
    return migrator_->Run(Script("CREATE TABLE t ()"), Row(1));
  }).ok());
  options_.url = options_.migration_url;
}

}  // namespace
}  // namespace storegate::test
