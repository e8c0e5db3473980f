// storegate on SQLite: one file, many readers beside one writer at a time, and
// other processes on the same file at the same time.
//
// A file is in WAL mode with synchronous FULL: a write that happened survives
// kill -9 and power loss, and readers never wait for the writer. A database in
// memory has neither: there a write waits for the reads that run, and they for
// it, each within busy_timeout.
//
// Minimum: SQLite 3.37 (STRICT tables); 3.35 made RETURNING.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/adapters/sqlite/options.h"
#include "server/base/status.h"
#include "server/migrate/ddl.h"
#include "server/migrate/generator.h"
#include "server/repository/backend.h"

namespace storegate::sqlite {

// Opens the database, and makes the file where there is none.
//   FAILED_PRECONDITION, reason NOT_A_DATABASE       the file is something else, or damaged
//   FAILED_PRECONDITION, reason DATABASE_READ_ONLY   the file cannot be written
//   FAILED_PRECONDITION, reason CANNOT_OPEN_DATABASE a directory, a missing directory, no
//                                                    permission
//   INVALID_ARGUMENT, reason INVALID_OPTION          an option that cannot be so
//   UNAVAILABLE, reason DATABASE_BUSY                another process held it all the time
// Each names the file: these are for who starts the gateway, not for callers.
Result<std::unique_ptr<repository::Backend>> Open(const Options& options);

// How SQLite spells tables and indexes. One for all threads.
const migrate::Dialect& SqliteDialect();
const migrate::Generator& SqliteGenerator();

}  // namespace storegate::sqlite
