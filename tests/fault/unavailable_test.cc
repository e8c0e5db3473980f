#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/fault/fault_case.h"

namespace storegate::test {
namespace {

using schema::Operation;

class UnavailableCase : public FaultCase {
 protected:
  static Status Down() {
    return Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "The database does not answer.");
  }
};
STOREGATE_FAULTS(UnavailableCase);

TEST_P(UnavailableCase, ComesBackByItself) {
  // While the database is away every call is UNAVAILABLE and nothing happens; when it is back,
  // calls succeed without anybody's help.
  MessagePtr record = make().Created(entity());
  MessagePtr other = make().Make(entity());
  for (int round = 0; round < 3; ++round) {
    faults().Before([](Op) { return std::optional(Down()); });
    EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kUnavailable));
    EXPECT_TRUE(HasStatus(store().List({}).status, Code::kUnavailable));
    EXPECT_TRUE(HasStatus(store().Create(*other).status, Code::kUnavailable));
    EXPECT_TRUE(HasStatus(store().Delete(Id(*record)).status, Code::kUnavailable));
    EXPECT_FALSE(gateway().executor().healthy());
    faults().Clear();
    Reply got = Until([&] { return store().Get(Id(*record)); });
    ASSERT_TRUE(HasStatus(got.status, Code::kOk));
    EXPECT_TRUE(SameRecord(*got.response, *record));
    EXPECT_TRUE(HasStatus(store().Get(Id(*other)).status, Code::kNotFound));
    Until([&] { return store().List({}); });
    Until([&] { return store().Delete(Id(*other), {.allow_missing = true}); });
    EXPECT_TRUE(gateway().executor().healthy());
  }
}

TEST_P(UnavailableCase, FailsFastWhileOneProbes) {
  // While the database is away, callers do not each try to connect.
  MessagePtr record = make().Created(entity());
  auto connects = std::make_shared<std::atomic<int>>(0);
  faults().Before([connects](Op op) {
    if (op == Op::kConnect) connects->fetch_add(1);
    return std::optional(Down());
  });
  for (int i = 0; i < 2000; ++i) {
    EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kUnavailable));
  }
  EXPECT_LT(connects->load(), 200);
  faults().Clear();
  EXPECT_TRUE(HasStatus(Until([&] { return store().Get(Id(*record)); }).status, Code::kOk));
}

TEST_P(UnavailableCase, ReadsGoOnWhileWritesCannot) {
  // A database that takes no writes still answers reads.
  MessagePtr record = make().Created(entity());
  faults().Before([](Op op) { return op == Op::kApply ? std::optional(Down()) : std::nullopt; });
  EXPECT_TRUE(HasStatus(store().Create(*make().Make(entity())).status, Code::kUnavailable));
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kOk));
    EXPECT_TRUE(HasStatus(store().List({}).status, Code::kOk));
  }
}

class HangCase : public FaultCase {};
STOREGATE_FAULTS(HangCase);

TEST_P(HangCase, OfListsDoesNotHoldUpOthers) {
  // With every scan thread hanging in a list, reads by id and writes are answered.
  MessagePtr record = make().Created(entity());
  auto gate = std::make_shared<Gate>();
  faults().Before([gate](Op op) {
    if (op == Op::kList) gate->Pass();
    return std::optional<Status>();
  });
  std::vector<std::future<Reply>> lists;
  for (int i = 0; i < 10; ++i) lists.push_back(StartList());
  gate->AwaitArrivals(2);
  EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kOk));
  EXPECT_TRUE(HasStatus(store().Create(*make().Make(entity())).status, Code::kOk));
  EXPECT_TRUE(HasStatus(store().Delete(Id(*record)).status, Code::kOk));
  gate->Open();
  for (std::future<Reply>& list : lists) EXPECT_TRUE(HasStatus(list.get().status, Code::kOk));
}

TEST_P(HangCase, DropsWhatExpiresBeforeItCostsTheDatabase) {
  // Calls whose deadline passed while they waited are answered DEADLINE_EXCEEDED and never
  // reach the database.
  Open({.point_threads = 1, .write_threads = 1, .scan_threads = 1});
  MessagePtr record = make().Created(entity());
  auto gate = std::make_shared<Gate>();
  faults().Before([gate](Op op) {
    if (op == Op::kApply || op == Op::kGet) gate->Pass();
    return std::optional<Status>();
  });
  std::future<Reply> first_write = StartCreate(*make().Make(entity()));
  std::future<Reply> first_read = StartGet(Id(*record));
  gate->AwaitArrivals(2);
  const int applies = faults().calls(Op::kApply);
  const int gets = faults().calls(Op::kGet);
  std::vector<MessagePtr> late = make().MakeMany(entity(), 10);
  std::vector<std::future<Reply>> expired;
  for (const MessagePtr& other : late) {
    expired.push_back(StartCreate(*other, std::chrono::milliseconds(1)));
    expired.push_back(StartGet(Id(*record), std::chrono::milliseconds(1)));
  }
  // Not a wait for something to happen: until this moment they have not expired.
  std::this_thread::sleep_until(std::chrono::steady_clock::now() + std::chrono::milliseconds(5));
  gate->Open();
  EXPECT_TRUE(HasStatus(first_write.get().status, Code::kOk));
  EXPECT_TRUE(HasStatus(first_read.get().status, Code::kOk));
  for (std::future<Reply>& future : expired) {
    EXPECT_TRUE(HasStatus(future.get().status, Code::kDeadlineExceeded));
  }
  EXPECT_EQ(faults().calls(Op::kApply), applies + 1);
  EXPECT_EQ(faults().calls(Op::kGet), gets + 1);
  faults().Clear();
  for (const MessagePtr& other : late) {
    EXPECT_TRUE(HasStatus(store().Get(Id(*other)).status, Code::kNotFound));
  }
}

TEST_P(HangCase, RefusesAtOnceWhatTheQueueCannotHold) {
  // Past its bound a lane refuses with RESOURCE_EXHAUSTED and says when to come again; what it
  // took it answers.
  Open({.queue_max = 8, .batch_max = 4});
  auto gate = std::make_shared<Gate>();
  faults().Before([gate](Op op) {
    if (op == Op::kApply) gate->Pass();
    return std::optional<Status>();
  });
  std::vector<MessagePtr> records = make().MakeMany(entity(), 60);
  std::vector<std::future<Reply>> replies;
  replies.push_back(StartCreate(*records[0]));
  gate->AwaitArrivals(1);
  for (size_t i = 1; i < records.size(); ++i) replies.push_back(StartCreate(*records[i]));
  // The last was refused while the database still hangs.
  replies.back().wait();
  gate->Open();
  int refused = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    Reply reply = replies[i].get();
    if (!reply.ok()) {
      ++refused;
      EXPECT_TRUE(HasStatus(reply.status, Code::kResourceExhausted, "QUEUE_FULL"));
      EXPECT_TRUE(reply.status.retry_delay().has_value());
    }
    EXPECT_TRUE(HasStatus(store().Get(Id(*records[i])).status,
                          reply.ok() ? Code::kOk : Code::kNotFound));
  }
  EXPECT_GE(refused, 60 - 1 - 8);
  EXPECT_LT(refused, 60 - 1);
}

class StopCase : public FaultCase {};
STOREGATE_FAULTS(StopCase);

TEST_P(StopCase, UnderLoadAnswersEveryCallOnce) {
  // Stopped in the middle of many calls: each is answered once, what was acknowledged is there
  // after a restart, and what was refused is not.
  for (int round = 0; round < 5; ++round) {
    std::vector<MessagePtr> records = make().MakeMany(entity(), 300);
    std::vector<std::future<Reply>> creates;
    std::vector<std::future<Reply>> others;
    std::thread stopper;
    for (size_t i = 0; i < records.size(); ++i) {
      creates.push_back(StartCreate(*records[i]));
      others.push_back(StartGet(Id(*records[i / 2])));
      if (i % 10 == 0) others.push_back(StartList());
      if (i == 150) stopper = std::thread([&] { gateway().executor().Stop(); });
    }
    stopper.join();
    std::vector<bool> acknowledged;
    for (std::future<Reply>& create : creates) {
      Reply reply = create.get();
      acknowledged.push_back(reply.ok());
      if (!reply.ok()) {
        EXPECT_TRUE(HasStatus(reply.status, Code::kUnavailable, "SHUTTING_DOWN"));
      }
    }
    for (std::future<Reply>& other : others) {
      Reply reply = other.get();
      if (!reply.ok() && reply.status.code() != Code::kNotFound) {
        EXPECT_TRUE(HasStatus(reply.status, Code::kUnavailable, "SHUTTING_DOWN"));
      }
    }
    gateway().Reopen();
    for (size_t i = 0; i < records.size(); ++i) {
      EXPECT_TRUE(HasStatus(store().Get(Id(*records[i])).status,
                            acknowledged[i] ? Code::kOk : Code::kNotFound));
    }
  }
}

}  // namespace
}  // namespace storegate::test
