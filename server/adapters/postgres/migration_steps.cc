// How PostgresMigrator runs steps.
#include <charconv>
#include <thread>
#include <utility>

#include "server/adapters/postgres/errors.h"
#include "server/adapters/postgres/migration_rows.h"
#include "server/adapters/postgres/migrations.h"

namespace storegate::postgres {

using migrate::QuoteIdentifier;
using repository::AppliedMigration;
using repository::Step;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Of a statement that is lost to others, and of an index that another builds.
constexpr milliseconds kPause{200};
// How long it may take to find out which rows share a value.
constexpr std::chrono::seconds kSearch{30};
// How long taking an unfinished index away may take, behind a build that failed.
constexpr milliseconds kClearing{10000};

Status Refused(const std::string& what, int line, const std::string& why) {
  std::string text = what + " failed";
  if (line > 0) text += " at line " + std::to_string(line);
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED", text + ": " + why);
}

// Of a statement by itself.
std::string_view TextOf(std::string_view script, const Statement& statement) {
  return script.substr(statement.begin(), statement.end() - statement.begin());
}

// In the file, of a byte of a script that begins there at `line`; 0: not known.
int LineInFile(int line, std::string_view script, size_t byte) {
  return line == 0 ? 0 : line + LineAt(script, byte) - 1;
}

// Of the failure of one statement, which begins at `begin`.
int LineOf(const Rows& failure, int begin, std::string_view statement) {
  const size_t position = PositionOf(failure.get());
  return position == 0 ? begin
                       : LineInFile(begin, statement, ByteOfCharacter(statement, position));
}

int64_t Changed(const Rows& rows) {
  int64_t count = 0;
  const std::string_view text = PQcmdTuples(rows.get());
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

// An index as the catalogs have it.
struct FoundIndex {
  bool there = false;
  std::string name;  // with its schema, quoted
  bool valid = false;
  bool of_table = false;  // and of no other one
  bool at_work = false;   // another session builds it
};

Result<FoundIndex> Find(Connection* connection, const ConcurrentIndex& index) {
  Sql sql;
  sql.text =
      "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), i.indisvalid,"
      " i.indrelid = t.oid, EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p"
      " WHERE p.index_relid = c.oid AND p.pid <> pg_backend_pid())"
      " FROM pg_catalog.pg_class AS t JOIN pg_catalog.pg_class AS c"
      " ON c.relnamespace = t.relnamespace"
      " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
      " JOIN pg_catalog.pg_index AS i ON i.indexrelid = c.oid WHERE c.relname = ";
  sql.Append(index.name, Kind::kText);
  sql.text += "::name AND t.oid = to_regclass(";
  sql.Append(index.table, Kind::kText);
  sql.text += ")";
  const Result<Rows> rows = connection->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  FoundIndex found;
  if (PQntuples(rows->get()) == 0) return found;
  found.there = true;
  found.name = TextAt(*rows, 0, 0);
  found.valid = TrueAt(*rows, 0, 1);
  found.of_table = TrueAt(*rows, 0, 2);
  found.at_work = TrueAt(*rows, 0, 3);
  return found;
}

// A statement that finds the values that rows share, by the unfinished index; "" when the
// index is not there.
Result<std::string> SearchFor(Connection* connection, const std::string& index) {
  Sql sql;
  sql.text =
      "SELECT 'SELECT ' || k.list || ', count(*) FROM ' || i.indrelid::regclass || ' WHERE ' ||"
      " k.given || coalesce(' AND (' || pg_get_expr(i.indpred, i.indrelid) || ')', '') ||"
      " ' GROUP BY ' || k.list || ' HAVING count(*) > 1'"
      " FROM pg_catalog.pg_index AS i, LATERAL (SELECT"
      " string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n) AS list,"
      " string_agg(pg_get_indexdef(i.indexrelid, n, true) || ' IS NOT NULL', ' AND ' ORDER BY n)"
      " AS given FROM generate_series(1, i.indnkeyatts) AS n) AS k"
      " WHERE i.indexrelid = to_regclass(";
  sql.Append(index, Kind::kText);
  sql.text += ")";
  const Result<Rows> rows = connection->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  return PQntuples(rows->get()) == 0 ? std::string() : TextAt(*rows, 0, 0);
}

}  // namespace

PostgresMigrator::Outcome PostgresMigrator::RunScript(const std::string& what, int line,
                                                      const std::string& script) {
  if (const size_t nul = script.find('\0'); nul != std::string::npos) {
    return Refused(what, LineInFile(line, script, nul), "there is a NUL. Nothing of it was run.");
  }
  const std::vector<Statement> statements = StatementsOf(script);
  for (const Statement& statement : statements) {
    if (!IsBracket(statement)) continue;
    return Refused(what, LineInFile(line, script, statement.begin()),
                   "it must neither begin nor end a transaction. Nothing of it was run.");
  }
  size_t done = 0;
  const Rows answer = connection_->Script(script, Deadline::max(), &done);
  if (answer == nullptr || !Failed(answer.get()) ||
      PQresultStatus(answer.get()) == PGRES_EMPTY_QUERY) {
    return connection_->lost() ? ConnectionLost() : Status();
  }
  size_t byte = 0;
  if (const size_t position = PositionOf(answer.get()); position > 0) {
    byte = ByteOfCharacter(script, position);
  } else if (done < statements.size()) {
    byte = statements[done].begin();
  }
  std::string extension;
  for (const Statement& statement : statements) {
    if (statement.begin() <= byte && byte < statement.end()) extension = ExtensionOf(statement);
  }
  return {ScriptFailure(answer.get(), what, LineInFile(line, script, byte), "Nothing of it was kept",
                        extension),
          LostToOthers(answer.get())};
}

Status PostgresMigrator::Run(const Step& step, const AppliedMigration& row) {
  if (step.kind != Step::Kind::kTransaction && step.kind != Step::Kind::kNoTransaction) {
    return Status(Code::kInternal, "MIGRATION_FAILED", "A step of this kind is run in batches.");
  }
  if (Status held = CheckLock(); !held.ok()) return held;
  const std::string what = "The migration " + row.name;
  auto start = steady_clock::now();
  const auto took = [&start] {
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() - start).count();
  };
  if (step.kind == Step::Kind::kNoTransaction) {
    if (Status ran = RunAlone(step, what); !ran.ok()) return ran;
    AppliedMigration done = row;
    done.duration_millis += took();
    return Record(done);
  }
  return InTransaction([&]() -> Outcome {
    if (Status made = MakeHistory(); !made.ok()) return {made, made.code() == Code::kAborted};
    // Steps of two come one after the other, whatever becomes of the lock.
    if (Status status = Ask("LOCK TABLE \"_storegate_migrations\" IN SHARE ROW EXCLUSIVE MODE");
        !status.ok()) {
      const bool again = status.reason() == "DATABASE_BUSY";
      return {std::move(status), again};
    }
    if (Status unchanged = CheckUnchanged(row); !unchanged.ok()) return unchanged;
    start = steady_clock::now();
    if (Outcome ran = RunScript(what, step.line, step.script); !ran.status.ok()) return ran;
    if (PQtransactionStatus(connection_->handle()) == PQTRANS_IDLE) return {};
    if (Status held = lock_ == nullptr ? Status() : lock_->HeldFrom(connection_.get());
        !held.ok()) {
      return held;
    }
    return WriteRow(row, took());
  });
}

Status PostgresMigrator::RunAlone(const Step& step, const std::string& what) {
  if (const size_t nul = step.script.find('\0'); nul != std::string::npos) {
    return Refused(what, LineInFile(step.line, step.script, nul), "there is a NUL.");
  }
  for (const Statement& statement : StatementsOf(step.script)) {
    if (Status status = RunStatement(step, statement, what); !status.ok()) return status;
  }
  return {};
}

Status PostgresMigrator::RunStatement(const Step& step, const Statement& statement,
                                      const std::string& what) {
  const int begin = LineInFile(step.line, step.script, statement.begin());
  if (IsBracket(statement)) {
    return Refused(what, begin, "it must neither begin nor end a transaction.");
  }
  const std::optional<ConcurrentIndex> index = ConcurrentIndexOf(step.script, statement);
  const std::string text(TextOf(step.script, statement));
  const Deadline until = steady_clock::now() + options_.migration_lock_patience;
  while (true) {
    if (Status held = CheckLock(); !held.ok()) return held;
    if (Status status = Connect(); !status.ok()) return status;
    if (index) {
      const Result<bool> done = index->drop ? AlreadyDropped(*index) : AlreadyBuilt(*index);
      if (!done.ok()) return done.status();
      if (*done) return {};
    } else if (Status status = Ask("SELECT true"); !status.ok()) {
      return status;  // it also tells the database that the statement may take its time
    }
    const Rows answer = connection_->Script(text, Deadline::max());
    connection_->ForgetStatements();
    if (answer == nullptr || !Failed(answer.get())) {
      return connection_->lost() ? ConnectionLost() : Status();
    }
    Status status = ScriptFailure(answer.get(), what, LineOf(answer, begin, text),
                                  "What it did before that is kept", ExtensionOf(statement));
    // Where the connection is lost, the next run clears away: what is built may be built still.
    if (connection_->lost()) {
      connection_.reset();
      return status;
    }
    if (index && !index->drop) {
      status = ClearAway(*index, SharesValue(answer.get()), std::move(status));
    }
    if (!LostToOthers(answer.get()) || Expired(until)) return status;
    std::this_thread::sleep_for(kPause);
  }
}

Result<bool> PostgresMigrator::AlreadyDropped(const ConcurrentIndex& index) {
  Sql sql;
  sql.text = "SELECT to_regclass(";
  sql.Append((index.schema.empty() ? "" : QuoteIdentifier(index.schema) + ".") +
                 QuoteIdentifier(index.name),
             Kind::kText);
  sql.text += ") IS NULL";
  const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
  if (!rows.ok()) return rows.status();
  return TrueAt(*rows, 0, 0);
}

Result<bool> PostgresMigrator::AlreadyBuilt(const ConcurrentIndex& index) {
  while (true) {
    const Result<FoundIndex> found = Find(connection_.get(), index);
    if (!found.ok()) return found.status();
    // What is another table's is for the database to refuse.
    if (!found->there || !found->of_table) return false;
    if (found->valid) return true;
    if (!found->at_work) {
      const Rows answer =
          connection_->Script("DROP INDEX CONCURRENTLY IF EXISTS " + found->name, Deadline::max());
      if (answer == nullptr || connection_->lost()) return ConnectionLost();
      if (!Failed(answer.get())) return false;
      if (!LostToOthers(answer.get())) {
        return ScriptFailure(answer.get(), "Dropping the unfinished index " + found->name);
      }
    }
    // A gateway that was killed began it, and the database goes on: that is as good.
    std::this_thread::sleep_for(kPause);
    if (Status held = CheckLock(); !held.ok()) return held;
  }
}

Status PostgresMigrator::ClearAway(const ConcurrentIndex& index, bool shares_value,
                                   Status status) {
  if (!Connect().ok()) return status;
  const Result<FoundIndex> found = Find(connection_.get(), index);
  if (!found.ok() || !found->there || !found->of_table || found->valid) return status;
  std::string more;
  if (shares_value) {
    const Result<std::string> search = SearchFor(connection_.get(), found->name);
    if (search.ok() && !search->empty()) {
      more = " Rows that share a value: " + *search + ".";
      Sql sql;
      sql.text = "SELECT count(*) FROM (" + *search + " LIMIT 1000) AS shared";
      const Result<Rows> rows = connection_->Ask(sql, steady_clock::now() + kSearch);
      const int64_t count = rows.ok() ? NumberAt(*rows, 0, 0) : 0;
      if (count > 0) {
        more = " Rows share " + std::to_string(count) +
               (count == 1 ? " value" : count == 1000 ? " values or more" : " values") +
               "; they are found by: " + *search + ".";
      }
    }
  }
  // It waits for all that began before it, but nobody waits for it for long.
  connection_->Script("SET statement_timeout = " + std::to_string(kClearing.count()),
                      Deadline::max());
  connection_->ForgetSettings();
  const Rows dropped =
      connection_->Script("DROP INDEX CONCURRENTLY IF EXISTS " + found->name, Deadline::max());
  if (dropped == nullptr || Failed(dropped.get())) {
    more += " The unfinished index is there still; the next try drops it.";
  }
  return Status(status.code(), status.reason(), status.message() + more);
}

Result<int64_t> PostgresMigrator::RunBatch(const Step& step) {
  if (Status held = CheckLock(); !held.ok()) return held;
  int64_t changed = 0;
  const std::string what = "A batch of rows";
  Status status = InTransaction([&]() -> Outcome {
    const std::vector<Statement> statements = StatementsOf(step.script);
    if (statements.size() != 1) {
      return Refused(what, step.line, "what is repeated must be one statement.");
    }
    const std::string text(TextOf(step.script, statements[0]));
    const Rows answer = connection_->Script(text, Deadline::max());
    if (answer == nullptr) return ConnectionLost();
    if (Failed(answer.get())) {
      const int begin = LineInFile(step.line, step.script, statements[0].begin());
      return {ScriptFailure(answer.get(), what, LineOf(answer, begin, text)),
              LostToOthers(answer.get())};
    }
    changed = Changed(answer);
    return {};
  });
  if (!status.ok()) return status;
  return changed;
}

Result<int64_t> PostgresMigrator::CountTotal(const Step& step) {
  if (step.total.empty()) return int64_t{0};
  if (Status status = Connect(); !status.ok()) return status;
  if (Status status = Ask("SELECT true"); !status.ok()) return status;
  const Rows answer = connection_->Script(step.total, Deadline::max());
  if (answer == nullptr || connection_->lost()) return ConnectionLost();
  const std::string what = "Counting the rows to go";
  if (Failed(answer.get())) return ScriptFailure(answer.get(), what, step.line);
  int64_t total = 0;
  bool number = PQntuples(answer.get()) == 1 && PQnfields(answer.get()) == 1;
  if (number) {
    const std::string text = TextAt(answer, 0, 0);
    const auto read = std::from_chars(text.data(), text.data() + text.size(), total);
    number = read.ec == std::errc() && read.ptr == text.data() + text.size();
  }
  if (!number) return Refused(what, step.line, "it must answer with one whole number.");
  return total;
}

}  // namespace storegate::postgres
