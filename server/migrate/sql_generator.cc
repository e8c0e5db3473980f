#include "server/migrate/sql_generator.h"

#include "server/migrate/sql_render.h"
#include "server/migrate/sql_steps.h"

namespace storegate::migrate {

std::string Generator::Significant(std::string_view text) const {
  return SignificantSql(text, SqlSyntax());
}

std::string SqlGenerator::Render(const std::vector<Change>& changes,
                                 const repository::DatabaseModel& after,
                                 const RenderOptions& options) const {
  return RenderSql(dialect_, changes, after, options);
}

Result<Script> SqlGenerator::Steps(const std::string& file, std::string_view text) const {
  return SqlSteps(file, text, dialect_.Syntax());
}

std::string SqlGenerator::Significant(std::string_view text) const {
  return SignificantSql(text, dialect_.Syntax());
}

}  // namespace storegate::migrate
