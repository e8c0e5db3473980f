// One sqlite3 handle with what every use of it needs: options set, waiting
// bounded, prepared statements kept. Nothing of SQLite's C interface that must be
// freed is held elsewhere than here.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sqlite3.h>

#include "server/adapters/sqlite/options.h"
#include "server/base/status.h"
#include "server/base/time.h"
#include "server/query/value.h"

namespace storegate::sqlite {

struct CloseHandle {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Handle = std::unique_ptr<sqlite3, CloseHandle>;
using Prepared = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// A statement with a value for each of its places, in order.
struct Sql {
  std::string text;
  std::vector<Value> values;
};

// Which database: what the options say, made fit for sqlite3_open_v2.
struct Location {
  Options options;
  std::string name;  // file or URI
  bool memory = false;
};

class Connection;

// A statement that runs. Back in the connection's cache when this goes.
class Cursor {
 public:
  Cursor(Cursor&& other) noexcept = default;
  Cursor& operator=(Cursor&&) = delete;
  ~Cursor();

  // SQLITE_ROW, SQLITE_DONE, or an error (errors.h).
  int Step() { return sqlite3_step(prepared_.get()); }
  sqlite3_stmt* row() const { return prepared_.get(); }

 private:
  friend class Connection;
  Cursor(Connection* connection, std::string text, Prepared prepared)
      : connection_(connection), text_(std::move(text)), prepared_(std::move(prepared)) {}

  Connection* connection_;
  std::string text_;
  Prepared prepared_;
};

// Used by one thread at a time. Outlives its cursors.
class Connection {
 public:
  enum class Use { kRead, kWrite };
  // Makes the file where `create` says so and it is missing. UNAVAILABLE, or
  // FAILED_PRECONDITION where no retry helps, as errors.h has it.
  static Result<std::unique_ptr<Connection>> Open(const Location& location, Use use,
                                                  bool create = false);

  // A cursor ready to step. `sql` outlives it: texts are not copied.
  Result<Cursor> Run(const Sql& sql);
  // The same, answering SQLite's code.
  int Start(const Sql& sql, std::optional<Cursor>* cursor);

  // BEGIN, COMMIT, SAVEPOINT …: prepared once, not counted. Answers SQLite's code.
  int Bracket(std::string_view sql);
  // Several statements as they stand, neither kept nor counted.
  int Script(const std::string& sql);
  // True between BEGIN and its end.
  bool InTransaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }

  // Statements from now on are interrupted past `deadline`.
  void SetDeadline(Deadline deadline);
  // How long locks of others are waited for, from now on.
  void SetPatience(std::chrono::milliseconds patience) { patience_ = patience; }

  sqlite3* handle() const { return handle_.get(); }
  int64_t statements() const { return statements_; }
  size_t cached() const { return cache_.size(); }

 private:
  friend class Cursor;
  using Cache = std::list<std::pair<std::string, Prepared>>;

  Connection() = default;
  int Configure(const Location& location, Use use, bool create);
  int PrepareCached(std::string_view sql, Prepared* prepared);
  void GiveBack(std::string text, Prepared prepared);
  static int WaitForLock(void* self, int count);
  static int CheckDeadline(void* self);

  // Before the handle, so that they go after it: it calls back until closed.
  std::chrono::milliseconds patience_{0};
  std::chrono::steady_clock::time_point waiting_since_;
  Deadline deadline_ = Deadline::max();

  Handle handle_;
  int64_t statements_ = 0;
  size_t cache_max_ = 0;
  // Front: used last. A statement in use is in its Cursor and not here.
  Cache cache_;
  std::unordered_map<std::string_view, Cache::iterator> by_text_;
};

// Bounds what a connection does by a deadline, for as long as this lives.
class Bounded {
 public:
  Bounded(Connection* connection, Deadline deadline) : connection_(connection) {
    connection_->SetDeadline(deadline);
  }
  ~Bounded() { connection_->SetDeadline(Deadline::max()); }
  Bounded(const Bounded&) = delete;
  Bounded& operator=(const Bounded&) = delete;

 private:
  Connection* connection_;
};

}  // namespace storegate::sqlite
