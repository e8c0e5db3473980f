// Indexes that are built beside those who use the table, on PostgreSQL: cut short, waited
// for, refused.
#include <atomic>
#include <future>

#include "tests/adapters/postgres_migration_case.h"

namespace storegate::test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class PostgresMigrateIndex : public PostgresMigrationCase {
 protected:
  PostgresMigrateIndex() {
    Sql("CREATE TABLE \"Books\" (id integer PRIMARY KEY, title text);"
        "INSERT INTO \"Books\" SELECT g, 'title ' || g FROM generate_series(1, 2000) AS g");
  }
  static repository::Step Build(const std::string& more = "") {
    return Script("-- storegate: no transaction\n\nCREATE " + more +
                      "INDEX CONCURRENTLY by_title ON \"Books\" (title);\n",
                  Kind::kNoTransaction, 3);
  }
  std::string Valid() {
    return One("SELECT count(*) FILTER (WHERE indisvalid) || ' of ' || count(*) FROM pg_index "
               "JOIN pg_class ON oid = indexrelid WHERE relname = 'by_title'");
  }
  // Holds up a build: it waits for all that began before it.
  std::unique_ptr<HeldConnection> Old() {
    auto old = std::make_unique<HeldConnection>(options_.url);
    old->Run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM \"Books\"");
    return old;
  }
  bool AwaitBuild() {
    return Await("SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = "
                 "current_database() AND phase LIKE 'waiting%'", "1");
  }
};

TEST_F(PostgresMigrateIndex, IsBuiltOnceAndWrittenDown) {
  ASSERT_TRUE(migrator_->Run(Build(), Row(1, 1)).ok());
  EXPECT_EQ(Valid(), "1 of 1");
  EXPECT_EQ(migrator_->History()->at(0).steps_done, 1);
  const std::string oid = One("SELECT oid FROM pg_class WHERE relname = 'by_title'");
  // Cut short between the build and the row: it is not built again.
  ASSERT_TRUE(migrator_->Forget(1).ok());
  ASSERT_TRUE(migrator_->Run(Build(), Row(1, 1)).ok());
  EXPECT_EQ(One("SELECT oid FROM pg_class WHERE relname = 'by_title'"), oid);
}

TEST_F(PostgresMigrateIndex, OneWhoseConnectionIsTerminatedIsFinishedByTheNextRun) {
  auto old = Old();
  auto ran = std::async(std::launch::async, [&] { return migrator_->Run(Build(), Row(1)); });
  ASSERT_TRUE(AwaitBuild());
  Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index");
  EXPECT_EQ(ran.get().code(), Code::kUnavailable);
  EXPECT_EQ(Valid(), "0 of 1");
  EXPECT_FALSE(migrator_->Describe()->Table("Books")->Index("by_title")->valid);
  EXPECT_THAT(*migrator_->History(), IsEmpty());
  old.reset();
  const Status again = migrator_->Run(Build(), Row(1));
  EXPECT_TRUE(again.ok()) << again.ToString();
  EXPECT_EQ(Valid(), "1 of 1");
}

TEST_F(PostgresMigrateIndex, OneThatTheDatabaseStillBuildsForAGatewayThatIsGoneIsWaitedFor) {
  auto old = Old();
  HeldConnection orphan(options_.url);
  auto built = std::async(std::launch::async, [&] {
    orphan.Run("CREATE INDEX CONCURRENTLY by_title ON \"Books\" (title)");
  });
  ASSERT_TRUE(AwaitBuild());
  const std::string oid = One("SELECT oid FROM pg_class WHERE relname = 'by_title'");
  auto ran = std::async(std::launch::async, [&] { return migrator_->Run(Build(), Row(1)); });
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_EQ(ran.wait_for(milliseconds(0)), std::future_status::timeout);
  old.reset();
  built.get();
  EXPECT_TRUE(ran.get().ok());
  EXPECT_EQ(Valid(), "1 of 1");
  EXPECT_EQ(One("SELECT oid FROM pg_class WHERE relname = 'by_title'"), oid);
}

TEST_F(PostgresMigrateIndex, EndsWhileNineWaitForTheLock) {
  std::vector<std::future<Status>> waiting;
  std::atomic<int> told{0};
  const Status status = migrator_->WithLock([&]() -> Status {
    for (int i = 0; i < 9; ++i) {
      waiting.push_back(std::async(std::launch::async, [&] {
        const auto migrator = New();
        bool first = true;
        migrator->OnWaiting([&](const repository::LockHolder&) {
          if (first) ++told;
          first = false;
        });
        return migrator->WithLock([] { return Status(); });
      }));
    }
    for (int i = 0; i < 1000 && told < 9; ++i) std::this_thread::sleep_for(milliseconds(10));
    EXPECT_EQ(told, 9);
    return migrator_->Run(Build(), Row(1));
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  for (std::future<Status>& each : waiting) EXPECT_TRUE(each.get().ok());
  EXPECT_EQ(Valid(), "1 of 1");
}

TEST_F(PostgresMigrateIndex, EndsWhileOthersWaitBehindAPooler) {
  options_.transaction_pooler = true;
  migrator_ = New();
  std::vector<std::future<Status>> waiting;
  const Status status = migrator_->WithLock([&]() -> Status {
    for (int i = 0; i < 3; ++i) {
      waiting.push_back(std::async(std::launch::async, [&] {
        return New()->WithLock([] { return Status(); });
      }));
    }
    return migrator_->Run(Build(), Row(1));
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  for (std::future<Status>& each : waiting) EXPECT_TRUE(each.get().ok());
}

TEST_F(PostgresMigrateIndex, AUniqueOneOverRowsThatShareAValueSaysWhichAndLeavesNothing) {
  Sql("UPDATE \"Books\" SET title = 'title 2' WHERE id IN (3, 4); "
      "UPDATE \"Books\" SET title = 'secret' WHERE id IN (5, 6)");
  const Status status = migrator_->Run(Build("UNIQUE "), Row(1));
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("line 5"));
  EXPECT_THAT(status.message(), HasSubstr("\"by_title\""));
  EXPECT_THAT(status.message(), HasSubstr("Rows share 2 values"));
  EXPECT_THAT(status.message(), HasSubstr("GROUP BY title HAVING count(*) > 1"));
  EXPECT_THAT(status.message(), Not(HasSubstr("secret")));
  EXPECT_EQ(Valid(), "0 of 0");
  Sql("UPDATE \"Books\" SET title = 'title ' || id");
  EXPECT_TRUE(migrator_->Run(Build("UNIQUE "), Row(1)).ok());
  EXPECT_EQ(Valid(), "1 of 1");
}

TEST_F(PostgresMigrateIndex, AUniqueOneInATransactionSaysTheSame) {
  Sql("UPDATE \"Books\" SET title = 'title 2' WHERE id = 3");
  const Status status =
      migrator_->Run(Script("CREATE UNIQUE INDEX by_title ON \"Books\" (title)"), Row(1));
  EXPECT_THAT(status.message(), HasSubstr("\"by_title\" of the table \"Books\""));
}

TEST_F(PostgresMigrateIndex, OneOfTheSameNameOnAnotherTableIsLeftAndRefused) {
  Sql("CREATE TABLE other (title text); CREATE INDEX by_title ON other (title)");
  EXPECT_THAT(migrator_->Run(Build(), Row(1)), HasReason("MIGRATION_FAILED"));
  EXPECT_EQ(Valid(), "1 of 1");
}

TEST_F(PostgresMigrateIndex, IsDroppedOnceToo) {
  const repository::Step drop =
      Script("DROP INDEX CONCURRENTLY by_title;", Kind::kNoTransaction);
  ASSERT_TRUE(migrator_->Run(Build(), Row(1, 1)).ok());
  ASSERT_TRUE(migrator_->Run(drop, Row(1, 2)).ok());
  EXPECT_EQ(Valid(), "0 of 0");
  ASSERT_TRUE(migrator_->Run(drop, Row(1, 3)).ok());
}

TEST_F(PostgresMigrateIndex, OtherStatementsOutsideOfATransactionAreRunOneByOne) {
  EXPECT_TRUE(migrator_->Run(Script("VACUUM \"Books\"; ANALYZE", Kind::kNoTransaction), Row(1))
                  .ok());
  EXPECT_THAT(migrator_->Run(Script("BEGIN", Kind::kNoTransaction), Row(1, 2)),
              HasReason("MIGRATION_FAILED"));
}

}  // namespace
}  // namespace storegate::test
