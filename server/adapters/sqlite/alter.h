// Statements that change a SQLite table: migrate::Dialect::AlterTable.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/migrate/change.h"

namespace storegate::sqlite {

// A table that is made anew is called so until it takes the place of the old one. What
// depends on the old one and is in no model (triggers, indexes of others) is made again by
// who runs the script: see migration_script.h.
inline constexpr std::string_view kNewTablePrefix = "_storegate_new_";

// ALTER TABLE where SQLite can do all of the changes so: renamed columns, new ones at the
// end, dropped ones that nothing else names. For all else the table is made anew, as SQLite
// tells it (sqlite.org/lang_altertable.html, "Making Other Kinds Of Table Schema Changes"),
// keeping rows, what AUTOINCREMENT has counted, and columns and indexes that neither the
// changes nor `after` name. Foreign keys of the connection must be off.
//
// `down`: a column that comes back without its values, and is never NULL, comes back without
// its foreign key, which no row would meet.
std::string AlterTableSql(const std::vector<migrate::Change>& changes,
                          const repository::TableModel& before,
                          const repository::TableModel& after, bool down);

}  // namespace storegate::sqlite
