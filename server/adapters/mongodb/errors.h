// What libmongoc and MongoDB say → Status: the one place. Texts of the driver and of
// the server go to the log.
// Sources: the server's src/mongo/base/error_codes.yml; mongoc.org/libmongoc/1.23.1/errors.html.
#pragma once

#include <string>
#include <string_view>

#include <bson/bson.h>

#include "server/base/status.h"
#include "server/schema/schema.h"

namespace storegate::mongodb {

// Why a command did not do what it should.
struct Failure {
  enum class What {
    kDuplicate,    // a unique index has the value already; nothing happened
    kStatement,    // this one cannot be; nothing of it happened
    kAgain,        // others were in the way; nothing happened, it may be tried again
    kUnreachable,  // it did not get to the database; nothing happened
    kUnknown,      // there was no answer, or one that leaves open what happened
    kUnsupported,  // the server does not know the command or option
  };
  What what = What::kStatement;
  Status status;
  // kDuplicate: the name of the index where the server says it, else "".
  std::string index;
};

// Of a call that libmongoc failed. `sent`: some of the command may have reached the
// server. `late`: its time was up before there was an answer. `reply` may be null.
Failure Explain(const bson_error_t& error, const bson_t* reply, bool sent, bool late);

// Of one entry of a reply's writeErrors.
Failure ExplainWriteError(const bson_t& entry);

// To the log: what happened, what the driver says of it, and of which server ("" when
// that is not known).
void LogFailure(std::string_view what, const bson_error_t& error, std::string_view host = "");
// To the log: that a write was not confirmed, with the server's reason.
void LogUnconfirmed(const bson_t* reply);

// An answer that is none to what was asked, in the log too: INTERNAL, DATABASE_ERROR.
Failure MalformedAnswer();

// Of a native query on that entity that the server does not take: INTERNAL,
// NATIVE_QUERY_FAILED. Of one that failed for another reason: the failure's own.
Status NativeStatus(const Failure& failure, const schema::Entity& entity);

// UNAVAILABLE.
Status DatabaseUnreachable();
// INVALID_ARGUMENT, reason RECORD_TOO_LARGE.
Status RecordTooLarge();
// UNKNOWN, reason COMMIT_UNKNOWN.
Status WriteUnknown();

// --- For who starts the gateway ---

// INVALID_ARGUMENT, reason INVALID_OPTION.
Status InvalidUrl(std::string what);
// Why the first command of all failed: FAILED_PRECONDITION, reason CANNOT_OPEN_DATABASE,
// where no retry helps (credentials, rights, certificates), else UNAVAILABLE, with what
// may be the reason. `error` is of no domain when no attempt has ended. `user` and
// `database` are as in the URL.
Status OpenFailure(const bson_error_t& error, const std::string& user,
                   const std::string& database);
// FAILED_PRECONDITION, reason UNSUPPORTED_DATABASE: wire version too old.
Status UnsupportedDatabase(int wire_version);
// FAILED_PRECONDITION, reason MIGRATION_FAILED, unless the database is not there.
Status ScriptFailure(const Failure& failure, const std::string& what);

}  // namespace storegate::mongodb
