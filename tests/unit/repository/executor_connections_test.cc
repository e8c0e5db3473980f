// What becomes of connections, and what is said when there are too few.
#include "server/repository/task_queue.h"
#include "tests/unit/repository/executor_fixture.h"

namespace storegate::repository {
namespace {

class ExecutorConnectionsTest : public ExecutorTest {
 protected:
  static ExecutorOptions WaitForNewConnections() {
    ExecutorOptions options = OneThreadEach();
    options.reconnect_wait = std::chrono::hours(1);
    return options;
  }
  int Sessions() {
    std::lock_guard lock(database_.mutex);
    return database_.sessions;
  }
  void AwaitSessions(int count) {
    while (Sessions() != count) std::this_thread::yield();
  }
};

TEST_F(ExecutorConnectionsTest, DeadlinesReachTheSession) {
  Executor& executor = Start();
  const Deadline soon = std::chrono::steady_clock::now() + std::chrono::hours(1);
  const Deadline later = soon + std::chrono::hours(1);
  {
    Executor::Gather gather;
    executor.Submit(Read("a", later));
    executor.Submit(Read("b", soon));
  }
  inbox_.Await(2);
  EXPECT_EQ(database_.deadlines, std::vector<Deadline>{later});
  database_.deadlines.clear();
  Gate gate;
  Hold(Lane::kWrite, &gate);
  executor.Submit(Put("a", 1, 1, soon));
  executor.Submit(Put("b", 1, 1, later));
  gate.Open();
  inbox_.Await(3);
  EXPECT_EQ(database_.deadlines, (std::vector<Deadline>{soon, later})) << "each write its own";
}

TEST_F(ExecutorConnectionsTest, AReadWhoseConnectionWasCutIsRunOnceMore) {
  Executor& executor = Start(WaitForNewConnections());
  database_.rows = {{"a", "A"}};
  database_.cut = database_.CountConnects();
  executor.Submit(Read("a"));
  const Answer answer = std::move(inbox_.Await(1)[0]);
  EXPECT_TRUE(answer.status.ok()) << answer.status.ToString();
  EXPECT_EQ(answer.row, "A");
  EXPECT_EQ(database_.CountGets(), 2u);
  EXPECT_TRUE(executor.healthy());
}

TEST_F(ExecutorConnectionsTest, AReadThatGetsNoAnswerTwiceIsUnavailable) {
  Executor& executor = Start(WaitForNewConnections());
  database_.Set(&FakeDatabase::get_status,
                Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "gone"));
  executor.Submit(Read("a"));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnavailable);
  EXPECT_EQ(database_.CountGets(), 2u);
}

TEST_F(ExecutorConnectionsTest, NothingElseThanAReadIsRunAgain) {
  Executor& executor = Start();
  database_.cut = database_.CountConnects();
  SessionTask step;
  step.lane = Lane::kPoint;
  step.run = [&](const Status& status, Session* session) {
    ASSERT_TRUE(status.ok());
    GetRequest request{&entity_, &key_, {{Value("a")}}};
    std::string rows;
    WireSink sink(&rows);
    std::vector<Found> found;
    inbox_.Add({session->Get(request, &sink, &found), false, "", "step", {}, nullptr});
  };
  executor.Submit(std::move(step));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnavailable);
  EXPECT_EQ(database_.CountGets(), 1u);
  database_.Set(&FakeDatabase::apply_status,
                Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "gone"));
  executor.Submit(Put("a", 1));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnavailable);
  EXPECT_EQ(database_.CountApplies(), 1u);
}

TEST_F(ExecutorConnectionsTest, CallsThatComeWhileALostConnectionIsLookedIntoAreNotRefused) {
  Executor& executor = Start(WaitForNewConnections());
  const auto gate = std::make_shared<Gate>();
  database_.Set(&FakeDatabase::apply_status,
                Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "cut"));
  database_.on_connect = [gate] { gate->Pass(); };
  executor.Submit(Put("a", 1));
  EXPECT_EQ(inbox_.Await(1)[0].status.code(), Code::kUnavailable);
  gate->AwaitHeld(1);  // the probe is on its way
  database_.Set(&FakeDatabase::apply_status, {});
  for (int i = 0; i < 10; ++i) executor.Submit(Put(std::to_string(i), 1));
  gate->Open();
  for (const Answer& answer : inbox_.Await(10)) EXPECT_TRUE(answer.status.ok());
}

TEST_F(ExecutorConnectionsTest, ASessionThatIsNotFreshIsReplacedBeforeItIsUsed) {
  Executor& executor = Start();
  const int connects = database_.stale = database_.CountConnects();
  executor.Submit(Read("a"));
  executor.Submit(Put("a", 1));
  executor.Submit(Step(Lane::kScan, "a"));
  for (const Answer& answer : inbox_.Await(3)) EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(database_.CountConnects(), connects + 3);
  EXPECT_EQ(Sessions(), 3) << "the old ones are closed";
  executor.Submit(Read("a"));
  inbox_.Await(1);
  EXPECT_EQ(database_.CountConnects(), connects + 3);
}

TEST_F(ExecutorConnectionsTest, ASessionThatCannotBeReplacedMakesTheDatabaseUnavailable) {
  Executor& executor = Start();
  database_.stale = database_.CountConnects();
  database_.Set(&FakeDatabase::connect_status, Status(Code::kUnavailable, "FULL", "no slot"));
  executor.Submit(Read("a"));
  EXPECT_EQ(inbox_.Await(1)[0].status.reason(), "DATABASE_UNAVAILABLE");
  EXPECT_FALSE(executor.healthy());
  database_.Set(&FakeDatabase::connect_status, {});
  while (!executor.healthy()) std::this_thread::yield();
  executor.Submit(Read("a"));
  EXPECT_TRUE(inbox_.Await(1)[0].status.ok());
}

TEST_F(ExecutorConnectionsTest, IdleSessionsAreClosedButForOneALaneAndOpenedAgain) {
  ExecutorOptions options;
  options.point_threads = 3;
  options.write_threads = 2;
  options.scan_threads = 4;
  options.idle_timeout = std::chrono::milliseconds(1);
  Executor& executor = Start(options);
  EXPECT_EQ(database_.CountConnects(), 9);
  for (int round = 0; round < 3; ++round) {
    AwaitSessions(3);
    // As many at once as there are workers.
    Gate gate;
    for (int i = 0; i < 4; ++i) executor.Submit(Step(Lane::kScan, "x", [&] { gate.Pass(); }));
    gate.AwaitHeld(4);
    EXPECT_EQ(Sessions(), 6);
    gate.Open();
    for (const Answer& answer : inbox_.Await(4)) EXPECT_TRUE(answer.status.ok());
  }
}

// Two workers wait; while both do, the one with a session gets each task.
TEST(TaskQueueTest, AWorkerWithASessionIsWokenBeforeOneWithout) {
  TaskQueue queue(10, 1);
  TaskQueue::Seat seats[2];
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<bool> taken;  // by the warm one?
  std::vector<std::thread> workers;
  for (const bool warm : {false, true}) {
    workers.emplace_back([&, warm] {
      std::vector<Task> batch;
      while (queue.Take(&seats[warm], warm, {}, &batch) == TaskQueue::Took::kTasks) {
        std::lock_guard lock(mutex);
        taken.push_back(warm);
        changed.notify_all();
      }
    });
  }
  int in_a_row = 0;
  for (size_t round = 1; round <= 10000 && in_a_row < 20; ++round) {
    Task task = SessionTask();
    ASSERT_EQ(queue.Push({&task, 1}), 1u);
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return taken.size() == round; });
    in_a_row = taken.back() ? in_a_row + 1 : 0;
  }
  EXPECT_EQ(in_a_row, 20);
  queue.Close();
  for (std::thread& worker : workers) worker.join();
}

TEST_F(ExecutorConnectionsTest, AFullQueueSaysWhoHoldsTheConnections) {
  ExecutorOptions options = OneThreadEach();
  options.scan_threads = 3;
  options.queue_max = 10;
  Executor& executor = Start(options);
  schema::Method first, others;
  first.full_name = "library.v1.BookStore.ListBooks";
  others.full_name = "library.v1.AuthorStore.ListAuthors";
  Gate gate;
  for (int i = 0; i < 3; ++i) {
    SessionTask task = Step(Lane::kScan, "held", [&] { gate.Pass(); });
    task.method = i == 0 ? &first : &others;
    executor.Submit(std::move(task));
    gate.AwaitHeld(i + 1);
  }
  for (int i = 0; i < 11; ++i) executor.Submit(Step(Lane::kScan, "waits"));
  const Status full = inbox_.Await(1)[0].status;
  EXPECT_EQ(full.code(), Code::kResourceExhausted);
  EXPECT_EQ(full.reason(), "QUEUE_FULL");
  const std::string held = full.metadata().at("held_ms");
  EXPECT_EQ(full.message(),
            "All 3 connections for lists are in use and 10 calls wait; "
            "library.v1.BookStore.ListBooks has held one for " + held + " ms.");
  EXPECT_EQ(full.metadata(), (std::map<std::string, std::string>{
                                 {"in_use", "3"},
                                 {"connections", "3"},
                                 {"waiting", "10"},
                                 {"holder", "library.v1.BookStore.ListBooks"},
                                 {"held_ms", held}}));
  EXPECT_TRUE(full.retry_delay().has_value());
  gate.Open();
  inbox_.Await(13);
}

TEST_F(ExecutorConnectionsTest, AFullQueueCountsParkedReadsAmongThoseThatHoldConnections) {
  database_.start_get = true;
  ExecutorOptions options = OneThreadEach();
  options.queue_max = 5;
  options.spot_sessions = 1;
  options.spot_wait = std::chrono::microseconds(0);
  options.spot_rest = std::chrono::hours(1);
  Executor& executor = Start(options);
  schema::Method get;
  get.full_name = "library.v1.BookStore.GetBook";
  database_.hold = true;
  PointRead parked = Read("parked");
  parked.method = &get;
  executor.Submit(std::move(parked));
  Gate gate;
  Hold(Lane::kPoint, &gate);
  for (int i = 0; i < 6; ++i) executor.Submit(Read("waits"));
  const Status full = inbox_.Await(1)[0].status;
  EXPECT_EQ(full.message(),
            "All 2 connections for reads by key are in use and 5 calls wait; "
            "library.v1.BookStore.GetBook has held one for " + full.metadata().at("held_ms") +
                " ms.");
  database_.Release();
  gate.Open();
  inbox_.Await(7);
}

TEST_F(ExecutorConnectionsTest, TheOneConnectionOfALaneIsCalledThat) {
  ExecutorOptions options = OneThreadEach();
  options.queue_max = 1;
  Executor& executor = Start(options);
  Gate gate;
  Hold(Lane::kWrite, &gate);  // no method: of the gateway's own
  executor.Submit(Put("waits", 1));
  executor.Submit(Put("refused", 1));
  const Status full = inbox_.Await(1)[0].status;
  EXPECT_EQ(full.message(), "The one connection for writes is in use and 1 call waits; a call of "
                            "the gateway's own has held it for " +
                                full.metadata().at("held_ms") + " ms.");
  EXPECT_FALSE(full.metadata().contains("holder"));
  gate.Open();
  inbox_.Await(2);
}

TEST_F(ExecutorConnectionsTest, WritersWorkAtTheSameTime) {
  ExecutorOptions options = OneThreadEach();
  options.write_threads = 3;
  Executor& executor = Start(options);
  Gate gate;
  database_.on_apply = [&] { gate.Pass(); };
  for (int i = 0; i < 3; ++i) {
    executor.Submit(Put(std::to_string(i), i));
    gate.AwaitHeld(i + 1);  // each in a commit of its own, all under way
  }
  gate.Open();
  for (const Answer& answer : inbox_.Await(3)) EXPECT_TRUE(answer.status.ok());
  EXPECT_EQ(database_.CountApplies(), 3u);
}

}  // namespace
}  // namespace storegate::repository
