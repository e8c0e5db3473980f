// What `schema pull` makes of the tables of a SQLite database.
#pragma once

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"
#include "server/migrate/pull.h"

namespace storegate::sqlite {

// A column of SQLite holds what was put into it, whatever its type says: some hundred rows
// of each table are looked at. Whole numbers that can only be milliseconds since 1970 are
// timestamps where the name says that they are times. What is in a column in more ways than
// one proto type reads is left out. Changes nothing. Statuses: DescribeDatabase.
Result<migrate::PulledDatabase> Sample(Connection* connection);

// The same of the file. FAILED_PRECONDITION where there is none; it is never made.
Result<migrate::PulledDatabase> SampleFile(const std::string& path);

}  // namespace storegate::sqlite
