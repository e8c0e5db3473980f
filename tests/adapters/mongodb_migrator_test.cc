// Migrations on MongoDB: command by command, one gateway at a time, again after a
// failure.
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/adapters/mongodb/backend.h"
#include "server/base/time.h"
#include "server/migrate/runner.h"
#include "tests/adapters/library.h"
#include "tests/support/mongodb.h"
#include "tests/support/mongodb_server.h"

namespace storegate::test {
namespace {

using migrate::Migration;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class MongodbMigrator : public ::testing::Test {
 protected:
  MongodbMigrator() { backend_ = Open(); }
  ~MongodbMigrator() override { client_.Run(R"({"dropDatabase": 1})"); }

  std::unique_ptr<repository::Backend> Open(milliseconds timeout = milliseconds(300),
                                            milliseconds lease = milliseconds(30000)) {
    mongodb::Options options;
    options.url = url_;
    options.migration_timeout = timeout;
    options.migration_lease = lease;
    Result<std::unique_ptr<repository::Backend>> backend = mongodb::Open(options);
    EXPECT_TRUE(backend.ok()) << backend.status().ToString();
    return backend.ok() ? *std::move(backend) : nullptr;
  }
  repository::Migrator& migrator() { return *backend_->migrator(); }

  // The lock as another process has it, for so long from now on.
  void LockAsAnother(milliseconds left) {
    const int64_t expires = NowMillis() + left.count();
    client_.Run(R"({"insert": "_storegate_locks", "documents": [{"_id": "migrations",)"
                R"( "owner": "other", "holder": "storegate, process 1 on far-away",)"
                R"( "expires": {"$date": {"$numberLong": ")" +
                std::to_string(expires) + R"("}}}]})");
  }

  const std::string url_ = SharedMongodb().Url(NewMongodbName());
  MongodbClient client_{url_};
  std::unique_ptr<repository::Backend> backend_;
  std::vector<std::string> applied_;
};

const Migration kFirst{1, "0001_first", R"([{"create": "a"}, {"create": "b"}])"};
const Migration kSecond{2, "0002_second",
                        R"([{"createIndexes": "a", "indexes": [{"key": {"z": 1}, "name": "z_1"}]}])"};

TEST_F(MongodbMigrator, AppliesWhatIsPendingOnceAndWritesItDown) {
  ASSERT_TRUE(migrate::Up(migrator(), {kFirst}, &applied_).ok());
  EXPECT_THAT(applied_, ElementsAre("0001_first"));
  const Status again = migrate::Up(migrator(), {kFirst, kSecond}, &applied_);
  ASSERT_TRUE(again.ok()) << again.ToString();
  EXPECT_THAT(applied_, ElementsAre("0002_second"));
  EXPECT_THAT(*migrator().Parts("a"), UnorderedElementsAre("_id_", "z_1"));
  EXPECT_THAT(*migrator().Parts("nowhere"), IsEmpty());
  const auto history = *migrator().History();
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[1].number, 2);
  EXPECT_EQ(history[1].name, "0002_second");
  EXPECT_EQ(history[1].checksum, migrate::Checksum(kSecond.sql));
  EXPECT_GT(history[1].applied_at_millis, 0);
  EXPECT_GE(history[1].duration_millis, 0);
}

TEST_F(MongodbMigrator, AChangedFileAndALaterDatabaseAreRefused) {
  ASSERT_TRUE(migrate::Up(migrator(), {kFirst, kSecond}, &applied_).ok());
  const Migration changed{1, "0001_first", R"([{"create": "a"}, {"create": "c"}])"};
  EXPECT_THAT(migrate::Up(migrator(), {changed, kSecond}, &applied_),
              HasReason("MIGRATION_CHANGED"));
  EXPECT_THAT(migrate::Up(migrator(), {kFirst}, &applied_), HasReason("DATABASE_AHEAD"));
  EXPECT_THAT(*migrator().Parts("c"), IsEmpty());
}

TEST_F(MongodbMigrator, OneThatFailsKeepsWhatItDidAndRunsAgainFromItsBeginning) {
  const Migration bad{2, "0002_bad", R"([{"create": "c"}, {"noSuchCommand": "c"}, {"create": "d"}])"};
  const Status status = migrate::Up(migrator(), {kFirst, bad}, &applied_);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("Command 2 of the migration 0002_bad"));
  EXPECT_THAT(status.message(), HasSubstr("noSuchCommand"));
  EXPECT_THAT(status.message(), HasSubstr("kept"));
  EXPECT_THAT(applied_, IsEmpty());
  EXPECT_THAT(*migrator().Parts("c"), ElementsAre("_id_"));
  EXPECT_THAT(*migrator().Parts("d"), IsEmpty());
  EXPECT_EQ(migrator().History()->size(), 1u);
  const Migration good{2, "0002_bad", R"([{"create": "c"}, {"create": "d"}])"};
  const Status mended = migrate::Up(migrator(), {kFirst, good}, &applied_);
  ASSERT_TRUE(mended.ok()) << mended.ToString();
  EXPECT_THAT(applied_, ElementsAre("0002_bad"));
  EXPECT_THAT(*migrator().Parts("d"), ElementsAre("_id_"));
}

TEST_F(MongodbMigrator, AWriteThatSucceedsInPartHasFailed) {
  const Migration twice{1, "0001_twice",
                        R"([{"insert": "a", "documents": [{"_id": 1}, {"_id": 1}]}])"};
  EXPECT_THAT(migrate::Up(migrator(), {twice}, &applied_), HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(*migrator().History(), IsEmpty());
}

TEST_F(MongodbMigrator, WhatIsNoScriptIsRefusedBeforeAnythingRuns) {
  const Migration bad{1, "0001_bad", "[{\"create\": \"c\"},\n {\"create\": \"d\", }"};
  const Status status = migrate::Up(migrator(), {bad}, &applied_);
  EXPECT_THAT(status, HasReason("MIGRATION_FAILED"));
  EXPECT_THAT(status.message(), HasSubstr("the migration 0001_bad"));
  EXPECT_THAT(status.message(), HasSubstr("line 2"));
  EXPECT_THAT(*migrator().Parts("c"), IsEmpty());
}

TEST_F(MongodbMigrator, OnlyOneAtATime) {
  const auto other = Open();
  const Status status = migrator().WithLock([&]() -> Status {
    const Status second = migrate::Up(*other->migrator(), {kFirst}, &applied_);
    EXPECT_EQ(second.code(), Code::kFailedPrecondition);
    EXPECT_THAT(second, HasReason("MIGRATION_LOCKED"));
    EXPECT_THAT(second.message(), HasSubstr("process " + std::to_string(getpid())));
    EXPECT_THAT(migrator().WithLock([] { return Status(); }), HasReason("MIGRATION_LOCKED"));
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
  const Status after = migrate::Up(*other->migrator(), {kFirst}, &applied_);
  EXPECT_TRUE(after.ok()) << after.ToString();
}

TEST_F(MongodbMigrator, ALockWhoseHolderGivesNoSignOfLifeIsTakenOver) {
  LockAsAnother(milliseconds(600000));
  const Status locked = migrate::Up(migrator(), {kFirst}, &applied_);
  EXPECT_THAT(locked, HasReason("MIGRATION_LOCKED"));
  EXPECT_THAT(locked.message(), HasSubstr("storegate, process 1 on far-away, until 20"));
  client_.Run(R"({"delete": "_storegate_locks", "deletes": [{"q": {}, "limit": 0}]})");

  LockAsAnother(milliseconds(500));
  const auto patient = Open(milliseconds(20000));
  const Status taken = migrate::Up(*patient->migrator(), {kFirst}, &applied_);
  EXPECT_TRUE(taken.ok()) << taken.ToString();
  EXPECT_THAT(applied_, ElementsAre("0001_first"));
}

TEST_F(MongodbMigrator, ALockIsKeptAliveWhileItsWorkGoesOn) {
  const auto holder = Open(milliseconds(300), milliseconds(900));
  const Status status = holder->migrator()->WithLock([&]() -> Status {
    std::this_thread::sleep_for(milliseconds(2500));
    EXPECT_THAT(migrate::Up(migrator(), {kFirst}, &applied_), HasReason("MIGRATION_LOCKED"));
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST_F(MongodbMigrator, WorkWhoseLockWasLostHasFailed) {
  const auto holder = Open(milliseconds(300), milliseconds(600));
  const Status status = holder->migrator()->WithLock([&]() -> Status {
    client_.Run(R"({"update": "_storegate_locks", "updates": [{"q": {"_id": "migrations"},)"
                R"( "u": {"$set": {"owner": "other"}}}]})");
    std::this_thread::sleep_for(milliseconds(1000));
    EXPECT_THAT(holder->migrator()->Execute(R"([{"create": "late"}])"),
                HasReason("MIGRATION_LOCK_LOST"));
    return {};
  });
  EXPECT_THAT(status, HasReason("MIGRATION_LOCK_LOST"));
  EXPECT_THAT(*migrator().Parts("late"), IsEmpty());
}

TEST_F(MongodbMigrator, TenAtOnceApplyEachMigrationOnce) {
  constexpr int kGateways = 10;
  std::atomic<int> applied{0}, failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kGateways; ++i) {
    threads.emplace_back([&] {
      const auto backend = Open(milliseconds(60000));
      std::vector<std::string> names;
      const Status status = migrate::Up(*backend->migrator(), {kFirst, kSecond}, &names);
      if (!status.ok()) ADD_FAILURE() << status.ToString();
      failed += status.ok() ? 0 : 1;
      applied += static_cast<int>(names.size());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(applied, 2);
  EXPECT_EQ(migrator().History()->size(), 2u);
}

TEST_F(MongodbMigrator, MakesOnlyWhatIsMissing) {
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : Library().entities) entities.push_back(&entity);
  const migrate::Generator& generator = mongodb::MongodbGenerator();
  std::vector<std::string> created;
  ASSERT_TRUE(migrate::CreateTables(migrator(), generator, {&Note()}, &created).ok());
  EXPECT_THAT(created, ElementsAre("notes"));
  // Half made, by one that died or by hand.
  ASSERT_TRUE(migrator().Execute(R"([{"create": "authors"}])").ok());
  const Status lacking = migrate::CheckTables(migrator(), generator, entities);
  EXPECT_THAT(lacking, HasReason("TABLE_MISMATCH"));
  EXPECT_THAT(lacking.message(), HasSubstr("the index authors.uq_authors_slug"));
  EXPECT_THAT(lacking.message(), HasSubstr("the collection books"));
  const Status made = migrate::CreateTables(migrator(), generator, entities, &created);
  ASSERT_TRUE(made.ok()) << made.ToString();
  EXPECT_THAT(created, ElementsAre("authors", "books"));
  ASSERT_TRUE(migrate::CreateTables(migrator(), generator, entities, &created).ok());
  EXPECT_THAT(created, IsEmpty());
  EXPECT_TRUE(migrate::CheckTables(migrator(), generator, entities).ok());
}

TEST_F(MongodbMigrator, AUniqueIndexWithAFilterIsMadeWhereTheServerHonoursIt) {
  const std::string script =
      R"([{"createIndexes": "a", "indexes": [{"key": {"x": 1}, "name": "few", "unique": true,)"
      R"( "partialFilterExpression": {"y": {"$gt": 5}}}]}])";
  const Status status = migrator().Execute(script);
  if (SharedMongodb().real()) {
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_THAT(*migrator().Parts("a"), UnorderedElementsAre("_id_", "few"));
    return;
  }
  // mongo-java-server takes the filter and ignores it.
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_THAT(status, HasReason("UNSUPPORTED_INDEX"));
  EXPECT_THAT(status.message(), HasSubstr("few"));
  EXPECT_THAT(*migrator().Parts("a"), IsEmpty());
  bson_t reply;
  client_.Run(R"({"listCollections": 1})", &reply);
  char* names = bson_as_relaxed_extended_json(&reply, nullptr);
  EXPECT_THAT(names, Not(HasSubstr("_storegate_probe")));
  bson_free(names);
  bson_destroy(&reply);
}

}  // namespace
}  // namespace storegate::test
