#include "server/adapters/postgres/migration_lock.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "server/adapters/postgres/errors.h"
#include "server/adapters/postgres/migration_rows.h"
#include "server/base/process.h"
#include "server/base/time.h"

namespace storegate::postgres {

using repository::LockHolder;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Any number will do that no other program takes: "storegat" in ASCII.
constexpr int64_t kLock = 0x73746f7265676174;

// Between two questions for the lock.
constexpr milliseconds kPauseMin{50}, kPauseMax{250};
constexpr milliseconds kTellEvery{500};
// Between two tries of a connection: doubled each time, up to the second of these.
constexpr milliseconds kBackOffMin{100}, kBackOffMax{5000};
// How long the database may take to say whether the lock is held.
constexpr milliseconds kAnswer{10000};

constexpr std::string_view kTable =
    "CREATE TABLE IF NOT EXISTS \"_storegate_lock\" (\n"
    "  \"process\" integer NOT NULL PRIMARY KEY,\n"
    "  \"who\" text NOT NULL,\n"
    "  \"migration\" integer NOT NULL,\n"
    "  \"since\" timestamptz NOT NULL\n"
    ")";

void Sleep(milliseconds pause, Deadline until) {
  const auto left = duration_cast<milliseconds>(until - steady_clock::now());
  std::this_thread::sleep_for(std::clamp(pause, milliseconds(0), std::max(left, milliseconds(1))));
}

// Appends what holds of the rows of pg_locks that are this lock.
void AppendIsLock(Sql* sql) {
  sql->text +=
      "l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
      " AND l.database = (SELECT oid FROM pg_catalog.pg_database"
      " WHERE datname = current_database())"
      " AND (l.classid::bigint << 32 | l.objid::bigint) = ";
  sql->Append(kLock, Kind::kInt8);
}

Status Do(Connection* connection, const char* text, Deadline deadline = Deadline::max()) {
  Sql sql;
  sql.text = text;
  return connection->Ask(sql, deadline).status();
}

// Runs a statement within the lock's transaction behind a pooler, so that nothing of it stays
// open: a portal would keep its snapshot, and CREATE INDEX CONCURRENTLY wait for it.
bool Settle(Connection* connection, const char* text) {
  const Rows answer = connection->Script(text, steady_clock::now() + kAnswer);
  return answer != nullptr && !Failed(answer.get()) && !connection->lost();
}

// Who has it, as it says itself, else as the database knows it. Nothing where nobody has it
// by now.
LockHolder ReadHolder(Connection* connection) {
  const Result<bool> told = TableIsThere(connection, "_storegate_lock");
  Sql sql;
  sql.text = "SELECT ";
  if (told.ok() && *told) {
    sql.text += "k.\"who\", coalesce(k.\"migration\", 0)::bigint,"
                " coalesce(extract(epoch FROM k.\"since\") * 1000, 0)::bigint,";
  } else {
    sql.text += "NULL::text, 0::bigint, 0::bigint,";
  }
  sql.text +=
      " coalesce(nullif(a.application_name, ''), 'a program') || ', process ' || l.pid ||"
      " coalesce(' from ' || host(a.client_addr), '')"
      " FROM pg_catalog.pg_locks AS l LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid";
  if (told.ok() && *told) {
    sql.text += " LEFT JOIN \"_storegate_lock\" AS k ON k.\"process\" = l.pid";
  }
  sql.text += " WHERE ";
  AppendIsLock(&sql);
  const Result<Rows> rows = connection->Ask(sql, steady_clock::now() + kAnswer);
  LockHolder holder;
  if (!rows.ok() || PQntuples(rows->get()) == 0) return holder;
  holder.who = PQgetisnull(rows->get(), 0, 0) != 0 ? TextAt(*rows, 0, 3) : TextAt(*rows, 0, 0);
  holder.migration = static_cast<int>(NumberAt(*rows, 0, 1));
  holder.since_millis = NumberAt(*rows, 0, 2);
  return holder;
}

Status Locked(milliseconds timeout, const LockHolder& holder) {
  return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED",
                "The migration lock was held for the whole of " + std::to_string(timeout.count()) +
                    " ms by " + holder.ToString() + ". Wait until it is done, or end it.");
}

// Asks once. The database's process that has it now, or nothing.
Result<int64_t> TryLock(Connection* connection, bool pooled) {
  // Behind a pooler only a transaction is one session's: it stays open while the lock is had.
  if (pooled) {
    if (Status begun = Do(connection, "BEGIN"); !begun.ok()) return begun;
  }
  Sql sql;
  sql.text = std::string("SELECT CASE WHEN ") +
             (pooled ? "pg_try_advisory_xact_lock(" : "pg_try_advisory_lock(");
  sql.Append(kLock, Kind::kInt8);
  sql.text += ") THEN pg_backend_pid() ELSE 0 END::bigint";
  const Result<Rows> rows = connection->Ask(sql, steady_clock::now() + kAnswer);
  if (!rows.ok()) return rows.status();
  const int64_t process = NumberAt(*rows, 0, 0);
  if (!pooled) return process;
  if (process == 0) {
    if (Status status = Do(connection, "ROLLBACK"); !status.ok()) return status;
    return process;
  }
  if (!Settle(connection, "SET LOCAL idle_in_transaction_session_timeout = 0")) {
    return ConnectionLost();
  }
  return process;
}

Result<std::unique_ptr<Connection>> Connect(const Options& options) {
  Result<std::unique_ptr<Connection>> connection =
      Connection::Open(options, Connection::Use::kRead);
  if (!connection.ok() || options.transaction_pooler) return connection;
  // The session says nothing for as long as a migration takes.
  Status set = Do(connection->get(),
                  "SELECT set_config('idle_in_transaction_session_timeout', '0', false),"
                  " set_config('idle_session_timeout', '0', false)");
  if (!set.ok()) return set;
  return connection;
}

}  // namespace

Status LockLost() {
  return Status(Code::kAborted, "MIGRATION_LOCK_LOST",
                "The migration lock was lost, with the connection that had it, and another may "
                "have it now. What was done so far is kept; run it again to go on.");
}

Result<std::unique_ptr<MigrationLock>> MigrationLock::Take(const Options& options,
                                                           milliseconds timeout,
                                                           const Waiting& waiting) {
  const Deadline until = steady_clock::now() + timeout;
  std::unique_ptr<Connection> connection;
  milliseconds back_off = kBackOffMin;
  Deadline tell_at = steady_clock::now();
  LockHolder holder;
  Status failure;
  while (true) {
    if (connection == nullptr) {
      Result<std::unique_ptr<Connection>> opened = Connect(options);
      failure = opened.status();
      if (opened.ok()) connection = *std::move(opened);
    }
    if (connection != nullptr) {
      const Result<int64_t> process = TryLock(connection.get(), options.transaction_pooler);
      failure = process.status();
      if (process.ok() && *process != 0) {
        auto lock = std::unique_ptr<MigrationLock>(
            new MigrationLock(options, std::move(connection), *process));
        lock->At(0);
        return lock;
      }
    }
    if (!failure.ok() && failure.code() != Code::kUnavailable &&
        failure.code() != Code::kDeadlineExceeded) {
      return failure;
    }
    if (!failure.ok()) {
      connection.reset();
      if (Expired(until)) return failure;
      Sleep(RandomPause(back_off / 2, back_off), until);
      back_off = std::min(back_off * 2, kBackOffMax);
      continue;
    }
    back_off = kBackOffMin;
    if (Expired(tell_at) || Expired(until)) {
      tell_at = steady_clock::now() + kTellEvery;
      const LockHolder seen = ReadHolder(connection.get());
      if (!seen.who.empty()) {
        holder = seen;
        if (waiting) waiting(holder);
      }
    }
    if (Expired(until)) return Locked(timeout, holder);
    Sleep(RandomPause(kPauseMin, kPauseMax), until);
  }
}

void MigrationLock::At(int migration) {
  // Behind a pooler the lock's transaction is open, and nobody would see what it writes.
  std::unique_ptr<Connection> other;
  Connection* connection = connection_.get();
  const Deadline deadline = steady_clock::now() + kAnswer;
  if (options_.transaction_pooler) {
    Result<std::unique_ptr<Connection>> opened =
        Connection::Open(options_, Connection::Use::kRead);
    if (!opened.ok()) return;
    other = *std::move(opened);
    connection = other.get();
  }
  if (!published_) {
    const Result<bool> there = TableIsThere(connection, "_storegate_lock");
    if (!there.ok()) return;
    if (!*there) connection->Script(std::string(kTable), deadline);
    // Rows of those before, whose connections are gone.
    if (!Do(connection, "DELETE FROM \"_storegate_lock\"", deadline).ok()) return;
    published_ = true;
  }
  Sql sql;
  sql.text = "INSERT INTO \"_storegate_lock\" VALUES (";
  sql.Append(process_, Kind::kInt4);
  sql.text += ", ";
  sql.Append("storegate, " + ThisProcess(), Kind::kText);
  sql.text += ", ";
  sql.Append(int64_t{migration}, Kind::kInt4);
  sql.text += ", clock_timestamp()) ON CONFLICT (\"process\") DO UPDATE SET "
              "\"migration\" = excluded.\"migration\"";
  (void)connection->Ask(sql, deadline);
}

Status MigrationLock::Held() {
  if (connection_->lost()) return LockLost();
  if (options_.transaction_pooler) {
    return Settle(connection_.get(), "SELECT true") ? Status() : LockLost();
  }
  const Status answered =
      Do(connection_.get(), "SELECT true", steady_clock::now() + kAnswer);
  return answered.ok() ? Status() : LockLost();
}

Status MigrationLock::HeldFrom(Connection* connection) {
  Sql sql;
  sql.text = "SELECT count(*) FROM pg_catalog.pg_locks AS l WHERE ";
  AppendIsLock(&sql);
  sql.text += " AND l.pid = ";
  sql.Append(process_, Kind::kInt4);
  const Result<Rows> rows = connection->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  return NumberAt(*rows, 0, 0) > 0 ? Status() : LockLost();
}

}  // namespace storegate::postgres
