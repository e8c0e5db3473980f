// One client of the pool with what every use of it needs: waits bounded by the call's
// deadline, commands with a known outcome. Nothing of libmongoc that must be freed is
// held elsewhere than here and in pool.h.
//
// Use: Begin(deadline), then commands. All go to the server that takes writes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mongoc/mongoc.h>

#include "server/adapters/mongodb/bson.h"
#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/pool.h"
#include "server/base/status.h"
#include "server/base/time.h"

namespace storegate::mongodb {

// What a command was answered.
struct Answer {
  // The server's; also where there is a failure, when it answered at all.
  Bson reply;
  std::optional<Failure> failure;

  bool ok() const { return !failure.has_value(); }
  // Whether it is the server that says so.
  bool from_server() const { return bson_has_field(reply.get(), "ok"); }
};

// Used by one thread at a time.
class Connection {
 public:
  // Asks the database whether it is there, until `until` at most: the statuses of
  // OpenFailure (errors.h). RESOURCE_EXHAUSTED, reason POOL_EXHAUSTED,
  // when all clients of the pool are in use.
  static Result<std::unique_ptr<Connection>> Open(std::shared_ptr<Pool> pool, Deadline until);
  ~Connection();

  // What follows is ended by the database at `deadline`, and given up soon after.
  void Begin(Deadline deadline);

  // Runs a command that changes nothing. It may be sent twice.
  Answer Read(const Bson& command);
  // Runs one that does. Where the server can tell that it has done it already, it is
  // sent once more when the answer was lost; else that is kUnknown. So is an error of
  // the server's after a lost answer, but for kDuplicate. Within a transaction a lost
  // answer is kAgain: nothing has happened before Commit.
  Answer Write(const Bson& command);
  // The same, in the database "admin".
  Answer WriteAdmin(const Bson& command);
  // The same, of an insert: goes on behind a document that is refused unless `ordered`.
  // What the reply says of them is "n" and "writeErrors".
  Answer Insert(std::string_view collection, const bson_t** documents, size_t count,
                bool ordered);
  // The command before got an answer when it was sent once more. What that says it
  // found may be of the first time.
  bool repeated() const { return client_->bound.unanswered; }

  // A transaction begins: all commands up to Commit or Abort are its own.
  Status BeginTransaction();
  // kAgain: it did not happen, and may be tried again from the beginning.
  std::optional<Failure> Commit();
  void Abort();
  bool in_transaction() const { return in_transaction_; }
  // A command of the transaction that was begun last, also one that reads, failed for a
  // reason that may be gone by now.
  bool interrupted() const { return interrupted_; }

  // True once it got no answer: what is used of it next may still be waiting.
  bool lost() const { return lost_; }
  // Session::Fresh.
  bool Fresh();
  // What libmongoc said of the command that failed last; of no domain when none has.
  const bson_error_t& last_error() const { return last_error_; }

  // Commands sent, but for those that begin and end transactions.
  int64_t statements() const { return statements_; }
  Pool& pool() { return *pool_; }

 private:
  friend class Cursor;
  enum class Kind { kRead, kWrite };

  Connection(std::shared_ptr<Pool> pool, Client* client);
  void StartSession();
  // `server` 0: whichever takes writes. `database` "": that of the URL.
  Answer Run(Kind kind, const Bson& command, uint32_t server = 0, const std::string& database = "");
  Answer RunOnce(Kind kind, const Bson& command, uint32_t server, const std::string& database);
  Answer InsertOnce(std::string_view collection, const bson_t** documents, size_t count,
                    bool ordered);
  // Runs it, again where nothing of it was sent, and says what its failure means here.
  Answer Settle(Kind kind, const std::function<Answer()>& run);
  // Before a command is sent. `options` gets the session.
  std::optional<Failure> Prepare(Bson* options);
  // Of one that failed.
  Failure Judge(Kind kind, const bson_error_t& error, const bson_t* reply);
  // Waits until there is a server that takes writes. False: not within the bounds.
  bool AwaitServer(Deadline until);
  bool FindServer();
  // The server to ask; 0, with why, when none is there.
  uint32_t SelectServer(std::optional<Failure>* failure);
  Failure Unreachable() const;

  const std::shared_ptr<Pool> pool_;
  Client* const client_;
  Deadline deadline_ = Deadline::max();
  bool lost_ = false;
  int64_t statements_ = 0;
  bson_error_t last_error_{};

  struct DestroySession {
    void operator()(mongoc_client_session_t* session) const {
      mongoc_client_session_destroy(session);
    }
  };
  std::unique_ptr<mongoc_client_session_t, DestroySession> session_;
  bool in_transaction_ = false;
  bool interrupted_ = false;
};

// Documents that a find or an aggregate gives, a batch at a time.
class Cursor {
 public:
  // Runs the command, which names a collection. `connection` outlives it.
  Cursor(Connection* connection, const Bson& command);
  // Tells the server when there is more than was taken.
  ~Cursor();
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  // The next document, good until the next call; null at the end, and on a failure.
  const bson_t* Next();
  const std::optional<Failure>& failure() const { return failure_; }
  // The server's code of the failure; 0 for none.
  int64_t server_code() const { return server_code_; }
  // OK, or the failure's.
  Status status() const { return failure_ ? failure_->status : Status(); }

 private:
  void Take(Answer answer, const char* batch);
  void FailMalformed();

  Connection& connection_;
  // Of several routers each has cursors of its own.
  uint32_t server_ = 0;
  std::string collection_;
  Bson reply_;
  bson_iter_t at_;
  int64_t id_ = 0;  // 0: the server has no more
  bson_t document_;
  bool in_batch_ = false;
  std::optional<Failure> failure_;
  int64_t server_code_ = 0;
};

}  // namespace storegate::mongodb
