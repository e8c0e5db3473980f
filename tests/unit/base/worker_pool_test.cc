#include "server/base/worker_pool.h"

#include <atomic>
#include <future>

#include <gtest/gtest.h>

namespace storegate {
namespace {

TEST(WorkerPoolTest, RunsAllThatItTook) {
  std::atomic<int> ran = 0;
  int taken = 0;
  {
    WorkerPool pool(3, 100000);
    for (int i = 0; i < 10000; ++i) taken += pool.TrySubmit([&] { ++ran; });
  }  // what waits is done first
  EXPECT_EQ(taken, 10000);
  EXPECT_EQ(ran, 10000);
}

TEST(WorkerPoolTest, RefusesPastItsBound) {
  std::promise<void> started, release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> ran = 0;
  {
    WorkerPool pool(1, 2);
    ASSERT_TRUE(pool.TrySubmit([&] {
      started.set_value();
      released.wait();
    }));
    started.get_future().wait();
    EXPECT_TRUE(pool.TrySubmit([&] { ++ran; }));
    EXPECT_TRUE(pool.TrySubmit([&] { ++ran; }));
    EXPECT_FALSE(pool.TrySubmit([&] { ran += 100; }));
    release.set_value();
  }
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace storegate
