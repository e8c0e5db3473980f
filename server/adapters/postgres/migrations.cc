#include "server/adapters/postgres/migrations.h"

#include <chrono>
#include <thread>
#include <utility>

#include "server/adapters/postgres/errors.h"
#include "server/migrate/ddl.h"

namespace storegate::postgres {

using repository::AppliedMigration;
using std::chrono::steady_clock;

namespace {

// Any number will do that no other program takes: "storegat" in ASCII.
constexpr int64_t kLock = 0x73746f7265676174;
constexpr std::chrono::milliseconds kPause{100};

constexpr std::string_view kHistoryTable =
    "CREATE TABLE IF NOT EXISTS \"_storegate_migrations\" (\n"
    "  \"number\" integer NOT NULL PRIMARY KEY,\n"
    "  \"name\" text NOT NULL,\n"
    "  \"checksum\" text NOT NULL,\n"
    "  \"applied_at\" timestamptz NOT NULL,\n"
    "  \"duration_ms\" bigint NOT NULL\n"
    ")";

std::string TextAt(const Rows& rows, int row, int column) {
  return {PQgetvalue(rows.get(), row, column),
          static_cast<size_t>(PQgetlength(rows.get(), row, column))};
}

int64_t NumberAt(const Rows& rows, int row, int column) {
  return static_cast<int64_t>(Big64(PQgetvalue(rows.get(), row, column)));
}

Status NoRow() {
  return Status(Code::kInternal, "DATABASE_ERROR", "A statement answered with no row.");
}

}  // namespace

Status PostgresMigrator::Connect() {
  if (connection_ != nullptr && connection_->Fresh()) return {};
  Result<std::unique_ptr<Connection>> connection =
      Connection::Open(options_, Connection::Use::kRead);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  return {};
}

std::string PostgresMigrator::Holder(Connection* connection) {
  Sql sql;
  sql.text =
      "SELECT coalesce(nullif(a.application_name, ''), 'a program') || ', process ' || l.pid ||"
      " coalesce(' from ' || host(a.client_addr), '')"
      " FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid"
      " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
      " AND (l.classid::bigint << 32 | l.objid::bigint) = ";
  sql.Append(kLock, Kind::kInt8);
  Result<Rows> rows = connection->Ask(sql, Deadline::max());
  if (!rows.ok() || PQntuples(rows->get()) == 0) return "";
  return TextAt(*rows, 0, 0);
}

Status PostgresMigrator::TakeLock(Connection* connection) {
  // Behind a pooler only a transaction is one session's; it stays open meanwhile.
  const bool pooled = options_.transaction_pooler;
  if (pooled) {
    Sql begin;
    begin.text = "BEGIN";
    if (Result<Rows> begun = connection->Ask(begin, Deadline::max()); !begun.ok()) {
      return begun.status();
    }
  }
  Sql sql;
  sql.text = pooled ? "SELECT pg_try_advisory_xact_lock(" : "SELECT pg_try_advisory_lock(";
  sql.Append(kLock, Kind::kInt8);
  sql.text += ")";
  const Deadline until = steady_clock::now() + options_.migration_timeout;
  while (true) {
    Result<Rows> rows = connection->Ask(sql, Deadline::max());
    if (!rows.ok()) return rows.status();
    if (PQntuples(rows->get()) != 1) return NoRow();
    if (PQgetvalue(rows->get(), 0, 0)[0] != 0) return {};
    if (Expired(until)) break;
    std::this_thread::sleep_for(kPause);
  }
  const std::string holder = Holder(connection);
  return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED",
                "The migration lock was held by another for the whole of " +
                    std::to_string(options_.migration_timeout.count()) + " ms" +
                    (holder.empty() ? "" : ": " + holder) +
                    ". Wait until it is done, or end it.");
}

Status PostgresMigrator::WithLock(const std::function<Status()>& work) {
  if (locked_) {
    return Status(Code::kInternal, "MIGRATION_LOCKED", "The migration lock is taken already.");
  }
  // Its own connection: the lock goes with it, whatever happens to the others.
  Result<std::unique_ptr<Connection>> lock = Connection::Open(options_, Connection::Use::kRead);
  if (!lock.ok()) return lock.status();
  // A migration may take longer than an idle transaction is allowed to.
  if (options_.transaction_pooler == false) {
    Sql patience;
    patience.text = "SELECT set_config('idle_in_transaction_session_timeout', '0', false)";
    if (Result<Rows> set = (*lock)->Ask(patience, Deadline::max()); !set.ok()) {
      return set.status();
    }
  }
  if (Status status = TakeLock(lock->get()); !status.ok()) return status;
  locked_ = true;
  Status status = work();
  locked_ = false;
  return status;
}

Status PostgresMigrator::InTransaction(const std::function<Status()>& work) {
  if (Status status = Connect(); !status.ok()) return status;
  const auto bracket = [this](const char* text) {
    Sql sql;
    sql.text = text;
    return connection_->Ask(sql, Deadline::max()).status();
  };
  if (Status status = bracket("BEGIN"); !status.ok()) return status;
  Status status = work();
  if (connection_->lost()) {
    connection_.reset();
    return status.ok() ? ConnectionLost() : status;
  }
  const bool within = PQtransactionStatus(connection_->handle()) != PQTRANS_IDLE;
  if (!status.ok()) {
    if (within && !bracket("ROLLBACK").ok()) connection_->Lose();
    return status;
  }
  if (!within) {
    return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                  "The SQL ended the transaction around it; it must neither begin nor end any. "
                  "What it did is kept, without a row of history.");
  }
  status = bracket("COMMIT");
  if (connection_->lost()) {
    connection_.reset();
    return CommitUnknown();
  }
  return status;
}

Status PostgresMigrator::RunScript(const std::string& what, const std::string& sql) {
  const Rows answer = connection_->Script(sql, Deadline::max());
  if (answer != nullptr && Failed(answer.get()) &&
      PQresultStatus(answer.get()) != PGRES_EMPTY_QUERY) {
    return ScriptFailure(answer.get(), what);
  }
  return connection_->lost() ? ConnectionLost() : Status();
}

Status PostgresMigrator::MakeHistory() {
  const Rows answer = connection_->Script(std::string(kHistoryTable), Deadline::max());
  if (answer == nullptr) return ConnectionLost();
  return Failed(answer.get()) ? ToStatus(answer.get()) : Status();
}

Result<std::vector<AppliedMigration>> PostgresMigrator::History() {
  std::vector<AppliedMigration> history;
  Status status = InTransaction([&]() -> Status {
    if (Status made = MakeHistory(); !made.ok()) return made;
    Sql sql;
    sql.text =
        "SELECT \"number\"::bigint, \"name\", \"checksum\","
        " (extract(epoch FROM \"applied_at\") * 1000)::bigint, \"duration_ms\""
        " FROM \"_storegate_migrations\" ORDER BY \"number\"";
    Result<Rows> rows = connection_->Ask(sql, Deadline::max());
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
      history.push_back({static_cast<int>(NumberAt(*rows, row, 0)), TextAt(*rows, row, 1),
                         TextAt(*rows, row, 2), NumberAt(*rows, row, 3),
                         NumberAt(*rows, row, 4)});
    }
    return {};
  });
  if (!status.ok()) return status;
  return history;
}

Status PostgresMigrator::Apply(const AppliedMigration& row, const std::string& sql) {
  return InTransaction([&]() -> Status {
    if (Status made = MakeHistory(); !made.ok()) return made;
    const auto start = steady_clock::now();
    if (Status ran = RunScript("The migration " + row.name, sql); !ran.ok()) return ran;
    if (PQtransactionStatus(connection_->handle()) == PQTRANS_IDLE) return {};
    const auto took = steady_clock::now() - start;
    const int64_t millis = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    Sql insert;
    insert.text = "INSERT INTO \"_storegate_migrations\" VALUES (";
    insert.Append(int64_t{row.number}, Kind::kInt4);
    insert.text += ", ";
    insert.Append(row.name, Kind::kText);
    insert.text += ", ";
    insert.Append(row.checksum, Kind::kText);
    insert.text += ", ";
    insert.Append(row.applied_at_millis, Kind::kTimestamptz);
    insert.text += ", ";
    insert.Append(millis, Kind::kInt8);
    insert.text += ")";
    return connection_->Ask(insert, Deadline::max()).status();
  });
}

Status PostgresMigrator::Execute(const std::string& sql) {
  return InTransaction([&] { return RunScript("Making the tables", sql); });
}

Result<std::vector<std::string>> PostgresMigrator::Parts(std::string_view table) {
  if (Status status = Connect(); !status.ok()) return status;
  Sql sql;
  sql.text =
      "SELECT attname::text FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
      " AND attrelid = to_regclass(";
  sql.Append(migrate::QuoteIdentifier(table), Kind::kText);
  sql.text += ") ORDER BY attnum";
  Result<Rows> rows = connection_->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  std::vector<std::string> columns;
  for (int row = 0; row < PQntuples(rows->get()); ++row) columns.push_back(TextAt(*rows, row, 0));
  return columns;
}

}  // namespace storegate::postgres
