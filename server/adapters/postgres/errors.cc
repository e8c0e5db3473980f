#include "server/adapters/postgres/errors.h"

#include <charconv>
#include <string_view>

#include "server/base/log.h"
#include "server/base/text.h"
#include "server/repository/row_status.h"

namespace storegate::postgres {
namespace {

using What = Failure::What;

std::string_view FieldOf(const PGresult* rows, int field) {
  const char* text = PQresultErrorField(rows, field);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

std::string_view StateOf(const PGresult* rows) {
  return rows == nullptr ? std::string_view() : FieldOf(rows, PG_DIAG_SQLSTATE);
}

Status InternalError() {
  return Status(Code::kInternal, "DATABASE_ERROR", "The database failed. The log says more.");
}

struct Meaning {
  What what;
  Status status;
};

Meaning MeaningOf(std::string_view state) {
  const std::string_view kind = state.substr(0, std::min<size_t>(2, state.size()));
  if (state.empty() || kind == "08" || state == "57P01" || state == "57P02" ||
      state == "57P03" || state == "57P05" || state == "53300" || state == "25P03") {
    return {What::kDatabase, ConnectionLost()};
  }
  if (state == "23505" || state == "23P01") return {What::kUnique, InternalError()};
  if (state == "23503") return {What::kForeignKey, InternalError()};
  if (state == "55P03") {
    return {What::kLocked, Status(Code::kUnavailable, "DATABASE_BUSY",
                                  "The row was held by somebody else for too long.")};
  }
  if (kind == "40") {
    return {What::kAgain, Status(Code::kAborted, "CONFLICT",
                                 "Others changed the same records at the same time. Try again.")};
  }
  if (state == "0A000" || state == "26000" || state == "42P05") {
    return {What::kStale, InternalError()};
  }
  if (state == "57014") {
    return {What::kDatabase, Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                                    "The database had not answered when the deadline passed.")};
  }
  if (state == "53100" || state == "53400" || state == "58030") {
    return {What::kDatabase, Status(Code::kResourceExhausted, "STORAGE_FULL",
                                    "The database has no room left. Nothing was written.")};
  }
  if (state == "53200") {
    return {What::kDatabase, Status(Code::kResourceExhausted, "OUT_OF_MEMORY",
                                    "The database ran out of memory.")};
  }
  if (state == "25006") {
    return {What::kDatabase, Status(Code::kUnavailable, "DATABASE_READ_ONLY",
                                    "The database takes no writes.")};
  }
  if (state == "2200H") {
    return {What::kStatement,
            Status(Code::kResourceExhausted, "IDS_EXHAUSTED",
                   "No record can be counted any more: the greatest id is taken.")};
  }
  return {What::kStatement, InternalError()};
}

// Faults, not what callers do or what is tried again.
bool WorthLogging(const Meaning& meaning) {
  switch (meaning.what) {
    case What::kUnique:
    case What::kForeignKey:
    case What::kAgain:
    case What::kStale:
    case What::kLocked: return false;
    default: return meaning.status.code() != Code::kDeadlineExceeded;
  }
}

void LogFailure(const PGresult* rows) {
  Log(Level::kError, "postgresql failed",
      {{"state", StateOf(rows)},
       {"text", rows == nullptr ? std::string_view("the connection was lost")
                                : FieldOf(rows, PG_DIAG_MESSAGE_PRIMARY)}});
}

// The SQLSTATE in a text of PQERRORS_VERBOSE: "FATAL:  28P01: password …".
std::string_view StateInText(std::string_view text) {
  for (size_t colon = text.find(":  "); colon != std::string_view::npos;
       colon = text.find(":  ", colon + 1)) {
    const std::string_view rest = text.substr(colon + 3);
    if (rest.size() < 6 || rest[5] != ':') continue;
    bool code = true;
    for (const char c : rest.substr(0, 5)) {
      code = code && ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'));
    }
    if (code) return rest.substr(0, 5);
  }
  return {};
}

std::string_view Trimmed(const char* text) {
  std::string_view trimmed = text == nullptr ? "" : text;
  while (!trimmed.empty() && trimmed.back() == '\n') trimmed.remove_suffix(1);
  return trimmed;
}

// "the index" and what it is of, as the database names them; names alone are shown.
std::string Named(std::string_view word, const PGresult* rows, int field) {
  const std::string_view name = FieldOf(rows, field);
  return std::string(word) + (name.empty() ? "" : " " + Quoted(name));
}

// Why a script was refused, in our words; "" for what is rare.
std::string WhyRefused(const PGresult* rows) {
  const std::string_view state = StateOf(rows);
  const std::string of = FieldOf(rows, PG_DIAG_TABLE_NAME).empty()
                             ? ""
                             : Named(" of the table", rows, PG_DIAG_TABLE_NAME);
  if (state == "23505") {
    return Named("rows share a value that must be unique by", rows, PG_DIAG_CONSTRAINT_NAME) + of +
           "; change or delete all but one of each";
  }
  if (state == "23503") {
    return "rows refer to what is not there, by " +
           Named("the foreign key", rows, PG_DIAG_CONSTRAINT_NAME) + of;
  }
  if (state == "23514") {
    return "rows are not as " + Named("the check", rows, PG_DIAG_CONSTRAINT_NAME) + of + " wants";
  }
  if (state == "23502") {
    return "rows have no value in " + Named("the column", rows, PG_DIAG_COLUMN_NAME) + of;
  }
  if (state == "22P02" || state == "22007" || state == "22008" || state == "42846" ||
      state == "42804") {
    return "a value cannot be what its type would be";
  }
  if (state == "22003") return "a number does not fit its type";
  if (state == "42P07" || state == "42701" || state == "42710" || state == "42P06") {
    return "what it makes is there already";
  }
  if (state == "42P01") return "a table or index that it names is not there";
  if (state == "42703") return "a column that it names is not there";
  if (state == "42704" || state == "42883") {
    return "a type, function, constraint or the like that it names is not there";
  }
  if (state == "42601") return "this is no SQL that PostgreSQL can read";
  if (state == "42501") return "the user may not do that";
  if (state == "2BP01") return "others depend on what it drops";
  if (state == "25001") return "it cannot be part of a transaction; see `no transaction`";
  if (state == "55P03" || state.starts_with("40")) {
    return "others had what it needs locked for all of the time that it was tried";
  }
  return "";
}

std::string WhyNoExtension(const PGresult* rows, const std::string& extension) {
  const std::string name = "the extension " + Quoted(extension);
  if (StateOf(rows) == "42501") {
    return "the user may not create " + name + "; let one who may (the owner of the database, or a "
           "superuser) run CREATE EXTENSION " + extension + " in it once, then run this again";
  }
  return name + " cannot be created; what the server has are those of pg_available_extensions: "
         "install it there (PostgreSQL's own are in the package postgresql-contrib), then run "
         "this again";
}

Status CannotOpen(std::string why) {
  return Status(Code::kFailedPrecondition, "CANNOT_OPEN_DATABASE", std::move(why));
}

}  // namespace

bool MadeByLibpq(const PGresult* rows) {
  return rows != nullptr && PQresultStatus(rows) == PGRES_FATAL_ERROR && StateOf(rows).empty();
}

Failure Explain(const PGresult* rows) {
  const std::string_view state = StateOf(rows);
  Meaning meaning = MeaningOf(state);
  if (WorthLogging(meaning)) LogFailure(rows);
  Failure failure;
  failure.what = meaning.what;
  failure.status = std::move(meaning.status);
  if (rows != nullptr) {
    failure.constraint = FieldOf(rows, PG_DIAG_CONSTRAINT_NAME);
    const std::string_view severity = FieldOf(rows, PG_DIAG_SEVERITY_NONLOCALIZED);
    // One that takes no writes any more leads to a server that was the primary once.
    failure.fatal = severity == "FATAL" || severity == "PANIC" || state == "25006";
  }
  return failure;
}

Failure ExplainNative(const PGresult* rows, const schema::Entity& entity) {
  const ExecStatusType status = PQresultStatus(rows);
  const bool copies = status == PGRES_COPY_OUT || status == PGRES_COPY_IN;
  Failure failure;
  failure.status = repository::NativeQueryFailed(entity);
  if (copies || status == PGRES_EMPTY_QUERY || status == PGRES_COMMAND_OK) {
    Log(Level::kError, "postgresql failed", {{"text", "a native query gives no rows"}});
    failure.fatal = copies;  // nobody here has, or takes, what is copied
    return failure;
  }
  // It would write, or has a parameter that the request has no field for: other statements
  // go on well.
  const std::string_view state = StateOf(rows);
  if (state == "25006" || state == "08P01") {
    LogFailure(rows);
    return failure;
  }
  Failure ours = Explain(rows);
  if (ours.status.code() != Code::kInternal) return ours;
  if (!WorthLogging(MeaningOf(state))) LogFailure(rows);
  failure.what = ours.what;
  return failure;
}

Status ConnectionLost() {
  return Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "The database does not answer.");
}

Status CommitUnknown() {
  return Status(Code::kUnknown, "COMMIT_UNKNOWN",
                "The database was lost while it committed; the write may or may not have "
                "happened.");
}

Status Unavailable(PGconn* handle) {
  Log(Level::kError, "postgresql does not answer",
      {{"text", handle == nullptr ? std::string_view("no memory")
                                  : Trimmed(PQerrorMessage(handle))}});
  return ConnectionLost();
}

Status ConnectFailure(PGconn* handle) {
  const std::string_view text = handle == nullptr ? "" : Trimmed(PQerrorMessage(handle));
  const std::string_view state = StateInText(text);
  if (handle == nullptr) return Unavailable(handle);
  const std::string user = Quoted(PQuser(handle) == nullptr ? "" : PQuser(handle));
  const std::string name = Quoted(PQdb(handle) == nullptr ? "" : PQdb(handle));
  if (state == "28P01" || (state.empty() && PQconnectionNeedsPassword(handle) != 0)) {
    return CannotOpen("the password of the user " + user + " was not accepted");
  }
  if (state == "28000") {
    return CannotOpen("the user " + user + " may not log in to the database " + name +
                      " from here, or does not exist");
  }
  if (state == "3D000") return CannotOpen("there is no database " + name);
  // Said of a parameter before anybody is connected to: "invalid sslmode value: …".
  constexpr std::string_view kInvalid = "invalid ", kValue = " value";
  if (state.empty() && text.starts_with(kInvalid) && text.find(kValue) != text.npos) {
    return Status(Code::kInvalidArgument, "INVALID_OPTION",
                  "the URL gives " +
                      std::string(text.substr(kInvalid.size(), text.find(kValue) - kInvalid.size())) +
                      " a value that it cannot have");
  }
  if (state == "42501") {
    return CannotOpen("the user " + user + " may not connect to the database " + name);
  }
  return Unavailable(handle);
}

Status InvalidUrl() {
  return Status(Code::kInvalidArgument, "INVALID_OPTION",
                "the URL cannot be read; it is postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
                "with what has a meaning in a URL percent-encoded, and as many ports as hosts, "
                "or one");
}

Status UnsupportedDatabase(PGconn* handle) {
  const int version = PQserverVersion(handle);
  const char* encoding = PQparameterStatus(handle, "server_encoding");
  return Status(Code::kFailedPrecondition, "UNSUPPORTED_DATABASE",
                "the database must be PostgreSQL 14 or later with the encoding UTF8; it is " +
                    std::to_string(version / 10000) + " with " +
                    Quoted(encoding == nullptr ? "" : encoding));
}

Status ScriptFailure(const PGresult* rows, const std::string& what, int line,
                     std::string_view kept, const std::string& extension) {
  Failure failure = Explain(rows);
  if (failure.what == What::kDatabase) return failure.status;
  if (failure.what != What::kStatement) LogFailure(rows);
  std::string text = what + " failed";
  if (line > 0) text += " at line " + std::to_string(line);
  const std::string why = extension.empty() ? WhyRefused(rows) : WhyNoExtension(rows, extension);
  if (!why.empty()) text += ": " + why;
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                text + ". " + std::string(kept) + "; the log says why.");
}

size_t PositionOf(const PGresult* rows) {
  size_t position = 0;
  const std::string_view text = FieldOf(rows, PG_DIAG_STATEMENT_POSITION);
  std::from_chars(text.data(), text.data() + text.size(), position);
  return position;
}

bool LostToOthers(const PGresult* rows) {
  const std::string_view state = StateOf(rows);
  return state == "55P03" || state.starts_with("40");
}

bool SharesValue(const PGresult* rows) { return StateOf(rows) == "23505"; }

bool NotAllowed(const PGresult* rows) { return StateOf(rows) == "42501"; }

bool UnknownType(const PGresult* rows) {
  const std::string_view state = StateOf(rows);
  return state == "42704" || state == "42883";
}

bool MadeByAnother(const PGresult* rows) {
  const std::string_view state = StateOf(rows);
  return state == "42P07" || state == "23505" || state == "42710";
}

bool NoSuchTable(const PGresult* rows) { return StateOf(rows) == "42P01"; }

}  // namespace storegate::postgres
