// Runs what migrations are made of: scripts of several statements, within a transaction that
// they must not end.
#pragma once

#include <cstdint>
#include <string>

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"

namespace storegate::sqlite {

// Runs the statements in order. FAILED_PRECONDITION, reason MIGRATION_FAILED, saying that
// `what` failed at which line, where its first line is `line`: a statement that the database
// refuses; one with BEGIN, COMMIT, SAVEPOINT, ATTACH or the like. Else as ToStatus has it.
//
// Where a table is made anew (alter.h), its triggers and those of its indexes that the
// script does not make itself are made again at the end: they are not the gateway's, and
// SQLite drops them with the old table. One that can be no more fails the script, and so does
// a column of the old table that the new one lacks and the script does not name, also not in
// a comment: it is somebody else's.
// REQUIRES: within a transaction.
Status RunStatements(Connection* connection, const std::string& what, const std::string& sql,
                     int line);

// Runs the one statement of the text; how many rows it changed.
Result<int64_t> RunOneStatement(Connection* connection, const std::string& what,
                                const std::string& sql, int line);

// FAILED_PRECONDITION, reason MIGRATION_FAILED, naming a table with rows that refer to what
// is not there.
Status CheckForeignKeys(Connection* connection);

}  // namespace storegate::sqlite
