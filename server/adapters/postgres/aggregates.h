// The SQL of aggregates: one statement, whose inner query makes the rows and whose outer
// one picks and sorts them.
#pragma once

#include "server/adapters/postgres/sql.h"
#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/repository/reading.h"

namespace storegate::postgres {

// `columns` gets what a row has. Sums of integers may be numeric, of any size.
Status AggregateSql(const repository::AggregateQuery& query, repository::RowColumns* columns,
                    Sql* sql);

}  // namespace storegate::postgres
