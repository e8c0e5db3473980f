// Changes → a SQL script. Within migrate/ only.
#pragma once

#include <string>
#include <vector>

#include "server/migrate/change.h"
#include "server/migrate/ddl.h"

namespace storegate::migrate {

// Generator::Render.
std::string RenderSql(const Dialect& dialect, const std::vector<Change>& changes,
                      const DatabaseModel& after, const RenderOptions& options);

// What a reader should know of the changes beyond what they are, a line each.
std::vector<std::string> NotesOn(const std::vector<Change>& changes, const RenderOptions& options);

// Whether the column holds the folded text of another, and its name.
bool IsFolded(const ColumnModel& column);
std::string FoldedFrom(const ColumnModel& column);

// Names of an enum's values that were and are no more, or the other way round; in the order
// of their numbers. None where one of the columns is no enum's.
std::vector<std::string> NamesGone(const ColumnModel& before, const ColumnModel& after);

}  // namespace storegate::migrate
