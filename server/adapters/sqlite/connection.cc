#include "server/adapters/sqlite/connection.h"

#include <algorithm>
#include <string>
#include <thread>
#include <variant>

#include "server/adapters/sqlite/errors.h"
#include "server/adapters/sqlite/functions.h"

namespace storegate::sqlite {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Steps of SQLite's virtual machine between two looks at the clock: about 0.1 ms.
constexpr int kStepsPerLook = 4000;
constexpr microseconds kFirstWait{100};
constexpr microseconds kLongestWait{10000};
// The WAL is cut back to this after a checkpoint, so that one large write does
// not leave a large file.
constexpr int64_t kWalBytesKept = 64 << 20;
constexpr int kCacheKib = 8192;

int BindValue(sqlite3_stmt* statement, int place, const Value& value) {
  struct Binder {
    sqlite3_stmt* statement;
    int place;
    int operator()(std::monostate) const { return sqlite3_bind_null(statement, place); }
    int operator()(bool value) const { return sqlite3_bind_int(statement, place, value ? 1 : 0); }
    int operator()(int64_t value) const { return sqlite3_bind_int64(statement, place, value); }
    int operator()(double value) const { return sqlite3_bind_double(statement, place, value); }
    int operator()(const std::string& value) const {
      return sqlite3_bind_text64(statement, place, value.data(), value.size(), SQLITE_STATIC,
                                 SQLITE_UTF8);
    }
    int operator()(const Bytes& value) const {
      return sqlite3_bind_blob64(statement, place, value.data.data(), value.data.size(),
                                 SQLITE_STATIC);
    }
  };
  return std::visit(Binder{statement, place}, value);
}

}  // namespace

Cursor::~Cursor() {
  // A cursor that was moved from holds nothing.
  if (prepared_ != nullptr) connection_->GiveBack(std::move(text_), std::move(prepared_));
}

Result<std::unique_ptr<Connection>> Connection::Open(const Location& location, Use use,
                                                     bool create) {
  std::unique_ptr<Connection> connection(new Connection());
  const int rc = connection->Configure(location, use, create);
  if (rc != SQLITE_OK) return OpenFailure(connection->handle_.get(), rc, location);
  return connection;
}

int Connection::Configure(const Location& location, Use use, bool create) {
  const Options& options = location.options;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (create || location.memory) flags |= SQLITE_OPEN_CREATE;
  if (location.memory) flags |= SQLITE_OPEN_URI;
  sqlite3* handle = nullptr;
  int rc = sqlite3_open_v2(location.name.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (rc != SQLITE_OK) return rc;

  patience_ = options.busy_timeout;
  cache_max_ = std::max<size_t>(options.statement_cache, 1);
  sqlite3_busy_handler(handle, &Connection::WaitForLock, this);
  // Otherwise a quoted name that is no column is taken for a string.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0, nullptr);
  if (rc = AddFunctions(handle); rc != SQLITE_OK) return rc;

  std::string pragmas =
      "PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF;"
      "PRAGMA cache_size = -" + std::to_string(kCacheKib) + ";"
      "PRAGMA journal_size_limit = " + std::to_string(kWalBytesKept) + ";";
  if (options.page_size > 0) {
    pragmas += "PRAGMA page_size = " + std::to_string(options.page_size) + ";";
  }
  if (rc = Script(pragmas); rc != SQLITE_OK) return rc;

  if (create && !location.memory) {
    // Making a file WAL needs it alone, and SQLite does not always wait for that.
    const Deadline until = steady_clock::now() + options.busy_timeout;
    while (rc = Script("PRAGMA journal_mode = WAL"), (rc & 0xFF) == SQLITE_BUSY) {
      if (Expired(until)) return rc;
      std::this_thread::sleep_for(kLongestWait);
    }
    if (rc != SQLITE_OK) return rc;
  }
  // Reads the file's header, and so finds out whether it is a database.
  if (rc = Script("SELECT count(*) FROM sqlite_schema"); rc != SQLITE_OK) return rc;
  if (sqlite3_db_readonly(handle, "main") == 1) return SQLITE_READONLY;

  // Of this connection alone, so after what may have set the size of the file.
  if (options.max_pages > 0) {
    rc = Script("PRAGMA max_page_count = " + std::to_string(options.max_pages));
    if (rc != SQLITE_OK) return rc;
  }
  return use == Use::kRead ? Script("PRAGMA query_only = ON") : SQLITE_OK;
}

int Connection::PrepareCached(std::string_view sql, Prepared* prepared) {
  if (const auto found = by_text_.find(sql); found != by_text_.end()) {
    const Cache::iterator entry = found->second;
    *prepared = std::move(entry->second);
    by_text_.erase(found);
    cache_.erase(entry);
    return SQLITE_OK;
  }
  sqlite3_stmt* statement = nullptr;
  const int rc = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  prepared->reset(statement);
  return rc;
}

void Connection::GiveBack(std::string text, Prepared prepared) {
  sqlite3_reset(prepared.get());
  // The values are the caller's and about to go.
  sqlite3_clear_bindings(prepared.get());
  if (by_text_.contains(text)) return;  // ran twice at once: one is enough
  cache_.emplace_front(std::move(text), std::move(prepared));
  by_text_.emplace(cache_.front().first, cache_.begin());
  if (cache_.size() > cache_max_) {
    by_text_.erase(cache_.back().first);
    cache_.pop_back();
  }
}

int Connection::Start(const Sql& sql, std::optional<Cursor>* cursor) {
  Prepared prepared;
  int rc = PrepareCached(sql.text, &prepared);
  if (rc != SQLITE_OK) return rc;
  ++statements_;
  for (size_t i = 0; i < sql.values.size() && rc == SQLITE_OK; ++i) {
    rc = BindValue(prepared.get(), static_cast<int>(i + 1), sql.values[i]);
  }
  if (rc == SQLITE_OK) cursor->emplace(Cursor(this, sql.text, std::move(prepared)));
  return rc;
}

Result<Cursor> Connection::Run(const Sql& sql) {
  std::optional<Cursor> cursor;
  const int rc = Start(sql, &cursor);
  if (rc != SQLITE_OK) return ToStatus(handle_.get(), rc);
  return *std::move(cursor);
}

int Connection::Bracket(std::string_view sql) {
  Prepared prepared;
  int rc = PrepareCached(sql, &prepared);
  if (rc != SQLITE_OK) return rc;
  Cursor cursor(this, std::string(sql), std::move(prepared));
  rc = cursor.Step();
  return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int Connection::Script(const std::string& sql) {
  return sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
}

void Connection::SetDeadline(Deadline deadline) {
  deadline_ = deadline;
  const bool bounded = deadline != Deadline::max();
  sqlite3_progress_handler(handle_.get(), bounded ? kStepsPerLook : 0,
                           bounded ? &Connection::CheckDeadline : nullptr, this);
}

int Connection::CheckDeadline(void* self) {
  return Expired(static_cast<Connection*>(self)->deadline_) ? 1 : 0;
}

// Shorter waits than SQLite's own: in memory, readers and the writer take turns.
int Connection::WaitForLock(void* self, int count) {
  auto* connection = static_cast<Connection*>(self);
  const auto now = steady_clock::now();
  if (count == 0) connection->waiting_since_ = now;
  if (now >= connection->deadline_) return 0;
  const auto left = connection->patience_ - (now - connection->waiting_since_);
  if (left <= steady_clock::duration::zero()) return 0;
  const microseconds wait = std::min(kFirstWait * (1 << std::min(count, 7)), kLongestWait);
  std::this_thread::sleep_for(std::min<steady_clock::duration>(wait, left));
  return 1;
}

}  // namespace storegate::sqlite
