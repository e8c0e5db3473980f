// A gateway's MongoDB backend on a scripted primary of a replica set, whose commands are
// applied to a real server behind it, where the test does not say otherwise.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <bson/bson.h>

#include "server/adapters/mongodb/bson.h"
#include "server/repository/wire_sink.h"
#include "tests/fault/mongodb_fault.h"
#include "tests/support/mongodb_fake.h"

namespace storegate::test {

// Transactions on a server that has none: what one writes is kept until it commits.
// Called by the fake, on any thread.
class HeldTransactions {
 public:
  // Of the database itself, past the fake.
  void SetUrl(const std::string& url);
  // Nothing for what is no part of a transaction, and for reads.
  std::optional<FakeAnswer> Handle(const FakeCommand& command);

 private:
  using Held = std::vector<mongodb::Bson>;

  std::mutex mutex_;  // guards all below
  std::string url_;
  std::map<std::string, Held> held_;  // by session
};

// A write of one session, and what became of it.
struct ScriptedWrite {
  repository::Write write;
  std::string bytes;
  std::unique_ptr<repository::WireSink> sink;

  Status status() const {
    return write.failed ? write.outcomes[*write.failed].status : Status();
  }
  size_t rows() const { return sink->rows(); }
};

class MongodbScripted : public MongodbFault {
 protected:
  void SetUp() override { OpenScripted({}); }
  void TearDown() override;

  // A fresh database, and the fake in front of it.
  void OpenScripted(MongodbFakeOptions options, const std::string& schema = "shop",
                    MongodbFake::Handler handler = nullptr);
  // The same, with transactions. `handler` comes first.
  void OpenWithTransactions(MongodbFake::Handler handler = nullptr,
                            const std::string& schema = "shop");
  // For commands that come from now on; the transactions stay.
  void Script(MongodbFake::Handler handler);

  MongodbFake& fake() { return *fake_; }
  repository::Session& session() { return *session_; }
  // A new one, as the executor takes after one was lost.
  void Reconnect();

  // A new record of the entity, and a mutation that inserts it. The record lives as long
  // as the test.
  repository::Mutation Insert();
  // Sets all that may be set to that of a new record.
  repository::Mutation Update(const Value& id);
  // Applies each list of mutations as one write, all in one call. `left`: until its
  // deadline.
  std::vector<std::unique_ptr<ScriptedWrite>> Apply(
      const std::vector<std::vector<repository::Mutation>>& writes,
      std::chrono::milliseconds left = std::chrono::seconds(30));
  // Of one write of one mutation.
  Status ApplyOne(const repository::Mutation& mutation,
                  std::chrono::milliseconds left = std::chrono::seconds(30));
  // The records that are there, past the fake.
  bool IsThere(const Value& id);
  int64_t CountThere();
  // The first document of the insert, applied past the fake.
  void ApplyFirst(const FakeCommand& insert);

 private:
  std::string url_;  // past the fake; "" before there is a database
  std::unique_ptr<MongodbFake> fake_;
  const std::shared_ptr<HeldTransactions> transactions_ = std::make_shared<HeldTransactions>();
  std::unique_ptr<repository::Session> session_;
  std::deque<MessagePtr> records_;
  int64_t next_version_ = 1000;
};

}  // namespace storegate::test
