#include "server/adapters/mongodb/errors.h"

#include <utility>

#include <mongoc/mongoc.h>

#include "server/base/log.h"
#include "server/base/text.h"
#include "server/repository/row_status.h"

namespace storegate::mongodb {
namespace {

using What = Failure::What;

Status InternalError() {
  return Status(Code::kInternal, "DATABASE_ERROR", "The database failed. The log says more.");
}

Status TimeIsUp() {
  return Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                "The database had not answered when the deadline passed.");
}

Status Conflict() {
  return Status(Code::kAborted, "CONFLICT",
                "Others changed the same records at the same time. Try again.");
}

// The server's own codes.
enum ServerCode {
  kHostUnreachable = 6,
  kHostNotFound = 7,
  kUnauthorized = 13,
  kAuthenticationFailed = 18,
  kLockTimeout = 24,
  kNamespaceNotFound = 26,
  kCursorNotFound = 43,
  kMaxTimeExpired = 50,
  kCommandNotFound = 59,
  kWriteConcernFailed = 64,
  kNetworkTimeout = 89,
  kShutdownInProgress = 91,
  kWriteConflict = 112,
  kConflictingOperation = 117,
  kCommandNotSupported = 115,
  kExceededMemoryLimit = 146,
  kQueryPlanKilled = 175,
  kPrimarySteppedDown = 189,
  kCursorKilled = 237,
  kNotImplemented = 238,
  kSnapshotUnavailable = 246,
  kNoSuchTransaction = 251,
  kExceededTimeLimit = 262,
  kTooManyFilesOpen = 264,
  kTransactionTooLong = 290,
  kOutOfDiskSpace = 14031,
  kNotPrimaryOrSecondary = 13436,
  kNotPrimaryNoSecondary = 13435,
  kSocketError = 9001,
  kNotWritablePrimary = 10107,
  kTooLargeForBson = 10334,
  kTooLargeAfterUpdate = 17419,
  kDuplicate = 11000,
  kDuplicateOld = 11001,
  kDuplicateUpdate = 12582,
  kInterruptedAtShutdown = 11600,
  kInterrupted = 11601,
  kInterruptedByStateChange = 11602,
  kUnknownTimeZone = 40485,
};

struct Meaning {
  What what;
  Status status;
};

Meaning MeaningOf(uint32_t code) {
  switch (code) {
    case kDuplicate:
    case kDuplicateOld:
    case kDuplicateUpdate: return {What::kDuplicate, InternalError()};
    case kWriteConflict:
    case kLockTimeout:
    case kNoSuchTransaction:
    case kSnapshotUnavailable:
    case kTransactionTooLong:
    case kConflictingOperation: return {What::kAgain, Conflict()};
    case kMaxTimeExpired:
    case kExceededTimeLimit: return {What::kStatement, TimeIsUp()};
    case kAuthenticationFailed:
    case kCursorNotFound:
    case kCursorKilled:
    case kQueryPlanKilled:
    case kInterrupted:
    case kHostUnreachable:
    case kHostNotFound:
    case kNetworkTimeout:
    case kShutdownInProgress:
    case kPrimarySteppedDown:
    case kNotPrimaryNoSecondary:
    case kNotPrimaryOrSecondary:
    case kSocketError:
    case kNotWritablePrimary:
    case kInterruptedAtShutdown:
    case kInterruptedByStateChange: return {What::kUnreachable, DatabaseUnreachable()};
    case kWriteConcernFailed: return {What::kUnknown, WriteUnknown()};
    case kOutOfDiskSpace:
    case kTooManyFilesOpen:
      return {What::kStatement, Status(Code::kResourceExhausted, "STORAGE_FULL",
                                       "The database has no room left. Nothing was written.")};
    case kExceededMemoryLimit:
      return {What::kStatement, Status(Code::kResourceExhausted, "OUT_OF_MEMORY",
                                       "The database ran out of memory.")};
    case kUnknownTimeZone:
      return {What::kStatement, Status(Code::kInvalidArgument, "INVALID_TIME_ZONE",
                                       "The database does not know the time zone.")};
    case kTooLargeForBson:
    case kTooLargeAfterUpdate: return {What::kStatement, RecordTooLarge()};
    case kCommandNotFound:
    case kCommandNotSupported:
    case kNotImplemented: return {What::kUnsupported, InternalError()};
    default: return {What::kStatement, InternalError()};
  }
}

// Faults, not what callers do or what is tried again.
bool WorthLogging(const Meaning& meaning) {
  return meaning.what != What::kDuplicate && meaning.what != What::kAgain &&
         meaning.status.code() != Code::kDeadlineExceeded &&
         meaning.status.code() != Code::kInvalidArgument;
}

// The name behind "index: " in "E11000 duplicate key error collection: a.b index: name
// dup key: { … }". Values of the record come behind it, and are never looked at.
std::string IndexIn(std::string_view text) {
  constexpr std::string_view kBefore = " index: ", kAfter = " dup key:";
  const size_t begin = text.find(kBefore);
  if (begin == std::string_view::npos) return "";
  const size_t end = text.find(kAfter, begin);
  if (end == std::string_view::npos) return "";
  return std::string(text.substr(begin + kBefore.size(), end - begin - kBefore.size()));
}

std::string_view TextOf(const bson_error_t& error) { return error.message; }

// A duplicate's text quotes the record's values.
void LogServerError(uint32_t code, std::string_view text) {
  Log(Level::kError, "mongodb failed", {{"code", static_cast<int64_t>(code)}, {"text", text}});
}

}  // namespace

void LogFailure(std::string_view what, const bson_error_t& error, std::string_view host) {
  Log(Level::kWarn, what,
      {{"host", host},
       {"domain", static_cast<int64_t>(error.domain)},
       {"code", static_cast<int64_t>(error.code)},
       {"text", TextOf(error)}});
}

void LogUnconfirmed(const bson_t* reply) {
  bson_iter_t at, inside;
  int64_t code = 0;
  if (bson_iter_init_find(&at, reply, "writeConcernError") && BSON_ITER_HOLDS_DOCUMENT(&at) &&
      bson_iter_recurse(&at, &inside) && bson_iter_find(&inside, "code")) {
    code = bson_iter_as_int64(&inside);
  }
  Log(Level::kError, "mongodb did not confirm a write", {{"code", code}});
}

Failure Explain(const bson_error_t& error, const bson_t* reply, bool sent, bool late) {
  if (error.domain == MONGOC_ERROR_WRITE_CONCERN) {
    LogFailure("mongodb did not confirm a write", error);
    return {What::kUnknown, WriteUnknown(), ""};
  }
  if (error.domain == MONGOC_ERROR_SERVER) {
    Meaning meaning = MeaningOf(error.code);
    if (reply != nullptr && meaning.what == What::kStatement &&
        mongoc_error_has_label(reply, "TransientTransactionError")) {
      meaning = {What::kAgain, Conflict()};
    }
    if (WorthLogging(meaning)) LogServerError(error.code, TextOf(error));
    Failure failure{meaning.what, std::move(meaning.status), ""};
    if (failure.what == What::kDuplicate) failure.index = IndexIn(TextOf(error));
    return failure;
  }
  if (error.domain == MONGOC_ERROR_CLIENT && (error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE)) {
    LogFailure("mongodb refused the credentials", error);
    return {What::kUnreachable, DatabaseUnreachable(), ""};
  }
  if (error.domain == MONGOC_ERROR_BSON ||
      (error.domain == MONGOC_ERROR_COMMAND && error.code == MONGOC_ERROR_COMMAND_INVALID_ARG)) {
    LogFailure("libmongoc refused a command", error);
    return {What::kStatement, InternalError(), ""};
  }
  LogFailure(late ? "mongodb did not answer in time" : "connection to mongodb failed", error);
  if (sent) return {What::kUnknown, WriteUnknown(), ""};
  return {What::kUnreachable, DatabaseUnreachable(), ""};
}

Failure ExplainWriteError(const bson_t& entry) {
  uint32_t code = 0;
  std::string_view text;
  bson_iter_t at;
  if (bson_iter_init(&at, &entry)) {
    while (bson_iter_next(&at)) {
      const std::string_view key = bson_iter_key(&at);
      if (key == "code") code = static_cast<uint32_t>(bson_iter_as_int64(&at));
      if (key == "errmsg" && BSON_ITER_HOLDS_UTF8(&at)) text = bson_iter_utf8(&at, nullptr);
    }
  }
  Meaning meaning = MeaningOf(code);
  if (WorthLogging(meaning)) LogServerError(code, text);
  Failure failure{meaning.what, std::move(meaning.status), ""};
  if (failure.what == What::kDuplicate) failure.index = IndexIn(text);
  return failure;
}

Failure MalformedAnswer() {
  Log(Level::kError, "mongodb's answer is none to what was asked", {});
  return {What::kStatement, InternalError(), ""};
}

Status NativeStatus(const Failure& failure, const schema::Entity& entity) {
  const bool refused = failure.what == What::kStatement || failure.what == What::kUnsupported;
  const Code code = failure.status.code();
  const bool fault = code == Code::kInternal || code == Code::kInvalidArgument;
  return refused && fault ? repository::NativeQueryFailed(entity) : failure.status;
}

Status RecordTooLarge() {
  return Status(Code::kInvalidArgument, "RECORD_TOO_LARGE",
                "The record is larger than MongoDB's limit of 16 MiB a document.");
}

Status DatabaseUnreachable() {
  return Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "The database does not answer.");
}

Status WriteUnknown() {
  return Status(Code::kUnknown, "COMMIT_UNKNOWN",
                "The database was lost while it committed; the write may or may not have "
                "happened.");
}

Status InvalidUrl(std::string what) {
  return Status(Code::kInvalidArgument, "INVALID_OPTION", std::move(what));
}

Status OpenFailure(const bson_error_t& error, const std::string& user,
                   const std::string& database) {
  const auto cannot_open = [](std::string why) {
    return Status(Code::kFailedPrecondition, "CANNOT_OPEN_DATABASE", std::move(why));
  };
  const auto unreachable = [](std::string why) {
    return Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", std::move(why));
  };
  LogFailure("mongodb cannot be opened", error);
  const bool server = error.domain == MONGOC_ERROR_SERVER;
  if ((error.domain == MONGOC_ERROR_CLIENT && error.code == MONGOC_ERROR_CLIENT_AUTHENTICATE) ||
      (server && error.code == kAuthenticationFailed)) {
    return cannot_open("the password of the user " + Quoted(user) +
                       " was not accepted, or the user does not exist");
  }
  if (server && error.code == kUnauthorized) {
    return cannot_open((user.empty() ? std::string("a user without a name")
                                     : "the user " + Quoted(user)) +
                       " may not use the database " + Quoted(database));
  }
  const std::string_view text = TextOf(error);
  const auto says = [text](std::string_view what) { return text.find(what) != text.npos; };
  if (says("certificate verify failed") || says("Failed certificate verification")) {
    return cannot_open("the server's certificate was not accepted; it must be signed by who is in "
                       "tlsCAFile, and be of the host that the URL names");
  }
  if (says("TLS handshake") && says("alert")) {
    return cannot_open("the server refused TLS with us; it may want a client's certificate: "
                       "tlsCertificateKeyFile");
  }
  if (says("TLS handshake")) {
    return unreachable("A server takes the connection but no part in TLS, which the URL asks for.");
  }
  if (error.domain == MONGOC_ERROR_STREAM && error.code == MONGOC_ERROR_STREAM_SOCKET) {
    return unreachable("A server takes the connection but does not answer. Where it wants TLS, "
                       "the URL needs tls=true.");
  }
  // No attempt has come to its end.
  if (error.domain == 0) {
    return unreachable("The database has not answered in time. A server that waits in silence may "
                       "expect TLS where the URL has none, or none where it has tls=true.");
  }
  return DatabaseUnreachable();
}

Status UnsupportedDatabase(int wire_version) {
  return Status(Code::kFailedPrecondition, "UNSUPPORTED_DATABASE",
                "the database must be MongoDB 4.2 or later; it speaks wire version " +
                    std::to_string(wire_version));
}

Status ScriptFailure(const Failure& failure, const std::string& what) {
  if (failure.what == What::kUnreachable || failure.what == What::kUnknown) return failure.status;
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED",
                what + " failed. What it did before that is kept; the log says why.");
}

}  // namespace storegate::mongodb
