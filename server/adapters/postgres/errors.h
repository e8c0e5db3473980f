// The one place that knows what PostgreSQL's and libpq's errors mean. Source of the
// codes: postgresql.org/docs/15/errcodes-appendix.html. Their text goes to the log,
// never to a caller.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <libpq-fe.h>

#include "server/base/status.h"
#include "server/schema/schema.h"

namespace storegate::postgres {

// What a statement that failed means for those around it. Nothing of its
// transaction was kept.
struct Failure {
  enum class What {
    kUnique,      // a value that another row has
    kForeignKey,  // the row referred to is missing, or rows refer to this one
    kLocked,      // somebody held a row for too long
    kAgain,       // lost against another transaction: the same once more may do
    kStale,       // what was prepared is not what the database has now
    kStatement,   // something else about this statement alone
    kDatabase,    // any other statement would fail too
  };
  What what = What::kStatement;
  Status status;
  // kUnique, kForeignKey: the index or constraint.
  std::string constraint;
  // The connection is of no more use.
  bool fatal = false;
};

// `rows` is what a statement answered, and an error; null: the connection is lost.
// Logs it, but for what callers do.
//   UNAVAILABLE         DATABASE_UNAVAILABLE  it does not answer, or is going away
//   UNAVAILABLE         DATABASE_READ_ONLY    it takes no writes (any more)
//   UNAVAILABLE         DATABASE_BUSY         a row was held by somebody else for too long
//   ABORTED             CONFLICT              lost against other transactions
//   DEADLINE_EXCEEDED   DEADLINE_EXCEEDED     ended by the deadline
//   RESOURCE_EXHAUSTED  STORAGE_FULL          the disk is full
//   RESOURCE_EXHAUSTED  OUT_OF_MEMORY
//   RESOURCE_EXHAUSTED  IDS_EXHAUSTED         no id is left to be counted
//   INTERNAL            DATABASE_ERROR        all else
Failure Explain(const PGresult* rows);
// Whether it is libpq's own word for a connection that ended, and no answer of the
// database's.
bool MadeByLibpq(const PGresult* rows);
inline Status ToStatus(const PGresult* rows) { return Explain(rows).status; }

// The same of a native query on `entity`: INTERNAL, reason NATIVE_QUERY_FAILED, where the
// database refuses the text or what is done with the values, and where it would write.
Failure ExplainNative(const PGresult* rows, const schema::Entity& entity);

// UNKNOWN, reason COMMIT_UNKNOWN: the connection was lost while it was committed.
Status CommitUnknown();
// UNAVAILABLE, DATABASE_UNAVAILABLE.
Status ConnectionLost();

// Of making a connection; `handle` may be null. See Open in backend.h.
Status ConnectFailure(PGconn* handle);
// The same after it was made.
Status Unavailable(PGconn* handle);
Status InvalidUrl();
Status UnsupportedDatabase(PGconn* handle);

// Of a script (migrations), named by `what`: FAILED_PRECONDITION, reason MIGRATION_FAILED,
// where the database refuses the SQL, saying why in our words; else what Explain says.
// `line`: of the statement; 0 where it is not known. `kept`: of what was done before it.
// `extension`: that the statement makes; "" for others.
Status ScriptFailure(const PGresult* rows, const std::string& what, int line = 0,
                     std::string_view kept = "Nothing of it was kept",
                     const std::string& extension = "");
// Where in the script the database saw it: the so-manieth character, from 1; 0: not said.
size_t PositionOf(const PGresult* rows);
// Whether others had what it needs locked: the same again may do.
bool LostToOthers(const PGresult* rows);
// Whether rows share a value of a unique index; its name is in Explain's `constraint`.
bool SharesValue(const PGresult* rows);
// Whether the user may not do it.
bool NotAllowed(const PGresult* rows);
// Whether a name of a type, function or class of operators is known to nobody.
bool UnknownType(const PGresult* rows);
// Whether it is about a table that is made by two at once.
bool MadeByAnother(const PGresult* rows);
// Whether a table is missing.
bool NoSuchTable(const PGresult* rows);

}  // namespace storegate::postgres
