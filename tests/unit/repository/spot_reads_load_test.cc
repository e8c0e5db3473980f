// Reads on the spot from many threads at once.
#include <atomic>
#include <random>

#include "tests/unit/repository/long_run.h"
#include "tests/unit/repository/spot_reads_fixture.h"

namespace storegate::repository {
namespace {

using SpotReadsLoadTest = SpotReadsTest;

// Each writer reads its own row right after each acknowledged write, while others read
// the same rows all the time, and batches are parked all the time.
TEST_F(SpotReadsLoadTest, AReadBegunAfterAWriteWasAcknowledgedSeesIt) {
  ExecutorOptions options = Impatient(2);
  options.spot_pause = std::chrono::milliseconds(1);
  options.write_threads = 2;
  options.spot_wait = std::chrono::microseconds(50);
  Executor& executor = Start(options);
  const int rounds = Repeats(5000);
  std::atomic<int> wrong{0};
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      const std::string id = "row" + std::to_string(w);
      for (int version = 1; version <= rounds; ++version) {
        Gate written, read_back;
        WriteTask write = Put(id, version);
        write.done = [&](const Status& status, std::unique_ptr<Write>) {
          if (!status.ok()) ++wrong;
          written.Open();
        };
        executor.Submit(std::move(write));
        written.Pass();
        PointRead read = Read(id);
        read.done = [&](const Status& status, Found, std::string_view row) {
          if (!status.ok() || row != std::to_string(version)) ++wrong;
          read_back.Open();
        };
        PointRead noise = Read("row" + std::to_string((w + 1) % 4));
        noise.done = [](const Status&, Found, std::string_view) {};
        {
          Executor::Gather gather;
          executor.Submit(std::move(noise));
          executor.Submit(std::move(read));
        }
        read_back.Pass();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(wrong, 0);
}

// Four threads, a database whose answers are held back now and then and whose
// connections are cut, grow old and fail, and a stop in the middle: each read is
// answered exactly once, by its own row or by an error.
TEST_F(SpotReadsLoadTest, EveryReadIsAnsweredExactlyOnce) {
  for (int i = 0; i < 50; ++i) database_.rows[std::to_string(i)] = std::to_string(i);
  for (int round = 0; round < 4; ++round) {
    ExecutorOptions options = Impatient(3);
    options.spot_pause = std::chrono::milliseconds(1);
    options.reconnect_wait = std::chrono::milliseconds(20);
    options.spot_wait = std::chrono::microseconds(100);
    options.batch_max = 16;
    options.idle_timeout = std::chrono::milliseconds(1);
    options.point_threads = 2;
    Executor& executor = Start(options);
    const int count = Repeats(20000);
    std::vector<std::atomic<int>> answers(4 * count);
    std::atomic<int> wrong{0}, good{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        std::minstd_rand random(t + 1);
        for (int i = 0; i < count;) {
          Executor::Gather gather;
          const int size = 1 + static_cast<int>(random() % 40);
          for (int j = 0; j < size && i < count; ++j, ++i) {
            const int number = t * count + i;
            const std::string id = std::to_string(random() % 50);
            PointRead read = Read(id);
            if (random() % 4 == 0) read.entity = &other_entity_;
            read.done = [&, number, id](const Status& status, Found, std::string_view row) {
              ++answers[number];
              if (!status.ok()) return;
              ++good;
              if (row != id) ++wrong;
            };
            executor.Submit(std::move(read));
          }
        }
      });
    }
    std::thread trouble([&] {
      std::minstd_rand random(round + 1);
      const auto pause = [&] {
        for (int i = 0; i < 200; ++i) std::this_thread::yield();
      };
      for (int i = 0; i < 40; ++i) {
        pause();
        {
          std::lock_guard lock(database_.mutex);
          if (i % 10 == 3) database_.cut = database_.connects;
          if (i % 10 == 7) database_.stale = database_.connects;
          database_.hold = true;
          if (i % 20 == 15) database_.get_status = Status(Code::kUnavailable, "GONE", "gone");
        }
        pause();
        database_.Release();
        if (i % 20 == 15) database_.Set(&FakeDatabase::get_status, {});
      }
      if (round % 2 == 1) executor.Stop();
    });
    for (std::thread& thread : threads) thread.join();
    trouble.join();
    executor.Stop();
    for (size_t i = 0; i < answers.size(); ++i) ASSERT_EQ(answers[i], 1) << "read " << i;
    EXPECT_EQ(wrong, 0);
    EXPECT_GT(good, 0);
  }
}

}  // namespace
}  // namespace storegate::repository
