// What goes together, in which order, and within which bounds. Waiting is made by
// gates that hold a worker in the middle of a task, never by sleeping.
#include <algorithm>

#include "tests/unit/repository/executor_fixture.h"

namespace storegate::repository {
namespace {

const Deadline kPast = std::chrono::steady_clock::now() - std::chrono::seconds(1);

TEST_F(ExecutorTest, HundredReadsHandedOverTogetherAreOneCall) {
  Executor& executor = Start();
  for (int i = 0; i < 100; i += 2) database_.rows["id" + std::to_string(i)] = std::to_string(i);
  {
    Executor::Gather gather;
    for (int i = 0; i < 100; ++i) executor.Submit(Read("id" + std::to_string(i)));
    EXPECT_EQ(inbox_.size(), 0u);
  }
  for (const Answer& answer : inbox_.Await(100)) {
    EXPECT_TRUE(answer.status.ok());
    const bool even = (answer.what.back() - '0') % 2 == 0;
    EXPECT_EQ(answer.found, even);
    EXPECT_EQ(answer.row, even ? answer.what.substr(2) : "") << "each gets its own row";
  }
  EXPECT_EQ(database_.CountGets(), 1u);
}

TEST_F(ExecutorTest, AKeyAskedForManyTimesIsAskedOfTheDatabaseOnce) {
  Executor& executor = Start();
  database_.rows = {{"a", "A"}, {"b", "B"}};
  {
    Executor::Gather gather;
    for (int i = 0; i < 30; ++i) executor.Submit(Read(i % 3 == 0 ? "a" : "b"));
  }
  for (const Answer& answer : inbox_.Await(30)) EXPECT_EQ(answer.row, answer.what == "a" ? "A" : "B");
  EXPECT_EQ(database_.gets, (std::vector<std::vector<std::string>>{{"a", "b"}}));
}

TEST_F(ExecutorTest, ReadsOfAnotherEntityKeyOrSecrecyAreCallsOfTheirOwn) {
  Executor& executor = Start();
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
  inbox_.Await(8);
  EXPECT_EQ(database_.CountGets(), 8u);
}

TEST_F(ExecutorTest, WhatCameWhileACallRanIsTakenTogether) {
  Executor& executor = Start();
  Gate gate;
  Hold(Lane::kPoint, &gate);
  for (int i = 0; i < 20; ++i) executor.Submit(Read(std::to_string(i)));
  gate.Open();
  inbox_.Await(21);
  EXPECT_EQ(database_.CountGets(), 1u);
}

TEST_F(ExecutorTest, ABatchIsAtMostBatchMax) {
  ExecutorOptions options = OneThreadEach();
  options.batch_max = 8;
  Executor& executor = Start(options);
  Gate gate;
  Hold(Lane::kPoint, &gate);
  for (int i = 0; i < 20; ++i) executor.Submit(Read(std::to_string(i)));
  gate.Open();
  inbox_.Await(21);
  ASSERT_EQ(database_.gets.size(), 3u);
  EXPECT_EQ(database_.gets[0].size(), 8u);
  EXPECT_EQ(database_.gets[2].size(), 4u);
}

TEST_F(ExecutorTest, WaitingWritesAreOneCommit) {
  Executor& executor = Start();
  Gate gate;
  Hold(Lane::kWrite, &gate);
  for (int i = 0; i < 20; ++i) executor.Submit(Put(std::to_string(i), i));
  gate.Open();
  for (const Answer& answer : inbox_.Await(21)) {
    EXPECT_TRUE(answer.status.ok());
    if (answer.what == "held") continue;
    ASSERT_NE(answer.write, nullptr) << "the caller gets its write back";
    EXPECT_EQ(answer.write->outcomes.size(), 1u);
  }
  EXPECT_EQ(database_.CountApplies(), 1u);
}

TEST_F(ExecutorTest, ACommitHasABoundOfMutations) {
  Executor& executor = Start();
  Gate gate;
  Hold(Lane::kWrite, &gate);
  for (const size_t mutations : {400u, 400u, 200u, 1u, 5000u, 1u}) {
    executor.Submit(Put("id", 1, mutations));
  }
  gate.Open();
  inbox_.Await(7);
  EXPECT_EQ(database_.applies, (std::vector<std::vector<size_t>>{{400, 400, 200}, {1}, {5000}, {1}}))
      << "a thousand together; one write with more goes alone";
}

TEST_F(ExecutorTest, AnErrorOfACommitIsOneOfEachWriteAndNothingRunsAgain) {
  for (const Code code : {Code::kUnknown, Code::kInternal, Code::kResourceExhausted}) {
    Executor& executor = Start();
    database_.applies.clear();
    database_.apply_status = Status(code, "REASON", "the commit failed");
    Gate gate;
    Hold(Lane::kWrite, &gate);
    for (int i = 0; i < 5; ++i) executor.Submit(Put(std::to_string(i), i));
    gate.Open();
    for (const Answer& answer : inbox_.Await(6)) {
      if (answer.what != "held") {
        EXPECT_EQ(answer.status.code(), code);
      }
    }
    EXPECT_EQ(database_.CountApplies(), 1u);
    database_.Set(&FakeDatabase::apply_status, {});
    executor.Submit(Put("next", 1));
    EXPECT_TRUE(inbox_.Await(1)[0].status.ok()) << "the next write is not concerned";
    EXPECT_TRUE(executor.healthy());
  }
}

TEST_F(ExecutorTest, ARowThatCannotBeReadFailsOnlyThoseWhoAskedForIt) {
  Executor& executor = Start();
  database_.rows = {{"a", "A"}, {"bad", "?"}, {"c", "C"}};
  database_.unreadable = {"bad"};
  {
    Executor::Gather gather;
    for (const char* id : {"a", "bad", "c", "missing", "bad", "a"}) executor.Submit(Read(id));
  }
  for (const Answer& answer : inbox_.Await(6)) {
    if (answer.what == "bad") {
      EXPECT_EQ(answer.status.code(), Code::kInternal);
      EXPECT_EQ(answer.row, "");
    } else {
      EXPECT_TRUE(answer.status.ok());
      EXPECT_EQ(answer.found, answer.what != "missing");
      EXPECT_EQ(answer.row, answer.what == "a" ? "A" : answer.what == "c" ? "C" : "");
    }
  }
}

TEST_F(ExecutorTest, ExpiredTasksAreDroppedBeforeTheDatabaseIsAsked) {
  Executor& executor = Start();
  database_.rows = {{"live", "L"}};
  {
    Executor::Gather gather;
    executor.Submit(Read("late", kPast));
    executor.Submit(Read("live"));
    executor.Submit(Put("late", 1, 1, kPast));
    SessionTask step = Step(Lane::kScan, "late", [] { ADD_FAILURE() << "it ran"; });
    step.deadline = kPast;
    executor.Submit(std::move(step));
  }
  for (const Answer& answer : inbox_.Await(4)) {
    EXPECT_EQ(answer.status.code(), answer.what == "late" ? Code::kDeadlineExceeded : Code::kOk);
  }
  EXPECT_EQ(database_.gets, (std::vector<std::vector<std::string>>{{"live"}}));
  EXPECT_EQ(database_.CountApplies(), 0u);
}

TEST_F(ExecutorTest, AFullQueueRefusesFromTheCallingThreadAndSaysWhenToComeBack) {
  ExecutorOptions options = OneThreadEach();
  options.queue_max = 10;
  Executor& executor = Start(options);
  Gate point, write, scan;
  Hold(Lane::kPoint, &point);
  Hold(Lane::kWrite, &write);
  Hold(Lane::kScan, &scan);
  {
    Executor::Gather gather;
    for (int i = 0; i < 15; ++i) {
      executor.Submit(Read(std::to_string(i)));
      executor.Submit(Put(std::to_string(i), i));
      executor.Submit(Step(Lane::kScan, std::to_string(i)));
    }
  }
  const std::vector<Answer> refused = inbox_.Await(15);
  ASSERT_EQ(refused.size(), 15u) << "five of each lane";
  for (const Answer& answer : refused) {
    EXPECT_EQ(answer.status.code(), Code::kResourceExhausted);
    EXPECT_EQ(answer.status.reason(), "QUEUE_FULL");
    EXPECT_EQ(answer.thread, std::this_thread::get_id());
    EXPECT_GE(std::stoi(answer.what), 10) << "those that came last";
    ASSERT_TRUE(answer.status.retry_delay().has_value());
    EXPECT_GE(answer.status.retry_delay()->count(), 100);
    EXPECT_LE(answer.status.retry_delay()->count(), 1000);
  }
  point.Open();
  write.Open();
  scan.Open();
  for (const Answer& answer : inbox_.Await(33)) EXPECT_TRUE(answer.status.ok());
}

TEST_F(ExecutorTest, SessionTasksRunAloneAndInOrder) {
  Executor& executor = Start();
  std::vector<std::string> order;
  {
    Executor::Gather gather;
    for (int i = 0; i < 50; ++i) {
      const std::string name = std::to_string(i);
      executor.Submit(Step(Lane::kScan, name, [&order, name] { order.push_back(name); }));
    }
  }
  inbox_.Await(50);
  ASSERT_EQ(order.size(), 50u);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order[i], std::to_string(i));
}

TEST_F(ExecutorTest, ASessionTaskBetweenReadsDoesNotReorderThem) {
  Executor& executor = Start();
  Gate gate;
  Hold(Lane::kPoint, &gate);
  executor.Submit(Read("before"));
  executor.Submit(Step(Lane::kPoint, "step"));
  executor.Submit(Read("after"));
  gate.Open();
  const std::vector<Answer> answers = inbox_.Await(4);
  ASSERT_EQ(answers.size(), 4u);
  EXPECT_EQ(answers[1].what, "before");
  EXPECT_EQ(answers[2].what, "step");
  EXPECT_EQ(answers[3].what, "after");
}

TEST_F(ExecutorTest, AnIdleWorkerIsWokenForWhatABusyOneLeftBehind) {
  ExecutorOptions options = OneThreadEach();
  options.scan_threads = 4;
  Executor& executor = Start(options);
  Gate gate;
  {
    Executor::Gather gather;  // one wake-up for four tasks, each of which blocks
    for (int i = 0; i < 4; ++i) executor.Submit(Step(Lane::kScan, "x", [&] { gate.Pass(); }));
  }
  gate.AwaitHeld(4);
  gate.Open();
  inbox_.Await(4);
}

TEST_F(ExecutorTest, OneLaneDoesNotHoldUpAnother) {
  Executor& executor = Start();
  Gate gate;
  Hold(Lane::kScan, &gate);
  executor.Submit(Read("a"));
  executor.Submit(Put("a", 1));
  EXPECT_EQ(inbox_.Await(2).size(), 2u);
  gate.Open();
  inbox_.Await(1);
}

TEST_F(ExecutorTest, AGatherWithinAGatherAddsNothing) {
  Executor& executor = Start();
  {
    Executor::Gather outer;
    executor.Submit(Read("a"));
    {
      Executor::Gather inner;
      executor.Submit(Read("b"));
    }
    executor.Submit(Read("c"));
    EXPECT_EQ(database_.CountGets(), 0u);
  }
  inbox_.Await(3);
  EXPECT_EQ(database_.CountGets(), 1u);
}

TEST_F(ExecutorTest, OneGatherHandsOverToSeveralExecutors) {
  Executor& executor = Start();
  Executor second(&backend_, OneThreadEach());
  ASSERT_TRUE(second.Start().ok());
  {
    Executor::Gather gather;
    for (int i = 0; i < 10; ++i) (i % 2 ? executor : second).Submit(Read(std::to_string(i)));
  }
  inbox_.Await(10);
  EXPECT_EQ(database_.CountGets(), 2u);
}

TEST_F(ExecutorTest, ARefusedTaskMaySubmitAnother) {
  ExecutorOptions options = OneThreadEach();
  options.queue_max = 1;
  Executor& executor = Start(options);
  Gate gate;
  Hold(Lane::kPoint, &gate);
  executor.Submit(Read("waits"));
  PointRead again = Read("again");
  again.done = [&](const Status& status, Found, std::string_view) {
    EXPECT_EQ(status.reason(), "QUEUE_FULL");
    Executor::Gather gather;
    executor.Submit(Put("instead", 1));
    executor.Submit(Step(Lane::kScan, "instead"));
  };
  {
    Executor::Gather gather;
    executor.Submit(std::move(again));
  }
  for (const Answer& answer : inbox_.Await(2)) EXPECT_EQ(answer.what, "instead");
  gate.Open();
  inbox_.Await(2);
}

TEST_F(ExecutorTest, AnAnswerMaySubmitTheNextStep) {
  Executor& executor = Start();
  PointRead first = Read("first");
  first.done = [&](const Status&, Found, std::string_view) {
    executor.Submit(Put("second", 2));
    executor.Submit(Read("third"));
  };
  executor.Submit(std::move(first));
  inbox_.Await(2);
}

}  // namespace
}  // namespace storegate::repository
