// A MongoDB server that does what a test says, for what the servers of the tests cannot
// be brought to: lost replies, wrong codes, a primary that is gone, transactions.
//
// It presents itself as the primary of a replica set with sessions, so that drivers
// number their writes and begin transactions. Commands are the handler's; those that it
// leaves are applied to the server behind, where there is one, without what they say of
// sessions and transactions: there each is applied at once, and none is undone.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <bson/bson.h>

namespace storegate::test {

// What came, as far as drivers and transactions are concerned.
struct FakeCommand {
  std::string name;      // "insert"
  std::string database;
  std::string json;      // all of it, relaxed extended JSON; "" beyond 64 KiB
  std::string lsid;      // the session's id in hex; "" without one
  std::optional<int64_t> txn_number;
  bool start_transaction = false;
  std::optional<bool> autocommit;
  int connection = 0;    // counts from 1
  // All of it, in the handler only.
  const bson_t* document = nullptr;
};

// What becomes of a command.
struct FakeAnswer {
  // First it is applied to the server behind. REQUIRES: there is one.
  bool apply = false;
  // Then it takes so long.
  std::chrono::milliseconds delay{0};
  // Then the connection is closed instead of an answer,
  bool drop = false;
  // or this is answered, extended JSON; "": what the server behind said, {"ok": 1} where
  // it was not asked.
  std::string reply = {};
  // Instead of an answer these bytes are sent, whatever they are, and then the connection
  // is closed.
  std::string bytes = {};

  static FakeAnswer Apply() { return {.apply = true}; }
  static FakeAnswer Reply(std::string json) { return {.reply = std::move(json)}; }
  static FakeAnswer Bytes(std::string bytes) { return {.bytes = std::move(bytes)}; }
  static FakeAnswer DropBefore() { return {.drop = true}; }
  static FakeAnswer DropAfter() { return {.apply = true, .drop = true}; }
  // {"ok": 0, …}: FakeAnswer::Error(112, "WriteConflict", {"TransientTransactionError"}).
  static FakeAnswer Error(int code, const std::string& name,
                          const std::vector<std::string>& labels = {});
};

struct MongodbFakeOptions {
  // Of the server behind, on 127.0.0.1; 0: there is none.
  int behind = 0;
  bool replica_set = true;  // else a server on its own, without sessions
  int wire_version = 13;    // MongoDB 5.0
};

// Any thread. What cannot be done (no port) aborts.
class MongodbFake {
 public:
  using Options = MongodbFakeOptions;
  // Called on a thread of the connection, many at once. Nothing: as without a handler,
  // which answers {"ok": 1} to ping, endSessions, commitTransaction, abortTransaction and
  // killCursors, applies others to the server behind, and knows no others without one.
  // It is not asked about endSessions.
  using Handler = std::function<std::optional<FakeAnswer>(const FakeCommand& command)>;

  explicit MongodbFake(Options options = {}, Handler handler = nullptr);
  ~MongodbFake();
  MongodbFake(const MongodbFake&) = delete;
  MongodbFake& operator=(const MongodbFake&) = delete;

  int port() const { return port_; }
  std::string Url(const std::string& database) const;

  // For commands from now on.
  void SetHandler(Handler handler);
  // What it says it is, when it is asked: the primary, or a secondary of a set that has
  // none. Drivers ask again when an error says so, or after a while.
  void SetPrimary(bool primary);
  // Unreachable: connections are closed, and each new one as soon as it is there.
  void SetReachable(bool reachable);

  // What came of this name, or of all: in order, without hello and isMaster. The first
  // 100,000 are kept.
  std::vector<FakeCommand> Commands(const std::string& name = "") const;
  int Count(const std::string& name) const { return static_cast<int>(Commands(name).size()); }
  void ForgetCommands();

 private:
  struct Connection {
    int number = 0;
    int fd = -1;
    int behind = -1;    // set under mutex_
    bool done = false;  // guarded by mutex_
    std::thread thread;
  };

  void Accept();
  void Serve(Connection* connection);
  // Where what it did is to be answered; false: the connection is to be closed.
  bool Carry(Connection* connection, const FakeCommand& command, bson_t* reply);
  bool ApplyBehind(Connection* connection, const bson_t& command, bson_t* reply);
  void AppendHello(bson_t* reply) const;
  void Hang();  // under mutex_: ends all connections
  void Reap(bool all);

  const Options options_;
  int port_ = 0;
  int listener_ = -1;
  std::thread accepter_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable stopped_;
  bool stop_ = false;
  bool primary_ = true;
  bool reachable_ = true;
  int connections_made_ = 0;
  Handler handler_;
  std::vector<FakeCommand> commands_;
  std::list<Connection> connections_;
};

}  // namespace storegate::test
