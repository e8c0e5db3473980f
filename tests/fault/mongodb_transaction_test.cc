// Transactions of a MongoDB that has them, on a scripted server: found by trying, tried
// again where others were in the way, and never said to have happened when that is not sure.
#include <algorithm>
#include <atomic>
#include <string>

#include <gtest/gtest.h>

#include "tests/fault/mongodb_scripted.h"

namespace storegate::test {
namespace {

using repository::Mutation;
using std::chrono::milliseconds;

constexpr char kTransient[] = "TransientTransactionError";
constexpr char kUnknownCommit[] = "UnknownTransactionCommitResult";

class MongodbTransactions : public MongodbScripted {
 protected:
  void SetUp() override { OpenWithTransactions(); }

  bool Has() { return gateway().backend().capabilities().transactions; }
  int Begun() {
    int begun = 0;
    for (const FakeCommand& command : fake().Commands()) begun += command.start_transaction;
    return begun;
  }
  std::vector<Mutation> Three() { return {Insert(), Insert(), Insert()}; }
  // All of them or none.
  bool AreThere(const std::vector<Mutation>& mutations) {
    size_t there = 0;
    for (const Mutation& mutation : mutations) there += IsThere(mutation.id);
    EXPECT_TRUE(there == 0 || there == mutations.size()) << there << " are there";
    return there > 0;
  }
};

TEST_F(MongodbTransactions, AreFoundByTrying) {
  EXPECT_TRUE(Has());
  // A server on its own does not even begin one.
  OpenScripted({.replica_set = false});
  EXPECT_FALSE(Has());
  // What is written is seen by all at once.
  OpenScripted({});
  EXPECT_FALSE(Has());
  const auto refusing = [](const char* name, bool in_transaction) {
    return [name = std::string(name), in_transaction](
               const FakeCommand& command) -> std::optional<FakeAnswer> {
      if (command.name != name || command.autocommit.has_value() != in_transaction) {
        return std::nullopt;
      }
      return FakeAnswer::Error(20, "IllegalOperation");
    };
  };
  // The first change in one is refused; the commit is refused.
  OpenWithTransactions(refusing("insert", true));
  EXPECT_FALSE(Has());
  OpenWithTransactions(refusing("commitTransaction", true));
  EXPECT_FALSE(Has());
  // A commit that says so and does nothing.
  OpenWithTransactions([](const FakeCommand& command) -> std::optional<FakeAnswer> {
    if (command.name != "commitTransaction") return std::nullopt;
    return FakeAnswer();
  });
  EXPECT_FALSE(Has());
  // Without them a write of several is refused, and nothing is sent.
  const std::vector<Mutation> three = Three();
  fake().ForgetCommands();
  EXPECT_EQ(Apply({three})[0]->status().reason(), "TRANSACTIONS_UNAVAILABLE");
  EXPECT_EQ(fake().Count("insert"), 0);
}

TEST_F(MongodbTransactions, AWriteOfSeveralIsOne) {
  const std::vector<Mutation> three = Three();
  EXPECT_TRUE(HasStatus(Apply({three})[0]->status(), Code::kOk));
  const std::vector<FakeCommand> inserts = fake().Commands("insert");
  ASSERT_EQ(inserts.size(), 3u);
  for (size_t i = 0; i < inserts.size(); ++i) {
    EXPECT_EQ(inserts[i].start_transaction, i == 0);
    EXPECT_EQ(inserts[i].autocommit, std::optional(false));
    EXPECT_EQ(inserts[i].txn_number, inserts[0].txn_number);
    EXPECT_EQ(inserts[i].lsid, inserts[0].lsid);
  }
  const std::vector<FakeCommand> commits = fake().Commands("commitTransaction");
  ASSERT_EQ(commits.size(), 1u);
  EXPECT_EQ(commits[0].txn_number, inserts[0].txn_number);
  EXPECT_TRUE(AreThere(three));
  // A single one needs none.
  fake().ForgetCommands();
  EXPECT_TRUE(HasStatus(ApplyOne(Insert()), Code::kOk));
  EXPECT_EQ(Begun(), 0);
}

TEST_F(MongodbTransactions, ThatFailAreTakenBack) {
  std::vector<Mutation> three = Three();
  Script([](const FakeCommand& command) -> std::optional<FakeAnswer> {
    if (command.name == "insert" && !command.start_transaction) {
      return FakeAnswer::Error(4711, "Quux");
    }
    return std::nullopt;
  });
  const auto write = std::move(Apply({three})[0]);
  EXPECT_TRUE(HasStatus(write->status(), Code::kInternal, "DATABASE_ERROR"));
  EXPECT_EQ(write->write.failed, std::optional<size_t>(1));
  EXPECT_EQ(fake().Count("abortTransaction"), 1);
  EXPECT_EQ(fake().Count("commitTransaction"), 0);
  EXPECT_FALSE(AreThere(three));
}

TEST_F(MongodbTransactions, OthersInTheWayIsTriedAgainFiveTimes) {
  // At an operation, whatever the number of the error, or at the commit; rows are answered once.
  const FakeAnswer operation = FakeAnswer::Error(112, "WriteConflict", {kTransient});
  const FakeAnswer labelled = FakeAnswer::Error(4711, "Quux", {kTransient});
  const FakeAnswer commit = FakeAnswer::Error(251, "NoSuchTransaction", {kTransient});
  const struct {
    const char* name;
    FakeAnswer answer;
  } cases[] = {{"insert", operation}, {"insert", labelled}, {"commitTransaction", commit}};
  for (const auto& each : cases) {
    for (const int times : {1, 4, 1000}) {
      SCOPED_TRACE(each.answer.reply + std::to_string(times));
      std::atomic<int> left{times};
      Script([&](const FakeCommand& command) -> std::optional<FakeAnswer> {
        if (command.name != each.name || left.fetch_sub(1) <= 0) return std::nullopt;
        return each.answer;
      });
      const std::vector<Mutation> three = Three();
      const Status status = Apply({three})[0]->status();
      if (times < 5) {
        EXPECT_TRUE(HasStatus(status, Code::kOk));
      } else {
        EXPECT_TRUE(HasStatus(status, Code::kAborted, "CONFLICT"));
      }
      EXPECT_EQ(Begun(), std::min(times + 1, 5));
      EXPECT_EQ(AreThere(three), times < 5);
      EXPECT_TRUE(session().Fresh());
    }
  }
}

TEST_F(MongodbTransactions, ReadsOfThemAreTriedAgainToo) {
  OpenWithTransactions();
  const Mutation there = Insert();
  ASSERT_TRUE(HasStatus(ApplyOne(there), Code::kOk));
  std::atomic<int> left{2};
  Script([&](const FakeCommand& command) -> std::optional<FakeAnswer> {
    // The row is not as the update wants it: its state is read.
    if (command.name == "findAndModify") return FakeAnswer::Reply(R"({"ok": 1, "value": null})");
    if (command.name != "find" || left.fetch_sub(1) <= 0) return std::nullopt;
    return FakeAnswer::Error(246, "SnapshotUnavailable", {kTransient});
  });
  Mutation update = Update(there.id);
  update.expected_version = there.new_version + 5;
  const Status status = Apply({{Insert(), update}})[0]->status();
  EXPECT_TRUE(HasStatus(status, Code::kAborted, "ETAG_MISMATCH"));
  EXPECT_EQ(Begun(), 3);
}

TEST_F(MongodbTransactions, AConnectionLostBeforeTheCommitIsNoHarm) {
  // Nothing has happened: it is tried again, and where that does not help, UNAVAILABLE.
  for (const int times : {1, 1000}) {
    std::atomic<int> left{times};
    Script([&](const FakeCommand& command) -> std::optional<FakeAnswer> {
      if (command.name != "insert" || left.fetch_sub(1) <= 0) return std::nullopt;
      return FakeAnswer::DropBefore();
    });
    const std::vector<Mutation> three = Three();
    const Status status = Apply({three})[0]->status();
    EXPECT_TRUE(times == 1 ? HasStatus(status, Code::kOk)
                           : HasStatus(status, Code::kUnavailable, "DATABASE_UNAVAILABLE"));
    EXPECT_EQ(AreThere(three), times == 1);
    EXPECT_EQ(Begun(), times == 1 ? 2 : 5);
    EXPECT_FALSE(session().Fresh());
    Script(nullptr);
    Reconnect();
  }
}

TEST_F(MongodbTransactions, ACommitWithoutAnAnswerIsAskedForAgain) {
  // It happens once, and is answered once.
  const std::vector<FakeAnswer> answers = {
      FakeAnswer::DropBefore(),
      FakeAnswer::Error(91, "ShutdownInProgress", {kUnknownCommit, "RetryableWriteError"}),
      FakeAnswer::Reply(R"({"ok": 1, "writeConcernError": {"code": 64, "errmsg": "timeout"}})")};
  for (const FakeAnswer& answer : answers) {
    SCOPED_TRACE(answer.reply);
    std::atomic<int> left{1};
    Script([&](const FakeCommand& command) -> std::optional<FakeAnswer> {
      if (command.name != "commitTransaction" || left.fetch_sub(1) <= 0) return std::nullopt;
      return answer;
    });
    const std::vector<Mutation> three = Three();
    EXPECT_TRUE(HasStatus(Apply({three})[0]->status(), Code::kOk));
    const std::vector<FakeCommand> commits = fake().Commands("commitTransaction");
    EXPECT_EQ(commits.size(), 2u);
    EXPECT_EQ(commits.front().txn_number, commits.back().txn_number);
    EXPECT_EQ(Begun(), 1);
    EXPECT_TRUE(AreThere(three));
    Script(nullptr);
    Reconnect();
  }
}

TEST_F(MongodbTransactions, ACommitThatIsNeverAnsweredIsUnknown) {
  // Never OK, and no plain failure either; nor is one that fails for reasons of its own.
  const FakeAnswer answers[] = {
      FakeAnswer::DropBefore(),
      FakeAnswer::Error(91, "ShutdownInProgress", {kUnknownCommit, "RetryableWriteError"}),
      FakeAnswer::Reply(R"({"ok": 1, "writeConcernError": {"code": 64, "errmsg": "timeout"}})"),
      FakeAnswer::Reply(R"({"ok": 1, "writeConcernError": {"code": 100, "errmsg": "w"}})"),
      FakeAnswer::Error(4711, "Quux"), FakeAnswer::Error(10107, "NotWritablePrimary"),
      FakeAnswer::Reply(R"({"nothing": 1})")};
  for (const FakeAnswer& answer : answers) {
    SCOPED_TRACE(answer.reply);
    Script([&](const FakeCommand& command) {
      return command.name == "commitTransaction" ? std::optional(answer) : std::nullopt;
    });
    const auto write = std::move(Apply({Three()}, milliseconds(1200))[0]);
    EXPECT_TRUE(HasStatus(write->status(), Code::kUnknown, "COMMIT_UNKNOWN"));
    EXPECT_EQ(write->rows(), 0u);
    EXPECT_EQ(Begun(), 1) << "it was tried again";
    EXPECT_LT(fake().Count("commitTransaction"), 60);
    EXPECT_FALSE(session().Fresh());
    Script(nullptr);
    Reconnect();
    EXPECT_TRUE(HasStatus(Apply({Three()})[0]->status(), Code::kOk));
  }
}

}  // namespace
}  // namespace storegate::test
