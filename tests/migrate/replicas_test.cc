// Many at once, and processes that are killed.
#include <atomic>
#include <cstdio>
#include <map>
#include <random>
#include <string>
#include <thread>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/migrate/migrate_case.h"
#include "tests/support/counts.h"

namespace storegate::test {
namespace {

using ::testing::IsEmpty;

const char* const kFirst = R"(
  message Author {
    option (storegate.v1.entity) = { collection: "authors" };
    string id = 1;
    string name = 2 [(storegate.v1.field).max_len = 100];
  }
  message Book {
    option (storegate.v1.entity) = { collection: "books" };
    string id = 1;
    string title = 2 [(storegate.v1.field).max_len = 100];
    optional string author_id = 3 [(storegate.v1.field).references = "Author.id"];
  }
)";
const char* const kSecond = R"(
  message Author {
    option (storegate.v1.entity) = { collection: "authors" };
    string id = 1;
    string name = 2 [(storegate.v1.field).max_len = 100];
  }
  message Book {
    option (storegate.v1.entity) = {
      collection: "books"
      index: { fields: "title" }
    };
    string id = 1;
    string title = 2 [(storegate.v1.field) = { max_len: 100 searchable: true }];
    optional string author_id = 3 [(storegate.v1.field).references = "Author.id"];
    int32 pages = 4;
    optional string state = 5 [(storegate.v1.field) = {
      max_len: 20 default: "new" }];
  }
)";

class Replicas : public MigrateCase {
 protected:
  // What the history says of the newest migration.
  std::string WhereItIs() {
    Result<std::vector<migrate::MigrationStatus>> all = migrate::GetStatus(MakeJob(*backend_));
    if (!all.ok()) return all.status().ToString();
    const migrate::MigrationStatus& last = all->back();
    switch (last.state) {
      case migrate::MigrationState::kPending: return "before its first step";
      case migrate::MigrationState::kApplied: return "when all was done";
      default:
        return "with " + std::to_string(last.applied.steps_done) + " of " +
               std::to_string(last.steps) + " steps done";
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Migrate, Replicas, ::testing::Range<size_t>(0, 3),
                         [](const auto& info) { return Kinds()[info.param].name; });

TEST_P(Replicas, OfTenAtOnceOneAppliesEachMigration) {
  ASSERT_TRUE(Generate(Library(kFirst)).ok());
  ASSERT_TRUE(Generate(Library(kSecond)).ok());
  for (int round = 0; round < Count(20); ++round) {
    database_ = kind().create();
    std::atomic<int> applied{0};
    std::vector<std::thread> threads;
    std::vector<Status> statuses(10);
    for (size_t i = 0; i < statuses.size(); ++i) {
      threads.emplace_back([&, i] {
        const std::unique_ptr<repository::Backend> backend = Open();
        std::vector<std::string> names;
        statuses[i] = migrate::Up(MakeJob(*backend), 0, &names);
        applied += static_cast<int>(names.size());
      });
    }
    for (std::thread& thread : threads) thread.join();
    for (const Status& status : statuses) EXPECT_EQ(status.ToString(), Status().ToString());
    EXPECT_EQ(applied, 2);
    backend_ = Open();
    EXPECT_THAT(Drift(), IsEmpty());
    backend_.reset();
  }
}

TEST_P(Replicas, TheNextUpFinishesWhenOneIsKilled) {
  std::mt19937 random(Seed(7));
  std::map<std::string, int> landed;
  for (int round = 0; round < Count(50); ++round) {
    SCOPED_TRACE(round);
    backend_.reset();
    migrations_.clear();
    schemas_.clear();
    database_ = kind().create();
    backend_ = Open();
    ASSERT_TRUE(Generate(Library(kFirst)).ok());
    Up();
    std::vector<std::string> all;
    for (int i = 10; i < 40; ++i) {
      const std::string text = std::to_string(i);
      Insert("Book", {{"id", "'id-" + text + "'"}, {"title", "'Title " + text + "'"}});
      all.push_back("title=\"Title " + text + "\" pages=0 state=\"new\"");
    }
    ASSERT_TRUE(Generate(Library(kSecond)).ok());
    backend_.reset();
    const pid_t child = fork();
    if (child == 0) {
      const std::unique_ptr<repository::Backend> backend = Open();
      std::vector<std::string> applied;
      const Status status = migrate::Up(MakeJob(*backend), 0, &applied);
      _exit(status.ok() ? 0 : 1);
    }
    usleep(std::uniform_int_distribution<useconds_t>(0, 120'000)(random));
    kill(child, SIGKILL);
    int ended = 0;
    waitpid(child, &ended, 0);
    EXPECT_FALSE(WIFEXITED(ended) && WEXITSTATUS(ended) != 0);
    backend_ = Open();
    ++landed[WhereItIs()];
    Up();
    EXPECT_EQ(Read("Book", {"title", "pages", "state"}), all);
    EXPECT_THAT(Drift(), IsEmpty());
    EXPECT_EQ(migrate::CheckApplied(MakeJob(*backend_)).ToString(), Status().ToString());
  }
  for (const auto& [where, times] : landed) std::printf("killed %s: %d\n", where.c_str(), times);
}

}  // namespace
}  // namespace storegate::test
