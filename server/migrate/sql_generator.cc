#include "server/migrate/sql_generator.h"

#include <algorithm>
#include <cctype>

namespace storegate::migrate {
namespace {

// The statements alone: comments out, each run of white space as one blank.
// What is in quotes is kept as it is.
std::string Significant(std::string_view sql) {
  std::string kept;
  const auto blank = [&] {
    if (!kept.empty() && kept.back() != ' ') kept += ' ';
  };
  for (size_t i = 0; i < sql.size();) {
    const std::string_view rest = sql.substr(i);
    if (rest.starts_with("--")) {
      i = std::min(sql.find('\n', i), sql.size());
      blank();
    } else if (rest.starts_with("/*")) {
      const size_t end = sql.find("*/", i + 2);
      i = end == std::string_view::npos ? sql.size() : end + 2;
      blank();
    } else if (std::isspace(static_cast<unsigned char>(sql[i]))) {
      ++i;
      blank();
    } else if (sql[i] == '\'' || sql[i] == '"') {
      // A doubled quote inside ends one quotation and begins the next.
      const size_t end = std::min(sql.find(sql[i], i + 1), sql.size() - 1);
      kept += sql.substr(i, end + 1 - i);
      i = end + 1;
    } else {
      kept += sql[i++];
    }
  }
  while (!kept.empty() && kept.back() == ' ') kept.pop_back();
  return kept;
}

}  // namespace

std::string Generator::Significant(std::string_view text) const {
  return migrate::Significant(text);
}

std::string SqlGenerator::Render(const std::vector<Change>& changes,
                                 const repository::DatabaseModel& after,
                                 const RenderOptions& options) const {
  return Generator::Render(changes, after, options);
}

Result<Script> SqlGenerator::Steps(const std::string& file, std::string_view text) const {
  return Generator::Steps(file, text);
}

std::string SqlGenerator::Significant(std::string_view text) const {
  return Generator::Significant(text);
}

}  // namespace storegate::migrate
