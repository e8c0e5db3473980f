// The one place where what SQLite says becomes a Status. Its texts go to the log;
// they name tables and columns, never values.
#pragma once

#include <string>
#include <vector>

#include <sqlite3.h>

#include "server/base/status.h"
#include "server/schema/schema.h"

namespace storegate::sqlite {

struct Location;

// What a statement that failed means for the transaction that it is part of.
struct Failure {
  enum class What {
    kUnique,       // a value that another row has; the statement did nothing
    kForeignKey,   // the row referred to is missing, or rows refer to this one
    kStatement,    // something else; the statement did nothing
    kTransaction,  // nothing of the transaction can be kept
  };
  What what = What::kStatement;
  Status status;
  // kUnique: the fields of the key or index. Empty where the schema has no such.
  std::vector<const schema::Field*> fields;
};

// REQUIRES: `code` is what the last call with `db` answered, and an error. Logs it,
// but for what callers do and SQLITE_FULL.
Failure Explain(sqlite3* db, int code, const schema::Entity& entity);
//   UNAVAILABLE         DATABASE_BUSY         a lock was not had in time
//   UNAVAILABLE         DATABASE_UNAVAILABLE  the file cannot be read
//   DEADLINE_EXCEEDED   DEADLINE_EXCEEDED     interrupted by the deadline
//   RESOURCE_EXHAUSTED  STORAGE_FULL          the disk is full, or max_pages reached
//   RESOURCE_EXHAUSTED  OUT_OF_MEMORY
//   FAILED_PRECONDITION NOT_A_DATABASE        something else, or damaged
//   FAILED_PRECONDITION DATABASE_READ_ONLY
//   INTERNAL            DATABASE_ERROR        all else
// Logs it; `db` may be null.
Status ToStatus(sqlite3* db, int code);
// The same of a COMMIT: UNKNOWN, reason COMMIT_UNKNOWN, where the disk did not
// confirm it.
Status CommitFailure(sqlite3* db, int code);
// The same of a migration's statement: FAILED_PRECONDITION, reason MIGRATION_FAILED, where the
// database refuses it; `what` failed at `line` of its file (0: unknown). An AUTH error is one
// of a statement that would end the transaction around it.
Status ScriptFailure(sqlite3* db, int code, const std::string& what, int line);
// The same of a native query: INTERNAL, reason NATIVE_QUERY_FAILED, where the database refuses
// the text or what is done with the values.
Status NativeFailure(sqlite3* db, int code, const schema::Entity& entity);
// The same of opening: names the file, for who starts the gateway. `db` may be null.
Status OpenFailure(sqlite3* db, int code, const Location& location);
// FAILED_PRECONDITION, reason CANNOT_OPEN_DATABASE, when the path itself shows
// that there can be no database: said better than SQLite does.
Status CheckPath(const Location& location);

}  // namespace storegate::sqlite
