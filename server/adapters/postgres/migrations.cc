// History, transactions and the lock. Steps are in migration_steps.cc, rows and the kept
// schema in migration_data.cc.
#include "server/adapters/postgres/migrations.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "server/adapters/postgres/describe.h"
#include "server/adapters/postgres/errors.h"
#include "server/adapters/postgres/migration_rows.h"
#include "server/adapters/postgres/rehearse.h"
#include "server/migrate/ddl.h"

namespace storegate::postgres {

using repository::AppliedMigration;
using repository::DatabaseModel;
using repository::Step;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using State = AppliedMigration::State;

namespace {

constexpr std::string_view kHistoryTable =
    "CREATE TABLE IF NOT EXISTS \"_storegate_migrations\" (\n"
    "  \"number\" integer NOT NULL PRIMARY KEY,\n"
    "  \"name\" text NOT NULL,\n"
    "  \"checksum\" text NOT NULL,\n"
    "  \"applied_at\" timestamptz NOT NULL,\n"
    "  \"duration_ms\" bigint NOT NULL\n"
    ")";

// What a history of an earlier version lacks. Defaults, so that such a version can go on
// writing rows.
constexpr std::string_view kHistoryAdded[][2] = {
    {"state", "text NOT NULL DEFAULT 'applied'"}, {"steps_done", "integer NOT NULL DEFAULT 0"},
    {"applied_by", "text NOT NULL DEFAULT ''"},   {"error", "text NOT NULL DEFAULT ''"},
    {"needs", "integer NOT NULL DEFAULT 0"},
};

// Between two tries of a transaction that others were in the way of; doubled each time.
constexpr milliseconds kPauseMin{100}, kPauseMax{5000};

Options ForMigrations(Options options) {
  if (options.migration_url.empty()) return options;
  options.url = options.migration_url;
  options.transaction_pooler = false;
  return options;
}

}  // namespace

PostgresMigrator::PostgresMigrator(const Options& options)
    : options_(ForMigrations(options)), lock_timeout_(options.migration_timeout) {}

void PostgresMigrator::SetLockTimeout(int64_t millis) { lock_timeout_ = milliseconds(millis); }

Status PostgresMigrator::WithLock(const std::function<Status()>& work) {
  if (lock_ != nullptr) {
    return Status(Code::kInternal, "MIGRATION_LOCKED", "The migration lock is taken already.");
  }
  Result<std::unique_ptr<MigrationLock>> lock =
      MigrationLock::Take(options_, lock_timeout_,
                          [this](const repository::LockHolder& holder) { TellWaiting(holder); });
  if (!lock.ok()) return lock.status();
  lock_ = *std::move(lock);
  Status status = work();
  lock_.reset();
  return status;
}

void PostgresMigrator::AtMigration(int number) {
  if (lock_ != nullptr) lock_->At(number);
}

Status PostgresMigrator::CheckLock() { return lock_ == nullptr ? Status() : lock_->Held(); }

Status PostgresMigrator::Ask(const char* text) {
  Sql sql;
  sql.text = text;
  return connection_->Ask(sql, Deadline::max()).status();
}

Status PostgresMigrator::Connect() {
  if (connection_ != nullptr && connection_->Fresh()) return {};
  Result<std::unique_ptr<Connection>> connection =
      Connection::Open(options_, Connection::Use::kRead);
  if (!connection.ok()) return connection.status();
  connection_ = *std::move(connection);
  // A statement of a gateway that was killed ends within a second, and does not go on beside
  // the next one's. Not every system can; not one that waits for it, either.
  if (!options_.transaction_pooler) {
    connection_->Script("SET client_connection_check_interval = 1000", Deadline::max());
  }
  return {};
}

PostgresMigrator::Outcome PostgresMigrator::TryTransaction(const std::function<Outcome()>& work) {
  if (Status status = Connect(); !status.ok()) return status;
  if (Status status = Ask("BEGIN"); !status.ok()) return status;
  Sql wait;
  wait.text = "SELECT set_config('lock_timeout', ";
  wait.Append(std::to_string(options_.migration_lock_wait.count()), Kind::kText);
  wait.text += ", true)";
  Outcome outcome = connection_->Ask(wait, Deadline::max()).status();
  if (outcome.status.ok()) outcome = work();
  if (connection_->lost()) {
    connection_.reset();
    return outcome.status.ok() ? ConnectionLost() : outcome.status;
  }
  // What the script made is not as it was when statements were prepared.
  connection_->ForgetStatements();
  const bool within = PQtransactionStatus(connection_->handle()) != PQTRANS_IDLE;
  if (!outcome.status.ok()) {
    if (within && !Ask("ROLLBACK").ok()) connection_->Lose();
    connection_->ForgetSettings();
    return outcome;
  }
  if (!within) {
    return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                  "The SQL ended the transaction around it; it must neither begin nor end any. "
                  "What it did is kept, without a row of history.");
  }
  Sql commit;
  commit.text = "COMMIT";
  const Status status = connection_->Ask(commit, Deadline::max()).status();
  if (connection_->lost()) {
    connection_.reset();
    return CommitUnknown();
  }
  return status;
}

Status PostgresMigrator::InTransaction(const std::function<Outcome()>& work) {
  const Deadline until = steady_clock::now() + options_.migration_lock_patience;
  for (milliseconds pause = kPauseMin;; pause = std::min(pause * 2, kPauseMax)) {
    Outcome outcome = TryTransaction(work);
    if (!outcome.again) return std::move(outcome.status);
    if (Expired(until)) return InTheWay(outcome.status);
    std::this_thread::sleep_for(RandomPause(pause / 2, pause));
    if (Status status = CheckLock(); !status.ok()) return status;
  }
}

Status PostgresMigrator::InTheWay(const Status& status) {
  if (status.reason() != "MIGRATION_FAILED" || !Connect().ok()) return status;
  Sql sql;
  sql.text =
      "SELECT coalesce(nullif(application_name, ''), 'a program') || ', process ' || pid ||"
      " coalesce(' from ' || host(client_addr), '') || ', open for ' ||"
      " extract(epoch FROM clock_timestamp() - xact_start)::bigint || ' s'"
      " FROM pg_catalog.pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()"
      " AND datname = current_database() ORDER BY xact_start LIMIT 1";
  const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
  if (!rows.ok() || PQntuples(rows->get()) == 0) return status;
  return Status(status.code(), status.reason(),
                status.message() + " The oldest transaction there is that of " +
                    TextAt(*rows, 0, 0) + ".");
}

Status PostgresMigrator::MakeHistory() {
  Sql sql;
  sql.text =
      "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped"
      " AND attrelid = to_regclass('\"_storegate_migrations\"')";
  const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  std::set<std::string, std::less<>> columns;
  for (int row = 0; row < PQntuples(rows->get()); ++row) columns.insert(TextAt(*rows, row, 0));
  std::string script;
  if (columns.empty()) script = std::string(kHistoryTable) + ";\n";
  for (const auto& [name, type] : kHistoryAdded) {
    if (columns.contains(name)) continue;
    script += "ALTER TABLE \"_storegate_migrations\" ADD COLUMN IF NOT EXISTS \"" +
              std::string(name) + "\" " + std::string(type) + ";\n";
  }
  if (script.empty()) return {};
  const Rows answer = connection_->Script(script, Deadline::max());
  if (answer == nullptr) return ConnectionLost();
  if (!Failed(answer.get())) return {};
  // Two that make it at once: the one that comes second finds it the next time.
  if (MadeByAnother(answer.get())) return Status(Code::kAborted, "CONFLICT", "Made by another.");
  return ToStatus(answer.get());
}

Result<std::vector<AppliedMigration>> PostgresMigrator::History() {
  std::vector<AppliedMigration> history;
  Status status = InTransaction([&]() -> Outcome {
    history.clear();
    if (Status made = MakeHistory(); !made.ok()) {
      return {made, made.code() == Code::kAborted || made.reason() == "DATABASE_BUSY"};
    }
    Sql sql;
    sql.text =
        "SELECT \"number\"::bigint, \"name\", \"checksum\","
        " (extract(epoch FROM \"applied_at\") * 1000)::bigint, \"duration_ms\", \"state\","
        " \"steps_done\"::bigint, \"applied_by\", \"error\", \"needs\"::bigint"
        " FROM \"_storegate_migrations\" ORDER BY \"number\"";
    const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
    if (!rows.ok()) return rows.status();
    for (int row = 0; row < PQntuples(rows->get()); ++row) {
      history.push_back({.number = static_cast<int>(NumberAt(*rows, row, 0)),
                         .name = TextAt(*rows, row, 1),
                         .checksum = TextAt(*rows, row, 2),
                         .applied_at_millis = NumberAt(*rows, row, 3),
                         .duration_millis = NumberAt(*rows, row, 4),
                         .state = repository::StateNamed(TextAt(*rows, row, 5)).value_or(State::kApplied),
                         .steps_done = static_cast<int>(NumberAt(*rows, row, 6)),
                         .applied_by = TextAt(*rows, row, 7),
                         .error = TextAt(*rows, row, 8),
                         .needs = static_cast<int>(NumberAt(*rows, row, 9))});
    }
    return {};
  });
  if (!status.ok()) return status;
  return history;
}

Status PostgresMigrator::CheckUnchanged(const AppliedMigration& row) {
  Sql sql;
  sql.text = "SELECT \"state\", \"steps_done\"::bigint FROM \"_storegate_migrations\""
             " WHERE \"number\" = ";
  sql.Append(int64_t{row.number}, Kind::kInt4);
  const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  if (PQntuples(rows->get()) == 0 || repository::StateNamed(TextAt(*rows, 0, 0)) != row.state) return {};
  return NumberAt(*rows, 0, 1) < row.steps_done ? Status() : LockLost();
}

Status PostgresMigrator::WriteRow(const AppliedMigration& row, int64_t took_millis) {
  Sql sql;
  sql.text =
      "INSERT INTO \"_storegate_migrations\" (\"number\", \"name\", \"checksum\", \"applied_at\","
      " \"duration_ms\", \"state\", \"steps_done\", \"applied_by\", \"error\", \"needs\")"
      " VALUES (";
  const auto append = [&](const Value& value, Kind kind) {
    if (!sql.places.empty()) sql.text += ", ";
    sql.Append(value, kind);
  };
  append(int64_t{row.number}, Kind::kInt4);
  append(row.name, Kind::kText);
  append(row.checksum, Kind::kText);
  append(row.applied_at_millis, Kind::kTimestamptz);
  append(row.duration_millis + took_millis, Kind::kInt8);
  append(std::string(repository::NameOf(row.state)), Kind::kText);
  append(int64_t{row.steps_done}, Kind::kInt4);
  append(row.applied_by, Kind::kText);
  append(row.error, Kind::kText);
  append(int64_t{row.needs}, Kind::kInt4);
  sql.text +=
      ") ON CONFLICT (\"number\") DO UPDATE SET \"name\" = excluded.\"name\","
      " \"checksum\" = excluded.\"checksum\", \"applied_at\" = excluded.\"applied_at\","
      " \"duration_ms\" = excluded.\"duration_ms\", \"state\" = excluded.\"state\","
      " \"steps_done\" = excluded.\"steps_done\", \"applied_by\" = excluded.\"applied_by\","
      " \"error\" = excluded.\"error\", \"needs\" = excluded.\"needs\"";
  return connection_->Ask(sql, Deadline::max()).status();
}

Status PostgresMigrator::Record(const AppliedMigration& row) {
  return InTransaction([&]() -> Outcome {
    if (Status made = MakeHistory(); !made.ok()) return {made, made.code() == Code::kAborted};
    Status status = WriteRow(row, 0);
    const bool again = status.reason() == "DATABASE_BUSY";
    return {std::move(status), again};
  });
}

Status PostgresMigrator::Forget(int number) {
  return InTransaction([&]() -> Outcome {
    if (Status made = MakeHistory(); !made.ok()) return {made, made.code() == Code::kAborted};
    Sql sql;
    sql.text = "DELETE FROM \"_storegate_migrations\" WHERE \"number\" = ";
    sql.Append(int64_t{number}, Kind::kInt4);
    Status status = connection_->Ask(sql, Deadline::max()).status();
    const bool again = status.reason() == "DATABASE_BUSY";
    return {std::move(status), again};
  });
}

Status PostgresMigrator::Execute(const std::string& sql) {
  return InTransaction([&] { return RunScript("Making the tables", 0, sql); });
}

Result<DatabaseModel> PostgresMigrator::Describe() {
  if (Status status = Connect(); !status.ok()) return status;
  return DescribeTables(connection_.get());
}

Result<DatabaseModel> PostgresMigrator::Rehearse(const std::vector<Step>& steps) {
  return RehearseSteps(options_, steps);
}

Result<std::vector<std::string>> PostgresMigrator::Parts(std::string_view table) {
  if (Status status = Connect(); !status.ok()) return status;
  Sql sql;
  sql.text =
      "SELECT attname::text FROM pg_catalog.pg_attribute WHERE attnum > 0 AND NOT attisdropped"
      " AND attrelid = to_regclass(";
  sql.Append(migrate::QuoteIdentifier(table), Kind::kText);
  sql.text += ") ORDER BY attnum";
  const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  std::vector<std::string> columns;
  for (int row = 0; row < PQntuples(rows->get()); ++row) columns.push_back(TextAt(*rows, row, 0));
  return columns;
}

}  // namespace storegate::postgres
