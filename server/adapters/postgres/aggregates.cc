#include "server/adapters/postgres/aggregates.h"

#include <string>
#include <string_view>

#include "server/adapters/postgres/predicates.h"
#include "server/adapters/postgres/statements.h"
#include "server/adapters/postgres/types.h"
#include "server/migrate/ddl.h"

namespace storegate::postgres {

using migrate::QuoteIdentifier;
using repository::AggregateQuery;
using schema::Compute;
using schema::Field;
using schema::GroupBy;
using schema::Type;

namespace {

std::string Column(const Field& field) { return QuoteIdentifier(field.column); }

// A column as it is compared and shown: texts by code point, uuids as texts.
std::string Shown(const Field& field) {
  const Kind kind = ColumnOf(field).kind;
  const bool text = kind == Kind::kText || kind == Kind::kUuid;
  return Column(field) + (text ? "::text COLLATE \"C\"" : "");
}

// What to_char makes of a part. The year before the year 1 is 0 in ISO 8601, and in
// PostgreSQL again a year 1.
std::string FormatOf(GroupBy::Unit unit, bool before_year_one) {
  std::string format = before_year_one ? "\"0000\"" : "YYYY";
  if (unit == GroupBy::Unit::kYear) return format;
  format += "-MM";
  if (unit == GroupBy::Unit::kMonth) return format;
  format += "-DD";
  return unit == GroupBy::Unit::kDay ? format : format + "\"T\"HH24";
}

// AT TIME ZONE takes these for abbreviations, without summer time. Zones that have been the
// same since 1981.
std::string ZoneName(std::string_view zone) {
  if (zone.empty()) return "UTC";
  if (zone == "CET" || zone == "MET") return "Europe/Brussels";
  if (zone == "EET") return "Europe/Helsinki";
  if (zone == "WET") return "Atlantic/Canary";
  return std::string(zone);
}

void AppendTimePart(const GroupBy& group, std::string_view time_zone, Sql* sql) {
  // Said once, so that it is one expression to group by.
  const std::string local =
      "(" + Column(*group.field) + " AT TIME ZONE " +
      PlaceText(sql->places.size() + 1, Kind::kText, false) + ")";
  sql->Bind(ZoneName(time_zone), Kind::kText);
  sql->text += "to_char(" + local + ", CASE WHEN " + local + " < '0001-01-01' THEN '" +
               FormatOf(group.unit, true) + "' ELSE '" + FormatOf(group.unit, false) +
               "' END) COLLATE \"C\"";
}

// The sum of doubles. PostgreSQL's own fails where it is past the largest double, and is
// to be infinite; so large values are added apart, 2^100 times smaller. What is no
// number becomes NULL.
std::string SumOfDoubles(const std::string& column) {
  const std::string value = column + "::float8";
  const std::string large = "abs(" + value + ") >= 8.452712498170644e+270";  // 2^900
  const std::string scale = "1.2676506002282294e+30";                        // 2^100
  const std::string part =
      "sum(" + value + " / " + scale + ") FILTER (WHERE " + large + ")";
  const std::string rest = "sum(" + value + ") FILTER (WHERE NOT (" + large + "))";
  return "nullif(CASE WHEN abs(" + part + ") >= 1.418129833677085e+278 THEN " + part +  // 2^924
         " * 'Infinity'::float8 ELSE coalesce(" + rest + ", 0) + coalesce(" + part + " * " + scale +
         ", 0) END, 'NaN'::float8)";
}

bool IsReal(const Field& field) {
  return field.type == Type::kFloat || field.type == Type::kDouble;
}

std::string ComputeSql(const Compute& compute) {
  if (compute.function == Compute::Function::kCount) return "count(*)";
  const Field& field = *compute.field;
  const std::string column = Column(field);
  const bool flag = field.type == Type::kBool;
  switch (compute.function) {
    case Compute::Function::kSum:
      return IsReal(field) ? SumOfDoubles(column) : "coalesce(sum(" + column + "), 0)";
    case Compute::Function::kAverage:
      return (IsReal(field) ? SumOfDoubles(column) : "sum(" + column + ")::float8") +
             " / nullif(count(" + column + "), 0)::float8";
    case Compute::Function::kMinimum:
      return flag ? "bool_and(" + column + ")" : "min(" + Shown(field) + ")";
    case Compute::Function::kMaximum:
      return flag ? "bool_or(" + column + ")" : "max(" + Shown(field) + ")";
    default: return "count(DISTINCT " + column + ")";
  }
}

}  // namespace

Status AggregateSql(const AggregateQuery& query, repository::RowColumns* columns, Sql* sql) {
  const schema::Aggregate& aggregate = *query.aggregate;
  *columns = repository::ColumnsToRead(aggregate);
  sql->Clear();
  sql->text = "SELECT " + columns->Listed(&QuoteIdentifier) + " FROM (SELECT ";
  std::string groups;
  for (size_t i = 0; i < aggregate.groups.size(); ++i) {
    const GroupBy& group = aggregate.groups[i];
    const bool whole = group.unit == GroupBy::Unit::kValue;
    if (i > 0) sql->text += ", ";
    if (whole) {
      sql->text += Shown(*group.field);
    } else {
      AppendTimePart(group, query.time_zones[i], sql);
    }
    sql->text += " AS " + QuoteIdentifier(group.into->column);
    // A number is the column of the answer.
    groups += (i > 0 ? ", " : "") + (whole ? Column(*group.field) : std::to_string(i + 1));
  }
  for (size_t i = 0; i < aggregate.computes.size(); ++i) {
    const Compute& compute = aggregate.computes[i];
    if (i + aggregate.groups.size() > 0) sql->text += ", ";
    sql->text += ComputeSql(compute) + " AS " + QuoteIdentifier(compute.into->column);
  }
  Status status = AppendFrom(*query.entity, query.where, query.show_deleted, sql);
  if (!status.ok()) return status;
  if (!groups.empty()) sql->text += " GROUP BY " + groups;
  sql->text += ") AS \"_groups\" WHERE ";
  if (status = AppendPredicate(query.having, sql); !status.ok()) return status;
  if (!query.order.empty()) {
    sql->text += " ORDER BY ";
    AppendOrder(query.order, sql);
  }
  if (query.limit > 0) sql->text += " LIMIT " + std::to_string(query.limit);
  return {};
}

}  // namespace storegate::postgres
