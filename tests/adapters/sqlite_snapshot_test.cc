// A database in memory put back to what it was, also while others use it.
#include "server/adapters/sqlite/snapshot.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/adapters/library.h"

namespace storegate::test {
namespace {

class SqliteSnapshot : public ::testing::Test {
 protected:
  Status Put(repository::Session& session, const std::string& id) {
    return InsertText(session, Author(),
                      "id: '" + id + "' name: 'N" + id + "' slug: 's" + id + "'");
  }
  int64_t Count(repository::Session& session) {
    const Result<int64_t> count = session.Count(All(Author()));
    EXPECT_TRUE(count.ok()) << count.status().ToString();
    return count.ok() ? *count : -1;
  }

  std::unique_ptr<repository::Backend> backend_ = OpenMemory();
};

TEST_F(SqliteSnapshot, PutsBackRecordsAndIndexesForSessionsThatAreOpen) {
  const auto writer = Writer(*backend_);
  const auto reader = Reader(*backend_);
  ASSERT_TRUE(Put(*writer, "1").ok());
  const auto snapshot = *sqlite::Snapshot::Take(backend_.get());
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(Put(*writer, "2").ok());
    ASSERT_TRUE(Put(*writer, "3").ok());
    EXPECT_EQ(Count(*reader), 3);
    const Status restored = snapshot->Restore();
    ASSERT_TRUE(restored.ok()) << restored.ToString();
    EXPECT_EQ(Count(*reader), 1);
    EXPECT_EQ(Count(*writer), 1);
    // What is unique is so of what is there.
    EXPECT_FALSE(Put(*writer, "1").ok());
  }
  EXPECT_EQ(Count(*Reader(*backend_)), 1);
}

TEST_F(SqliteSnapshot, OfNothingEmptiesAll) {
  const auto snapshot = *sqlite::Snapshot::Take(backend_.get());
  const auto writer = Writer(*backend_);
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(Put(*writer, std::to_string(i)).ok());
  ASSERT_TRUE(snapshot->Restore().ok());
  EXPECT_EQ(Count(*writer), 0);
  ASSERT_TRUE(Put(*writer, "1").ok());
}

TEST_F(SqliteSnapshot, NobodySeesAPartOfIt) {
  const auto writer = Writer(*backend_);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(Put(*writer, "a" + std::to_string(i)).ok());
  const auto snapshot = *sqlite::Snapshot::Take(backend_.get());
  std::atomic<bool> over{false};
  std::atomic<int> reads{0}, wrong{0};
  std::thread reads_on([&] {
    const auto reader = Reader(*backend_);
    while (!over) {
      const int64_t count = Count(*reader);
      wrong += count < 200 || count > 201 ? 1 : 0;
      ++reads;
    }
  });
  for (int i = 0; i < 50; ++i) {
    const Status put = Put(*writer, "b");
    EXPECT_TRUE(put.ok()) << put.ToString();
    const Status restored = snapshot->Restore();
    EXPECT_TRUE(restored.ok()) << restored.ToString();
  }
  while (reads == 0) std::this_thread::yield();
  over = true;
  reads_on.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace storegate::test
