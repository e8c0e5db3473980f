#include "server/adapters/postgres/alter_type.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "server/migrate/ddl.h"

namespace storegate::postgres {

using repository::ColumnModel;

namespace {

bool OneOf(std::string_view type, std::initializer_list<std::string_view> types) {
  return std::ranges::find(types, type) != types.end();
}

bool IsArray(std::string_view type) { return type.ends_with("[]"); }
bool IsText(std::string_view type) {
  return type == "text" || type.starts_with("character varying") || type.starts_with("varchar");
}
bool IsWhole(std::string_view type) { return OneOf(type, {"smallint", "integer", "bigint"}); }
bool IsNumber(std::string_view type) {
  return IsWhole(type) || OneOf(type, {"real", "double precision"}) || type.starts_with("numeric");
}

// Whether PostgreSQL changes it without being told how.
bool Known(std::string_view from, std::string_view to) {
  if (from == to) return true;
  if (IsNumber(from) && IsNumber(to)) return true;
  return IsText(to) && !IsArray(from) && from != "bytea" && from != "jsonb";
}

// `value`, of type `from`, as one of `to`.
std::string Cast(const std::string& value, const std::string& from, const std::string& to) {
  if (from == to) return value;
  if (IsArray(to) && !IsArray(from) && from != "jsonb") {
    const std::string element = to.substr(0, to.size() - 2);
    return "CASE WHEN " + value + " IS NULL THEN '{}'::" + to + " ELSE ARRAY[" +
           Cast(value, from, element) + "] END";
  }
  if (IsArray(from) && !IsArray(to) && to != "jsonb") {
    return Cast("(" + value + ")[1]", from.substr(0, from.size() - 2), to);
  }
  if (to == "jsonb") return "to_jsonb(" + value + ")";
  if (from == "jsonb") return "(" + value + " #>> '{}')::" + to;
  if (from == "bytea" && IsText(to)) return "convert_from(" + value + ", 'UTF8')";
  if (IsText(from) && to == "bytea") return "convert_to(" + value + ", 'UTF8')";
  // An empty text is none of what these write.
  if (IsText(from) && !IsText(to)) return "nullif(" + value + ", '')::" + to;
  if (from == "boolean" && IsNumber(to)) return value + "::integer::" + to;
  if (IsNumber(from) && to == "boolean") return value + " <> 0";
  // Times are whole milliseconds since 1970.
  if (from.starts_with("timestamp") && IsNumber(to)) {
    return "(extract(epoch FROM " + value + ") * 1000)::" + to;
  }
  if (IsNumber(from) && to.starts_with("timestamp")) {
    return "to_timestamp(" + value + " / 1000.0)::" + to;
  }
  return value + "::text::" + to;
}

}  // namespace

std::string BareType(const std::string& type) {
  return type.substr(0, type.find(" COLLATE "));
}

std::string UsingClause(const ColumnModel& before, const ColumnModel& after) {
  const std::string from = BareType(before.type), to = BareType(after.type);
  if (Known(from, to)) return "";
  std::string value = Cast(migrate::QuoteIdentifier(after.name), from, to);
  if (after.not_null && !after.default_value.empty()) {
    value = "coalesce(" + value + ", " + after.default_value + ")";
  }
  return " USING " + value;
}

}  // namespace storegate::postgres
