// Migrations on a MongoDB that loses answers, or is not there for a while.
#include <atomic>
#include <thread>

#include "tests/adapters/mongodb_migration_case.h"
#include "tests/support/mongodb_fake.h"

namespace storegate::test {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Behind the scripted one.
const MongodbServer& Behind() {
  static const MongodbServer server(MongodbServerOptions{.own = true});
  return server;
}

class MongodbMigrationFaults : public ::testing::Test {
 protected:
  MongodbMigrationFaults() {
    mongodb::Options options;
    options.url = fake_.Url(name_);
    options.server_selection_timeout = milliseconds(300);
    options.connect_timeout = milliseconds(300);
    Result<std::unique_ptr<repository::Backend>> backend = mongodb::Open(options);
    EXPECT_TRUE(backend.ok()) << backend.status().ToString();
    if (backend.ok()) backend_ = *std::move(backend);
  }
  ~MongodbMigrationFaults() override {
    RunMongodbCommand(Behind().Url(name_), R"({"dropDatabase": 1})");
  }
  repository::Migrator& migrator() { return *backend_->migrator(); }
  // The answers to the next so many commands of that name get lost behind what they did.
  void LoseAnswers(const std::string& name, int count) {
    auto left = std::make_shared<std::atomic<int>>(count);
    fake_.SetHandler([=](const FakeCommand& command) -> std::optional<FakeAnswer> {
      if (command.name != name || left->fetch_sub(1) <= 0) return std::nullopt;
      return FakeAnswer::DropAfter();
    });
  }

  const std::string name_ = NewMongodbName();
  MongodbFake fake_{{.behind = Behind().port()}};
  std::unique_ptr<repository::Backend> backend_;
};

repository::Step OneStep(const std::string& text) {
  return (*mongodb::MongodbGenerator().Steps("a", text)).steps.at(0);
}

repository::AppliedMigration Row(int number) {
  repository::AppliedMigration row;
  row.number = number;
  row.name = "0001_first";
  return row;
}

TEST_F(MongodbMigrationFaults, WhatMayRunAgainDoesWhenItsAnswerIsLost) {
  ASSERT_NE(backend_, nullptr);
  const Status status = migrator().WithLock([&]() -> Status {
    LoseAnswers("createIndexes", 2);
    Status ran = migrator().Run(
        OneStep(R"([{"createIndexes": "a", "indexes": [{"key": {"x": 1}, "name": "x"}]}])"),
        Row(1));
    if (!ran.ok()) return ran;
    LoseAnswers("renameCollection", 2);
    ran = migrator().Run(OneStep(R"([{"renameCollection": "a", "to": "b"}])"), Row(1));
    if (!ran.ok()) return ran;
    LoseAnswers("update", 2);
    if (ran = migrator().Record(Row(2)); !ran.ok()) return ran;
    LoseAnswers("delete", 2);
    return migrator().Forget(2);
  });
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(migrator().History()->size(), 1u);
  const auto model = migrator().Describe();
  ASSERT_TRUE(model.ok());
  ASSERT_EQ((*model).tables.size(), 1u);
  EXPECT_EQ((*model).tables[0].name, "b");
  EXPECT_EQ((*model).tables[0].indexes.size(), 1u);
}

TEST_F(MongodbMigrationFaults, ABackfillGoesOnWhenAnAnswerIsLost) {
  ASSERT_NE(backend_, nullptr);
  ASSERT_TRUE(migrator().Execute(R"([{"insert": "a", "documents": [{"_id": 1}, {"_id": 2}]}])").ok());
  const Status status = migrator().WithLock([&]() -> Status {
    LoseAnswers("update", 1);
    const repository::Step step = OneStep(
        R"([{"storegate.backfill": "a", "filter": {"n": {"$exists": false}}, "set": {"n": 0}}])");
    const Result<int64_t> changed = migrator().RunBatch(step);
    if (!changed.ok()) return changed.status();
    EXPECT_EQ(*migrator().CountTotal(step), 0);
    return {};
  });
  EXPECT_TRUE(status.ok()) << status.ToString();
}

TEST_F(MongodbMigrationFaults, OtherCommandsWhoseAnswerIsLostAreNotSentAgain) {
  ASSERT_NE(backend_, nullptr);
  const Status status = migrator().WithLock([&]() -> Status {
    LoseAnswers("insert", 1);
    return migrator().Execute(R"([{"insert": "a", "documents": [{"n": 1}]}])");
  });
  EXPECT_EQ(status.code(), Code::kUnknown) << status.ToString();
  EXPECT_TRUE(*migrator().HoldsRows("a", "n"));
}

TEST_F(MongodbMigrationFaults, ALockWhoseAnswerIsLostIsHad) {
  ASSERT_NE(backend_, nullptr);
  for (const char* command : {"insert", "findAndModify"}) {
    LoseAnswers(command, 1);
    const Status status = migrator().WithLock([] { return Status(); });
    EXPECT_TRUE(status.ok()) << command << status.ToString();
  }
}

TEST_F(MongodbMigrationFaults, TheLockIsWaitedForWhileTheDatabaseIsNotThere) {
  ASSERT_NE(backend_, nullptr);
  fake_.SetReachable(false);
  migrator().SetLockTimeout(500);
  const Status gone = migrator().WithLock([] { return Status(); });
  EXPECT_EQ(gone.code(), Code::kUnavailable) << gone.ToString();
  migrator().SetLockTimeout(120000);
  std::thread back([&] {
    std::this_thread::sleep_for(milliseconds(1500));
    fake_.SetReachable(true);
  });
  const Status status = migrator().WithLock([] { return Status(); });
  back.join();
  EXPECT_TRUE(status.ok()) << status.ToString();
}

}  // namespace
}  // namespace storegate::test
