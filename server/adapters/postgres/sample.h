// What `schema pull` makes of the tables of a PostgreSQL database.
#pragma once

#include "server/migrate/pull.h"
#include "server/repository/database_model.h"

namespace storegate::postgres {

// Of what Migrator::Describe gave. Types are those of format_type(); one that storegate
// cannot read and write (numeric, date, enums of the database …) is left out.
migrate::PulledDatabase PulledOf(const repository::DatabaseModel& database);

}  // namespace storegate::postgres
