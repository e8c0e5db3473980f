// storegate on PostgreSQL: libpq in pipeline mode, prepared statements, values in
// binary. Writes of many callers are one transaction; a transaction is READ
// COMMITTED and holds the rows that it relies on.
//
// Minimum: PostgreSQL 14 and libpq 14 (pipeline mode). The database's encoding is
// UTF8.
#pragma once

#include <memory>

#include "server/adapters/postgres/options.h"
#include "server/base/status.h"
#include "server/migrate/ddl.h"
#include "server/migrate/generator.h"
#include "server/repository/backend.h"

namespace storegate::postgres {

// Connects once, to see that it can.
//   INVALID_ARGUMENT, reason INVALID_OPTION           a URL that libpq cannot read
//   FAILED_PRECONDITION, reason CANNOT_OPEN_DATABASE  user, password or database refused
//   FAILED_PRECONDITION, reason UNSUPPORTED_DATABASE  too old, or not in UTF8
//   UNAVAILABLE, reason DATABASE_UNAVAILABLE          nobody answers
// These are for who starts the gateway, not for callers; none holds the password.
Result<std::unique_ptr<repository::Backend>> Open(const Options& options);

// How PostgreSQL spells tables and indexes. One for all threads.
const migrate::Dialect& PostgresDialect();
const migrate::Generator& PostgresGenerator();

}  // namespace storegate::postgres
