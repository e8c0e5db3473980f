// Reads that the submitting thread runs itself. Waiting is made by answers that the
// fake database holds back, never by sleeping.
#include <atomic>

#include "tests/unit/repository/spot_reads_fixture.h"

namespace storegate::repository {
namespace {

using std::chrono::hours;
using std::chrono::steady_clock;

const Status kGone(Code::kUnavailable, "DATABASE_UNAVAILABLE", "gone");

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

}  // namespace
}  // namespace storegate::repository
