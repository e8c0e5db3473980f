// What a table that others made has in place of what the schema asks for, where the gateway is
// served as well by it. Within migrate/ only.
#pragma once

#include "server/migrate/change.h"
#include "server/migrate/generator.h"
#include "server/repository/database_model.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

// Says of each column which field of the entities' it is of: what is rendered, and what serves,
// depends on it. `made` is Generator::Model of them.
void TellFields(const repository::DatabaseModel& made, repository::DatabaseModel* database);

// The same column, but for what it was made of.
bool SameDefinition(const repository::ColumnModel& a, const repository::ColumnModel& b);

// The column as it must be to serve: like `is` in all that serves, like `should` in the rest.
// Equal to `is` where there is nothing to change. The gateway names every column in what it
// writes, so a default is the business of those who do not; and a rule that others made (a
// CHECK, a UNIQUE, NOT NULL of what is always written) stays theirs. `should` has its field,
// where there is one; both were read by one adapter. `table` is the one that `is` is of.
repository::ColumnModel Served(const Generator& generator, const repository::TableModel& table,
                               const repository::ColumnModel& is,
                               const repository::ColumnModel& should);
// Whether nothing must be changed.
bool Serves(const Generator& generator, const repository::TableModel& table,
            const repository::ColumnModel& is, const repository::ColumnModel& should);

// Whether the table has an index that serves as well: one under another name, or that of a
// UNIQUE in the table's definition.
bool HasIndexLike(const repository::TableModel& table, const repository::IndexModel& wanted);

}  // namespace storegate::migrate
