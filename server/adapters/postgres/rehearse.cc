#include "server/adapters/postgres/rehearse.h"

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "server/adapters/postgres/connection.h"
#include "server/adapters/postgres/describe.h"
#include "server/adapters/postgres/errors.h"
#include "server/adapters/postgres/migration_rows.h"
#include "server/adapters/postgres/migration_text.h"
#include "server/base/text.h"

namespace storegate::postgres {

using migrate::QuoteIdentifier;
using repository::DatabaseModel;
using repository::Step;

namespace {

constexpr std::string_view kWhat = "Rehearsing a migration";

Status Refused(int line, const std::string& why) {
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                std::string(kWhat) + " failed at line " + std::to_string(line) + ": " + why);
}

class Rehearsal {
 public:
  Rehearsal(Connection* connection, bool with_extensions)
      : connection_(connection), with_extensions_(with_extensions) {}

  // Whether it failed for want of what extensions may have.
  bool wants_extensions() const { return wants_extensions_; }

  Result<DatabaseModel> Run(const std::vector<Step>& steps) {
    if (Status status = Begin(); !status.ok()) return status;
    for (const Step& step : steps) {
      if (step.kind != Step::Kind::kTransaction && step.kind != Step::Kind::kNoTransaction) {
        continue;
      }
      if (Status status = RunStep(step); !status.ok()) return status;
    }
    return DescribeTables(connection_);
  }

 private:
  Status Script(const std::string& sql) {
    const Rows answer = connection_->Script(sql, Deadline::max());
    if (answer == nullptr || connection_->lost()) return ConnectionLost();
    return Failed(answer.get()) ? ScriptFailure(answer.get(), std::string(kWhat)) : Status();
  }

  Status Begin() {
    Sql sql;
    sql.text = "BEGIN";
    if (Status status = connection_->Ask(sql, Deadline::max()).status(); !status.ok()) {
      return status;
    }
    if (Status status = FindPath(); !status.ok()) return status;
    const std::string schema = QuoteIdentifier("_storegate_rehearsal_" + NewUuidV7());
    // Names with a schema in a script lead to what is there: it must not be held up for long.
    if (Status status = Script("SET LOCAL lock_timeout = '250ms'; SAVEPOINT made"); !status.ok()) {
      return status;
    }
    const Rows made = connection_->Script("CREATE SCHEMA " + schema, Deadline::max());
    if (made == nullptr || connection_->lost()) return ConnectionLost();
    if (!Failed(made.get())) return Script("SET LOCAL search_path = " + schema + path_);
    if (!NotAllowed(made.get())) return ScriptFailure(made.get(), std::string(kWhat));
    return Script("ROLLBACK TO SAVEPOINT made; SET LOCAL search_path = pg_temp" + path_);
  }

  // Where extensions have their types, and the tables that are there.
  Status FindPath() {
    if (!with_extensions_) return {};
    Sql sql;
    sql.text =
        "SELECT DISTINCT quote_ident(n.nspname) FROM pg_catalog.pg_extension AS e"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace"
        " WHERE n.nspname <> 'pg_catalog' ORDER BY 1";
    const Result<Rows> schemas = connection_->Ask(sql, Deadline::max());
    if (!schemas.ok()) return schemas.status();
    for (int row = 0; row < PQntuples(schemas->get()); ++row) {
      path_ += ", " + TextAt(*schemas, row, 0);
    }
    sql.Clear();
    sql.text =
        "SELECT DISTINCT c.relname::text FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_extension AS e ON e.extnamespace = c.relnamespace"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace"
        " WHERE n.nspname <> 'pg_catalog'";
    const Result<Rows> names = connection_->Ask(sql, Deadline::max());
    if (!names.ok()) return names.status();
    for (int row = 0; row < PQntuples(names->get()); ++row) taken_.insert(TextAt(*names, row, 0));
    return {};
  }

  // Whether the statement is about a relation that is not of the rehearsal's own schema.
  Result<bool> LeadsOut(const Statement& statement) {
    const std::vector<Word>& words = statement.words;
    const bool lists = OneOf(words[0], {"drop", "truncate", "lock"});
    for (size_t i = 1; i < words.size(); ++i) {
      const bool name = words[i].kind == Word::Kind::kName || words[i].kind == Word::Kind::kQuoted;
      if (!name || !taken_.contains(words[i].text) || Makes(words, i)) continue;
      if (!lists && !OneOf(words[i - 1], {"table", "exists", "on", "only", "update", "into", "from",
                                          "join", "references", "index", "view", "sequence"})) {
        continue;
      }
      Sql sql;
      sql.text =
          "SELECT count(*) FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_extension AS e"
          " ON e.extnamespace = c.relnamespace WHERE c.oid = to_regclass(";
      sql.Append(QuoteIdentifier(words[i].text), Kind::kText);
      sql.text += ")";
      const Result<Rows> rows = connection_->Ask(sql, Deadline::max());
      if (!rows.ok()) return rows.status();
      if (NumberAt(*rows, 0, 0) > 0) return true;
    }
    return false;
  }

  static bool OneOf(const Word& word, std::initializer_list<std::string_view> names) {
    return std::ranges::any_of(names, [&](std::string_view name) { return word.Is(name); });
  }

  // Whether it is what a CREATE makes: that goes to the first schema, whatever else is there.
  static bool Makes(const std::vector<Word>& words, size_t at) {
    if (!words[0].Is("create")) return false;
    return std::all_of(words.begin() + 1, words.begin() + static_cast<ptrdiff_t>(at),
                       [](const Word& word) {
                         return OneOf(word, {"table", "unlogged", "unique", "index",
                                             "concurrently", "if", "not", "exists", "sequence",
                                             "view", "materialized", "or", "replace"});
                       });
  }

  Status RunStep(const Step& step) {
    if (step.script.find('\0') != std::string::npos) return Refused(step.line, "there is a NUL.");
    for (const Statement& statement : StatementsOf(step.script)) {
      const int line = step.line + LineAt(step.script, statement.begin()) - 1;
      if (IsBracket(statement)) {
        return Refused(line, "it must neither begin nor end a transaction.");
      }
      const bool alone = step.kind == Step::Kind::kNoTransaction;
      if (alone && IsUpkeep(statement)) continue;
      if (with_extensions_) {
        const Result<bool> out = LeadsOut(statement);
        if (!out.ok()) return out.status();
        if (*out) return Refused(line, "it names a table that no migration made before it.");
      }
      const std::string text =
          alone ? WithoutConcurrently(step.script, statement)
                : step.script.substr(statement.begin(), statement.end() - statement.begin());
      const Rows answer = connection_->Script(text, Deadline::max());
      if (answer == nullptr || connection_->lost()) return ConnectionLost();
      if (!Failed(answer.get())) continue;
      wants_extensions_ = UnknownType(answer.get());
      return ScriptFailure(answer.get(), std::string(kWhat), line, "Nothing is kept of it anyway",
                           ExtensionOf(statement));
    }
    return {};
  }

  Connection* const connection_;
  const bool with_extensions_;
  bool wants_extensions_ = false;
  std::string path_;             // ", public": behind the first schema
  std::set<std::string> taken_;  // names of relations there
};

// `wants_extensions`: it failed for want of what extensions may have.
Result<DatabaseModel> Rehearse(const Options& options, const std::vector<Step>& steps,
                               bool with_extensions, bool* wants_extensions) {
  // A connection of its own: what a script sets goes with it.
  const Result<std::unique_ptr<Connection>> connection =
      Connection::Open(options, Connection::Use::kRead);
  if (!connection.ok()) return connection.status();
  Rehearsal rehearsal(connection->get(), with_extensions);
  Result<DatabaseModel> model = rehearsal.Run(steps);
  // Before it is answered, so that nothing of it is left then.
  if (!(*connection)->lost()) (void)(*connection)->Script("ROLLBACK", Deadline::max());
  *wants_extensions = rehearsal.wants_extensions();
  return model;
}

}  // namespace

Result<DatabaseModel> RehearseSteps(const Options& options, const std::vector<Step>& steps) {
  bool wants_extensions = false;
  Result<DatabaseModel> model = Rehearse(options, steps, false, &wants_extensions);
  if (!wants_extensions) return model;
  return Rehearse(options, steps, true, &wants_extensions);
}

}  // namespace storegate::postgres
