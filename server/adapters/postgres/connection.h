// One connection of libpq with what every use of it needs: pipelines, prepared
// statements kept, waiting bounded. Nothing of libpq that must be freed is held
// elsewhere than here.
//
// Use: Begin(deadline), Send … Send, Sync, then Next once for each Send, then
// Finish. All that was sent travels together, and its answers come back together.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include "server/adapters/postgres/options.h"
#include "server/adapters/postgres/sql.h"
#include "server/base/status.h"
#include "server/base/time.h"

namespace storegate::postgres {

struct CloseHandle {
  void operator()(PGconn* handle) const { PQfinish(handle); }
};
struct ClearRows {
  void operator()(PGresult* rows) const { PQclear(rows); }
};
using Handle = std::unique_ptr<PGconn, CloseHandle>;
// What a statement answered: rows, or an error.
using Rows = std::unique_ptr<PGresult, ClearRows>;

inline bool Failed(const PGresult* rows) {
  const ExecStatusType status = PQresultStatus(rows);
  return status != PGRES_TUPLES_OK && status != PGRES_SINGLE_TUPLE && status != PGRES_COMMAND_OK;
}

// How long a statement of a session for writes waits for a row that somebody else
// holds, unless its transaction says otherwise: those put together with it wait too.
inline constexpr std::chrono::milliseconds kLockTimeout{250};

// Used by one thread at a time.
class Connection {
 public:
  enum class Use { kRead, kWrite };
  // The statuses of Open in backend.h. Tries the hosts of the URL in their order,
  // each for its share of connect_timeout.
  static Result<std::unique_ptr<Connection>> Open(const Options& options, Use use);

  // A pipeline begins. Statements in it that take longer than until `deadline` are
  // ended by the database.
  void Begin(Deadline deadline);
  // Adds a statement; it is prepared where it is new. Its rows come one by one with
  // `stream`, so that they need not all be held at once.
  void Send(const Sql& sql, bool stream = false);
  // The same of BEGIN, COMMIT, and settings: not counted.
  void SendBracket(std::string_view text);
  // What was sent before this is a transaction, unless it had brackets of its own.
  void Sync();
  // Sends what libpq still holds, without waiting. False: the connection is lost.
  bool Flush();

  // The answer to the next statement. With `stream` there is one a row, and the
  // last one has none. Null: the connection is lost, or said nothing until `grace`
  // after the deadline; then the database does not answer.
  Rows Next();
  // The same, but waits until `until` only. False: not there yet.
  bool TryNext(Deadline until, Rows* rows);
  // Passes over what is left, up to the last Sync. Null when all is well; else the
  // first error among it, such as that of a commit.
  Rows Finish();

  // All of that for one statement: its answer, or why there is none (errors.h).
  Result<Rows> Ask(const Sql& sql, Deadline deadline);

  // When a database that said nothing is given up: `grace` after the deadline.
  Deadline LastMoment() const;

  // True once the connection is of no more use.
  bool lost() const { return lost_; }
  void Lose() { lost_ = true; }
  // Whether all of the pipeline reached the operating system: if not, the database
  // cannot have done what came last.
  bool sent() const { return sent_; }

  // Session::Fresh, Session::Aged.
  bool Fresh();
  bool Aged();
  // A transaction was taken back, and with it what it had set.
  void ForgetSettings() { timeout_ms_ = -1; }
  // Prepares everything again: the database no longer has, or takes, what it had.
  void ForgetStatements();

  // Statements of a text that is run as it stands, outside of pipelines. Null when
  // the connection is lost; else the last answer, or the first error. `done` gets the
  // number of statements that ended well.
  Rows Script(const std::string& sql, Deadline deadline, size_t* done = nullptr);

  PGconn* handle() const { return handle_.get(); }
  int64_t statements() const { return statements_; }
  const Options& options() const { return options_; }
  Use use() const { return use_; }

 private:
  enum class Expected {
    kPrepare,    // of `statement`
    kBracket,    // nobody asks for the answer
    kStatement,  // Next
    kStream,     // Next, many times
    kSync,
  };
  struct Entry {
    Expected what;
    int64_t prepared = 0;  // kPrepare: which
  };
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  Connection(const Options& options, Use use, Handle handle);
  Status Configure();
  // The number of the prepared statement.
  int64_t Prepare(const Sql& sql);
  int64_t PrepareText(const std::string& text, std::span<const uint32_t> types = {});
  void SendText(const std::string& text, std::span<const std::string> values);
  void SendTimeout();
  void Check(int ok);
  // Waits for the socket, for reading and for what is not written yet. False: it
  // was nothing until then, or the connection is lost.
  bool Wait(Deadline until);
  // The next answer whatever it is of. False: not there until then.
  bool Receive(Deadline until, Rows* rows);
  void Forget(int64_t prepared);
  bool Alive();
  bool Answers();

  const Options options_;
  const Use use_;
  Handle handle_;
  bool lost_ = false;
  bool sent_ = true;
  bool streaming_ = false;  // single row mode of the current answer is on
  Deadline deadline_ = Deadline::max();
  // What the session's statement_timeout is, in ms; -1: not known.
  int64_t timeout_ms_ = -1;
  std::deque<Entry> expected_;
  Rows failure_;  // of something nobody asks for, within the current transaction
  int64_t statements_ = 0;

  std::chrono::steady_clock::time_point replace_at_;
  std::chrono::steady_clock::time_point used_at_;

  // Text → number, from which follows the name. No number is used twice.
  std::unordered_map<std::string, int64_t, TextHash, std::equal_to<>> prepared_;
  // The same of texts that are kept, by address.
  std::unordered_map<const std::string*, int64_t> kept_;
  int64_t prepared_ever_ = 0;
  bool forget_ = false;  // the database is to be told before the next pipeline

  // Of the statement being sent, kept to use its memory again.
  std::vector<const char*> values_;
  std::vector<int> lengths_, formats_;
};

}  // namespace storegate::postgres
