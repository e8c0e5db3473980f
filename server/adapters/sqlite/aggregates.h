// The SQL of aggregates: one statement, whose inner query makes the rows and whose outer
// one picks and sorts them.
#pragma once

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/repository/reading.h"

namespace storegate::sqlite {

// `columns` gets what a row has. A sum of integers that is past 64 bits comes as REAL.
Result<Sql> AggregateSql(const repository::AggregateQuery& query,
                         repository::RowColumns* columns);

}  // namespace storegate::sqlite
