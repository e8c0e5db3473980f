// A table as a SQL database describes it → PulledTable.
#include <algorithm>
#include <optional>

#include <re2/re2.h>

#include "server/migrate/pull.h"

namespace storegate::migrate {
namespace {

using repository::ColumnModel;
using repository::IndexModel;
using repository::TableModel;

// The names of `("a" DESC, b)` at the beginning of the text, and what is behind. Nothing
// where one of them is an expression.
std::optional<std::vector<std::string>> ColumnList(std::string_view text, std::string* behind) {
  std::vector<std::string> names;
  re2::StringPiece rest(text.data(), text.size());
  static const RE2 kOpen(R"(\s*\()");
  static const RE2 kName(R"re(\s*(?:"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*))[^,()]*([,)]))re");
  if (!RE2::Consume(&rest, kOpen)) return std::nullopt;
  std::string quoted, plain, end;
  do {
    if (!RE2::Consume(&rest, kName, &quoted, &plain, &end)) return std::nullopt;
    RE2::GlobalReplace(&quoted, "\"\"", "\"");
    names.push_back(quoted.empty() ? plain : quoted);
  } while (end == ",");
  *behind = std::string(rest);
  return names;
}

bool Contains(const std::string& text, const RE2& pattern) {
  return RE2::PartialMatch(text, pattern);
}

// Of the gateway's own, in a table that it has written to.
bool IsOurs(const std::string& column) {
  return column == "_version" || column.rfind("_folded_", 0) == 0;
}

}  // namespace

std::vector<std::string> AllowedValues(const std::string& check, const std::string& column) {
  const std::string name =
      "\\(*\\s*\"?" + RE2::QuoteMeta(column) + "\"?\\s*\\)*(?:::[a-z ]+)?\\)*\\s*";
  const std::string value = "\\s*'(?:[^']|'')*'(?:::[a-z ]+(?:\\(\\d+\\))?)?\\s*";
  const std::string list = "(" + value + "(?:," + value + ")*)";
  const std::string begin = "(?is)\\s*(?:CHECK\\s*)?";
  const RE2 in(begin + name + "IN\\s*\\(" + list + "\\)[\\s)]*");
  const RE2 any(begin + name + "=\\s*ANY\\s*\\(+ARRAY\\[" + list +
                "\\]\\)*(?:::[a-z ]+\\[\\])?[\\s)]*");
  std::string found;
  if (!in.ok() || !any.ok()) return {};
  if (!RE2::FullMatch(check, in, &found) && !RE2::FullMatch(check, any, &found)) return {};
  static const RE2 kValue(R"('((?:[^']|'')*)')");
  std::vector<std::string> values;
  re2::StringPiece rest(found);
  std::string text;
  while (RE2::FindAndConsume(&rest, kValue, &text)) {
    RE2::GlobalReplace(&text, "''", "'");
    values.push_back(text);
  }
  return values;
}

PulledTable PulledFromModel(const TableModel& table, const TypeReader& type_of) {
  static const RE2 kPrimary(R"((?i)\bPRIMARY KEY\b)");
  static const RE2 kUnique(R"((?i)\bUNIQUE\b)");
  static const RE2 kGenerated(R"((?i)\bGENERATED ALWAYS AS\s*\(|^\s*AS\s*\()");
  PulledTable pulled;
  pulled.name = table.name;
  for (const ColumnModel& column : table.columns) {
    if (IsOurs(column.name)) continue;
    PulledColumn made;
    made.name = column.name;
    made.found = column.type;
    made.nullable = !column.not_null;
    made.default_value = column.default_value;
    type_of(column, &made);
    if (Contains(column.rest, kPrimary)) {
      pulled.primary_key.push_back(column.name);
      made.nullable = false;
    }
    if (Contains(column.rest, kUnique)) pulled.uniques.push_back({{column.name}, ""});
    if (Contains(column.rest, kGenerated)) {
      made.type.clear();
      made.why = "the database computes it";
    }
    if (made.type == "string" && !made.repeated) {
      std::vector<std::string> values = AllowedValues(column.check, column.name);
      for (const std::string& constraint : table.constraints) {
        if (values.empty()) values = AllowedValues(constraint, column.name);
      }
      if (!values.empty()) made.values = values;
    }
    pulled.columns.push_back(std::move(made));
  }
  std::string behind;
  for (const std::string& constraint : table.constraints) {
    const size_t open = constraint.find('(');
    if (open == std::string::npos) continue;
    const std::string head = constraint.substr(0, open);
    const bool primary = Contains(head, kPrimary);
    if (!primary && !Contains(head, kUnique)) continue;
    std::optional<std::vector<std::string>> columns = ColumnList(constraint.substr(open), &behind);
    if (!columns) continue;
    if (primary) {
      pulled.primary_key = *columns;
    } else {
      pulled.uniques.push_back({*columns, ""});
    }
  }
  for (const IndexModel& index : table.indexes) {
    pulled.index_names.push_back(index.name);
    std::optional<std::vector<std::string>> columns = ColumnList(index.definition, &behind);
    if (!index.unique || !index.valid || !columns) continue;
    static const RE2 kWhere(R"((?is).*?\bWHERE\b\s*(.*))");
    std::string where;
    RE2::FullMatch(behind, kWhere, &where);
    if (*columns == pulled.primary_key) continue;
    pulled.uniques.push_back({*columns, where});
  }
  for (const repository::ReferenceModel& reference : table.references) {
    pulled.references.push_back({reference.column, reference.table, reference.target});
  }
  return pulled;
}

}  // namespace storegate::migrate
