// Faults of the network between the gateway and MongoDB.
#include <gtest/gtest.h>

#include "tests/fault/mongodb_fault.h"
#include "tests/support/counts.h"

namespace storegate::test {
namespace {

using std::chrono::milliseconds;
using schema::Operation;

// libmongoc's connections that watch the server.
constexpr int kWatchers = 2;

class MongodbNetwork : public MongodbFault {};

TEST_F(MongodbNetwork, CutInTheMiddleOfAnAnswerGivesNoWrongOne) {
  // Wherever in the bytes of an answer the connection is reset, a read is right or UNAVAILABLE.
  std::vector<MessagePtr> records = make().CreatedMany(entity(), 20);
  std::vector<Value> ids;
  for (const MessagePtr& record : records) ids.push_back(IdOf(*record, entity()));
  for (int i = 0; i < Count(100); ++i) {
    proxy().CutAfter(Proxy::Direction::kFromServer,
                     make().random().Between(int64_t{0}, int64_t{4000}));
    for (int calls = 0; calls < 10000 && !proxy().has_cut(); ++calls) {
      const Message& record = *records[static_cast<size_t>(calls) % records.size()];
      const Reply got = Await(StartGet(record, milliseconds(10000)));
      EXPECT_TRUE(Allowed(got.status));
      if (got.ok()) {
        EXPECT_TRUE(SameRecord(*got.response, record));
      } else {
        std::this_thread::sleep_for(milliseconds(2));  // refused, while one connects
      }
      const Reply batch = store().BatchGet(ids);
      EXPECT_TRUE(Allowed(batch.status));
      if (batch.ok()) {
        EXPECT_EQ(store().Records(batch, Operation::kBatchGet).size(), ids.size());
      }
      const Reply listed = store().List({.page_size = 1000});
      EXPECT_TRUE(Allowed(listed.status));
      if (listed.ok()) {
        EXPECT_EQ(store().Records(listed, Operation::kList).size(), ids.size());
      }
    }
    EXPECT_TRUE(proxy().has_cut());
  }
  ExpectRecovery();
}

TEST_F(MongodbNetwork, CutInTheMiddleOfAWriteSaysWhatIsKnown) {
  // Cut while the statement travels, or its answer: OK and it is there; UNAVAILABLE and it is
  // not; UNKNOWN and it is there whole or not at all. Nothing is written twice.
  std::vector<Attempt> attempts;
  for (int i = 0; i < Count(300); ++i) {
    proxy().CutAfter(i % 2 == 0 ? Proxy::Direction::kFromServer : Proxy::Direction::kToServer,
                     make().random().Between(int64_t{0}, int64_t{3000}));
    for (int calls = 0; calls < 10000 && !proxy().has_cut(); ++calls) {
      std::vector<MessagePtr> records = make().MakeMany(entity(), 1 + calls % 3);
      std::vector<const Message*> sent;
      for (const MessagePtr& record : records) sent.push_back(record.get());
      for (Attempt& attempt : CreateTogether(sent)) {
        EXPECT_TRUE(Allowed(attempt.status));
        if (!attempt.status.ok()) std::this_thread::sleep_for(milliseconds(2));
        attempts.push_back(std::move(attempt));
      }
    }
    EXPECT_TRUE(proxy().has_cut());
  }
  ExpectRecovery();
  ExpectAsAnswered(attempts);
}

TEST_F(MongodbNetwork, CutAllTheTimeUnderLoadLosesNothing) {
  // Eight threads read and write while all connections are reset again and again.
  Load load(this, 8, Count(20000));
  int cuts = 0;
  while (load.running() && cuts < Count(1000)) {
    std::this_thread::sleep_for(milliseconds(20));
    cuts += proxy().Cut() > 0 ? 1 : 0;
    EXPECT_LE(proxy().connections(), kConnectionsMax + 2 + kWatchers);
  }
  load.Stop();
  EXPECT_GT(cuts, 0);
  ExpectRecovery();
  ExpectAsAnswered(load.Attempts());
}

TEST_F(MongodbNetwork, AnswersThatComeTooLateAreNobodyElses) {
  // Answers that come after the deadline: the caller is answered without them, and no later
  // caller gets them.
  std::vector<MessagePtr> records = make().CreatedMany(entity(), 30);
  for (int round = 0; round < 3; ++round) {
    proxy().Delay(milliseconds(250));
    std::vector<std::future<Reply>> late;
    std::vector<Attempt> attempts;
    std::vector<std::future<Reply>> writes;
    for (size_t i = 0; i < 10; ++i) {
      late.push_back(StartGet(*records[i], milliseconds(100)));
      MessagePtr record = make().Make(entity());
      attempts.push_back({{IdOf(*record, entity())}, Status()});
      writes.push_back(StartCreate(*record, milliseconds(100)));
      late.push_back(StartList(milliseconds(100)));
    }
    for (std::future<Reply>& future : late) {
      const Reply reply = Await(std::move(future));
      EXPECT_TRUE(Allowed(reply.status));
    }
    for (size_t i = 0; i < writes.size(); ++i) {
      attempts[i].status = Await(std::move(writes[i])).status;
      EXPECT_TRUE(Allowed(attempts[i].status));
    }
    proxy().Forward();
    ExpectRecovery();
    for (const MessagePtr& record : records) {
      const Reply got = store().Get(IdOf(*record, entity()));
      ASSERT_TRUE(HasStatus(got.status, Code::kOk));
      EXPECT_TRUE(SameRecord(*got.response, *record));
    }
    ExpectAsAnswered(attempts);
  }
}

TEST_F(MongodbNetwork, ABlackHoleIsGivenUp) {
  // Nothing comes through and nothing is closed: calls are answered at their deadlines, also
  // those that come later, connections are not piled up, and service returns by itself.
  std::vector<MessagePtr> records = make().CreatedMany(entity(), 5);
  proxy().BlackHole();
  std::vector<Attempt> attempts;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::future<Reply>> reads;
    std::vector<std::future<Reply>> writes;
    const size_t first = attempts.size();
    for (int i = 0; i < 20; ++i) {
      reads.push_back(StartGet(*records[0], milliseconds(300)));
      reads.push_back(StartList(milliseconds(300)));
      MessagePtr record = make().Make(entity());
      attempts.push_back({{IdOf(*record, entity())}, Status()});
      writes.push_back(StartCreate(*record, milliseconds(300)));
    }
    for (std::future<Reply>& read : reads) {
      const Reply reply = Await(std::move(read));
      EXPECT_FALSE(reply.ok());
      EXPECT_TRUE(Allowed(reply.status));
    }
    for (size_t i = 0; i < writes.size(); ++i) {
      attempts[first + i].status = Await(std::move(writes[i])).status;
      EXPECT_FALSE(attempts[first + i].status.ok());
      EXPECT_TRUE(Allowed(attempts[first + i].status));
    }
  }
  // A few probes and watches aside, no more connections than the lanes have.
  EXPECT_LE(proxy().accepted(), 4 * kConnectionsMax + 20);
  proxy().Forward();
  ExpectRecovery();
  ExpectAsAnswered(attempts);
}

TEST_F(MongodbNetwork, RefusedConnectionsAreTriedByOne) {
  // While nothing is accepted, callers are refused fast, and do not each connect.
  MessagePtr record = make().Created(entity());
  proxy().Refuse();
  const int64_t before = proxy().accepted();
  for (int i = 0; i < 2000; ++i) {
    const Status status = store().Get(IdOf(*record, entity())).status;
    EXPECT_TRUE(HasStatus(status, Code::kUnavailable, "DATABASE_UNAVAILABLE"));
  }
  EXPECT_LT(proxy().accepted() - before, 200);
  EXPECT_FALSE(gateway().executor().healthy());
  proxy().Forward();
  ExpectRecovery();
  EXPECT_TRUE(gateway().executor().healthy());
}

}  // namespace
}  // namespace storegate::test
