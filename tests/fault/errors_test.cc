#include <atomic>

#include <gtest/gtest.h>

#include "tests/fault/fault_case.h"

namespace storegate::test {
namespace {

using schema::Operation;

class ErrorCase : public FaultCase {};
STOREGATE_FAULTS(ErrorCase);

// What a session may answer, but for UNAVAILABLE, after which the database is probed.
const Status kErrors[] = {Status(Code::kResourceExhausted, "STORAGE_FULL", "No room is left."),
                          Status(Code::kInternal, "DATABASE_ERROR", "The database failed."),
                          Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED", "Too late.")};

TEST_P(ErrorCase, OfAReadReachesTheCallerAsItIs) {
  // An error of the session is the caller's answer, code and reason; the next call is not
  // touched by it.
  MessagePtr record = make().Created(entity());
  for (const Status& error : kErrors) {
    SCOPED_TRACE(error.ToString());
    faults().Before([&](Op op) { return op == Op::kApply ? std::nullopt : std::optional(error); });
    EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, error.code(), error.reason()));
    EXPECT_TRUE(HasStatus(store().BatchGet({Id(*record)}).status, error.code(), error.reason()));
    EXPECT_TRUE(HasStatus(store().List({}).status, error.code(), error.reason()));
    ListArgs args;
    args.include_total_size = true;
    EXPECT_TRUE(HasStatus(store().List(args).status, error.code(), error.reason()));
    faults().Clear();
    EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kOk));
    EXPECT_TRUE(HasStatus(store().List({}).status, Code::kOk));
  }
}

TEST_P(ErrorCase, OfAWriteReachesTheCallerAndLeavesNothing) {
  // A write whose session failed before it happened did not happen.
  MessagePtr record = make().Created(entity());
  for (const Status& error : kErrors) {
    SCOPED_TRACE(error.ToString());
    MessagePtr other = make().Make(entity());
    faults().Before([&](Op op) { return op == Op::kApply ? std::optional(error) : std::nullopt; });
    EXPECT_TRUE(HasStatus(store().Create(*other).status, error.code(), error.reason()));
    EXPECT_TRUE(HasStatus(store().BatchCreate({other.get()}).status, error.code(), error.reason()));
    EXPECT_TRUE(HasStatus(store().Update(*record, {"*"}).status, error.code(), error.reason()));
    EXPECT_TRUE(HasStatus(store().Delete(Id(*record)).status, error.code(), error.reason()));
    faults().Clear();
    EXPECT_TRUE(HasStatus(store().Get(Id(*other)).status, Code::kNotFound));
    Reply got = store().Get(Id(*record));
    ASSERT_TRUE(HasStatus(got.status, Code::kOk));
    EXPECT_TRUE(SameRecord(*got.response, *record));
  }
}

TEST_P(ErrorCase, AfterTheCommitIsUnknownAndIsNotTriedAgain) {
  // The commit happened, its answer was lost: the caller gets UNKNOWN, nothing is written
  // twice, and the record is there.
  for (int i = 0; i < 5; ++i) {
    MessagePtr record = make().Make(entity());
    faults().After([](Op op) {
      return op == Op::kApply
                 ? std::optional(Status(Code::kUnknown, "OUTCOME_UNKNOWN", "Nobody knows."))
                 : std::nullopt;
    });
    const int before = faults().calls(Op::kApply);
    EXPECT_TRUE(HasStatus(store().Create(*record).status, Code::kUnknown, "OUTCOME_UNKNOWN"));
    EXPECT_EQ(faults().calls(Op::kApply), before + 1);
    faults().Clear();
    EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kOk));
  }
}

TEST_P(ErrorCase, OfAGroupIsEachCallersOwnOnce) {
  // Writes that wait together fail together: each caller gets one answer, none is half there;
  // those that come after are not touched.
  std::vector<MessagePtr> records = make().MakeMany(entity(), 40);
  auto gate = std::make_shared<Gate>();
  auto failing = std::make_shared<std::atomic<int>>(0);
  faults().Before([gate, failing](Op op) -> std::optional<Status> {
    if (op != Op::kApply) return std::nullopt;
    if (failing->fetch_add(1) == 0) {
      gate->Pass();
      return std::nullopt;
    }
    return Status(Code::kInternal, "DATABASE_ERROR", "The commit failed.");
  });
  std::vector<std::future<Reply>> replies;
  replies.push_back(StartCreate(*records[0]));
  gate->AwaitArrivals(1);
  for (size_t i = 1; i < records.size(); ++i) replies.push_back(StartCreate(*records[i]));
  gate->Open();
  EXPECT_TRUE(HasStatus(replies[0].get().status, Code::kOk));
  for (size_t i = 1; i < records.size(); ++i) {
    EXPECT_TRUE(HasStatus(replies[i].get().status, Code::kInternal, "DATABASE_ERROR"));
  }
  EXPECT_LT(failing->load(), 40) << "nothing was put together";
  faults().Clear();
  for (size_t i = 1; i < records.size(); ++i) {
    EXPECT_TRUE(HasStatus(store().Get(Id(*records[i])).status, Code::kNotFound));
  }
  EXPECT_TRUE(HasStatus(store().Create(*records[1]).status, Code::kOk));
}

TEST_P(ErrorCase, OfOneReadIsNotThatOfOthersPutTogetherWithIt) {
  // When reads that were put together fail as our own mistake, each is asked for by itself:
  // only the one that cannot be read fails.
  std::vector<MessagePtr> records = make().CreatedMany(entity(), 20);
  auto gate = std::make_shared<Gate>();
  auto calls = std::make_shared<std::atomic<int>>(0);
  faults().Before([gate, calls](Op op) -> std::optional<Status> {
    if (op != Op::kGet) return std::nullopt;
    // Both threads are held, then the first group fails as a whole.
    const int call = calls->fetch_add(1);
    if (call < 2) gate->Pass();
    if (call == 2) return Status(Code::kInternal, "DATABASE_ERROR", "A row is malformed.");
    return std::nullopt;
  });
  std::vector<std::future<Reply>> replies;
  replies.push_back(StartGet(Id(*records[0])));
  gate->AwaitArrivals(1);
  replies.push_back(StartGet(Id(*records[1])));
  gate->AwaitArrivals(2);
  for (size_t i = 2; i < records.size(); ++i) replies.push_back(StartGet(Id(*records[i])));
  gate->Open();
  int failed = 0;
  for (std::future<Reply>& future : replies) {
    Reply reply = future.get();
    failed += reply.ok() ? 0 : 1;
    if (!reply.ok()) {
      EXPECT_TRUE(HasStatus(reply.status, Code::kInternal));
    }
  }
  EXPECT_LE(failed, 1);
}

}  // namespace
}  // namespace storegate::test
