// A SQL migration file → steps, and what of it counts. Directives: generator.h.
#pragma once

#include <string>
#include <string_view>

#include "server/base/status.h"
#include "server/migrate/ddl.h"
#include "server/migrate/generator.h"

namespace storegate::migrate {

// Generator::Steps. A step's script begins in the line that it names, and is as the file has
// it: comments between statements of a transaction included, semicolons too.
Result<Script> SqlSteps(const std::string& file, std::string_view sql, const SqlSyntax& syntax);

// Generator::Significant. Directives are lines of their own in it.
std::string SignificantSql(std::string_view sql, const SqlSyntax& syntax);

}  // namespace storegate::migrate
