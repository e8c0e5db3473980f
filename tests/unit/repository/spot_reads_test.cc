// Reads that the submitting thread runs itself. Waiting is made by answers that the
// fake database holds back, never by sleeping.
#include <atomic>
#include <random>

#include "tests/unit/repository/executor_fixture.h"
#include "tests/unit/repository/long_run.h"

namespace storegate::repository {
namespace {

using std::chrono::hours;
using std::chrono::steady_clock;

const Status kGone(Code::kUnavailable, "DATABASE_UNAVAILABLE", "gone");

class SpotReadsTest : public ExecutorTest {
 protected:
  SpotReadsTest() { database_.start_get = true; }

  // Spare sessions whose answers are waited for as long as it takes.
  static ExecutorOptions Patient(int sessions = 2) {
    ExecutorOptions options = OneThreadEach();
    options.spot_sessions = sessions;
    options.spot_wait = hours(1);
    options.spot_rest = options.spot_pause = options.reconnect_wait = hours(1);
    return options;
  }
  // Every answer that is not there at once comes too late.
  static ExecutorOptions Impatient(int sessions = 2) {
    ExecutorOptions options = Patient(sessions);
    options.spot_wait = std::chrono::microseconds(0);
    return options;
  }

  static std::thread::id Here() { return std::this_thread::get_id(); }

  // Submits reads until one is answered on the spot.
  void AwaitSpot(Executor& executor) {
    for (;;) {
      executor.Submit(Read("a"));
      const std::vector<Answer> answers = inbox_.Await(1);
      EXPECT_TRUE(answers[0].status.ok());
      if (answers[0].thread == Here()) return;
    }
  }
};

TEST_F(SpotReadsTest, ReadsAreAnsweredByTheThreadThatSubmittedThem) {
  Executor& executor = Start(Patient());
  for (int i = 0; i < 100; i += 2) database_.rows["id" + std::to_string(i)] = std::to_string(i);
  {
    Executor::Gather gather;
    for (int i = 0; i < 100; ++i) executor.Submit(Read("id" + std::to_string(i)));
    EXPECT_EQ(database_.CountGets(), 0u);
  }
  ASSERT_EQ(inbox_.size(), 100u);
  for (const Answer& answer : inbox_.Await(100)) {
    EXPECT_TRUE(answer.status.ok());
    EXPECT_EQ(answer.thread, Here());
    const bool even = (answer.what.back() - '0') % 2 == 0;
    EXPECT_EQ(answer.found, even);
    EXPECT_EQ(answer.row, even ? answer.what.substr(2) : "") << "each gets its own row";
  }
  EXPECT_EQ(database_.CountGets(), 1u);
}

TEST_F(SpotReadsTest, ASingleReadOutsideOfAGatherIsAnsweredBeforeSubmitReturns) {
  Executor& executor = Start(Patient());
  database_.rows = {{"a", "A"}};
  executor.Submit(Read("a"));
  ASSERT_EQ(inbox_.size(), 1u);
  const Answer answer = std::move(inbox_.Await(1)[0]);
  EXPECT_EQ(answer.row, "A");
  EXPECT_EQ(answer.thread, Here());
}

TEST_F(SpotReadsTest, WithNoSpareSessionsAllGoesThroughTheQueue) {
  Executor& executor = Start(Patient(0));
  EXPECT_EQ(database_.CountConnects(), 3);
  executor.Submit(Read("a"));
  EXPECT_NE(inbox_.Await(1)[0].thread, Here());
}

TEST_F(SpotReadsTest, ABackendThatCannotStartAGetGetsNoSpareSessions) {
  database_.start_get = false;
  Executor& executor = Start(Patient());
  EXPECT_EQ(database_.CountConnects(), 3);
  executor.Submit(Read("a"));
  EXPECT_NE(inbox_.Await(1)[0].thread, Here());
}

TEST_F(SpotReadsTest, SpareSessionsAreOpenAfterTheStart) {
  Start(Patient(4));
  EXPECT_EQ(database_.CountConnects(), 3 + 4);
}

TEST_F(SpotReadsTest, EntitiesOfOneGatherAreStartedBeforeAnyIsWaitedFor) {
  Executor& executor = Start(Impatient(2));
  database_.rows = {{"a", "A"}, {"b", "B"}};
  database_.hold = true;
  {
    Executor::Gather gather;
    for (const char* id : {"a", "b", "a"}) {
      executor.Submit(Read(id));
      PointRead other = Read(id);
      other.entity = &other_entity_;
      executor.Submit(std::move(other));
    }
  }
  EXPECT_EQ(database_.CountGets(), 2u);
  EXPECT_EQ(inbox_.size(), 0u);
  database_.Release();
  for (const Answer& answer : inbox_.Await(6)) {
    EXPECT_EQ(answer.row, answer.what == "a" ? "A" : "B");
  }
  EXPECT_EQ(database_.gets, (std::vector<std::vector<std::string>>{{"a", "b"}, {"a", "b"}}));
}

TEST_F(SpotReadsTest, MoreGroupsThanSessionsGoToTheQueue) {
  Executor& executor = Start(Patient(2));
  {
    Executor::Gather gather;
    for (int i = 0; i < 8; ++i) {
      PointRead read = Read("a");
      if (i & 1) read.entity = &other_entity_;
      if (i & 2) read.key = &other_key_;
      if (i & 4) read.with_secrets = true;
      executor.Submit(std::move(read));
    }
  }
  int here = 0;
  for (const Answer& answer : inbox_.Await(8)) here += answer.thread == Here();
  EXPECT_EQ(here, 2);
  EXPECT_EQ(database_.CountGets(), 8u);
}

TEST_F(SpotReadsTest, ACallIsAtMostBatchMaxKeys) {
  ExecutorOptions options = Patient(3);
  options.batch_max = 8;
  Executor& executor = Start(options);
  {
    Executor::Gather gather;
    for (int i = 0; i < 40; ++i) executor.Submit(Read("id" + std::to_string(i % 20)));
  }
  EXPECT_EQ(inbox_.Await(40).size(), 40u);
  ASSERT_EQ(database_.gets.size(), 3u);
  EXPECT_EQ(database_.gets[0].size(), 8u);
  EXPECT_EQ(database_.gets[1].size(), 8u);
  EXPECT_EQ(database_.gets[2].size(), 4u);
}

TEST_F(SpotReadsTest, PastTheBoundTheThreadGoesOnAndAnotherOneAnswers) {
  Executor& executor = Start(Impatient(1));
  database_.rows = {{"a", "A"}};
  database_.hold = true;
  executor.Submit(Read("a"));
  EXPECT_EQ(inbox_.size(), 0u);
  executor.Submit(Read("b"));  // no session is left: the queue's worker has its own
  const Answer second = std::move(inbox_.Await(1)[0]);
  EXPECT_EQ(second.what, "b");
  EXPECT_NE(second.thread, Here());
  database_.Release();
  const Answer first = std::move(inbox_.Await(1)[0]);
  EXPECT_EQ(first.row, "A");
  EXPECT_NE(first.thread, Here());
  AwaitSpot(executor);  // the session has come back
}

TEST_F(SpotReadsTest, AParkedSessionLeavesTheOtherSpareOne) {
  Executor& executor = Start(Impatient(2));
  database_.hold = true;
  executor.Submit(Read("a"));
  executor.Submit(Read("b"));
  EXPECT_EQ(inbox_.size(), 0u);
  EXPECT_EQ(database_.CountGets(), 2u);
  database_.Release();
  inbox_.Await(2);
}

TEST_F(SpotReadsTest, ParkedReadersAreAnsweredAtTheLastDeadlineAndTheSessionComesBack) {
  Executor& executor = Start(Impatient(1));
  database_.hold = true;
  executor.Submit(Read("a", steady_clock::now() + std::chrono::milliseconds(20)));
  const Answer late = std::move(inbox_.Await(1)[0]);
  EXPECT_EQ(late.status.code(), Code::kDeadlineExceeded);
  const int connects = database_.CountConnects();
  database_.Release();  // the statement ends after all
  AwaitSpot(executor);
  EXPECT_EQ(database_.CountConnects(), connects);
}

TEST_F(SpotReadsTest, ADatabaseThatIsAlwaysLateIsLeftToTheQueueForAWhile) {
  Executor& executor = Start(Impatient(8));
  database_.hold = true;
  for (int i = 0; i < 4; ++i) executor.Submit(Read("late"));
  EXPECT_EQ(inbox_.size(), 0u);
  executor.Submit(Read("next"));
  const Answer next = std::move(inbox_.Await(1)[0]);
  EXPECT_EQ(next.what, "next");
  EXPECT_NE(next.thread, Here());
  database_.Release();
  inbox_.Await(4);
}

TEST_F(SpotReadsTest, ADatabaseThatWasAlwaysLateIsTriedAgain) {
  ExecutorOptions options = Impatient(4);
  options.spot_pause = std::chrono::milliseconds(1);
  Executor& executor = Start(options);
  database_.hold = true;
  for (int i = 0; i < 4; ++i) executor.Submit(Read("late"));
  database_.Release();
  inbox_.Await(4);
  AwaitSpot(executor);
}

TEST_F(SpotReadsTest, ExpiredReadsAreDroppedBeforeTheDatabaseIsAsked) {
  Executor& executor = Start(Patient());
  const Deadline past = steady_clock::now() - std::chrono::seconds(1);
  {
    Executor::Gather gather;
    executor.Submit(Read("late", past));
    executor.Submit(Read("live"));
    executor.Submit(Read("late", past));
  }
  for (const Answer& answer : inbox_.Await(3)) {
    EXPECT_EQ(answer.status.code(), answer.what == "late" ? Code::kDeadlineExceeded : Code::kOk);
  }
  EXPECT_EQ(database_.gets, (std::vector<std::vector<std::string>>{{"live"}}));
}

TEST_F(SpotReadsTest, TheLastDeadlineOfThoseTogetherReachesTheSession) {
  Executor& executor = Start(Patient());
  const Deadline soon = steady_clock::now() + hours(1), later = soon + hours(1);
  {
    Executor::Gather gather;
    executor.Submit(Read("a", soon));
    executor.Submit(Read("b", later));
    executor.Submit(Read("a", soon));
  }
  EXPECT_EQ(database_.deadlines, std::vector<Deadline>{later});
}

TEST_F(SpotReadsTest, ARowThatCannotBeReadFailsOnlyThoseWhoAskedForItAndNotOnTheSpot) {
  Executor& executor = Start(Patient());
  database_.rows = {{"a", "A"}, {"bad", "?"}, {"c", "C"}};
  database_.unreadable = {"bad"};
  {
    Executor::Gather gather;
    for (const char* id : {"a", "bad", "c", "missing", "bad", "a"}) executor.Submit(Read(id));
  }
  for (const Answer& answer : inbox_.Await(6)) {
    EXPECT_NE(answer.thread, Here());
    if (answer.what == "bad") {
      EXPECT_EQ(answer.status.code(), Code::kInternal);
    } else {
      EXPECT_TRUE(answer.status.ok());
      EXPECT_EQ(answer.row, answer.what == "a" ? "A" : answer.what == "c" ? "C" : "");
    }
  }
}

TEST_F(SpotReadsTest, WhatAnAnswerSubmitsDoesNotRunOnTheSpot) {
  Executor& executor = Start(Patient(4));
  PointRead first = Read("first");
  first.done = [&](const Status&, Found, std::string_view) {
    executor.Submit(Read("second"));
    Executor::Gather gather;
    executor.Submit(Read("third"));
    executor.Submit(Put("fourth", 4));
  };
  executor.Submit(std::move(first));
  for (const Answer& answer : inbox_.Await(3)) EXPECT_NE(answer.thread, Here());
  AwaitSpot(executor);  // but the next one may
}

TEST_F(SpotReadsTest, OtherTasksOfTheGatherGoToTheirLanes) {
  Executor& executor = Start(Patient());
  {
    Executor::Gather gather;
    executor.Submit(Read("read"));
    executor.Submit(Step(Lane::kPoint, "step"));
    executor.Submit(Put("write", 1));
    executor.Submit(Step(Lane::kScan, "scan"));
  }
  for (const Answer& answer : inbox_.Await(4)) {
    EXPECT_TRUE(answer.status.ok());
    EXPECT_EQ(answer.thread == Here(), answer.what == "read");
  }
}

TEST_F(SpotReadsTest, OneGatherReadsFromSeveralExecutors) {
  Executor& executor = Start(Patient());
  Executor second(&backend_, Patient());
  ASSERT_TRUE(second.Start().ok());
  {
    Executor::Gather gather;
    for (int i = 0; i < 10; ++i) (i % 2 ? executor : second).Submit(Read(std::to_string(i)));
  }
  EXPECT_EQ(inbox_.size(), 10u);
  EXPECT_EQ(database_.CountGets(), 2u);
}

TEST_F(SpotReadsTest, AReadWhoseConnectionWasCutIsRunAgainAndItsCallerDoesNotSeeIt) {
  Executor& executor = Start(Patient());
  database_.rows = {{"a", "A"}, {"b", "B"}};
  {
    std::lock_guard lock(database_.mutex);
    database_.cut = database_.connects;  // all there are, unnoticed
  }
  {
    Executor::Gather gather;
    for (const char* id : {"a", "b", "a"}) executor.Submit(Read(id));
  }
  for (const Answer& answer : inbox_.Await(3)) {
    EXPECT_TRUE(answer.status.ok()) << answer.status.ToString();
    EXPECT_EQ(answer.row, answer.what == "a" ? "A" : "B");
  }
  EXPECT_EQ(database_.CountGets(), 2u);
  AwaitSpot(executor);
  EXPECT_TRUE(executor.healthy());
}

TEST_F(SpotReadsTest, AParkedReadWhoseConnectionWasCutIsRunAgainToo) {
  Executor& executor = Start(Impatient(1));
  database_.rows = {{"a", "A"}};
  database_.hold = true;
  {
    std::lock_guard lock(database_.mutex);
    database_.cut = database_.connects;
  }
  executor.Submit(Read("a"));
  EXPECT_EQ(inbox_.size(), 0u);
  database_.Release();
  EXPECT_EQ(inbox_.Await(1)[0].row, "A");
}

TEST_F(SpotReadsTest, AReadThatGetsNoAnswerTwiceIsUnavailable) {
  Executor& executor = Start(Patient());
  database_.Set(&FakeDatabase::get_status, kGone);
  executor.Submit(Read("a"));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnavailable);
  EXPECT_EQ(database_.CountGets(), 2u);
}

TEST_F(SpotReadsTest, ADatabaseThatIsAwayIsNotAskedUntilItIsBack) {
  Executor& executor = Start(Patient());
  database_.Set(&FakeDatabase::connect_status, kGone);
  database_.Set(&FakeDatabase::get_status, kGone);
  executor.Submit(Read("a"));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnavailable);
  for (int i = 0; i < 50; ++i) executor.Submit(Read("more"));
  for (const Answer& answer : inbox_.Await(50)) {
    EXPECT_EQ(answer.status.reason(), "DATABASE_UNAVAILABLE");
    EXPECT_EQ(answer.thread, Here());
  }
  EXPECT_EQ(database_.CountGets(), 1u);
  database_.Set(&FakeDatabase::connect_status, {});
  database_.Set(&FakeDatabase::get_status, {});
  while (!executor.healthy()) std::this_thread::yield();
  AwaitSpot(executor);
}

TEST_F(SpotReadsTest, ASessionThatIsNotFreshIsReplacedByItsThread) {
  Executor& executor = Start(Patient(1));
  int connects;
  {
    std::lock_guard lock(database_.mutex);
    connects = database_.stale = database_.connects;
  }
  executor.Submit(Read("a"));
  const Answer answer = std::move(inbox_.Await(1)[0]);
  EXPECT_TRUE(answer.status.ok());
  EXPECT_NE(answer.thread, Here());
  AwaitSpot(executor);
  EXPECT_EQ(database_.CountConnects(), connects + 2) << "the worker's and the spare one";
}

TEST_F(SpotReadsTest, ASessionThatRestedIsAskedByItsThreadAndKept) {
  ExecutorOptions options = Patient(1);
  options.spot_rest = std::chrono::milliseconds(-1);  // each one has rested too long
  Executor& executor = Start(options);
  const int connects = database_.CountConnects();
  for (int i = 0; i < 20; ++i) {
    executor.Submit(Read("a"));
    EXPECT_NE(inbox_.Await(1)[0].thread, Here());
  }
  EXPECT_EQ(database_.CountConnects(), connects);
}

TEST_F(SpotReadsTest, StopWaitsForWhatIsParked) {
  Executor& executor = Start(Impatient(2));
  database_.rows = {{"a", "A"}};
  database_.hold = true;
  executor.Submit(Read("a"));
  std::atomic<bool> stopped{false};
  std::thread stopper([&] {
    executor.Stop();
    stopped = true;
  });
  while (true) {  // until it refuses
    executor.Submit(Read("more"));
    bool refused = false;
    for (const Answer& answer : inbox_.Await(0)) {
      refused |= answer.status.reason() == "SHUTTING_DOWN";
      EXPECT_NE(answer.what, "a");
    }
    if (refused) break;
    std::this_thread::yield();
  }
  EXPECT_FALSE(stopped);
  database_.Release();
  stopper.join();
  bool answered = false;
  for (const Answer& answer : inbox_.Await(1)) answered |= answer.row == "A";
  EXPECT_TRUE(answered);
  executor.Submit(Read("after"));
  EXPECT_EQ(inbox_.Await(1)[0].status.reason(), "SHUTTING_DOWN");
}

// Each writer reads its own row right after each acknowledged write, while others read
// the same rows all the time, and batches are parked all the time.
TEST_F(SpotReadsTest, AReadBegunAfterAWriteWasAcknowledgedSeesIt) {
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
TEST_F(SpotReadsTest, EveryReadIsAnsweredExactlyOnce) {
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
