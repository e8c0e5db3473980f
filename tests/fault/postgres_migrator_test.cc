// The migrator of PostgreSQL over a network that fails.
#include <future>

#include <gtest/gtest.h>

#include "server/adapters/postgres/migrations.h"
#include "tests/support/postgres_server.h"
#include "tests/support/proxy.h"

namespace storegate::test {
namespace {

using std::chrono::milliseconds;

class PostgresMigratorFault : public ::testing::Test {
 protected:
  PostgresMigratorFault() {
    options_.url = server_.Url("postgres", proxy_.port());
    options_.connect_timeout = milliseconds(2000);
  }
  static repository::AppliedMigration Row(int steps_done) {
    repository::AppliedMigration row;
    row.number = 1;
    row.name = "0001_it";
    row.state = repository::AppliedMigration::State::kApplying;
    row.steps_done = steps_done;
    return row;
  }

  PostgresServer server_;
  Proxy proxy_{server_.port()};
  postgres::Options options_;
};

TEST_F(PostgresMigratorFault, ADatabaseThatComesBackInTimeIsWaitedFor) {
  postgres::PostgresMigrator migrator(options_);
  proxy_.Refuse();
  auto locked = std::async(std::launch::async,
                           [&] { return migrator.WithLock([] { return Status(); }); });
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_EQ(locked.wait_for(milliseconds(0)), std::future_status::timeout);
  proxy_.Forward();
  EXPECT_TRUE(locked.get().ok());
  proxy_.Refuse();
  migrator.SetLockTimeout(300);
  EXPECT_EQ(migrator.WithLock([] { return Status(); }).code(), Code::kUnavailable);
}

TEST_F(PostgresMigratorFault, AnIndexWhoseConnectionIsCutIsFinishedByTheNextRun) {
  const std::string url = server_.Url("postgres");
  RunSql(url, "CREATE TABLE t (x integer); INSERT INTO t SELECT generate_series(1, 1000)");
  postgres::PostgresMigrator migrator(options_);
  repository::Step step;
  step.kind = repository::Step::Kind::kNoTransaction;
  step.script = "CREATE INDEX CONCURRENTLY by_x ON t (x)";
  // Each time at another byte of what is said: before, within and behind the build.
  int64_t bytes = 200;
  Status status;
  for (int tries = 0; tries < 60; ++tries, bytes += 150) {
    proxy_.CutAfter(Proxy::Direction::kToServer, bytes);
    status = migrator.WithLock([&] { return migrator.Run(step, Row(1)); });
    if (status.ok()) break;
    EXPECT_TRUE(status.code() == Code::kUnavailable || status.code() == Code::kUnknown ||
                status.reason() == "MIGRATION_LOCK_LOST")
        << status.ToString();
  }
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(RunSql(url, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_x'::regclass")[0],
            "t");
  EXPECT_EQ(RunSql(url, "SELECT steps_done FROM _storegate_migrations")[0], "1");
}

}  // namespace
}  // namespace storegate::test
