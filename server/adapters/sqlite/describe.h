// What a SQLite database holds, as a model.
#pragma once

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"
#include "server/repository/database_model.h"

namespace storegate::sqlite {

// Tables, in order of name, with their columns, indexes and foreign keys; without those of
// SQLite (sqlite_…) and of the gateway (_storegate_…), and without what SQLite makes for a
// UNIQUE or PRIMARY KEY, which is said there. SQLite keeps what it does not need itself
// (CHECK, COLLATE) in the text that made a table, which is read (describe_table.h); of a
// virtual table there are the columns, and how it is made as its suffix. Views and triggers
// are left out. Statuses: ToStatus.
Result<repository::DatabaseModel> DescribeDatabase(Connection* connection);

}  // namespace storegate::sqlite
