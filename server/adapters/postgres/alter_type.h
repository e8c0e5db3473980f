// How what is in a column becomes what a column of another type holds.
#pragma once

#include <string>

#include "server/repository/database_model.h"

namespace storegate::postgres {

// The type alone: without its collation.
std::string BareType(const std::string& type);

// Behind ALTER COLUMN … TYPE …: ` USING …`, or "" where PostgreSQL knows by itself. The
// expression gives null where a value cannot be one of the new type by its nature (an empty
// text as a uuid), and the new column's default then, where it may not be null.
std::string UsingClause(const repository::ColumnModel& before,
                        const repository::ColumnModel& after);

}  // namespace storegate::postgres
