// The migration lock of PostgreSQL: who waits, for whom, and what is seen of it.
#include <atomic>
#include <future>
#include <mutex>

#include "server/base/time.h"
#include "tests/adapters/postgres_migration_case.h"

namespace storegate::test {
namespace {

using repository::LockHolder;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class PostgresMigrateLock : public PostgresMigrationCase {};

const char kTerminateHolder[] =
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = "
    "(SELECT oid FROM pg_database WHERE datname = current_database())";

TEST_F(PostgresMigrateLock, WhoWaitsIsToldWhoHasItSinceWhenAndWhichMigrationItIsAt) {
  const auto other = New();
  other->SetLockTimeout(1200);
  std::vector<LockHolder> told;
  other->OnWaiting([&](const LockHolder& holder) { told.push_back(holder); });
  const int64_t begin = NowMillis();
  const Status status = migrator_->WithLock([&]() -> Status {
    migrator_->AtMigration(7);
    const Status second = other->WithLock([] { return Status(); });
    EXPECT_THAT(second, HasReason("MIGRATION_LOCKED"));
    EXPECT_EQ(second.code(), Code::kFailedPrecondition);
    EXPECT_THAT(second.message(), AllOf(HasSubstr("storegate, process " + std::to_string(getpid())),
                                        HasSubstr("at migration 7"), HasSubstr("since 20")));
    return {};
  });
  EXPECT_TRUE(status.ok());
  ASSERT_GE(told.size(), 2u);
  EXPECT_THAT(told[0].who, HasSubstr("storegate, process " + std::to_string(getpid()) + " on "));
  EXPECT_EQ(told[0].migration, 7);
  EXPECT_GE(told[0].since_millis, begin - 60000);
  EXPECT_LE(told[0].since_millis, NowMillis() + 60000);
}

TEST_F(PostgresMigrateLock, AnotherProgramThatHasItIsNamedAsTheDatabaseKnowsIt) {
  HeldConnection program(options_.url + "?application_name=old_gateway");
  program.Run("SELECT pg_advisory_lock(" + std::to_string(0x73746f7265676174) + ")");
  migrator_->SetLockTimeout(100);
  EXPECT_THAT(migrator_->WithLock([] { return Status(); }).message(),
              HasSubstr("old_gateway, process "));
}

TEST_F(PostgresMigrateLock, ThatOfAnotherDatabaseIsAnother) {
  HeldConnection program(SharedPostgresUrl("postgres"));
  program.Run("SELECT pg_advisory_lock(" + std::to_string(0x73746f7265676174) + ")");
  migrator_->SetLockTimeout(100);
  EXPECT_TRUE(migrator_->WithLock([] { return Status(); }).ok());
}

TEST_F(PostgresMigrateLock, GoesToOneAfterTheOther) {
  std::atomic<int> within{0}, done{0};
  std::vector<std::future<void>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(std::async(std::launch::async, [&] {
      const auto migrator = New();
      const Status status = migrator->WithLock([&]() -> Status {
        EXPECT_EQ(within.fetch_add(1), 0);
        std::this_thread::sleep_for(milliseconds(5));
        within.fetch_sub(1);
        ++done;
        return {};
      });
      EXPECT_TRUE(status.ok()) << status.ToString();
    }));
  }
  for (std::future<void>& each : all) each.get();
  EXPECT_EQ(done, 8);
}

TEST_F(PostgresMigrateLock, OneThatIsLostIsNoticedBeforeTheNextStep) {
  const Status status = migrator_->WithLock([&]() -> Status {
    EXPECT_TRUE(migrator_->Run(Script("CREATE TABLE a ()"), Row(1, 1)).ok());
    Sql(kTerminateHolder);
    return migrator_->Run(Script("CREATE TABLE b ()"), Row(1, 2));
  });
  EXPECT_THAT(status, HasReason("MIGRATION_LOCK_LOST"));
  EXPECT_THAT(*migrator_->Parts("b"), ::testing::IsEmpty());
  EXPECT_EQ(migrator_->History()->at(0).steps_done, 1);
}

TEST_F(PostgresMigrateLock, AStepDuringWhichItIsLostIsTakenBack) {
  const Status status = migrator_->WithLock([&]() -> Status {
    auto ran = std::async(std::launch::async, [&] {
      return migrator_->Run(Script("CREATE TABLE b (x integer); SELECT pg_sleep(1)"), Row(1, 1));
    });
    EXPECT_TRUE(Await("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                      "AND wait_event = 'PgSleep'", "1"));
    Sql(kTerminateHolder);
    return ran.get();
  });
  EXPECT_THAT(status, HasReason("MIGRATION_LOCK_LOST"));
  EXPECT_THAT(*migrator_->Parts("b"), ::testing::IsEmpty());
}

TEST_F(PostgresMigrateLock, BehindAPoolerATransactionHoldsIt) {
  options_.transaction_pooler = true;
  migrator_ = New();
  const auto other = New();
  other->SetLockTimeout(200);
  const Status status = migrator_->WithLock([&]() -> Status {
    migrator_->AtMigration(3);
    const Status second = other->WithLock([] { return Status(); });
    EXPECT_THAT(second, HasReason("MIGRATION_LOCKED"));
    EXPECT_THAT(second.message(), HasSubstr("at migration 3"));
    return migrator_->Run(Script("CREATE TABLE t ()"), Row(1));
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_TRUE(other->WithLock([] { return Status(); }).ok());
}

}  // namespace
}  // namespace storegate::test
