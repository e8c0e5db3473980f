// A database that stops answering, stops, and many threads at once.
#include <atomic>

#include "tests/unit/repository/executor_fixture.h"
#include "tests/unit/repository/long_run.h"

namespace storegate::repository {
namespace {

const Status kGone(Code::kUnavailable, "DATABASE_UNAVAILABLE", "gone");

class ExecutorFailureTest : public ExecutorTest {
 protected:
  // Submits reads until one is answered by the database.
  void AwaitRecovery(Executor& executor) {
    for (;;) {
      executor.Submit(Read("probe"));
      if (inbox_.Await(1)[0].status.ok()) return;
      std::this_thread::yield();
    }
  }
};

TEST_F(ExecutorFailureTest, ADatabaseThatIsNotThereFailsTheStart) {
  database_.connect_status = kGone;
  executor_ = std::make_unique<Executor>(&backend_, OneThreadEach());
  EXPECT_EQ(executor_->Start().code(), Code::kUnavailable);
  EXPECT_FALSE(executor_->healthy());
  executor_->Submit(Read("a"));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnavailable);
}

TEST_F(ExecutorFailureTest, EverySessionIsOpenAfterTheStart) {
  ExecutorOptions options;
  options.point_threads = 3;
  options.write_threads = 2;
  options.scan_threads = 4;
  Start(options);
  EXPECT_EQ(database_.CountConnects(), 9);
}

TEST_F(ExecutorFailureTest, WhileOneProbesTheOthersFailFastWithoutACall) {
  Executor& executor = Start();
  const auto gate = std::make_shared<Gate>();  // a probe may outlive this function
  const int connects = database_.CountConnects();
  // From here on whoever connects is held, and whoever calls is told off.
  database_.Set(&FakeDatabase::get_status, kGone);
  database_.on_connect = [gate] { gate->Pass(); };
  executor.Submit(Read("first"));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnavailable);
  gate->AwaitHeld(1);
  EXPECT_FALSE(executor.healthy());
  for (int i = 0; i < 50; ++i) {
    executor.Submit(Read("more"));
    executor.Submit(Step(Lane::kScan, "more"));
  }
  for (const Answer& answer : inbox_.Await(100)) {
    EXPECT_EQ(answer.status.reason(), "DATABASE_UNAVAILABLE");
    EXPECT_EQ(answer.thread, std::this_thread::get_id()) << "refused at once";
  }
  EXPECT_EQ(database_.CountGets(), 1u);
  executor.Submit(Put("a", 1));
  EXPECT_TRUE(inbox_.Await(1)[0].status.ok()) << "writes have a session that answers";
  database_.Set(&FakeDatabase::get_status, {});
  gate->Open();
  AwaitRecovery(executor);
  EXPECT_TRUE(executor.healthy());
  EXPECT_GT(database_.CountConnects(), connects);
}

TEST_F(ExecutorFailureTest, WhatWaitedWhenTheDatabaseWentIsAnsweredToo) {
  Executor& executor = Start();
  Gate point, scan;
  const auto probe = std::make_shared<Gate>();  // which may outlive this function
  Hold(Lane::kPoint, &point);
  Hold(Lane::kScan, &scan);
  for (int i = 0; i < 200; ++i) executor.Submit(Read(std::to_string(i)));
  for (int i = 0; i < 20; ++i) executor.Submit(Step(Lane::kScan, "waits"));
  database_.Set(&FakeDatabase::get_status, kGone);
  database_.on_connect = [probe] { probe->Pass(); };
  point.Open();
  // The scan lane's own worker is held all the time: the other lane's answers.
  for (const Answer& answer : inbox_.Await(221)) {
    EXPECT_EQ(answer.status.code(), answer.what == "held" ? Code::kOk : Code::kUnavailable);
  }
  EXPECT_EQ(database_.CountGets(), 1u) << "one call found out, the rest failed fast";
  probe->Open();
  scan.Open();
  inbox_.Await(1);
}

TEST_F(ExecutorFailureTest, HealthRecoversWithoutTraffic) {
  Executor& executor = Start();
  database_.Set(&FakeDatabase::get_status, kGone);
  executor.Submit(Read("a"));
  inbox_.Await(1);
  while (!executor.healthy()) std::this_thread::yield();
}

TEST_F(ExecutorFailureTest, ProbesGoOnWhileTheDatabaseRefusesConnections) {
  Executor& executor = Start();
  database_.Set(&FakeDatabase::connect_status, kGone);
  database_.Set(&FakeDatabase::get_status, kGone);
  const int connects = database_.CountConnects();
  executor.Submit(Read("a"));
  inbox_.Await(1);
  while (database_.CountConnects() < connects + 3) std::this_thread::yield();
  EXPECT_FALSE(executor.healthy());
  database_.Set(&FakeDatabase::connect_status, {});
  database_.Set(&FakeDatabase::get_status, {});
  AwaitRecovery(executor);
}

TEST_F(ExecutorFailureTest, AfterARecoverySessionsFromBeforeAreNotUsed) {
  Executor& executor = Start();
  database_.Set(&FakeDatabase::get_status, kGone);
  executor.Submit(Read("a"));
  inbox_.Await(1);
  database_.Set(&FakeDatabase::get_status, {});
  AwaitRecovery(executor);
  const int connects = database_.CountConnects();
  executor.Submit(Step(Lane::kScan, "x"));  // its session is from before
  EXPECT_TRUE(inbox_.Await(1)[0].status.ok());
  EXPECT_EQ(database_.CountConnects(), connects + 1);
}

TEST_F(ExecutorFailureTest, AfterAnUnknownOutcomeTheConnectionIsReplaced) {
  Executor& executor = Start();
  database_.Set(&FakeDatabase::apply_status, Status(Code::kUnknown, "OUTCOME_UNKNOWN", "lost"));
  const int connects = database_.CountConnects();
  executor.Submit(Put("a", 1));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnknown);
  database_.Set(&FakeDatabase::apply_status, {});
  executor.Submit(Put("a", 2));
  EXPECT_TRUE(inbox_.Await(1)[0].status.ok());
  EXPECT_EQ(database_.CountConnects(), connects + 1);
}

TEST_F(ExecutorFailureTest, ASessionThatIsLostInATaskRefusesTheTasksNextCalls) {
  Executor& executor = Start();
  database_.Set(&FakeDatabase::apply_status, kGone);
  SessionTask task;
  task.lane = Lane::kWrite;
  task.run = [&](const Status& status, Session* session) {
    ASSERT_TRUE(status.ok());
    EXPECT_EQ(session->Apply({}).code(), Code::kUnavailable);
    EXPECT_EQ(session->Apply({}).code(), Code::kUnavailable);
    inbox_.Add({});
  };
  executor.Submit(std::move(task));
  inbox_.Await(1);
  EXPECT_EQ(database_.CountApplies(), 1u);
}

TEST_F(ExecutorFailureTest, StopAnswersWhatWaitsAndLetsFinishWhatRuns) {
  Executor& executor = Start();
  Gate gate;
  Hold(Lane::kPoint, &gate);
  for (int i = 0; i < 10; ++i) executor.Submit(Read("waits"));
  std::thread stopper([&] { executor.Stop(); });
  for (const Answer& answer : inbox_.Await(10)) {
    EXPECT_EQ(answer.what, "waits");
    EXPECT_EQ(answer.status.code(), Code::kUnavailable);
    EXPECT_EQ(answer.status.reason(), "SHUTTING_DOWN");
  }
  executor.Submit(Read("after"));
  executor.Submit(Put("after", 1));
  executor.Submit(Step(Lane::kScan, "after"));
  for (const Answer& answer : inbox_.Await(3)) EXPECT_EQ(answer.status.reason(), "SHUTTING_DOWN");
  gate.Open();
  stopper.join();
  const std::vector<Answer> running = inbox_.Await(1);
  EXPECT_TRUE(running[0].status.ok());
  EXPECT_EQ(running[0].what, "held");
  executor.Stop();
}

TEST_F(ExecutorFailureTest, StopDoesNotWaitForThePauseBetweenProbes) {
  Executor& executor = Start();
  database_.Set(&FakeDatabase::connect_status, kGone);
  database_.Set(&FakeDatabase::get_status, kGone);
  executor.Submit(Read("a"));
  inbox_.Await(1);
  executor.Stop();
}

// Each writer reads its own row right after each acknowledged write, while others
// read the same rows all the time: never an older value.
TEST_F(ExecutorFailureTest, AReadBegunAfterAWriteWasAcknowledgedSeesIt) {
  ExecutorOptions options;
  options.write_threads = 2;
  Executor& executor = Start(options);
  const int rounds = Repeats(5000);
  std::atomic<int> wrong{0};
  std::vector<std::thread> writers;
  for (int w = 0; w < 4; ++w) {
    writers.emplace_back([&, w] {
      const std::string id = "row" + std::to_string(w);
      for (int version = 1; version <= rounds; ++version) {
        Gate answered;
        WriteTask write = Put(id, version);
        write.done = [&](const Status& status, std::unique_ptr<Write>) {
          if (!status.ok()) ++wrong;
          PointRead read = Read(id);
          read.done = [&](const Status& read_status, Found, std::string_view row) {
            if (!read_status.ok() || row != std::to_string(version)) ++wrong;
            answered.Open();
          };
          executor.Submit(std::move(read));
        };
        executor.Submit(std::move(write));
        PointRead noise = Read("row" + std::to_string((w + 1) % 4));
        noise.done = [](const Status&, Found, std::string_view) {};
        executor.Submit(std::move(noise));
        answered.Pass();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(wrong, 0);
}

// Eight threads, every kind of task, a small queue, a database that comes and
// goes, and a stop in the middle: each task is answered exactly once.
TEST_F(ExecutorFailureTest, EveryTaskIsAnsweredExactlyOnce) {
  for (int round = 0; round < 5; ++round) {
    ExecutorOptions options;
    options.queue_max = 100;
    options.batch_max = 16;
    options.write_threads = 2;
    Executor& executor = Start(options);
    const int count = Repeats(20000);
    std::vector<std::atomic<int>> answers(8 * count);
    std::atomic<int> answered_well{0};
    const auto answer = [&](int task, const Status& status) {
      ++answers[task];
      if (status.ok()) ++answered_well;
    };
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < count;) {
          Executor::Gather gather;
          for (int j = 0; j < 1 + i % 7 && i < count; ++j, ++i) {
            const int number = t * count + i;
            if (i % 3 == 0) {
              PointRead read = Read(std::to_string(i % 50));
              read.done = [&answer, number](const Status& s, Found, std::string_view) {
                answer(number, s);
              };
              executor.Submit(std::move(read));
            } else if (i % 3 == 1) {
              WriteTask write = Put(std::to_string(i % 50), i);
              write.done = [&answer, number](const Status& s, std::unique_ptr<Write> w) {
                EXPECT_NE(w, nullptr);
                answer(number, s);
              };
              executor.Submit(std::move(write));
            } else {
              SessionTask step;
              step.lane = static_cast<Lane>(i % 9 / 3);
              step.run = [&answer, number](const Status& s, Session*) { answer(number, s); };
              executor.Submit(std::move(step));
            }
          }
        }
      });
    }
    std::thread trouble([&] {
      for (int i = 0; i < 5; ++i) {
        const auto which = i % 2 ? &FakeDatabase::get_status : &FakeDatabase::apply_status;
        database_.Set(which, kGone);
        for (int j = 0; j < 1000; ++j) std::this_thread::yield();
        database_.Set(which, {});
      }
      if (round % 2 == 1) executor.Stop();
    });
    for (std::thread& thread : threads) thread.join();
    trouble.join();
    executor.Stop();
    for (size_t i = 0; i < answers.size(); ++i) ASSERT_EQ(answers[i], 1) << "task " << i;
    EXPECT_GT(answered_well, 0);
  }
}

}  // namespace
}  // namespace storegate::repository
