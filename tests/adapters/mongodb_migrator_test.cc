// Migrations on MongoDB: the history, the lock, and who may write under it.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/migrate/runner.h"
#include "tests/adapters/mongodb_migration_case.h"

namespace storegate::test {
namespace {

using migrate::Migration;
using repository::AppliedMigration;
using repository::LockHolder;
using State = AppliedMigration::State;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

// Started with this in its environment, the program takes the lock of the database that it
// names, says so and keeps it until it is killed.
constexpr char kHoldLock[] = "STOREGATE_TEST_HOLD_LOCK";

class HoldLock : public ::testing::Environment {
 public:
  void SetUp() override {
    const char* url = std::getenv(kHoldLock);
    if (url == nullptr) return;
    mongodb::Options options;
    options.url = url;
    options.migration_lease = milliseconds(1500);
    auto backend = mongodb::Open(options);
    if (!backend.ok()) std::exit(1);
    const Status held = (*backend)->migrator()->WithLock([&] {
      (*backend)->migrator()->AtMigration(7);
      std::printf("LOCKED\n");
      std::fflush(stdout);
      while (true) pause();
      return Status();
    });
    std::exit(held.ok() ? 0 : 1);
  }
};
[[maybe_unused]] const auto* const kRegistered =
    ::testing::AddGlobalTestEnvironment(new HoldLock);

class MongodbMigrator : public MongodbMigrationCase {
 protected:
  Status Up(repository::Backend& backend, const std::vector<Migration>& migrations) {
    migrate::Job job;
    job.migrator = backend.migrator();
    job.generator = &generator();
    job.migrations = migrations;
    job.applied_by = "a test";
    return migrate::Up(job, 0, &applied_);
  }
  Status Up(const std::vector<Migration>& migrations) { return Up(*backend_, migrations); }

  std::vector<std::string> applied_;
};

const Migration kFirst{1, "0001_first", R"([{"create": "a"}, {"create": "b"}])", ""};
const Migration kSecond{
    2, "0002_second",
    R"([{"createIndexes": "a", "indexes": [{"key": {"z": 1}, "name": "z_1"}]}])", ""};

TEST_F(MongodbMigrator, AppliesWhatIsPendingOnceAndWritesItDown) {
  ASSERT_TRUE(Up({kFirst}).ok());
  EXPECT_THAT(applied_, ElementsAre("0001_first"));
  const Status again = Up({kFirst, kSecond});
  ASSERT_TRUE(again.ok()) << again.ToString();
  EXPECT_THAT(applied_, ElementsAre("0002_second"));
  EXPECT_THAT(*migrator().Parts("a"), UnorderedElementsAre("_id_", "z_1"));
  EXPECT_THAT(*migrator().Parts("nowhere"), IsEmpty());
  const auto history = *migrator().History();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[1].number, 2);
  EXPECT_EQ(history[1].name, "0002_second");
  EXPECT_EQ(history[1].checksum, migrate::Checksum(generator(), kSecond.up));
  EXPECT_EQ(history[1].state, State::kApplied);
  EXPECT_EQ(history[1].applied_by, "a test");
  EXPECT_GT(history[1].applied_at_millis, 0);
  EXPECT_GE(history[1].duration_millis, 0);
}

TEST_F(MongodbMigrator, RowsOfHistoryAreReadAsTheyWereWritten) {
  AppliedMigration row = Row(3, "0003_third");
  row.state = State::kReverting;
  row.steps_done = 4;
  row.applied_by = "storegate 9.9.9, process 1 on somewhere";
  row.error = "it \"failed\"";
  row.needs = 2;
  row.duration_millis = 1234;
  ASSERT_TRUE(migrator().Record(row).ok());
  row.state = State::kApplying;
  ASSERT_TRUE(migrator().Record(row).ok());
  ASSERT_TRUE(migrator().Record(Row(1, "0001_first")).ok());
  const auto history = *migrator().History();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].number, 1);
  EXPECT_EQ(history[0].error, "");
  const AppliedMigration& read = history[1];
  EXPECT_EQ(read.number, 3);
  EXPECT_EQ(read.name, row.name);
  EXPECT_EQ(read.checksum, row.checksum);
  EXPECT_EQ(read.applied_at_millis, row.applied_at_millis);
  EXPECT_EQ(read.state, State::kApplying);
  EXPECT_EQ(read.steps_done, 4);
  EXPECT_EQ(read.applied_by, row.applied_by);
  EXPECT_EQ(read.error, row.error);
  EXPECT_EQ(read.needs, 2);
  EXPECT_EQ(read.duration_millis, 1234);
  ASSERT_TRUE(migrator().Forget(3).ok());
  ASSERT_TRUE(migrator().Forget(3).ok());
  EXPECT_EQ(migrator().History()->size(), 1u);
}

TEST_F(MongodbMigrator, HistoryOfAnEarlierVersionIsReadAndTakenOver) {
  Insert("_storegate_migrations",
         R"({"_id": 1, "name": "0001_first", "checksum": "abc",)"
         R"( "applied_at": {"$date": "2026-01-02T03:04:05.000Z"},)"
         R"( "duration_ms": {"$numberLong": "17"}})");
  const auto history = *migrator().History();
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].number, 1);
  EXPECT_EQ(history[0].checksum, "abc");
  EXPECT_EQ(FormatTimestamp(history[0].applied_at_millis), "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(history[0].duration_millis, 17);
  EXPECT_EQ(history[0].state, State::kApplied);
  EXPECT_EQ(history[0].steps_done, 0);
  EXPECT_EQ(history[0].applied_by, "");
  EXPECT_EQ(history[0].error, "");
  EXPECT_EQ(history[0].needs, 0);
  const Status status = migrator().WithLock([&] { return migrator().Record(history[0]); });
  EXPECT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(migrator().History()->size(), 1u);
}

TEST_F(MongodbMigrator, AStateOfHistoryThatIsNoneIsAnError) {
  Insert("_storegate_migrations", R"({"_id": 4, "name": "x", "state": "dreaming"})");
  const Status status = migrator().History().status();
  EXPECT_THAT(status, HasReason("MALFORMED_DATA"));
  EXPECT_THAT(status.message(), HasSubstr("number 4"));
  EXPECT_THAT(status.message(), HasSubstr("dreaming"));
}

TEST_F(MongodbMigrator, AStepIsWrittenDownWithTheTimeThatItTookOnTop) {
  AppliedMigration row = Row(1, "0001_first");
  row.duration_millis = 5000;
  row.steps_done = 1;
  ASSERT_TRUE(migrator().Run(StepsOf(kFirst.up)[0], row).ok());
  const auto history = *migrator().History();
  ASSERT_EQ(history.size(), 1u);
  EXPECT_GE(history[0].duration_millis, 5000);
  EXPECT_EQ(history[0].steps_done, 1);
}

TEST_F(MongodbMigrator, OnlyOneAtATime) {
  const auto other = Open();
  std::vector<LockHolder> seen;
  other->migrator()->OnWaiting([&](const LockHolder& holder) { seen.push_back(holder); });
  const int64_t before = NowMillis() - 60000;
  const Status status = migrator().WithLock([&]() -> Status {
    migrator().AtMigration(12);
    const Status second = other->migrator()->WithLock([] { return Status(); });
    EXPECT_EQ(second.code(), Code::kFailedPrecondition);
    EXPECT_THAT(second, HasReason("MIGRATION_LOCKED"));
    EXPECT_THAT(second.message(), HasSubstr("process " + std::to_string(getpid())));
    EXPECT_THAT(second.message(), HasSubstr("since 20"));
    EXPECT_THAT(second.message(), HasSubstr("at migration 12"));
    EXPECT_THAT(migrator().WithLock([] { return Status(); }), HasReason("MIGRATION_LOCKED"));
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  ASSERT_THAT(seen, Not(IsEmpty()));
  EXPECT_THAT(seen.back().who, HasSubstr("process " + std::to_string(getpid())));
  EXPECT_EQ(seen.back().migration, 12);
  EXPECT_GT(seen.back().since_millis, before);
  const Status after = Up(*other, {kFirst});
  EXPECT_TRUE(after.ok()) << after.ToString();
}

TEST_F(MongodbMigrator, TheLockTimeoutCanBeSet) {
  LockAsAnother(milliseconds(600000));
  const auto patient = Open(milliseconds(600000));
  patient->migrator()->SetLockTimeout(200);
  const Status status = patient->migrator()->WithLock([] { return Status(); });
  EXPECT_THAT(status, HasReason("MIGRATION_LOCKED"));
  EXPECT_THAT(status.message(), HasSubstr("200 ms"));
}

TEST_F(MongodbMigrator, ALockWhoseHolderGivesNoSignOfLifeIsTakenOver) {
  LockAsAnother(milliseconds(600000));
  const Status locked = migrator().WithLock([] { return Status(); });
  EXPECT_THAT(locked, HasReason("MIGRATION_LOCKED"));
  EXPECT_THAT(locked.message(), HasSubstr("storegate, process 1 on far-away, until 20"));
  client_.Run(R"({"delete": "_storegate_locks", "deletes": [{"q": {}, "limit": 0}]})");

  LockAsAnother(milliseconds(500));
  const auto patient = Open(milliseconds(20000));
  const Status taken = Up(*patient, {kFirst});
  EXPECT_TRUE(taken.ok()) << taken.ToString();
  EXPECT_THAT(applied_, ElementsAre("0001_first"));
}

TEST_F(MongodbMigrator, TheLockOfAProcessThatWasKilledIsTakenOver) {
  int out[2];
  ASSERT_EQ(pipe2(out, O_CLOEXEC), 0);
  const std::string entry = std::string(kHoldLock) + "=" + url_;
  std::vector<char*> environment;
  for (char** each = environ; *each != nullptr; ++each) environment.push_back(*each);
  environment.push_back(const_cast<char*>(entry.c_str()));
  environment.push_back(nullptr);
  const pid_t holder = fork();
  if (holder == 0) {
    dup2(out[1], STDOUT_FILENO);
    execle("/proc/self/exe", "holder", "--gtest_filter=MongodbMigrator.OnlyOneAtATime",
           static_cast<char*>(nullptr), environment.data());
    _exit(127);
  }
  close(out[1]);
  std::string said;
  char buffer[256];
  for (ssize_t n; said.find("LOCKED") == said.npos && (n = read(out[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<size_t>(n));
  }
  close(out[0]);
  EXPECT_THAT(said, HasSubstr("LOCKED"));
  EXPECT_THAT(migrator().WithLock([] { return Status(); }), HasReason("MIGRATION_LOCKED"));
  kill(holder, SIGKILL);
  waitpid(holder, nullptr, 0);
  std::vector<LockHolder> seen;
  const auto patient = Open(milliseconds(60000));
  patient->migrator()->OnWaiting([&](const LockHolder& of) { seen.push_back(of); });
  const Status taken = patient->migrator()->WithLock([&] {
    return patient->migrator()->Record(Row(1, "0001_first"));
  });
  EXPECT_TRUE(taken.ok()) << taken.ToString();
  for (const LockHolder& of : seen) {
    EXPECT_THAT(of.who, HasSubstr("process " + std::to_string(holder)));
    EXPECT_EQ(of.migration, 7);
  }
}

TEST_F(MongodbMigrator, ALockIsKeptAliveWhileItsWorkGoesOn) {
  const auto holder = Open(milliseconds(300), milliseconds(900));
  const Status status = holder->migrator()->WithLock([&]() -> Status {
    std::this_thread::sleep_for(milliseconds(2500));
    EXPECT_THAT(migrator().WithLock([] { return Status(); }), HasReason("MIGRATION_LOCKED"));
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST_F(MongodbMigrator, WorkWhoseLockWasLostHasFailed) {
  const auto holder = Open(milliseconds(300), milliseconds(600));
  const Status status = holder->migrator()->WithLock([&]() -> Status {
    TakeOver();
    std::this_thread::sleep_for(milliseconds(1000));
    EXPECT_THAT(holder->migrator()->Execute(R"([{"create": "late"}])"),
                HasReason("MIGRATION_LOCK_LOST"));
    return {};
  });
  EXPECT_THAT(status, HasReason("MIGRATION_LOCK_LOST"));
  EXPECT_THAT(*migrator().Parts("late"), IsEmpty());
}

// The lease is long: this owner has no reason to think that it lost the lock.
TEST_F(MongodbMigrator, WhatAStaleOwnerWritesIntoTheHistoryIsRefused) {
  const Status status = migrator().WithLock([&]() -> Status {
    EXPECT_TRUE(migrator().Record(Row(1, "0001_first")).ok());
    TakeOver();
    EXPECT_THAT(migrator().Record(Row(1, "0001_stale")), HasReason("MIGRATION_LOCK_LOST"));
    EXPECT_THAT(migrator().Record(Row(2, "0002_stale")), HasReason("MIGRATION_LOCK_LOST"));
    EXPECT_THAT(migrator().Forget(1), HasReason("MIGRATION_LOCK_LOST"));
    EXPECT_THAT(migrator().KeepSchema("stale"), HasReason("MIGRATION_LOCK_LOST"));
    EXPECT_THAT(migrator().Run(StepsOf(kFirst.up)[0], Row(3, "0003_stale")),
                HasReason("MIGRATION_LOCK_LOST"));
    return {};
  });
  EXPECT_THAT(status, HasReason("MIGRATION_LOCK_LOST"));
  const auto history = *migrator().History();
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].name, "0001_first");
  EXPECT_FALSE(migrator().ReadSchema()->has_value());
}

// Even where the lock is asked too early: the row itself has the later owner's number.
TEST_F(MongodbMigrator, ARowThatALaterOwnerHasTouchedIsNotOverwritten) {
  const Status status = migrator().WithLock([&]() -> Status {
    EXPECT_TRUE(migrator().Record(Row(1, "0001_first")).ok());
    client_.Run(R"({"update": "_storegate_migrations", "updates": [{"q": {"_id": 1},)"
                R"( "u": {"$inc": {"fence": 1}}}]})");
    EXPECT_THAT(migrator().Record(Row(1, "0001_stale")), HasReason("MIGRATION_LOCK_LOST"));
    EXPECT_TRUE(migrator().Forget(1).ok());
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  ASSERT_EQ(migrator().History()->size(), 1u);
  EXPECT_EQ((*migrator().History())[0].name, "0001_first");
}

TEST_F(MongodbMigrator, EachOwnerHasAGreaterNumberAlsoOverALockOfAnEarlierVersion) {
  const auto fence = [&]() -> int64_t {
    const std::vector<std::string> locks = Documents("_storegate_locks");
    EXPECT_EQ(locks.size(), 1u);
    const size_t at = locks.empty() ? std::string::npos : locks[0].find("\"fence\" : ");
    return at == std::string::npos ? 0 : std::atoll(locks[0].c_str() + at + 10);
  };
  int64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    // An earlier version takes the document away.
    if (i == 3) client_.Run(R"({"delete": "_storegate_locks", "deletes": [{"q": {}, "limit": 0}]})");
    if (i == 4) {
      client_.Run(R"({"delete": "_storegate_locks", "deletes": [{"q": {}, "limit": 0}]})");
      LockAsAnother(milliseconds(-1000));
    }
    ASSERT_TRUE(migrator().WithLock([] { return Status(); }).ok());
    EXPECT_GT(fence(), last) << i;
    last = fence();
  }
}

TEST_F(MongodbMigrator, TenAtOnceApplyEachMigrationOnce) {
  constexpr int kGateways = 10;
  std::atomic<int> applied{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kGateways; ++i) {
    threads.emplace_back([&] {
      const auto backend = Open(milliseconds(60000));
      const Status status = backend->migrator()->WithLock([&]() -> Status {
        const auto history = backend->migrator()->History();
        if (!history.ok()) return history.status();
        for (int number = static_cast<int>((*history).size()) + 1; number <= 2; ++number) {
          const Migration& migration = number == 1 ? kFirst : kSecond;
          Status ran =
              backend->migrator()->Run(StepsOf(migration.up)[0], Row(number, migration.name));
          if (!ran.ok()) return ran;
          ++applied;
        }
        return {};
      });
      EXPECT_TRUE(status.ok()) << status.ToString();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(applied, 2);
  EXPECT_EQ(migrator().History()->size(), 2u);
}

TEST_F(MongodbMigrator, MakesOnlyWhatIsMissing) {
  const std::vector<const schema::Entity*> entities = {&Author(), &Book(), &Note()};
  std::vector<std::string> created;
  ASSERT_TRUE(migrate::CreateTables(migrator(), generator(), {&Note()}, &created).ok());
  EXPECT_THAT(created, ElementsAre("notes"));
  // Half made, by one that died or by hand.
  ASSERT_TRUE(migrator().Execute(R"([{"create": "authors"}])").ok());
  const Status lacking = migrate::CheckTables(migrator(), generator(), entities);
  EXPECT_THAT(lacking, HasReason("TABLE_MISMATCH"));
  EXPECT_THAT(lacking.message(), HasSubstr("the index authors.uq_authors_slug"));
  EXPECT_THAT(lacking.message(), HasSubstr("the collection books"));
  const Status made = migrate::CreateTables(migrator(), generator(), entities, &created);
  ASSERT_TRUE(made.ok()) << made.ToString();
  EXPECT_THAT(created, ElementsAre("authors", "books"));
  ASSERT_TRUE(migrate::CreateTables(migrator(), generator(), entities, &created).ok());
  EXPECT_THAT(created, IsEmpty());
  EXPECT_TRUE(migrate::CheckTables(migrator(), generator(), entities).ok());
}

TEST_F(MongodbMigrator, TheSchemaIsKeptAsItWasGiven) {
  EXPECT_FALSE(migrator().ReadSchema()->has_value());
  for (const std::string& bytes : {std::string("\0\xff{}", 4), std::string(), std::string(3 << 20, 'x')}) {
    ASSERT_TRUE(migrator().WithLock([&] { return migrator().KeepSchema(bytes); }).ok());
    EXPECT_EQ(*migrator().ReadSchema(), bytes);
  }
  const Status large = migrator().KeepSchema(std::string((15 << 20) + 1, 'x'));
  EXPECT_THAT(large, HasReason("SCHEMA_TOO_LARGE"));
  EXPECT_THAT(large.message(), HasSubstr("15728641 bytes"));
}

TEST_F(MongodbMigrator, KnowsAMigrationByTheChecksumThatItHadBefore) {
  repository::AppliedMigration row;
  row.number = 1;
  row.name = "0001_first";
  row.checksum = "e2109c770e755944de02042b0523275d1c3eb0d14f45a2416a20c775dd5063eb";
  const Status recorded = backend_->migrator()->Record(row);
  ASSERT_TRUE(recorded.ok()) << recorded.ToString();
  const Status up = Up({{1, "0001_first", R"([{"create": "a"}])", ""}});
  EXPECT_TRUE(up.ok()) << up.ToString();
  EXPECT_THAT(applied_, ::testing::IsEmpty());
}

}  // namespace
}  // namespace storegate::test
