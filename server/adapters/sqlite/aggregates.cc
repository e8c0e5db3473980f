#include "server/adapters/sqlite/aggregates.h"

#include <string>

#include "server/adapters/sqlite/predicates.h"
#include "server/adapters/sqlite/statements.h"
#include "server/base/time_zone.h"
#include "server/migrate/ddl.h"

namespace storegate::sqlite {

using migrate::QuoteIdentifier;
using repository::AggregateQuery;
using schema::Compute;
using schema::GroupBy;

namespace {

TimePart PartOf(GroupBy::Unit unit) {
  switch (unit) {
    case GroupBy::Unit::kValue:
    case GroupBy::Unit::kYear: return TimePart::kYear;
    case GroupBy::Unit::kMonth: return TimePart::kMonth;
    case GroupBy::Unit::kDay: return TimePart::kDay;
    case GroupBy::Unit::kHour: return TimePart::kHour;
  }
  return TimePart::kHour;
}

void AppendGroup(const GroupBy& group, const std::string& time_zone, Sql* sql) {
  const std::string column = QuoteIdentifier(group.field->column);
  if (group.unit == GroupBy::Unit::kValue) {
    sql->text += column;
    return;
  }
  sql->text += "storegate_time_part(" + column + ", " +
               std::to_string(static_cast<int>(PartOf(group.unit))) + ", ?)";
  sql->values.emplace_back(time_zone);
}

std::string ComputeSql(const Compute& compute) {
  if (compute.function == Compute::Function::kCount) return "count(*)";
  const std::string column = QuoteIdentifier(compute.field->column);
  switch (compute.function) {
    case Compute::Function::kSum: return "storegate_sum(" + column + ")";
    case Compute::Function::kAverage: return "storegate_avg(" + column + ")";
    case Compute::Function::kMinimum: return "min(" + column + ")";
    case Compute::Function::kMaximum: return "max(" + column + ")";
    default: return "count(DISTINCT " + column + ")";
  }
}

}  // namespace

Result<Sql> AggregateSql(const AggregateQuery& query, repository::RowColumns* columns) {
  const schema::Aggregate& aggregate = *query.aggregate;
  *columns = repository::ColumnsToRead(aggregate);
  Sql sql;
  sql.text = "SELECT " + columns->Listed(&QuoteIdentifier) + " FROM (SELECT ";
  // By number: a name may be that of another column of the table.
  std::string numbers;
  for (size_t i = 0; i < aggregate.groups.size(); ++i) {
    const GroupBy& group = aggregate.groups[i];
    if (i > 0) sql.text += ", ";
    AppendGroup(group, query.time_zones[i], &sql);
    sql.text += " AS " + QuoteIdentifier(group.into->column);
    numbers += (i > 0 ? ", " : "") + std::to_string(i + 1);
  }
  for (size_t i = 0; i < aggregate.computes.size(); ++i) {
    const Compute& compute = aggregate.computes[i];
    if (i + aggregate.groups.size() > 0) sql.text += ", ";
    sql.text += ComputeSql(compute) + " AS " + QuoteIdentifier(compute.into->column);
  }
  Status status = AppendFrom(*query.entity, query.where, query.show_deleted, &sql);
  if (!status.ok()) return status;
  if (!numbers.empty()) sql.text += " GROUP BY " + numbers;
  sql.text += ") WHERE ";
  if (status = AppendPredicate(query.having, &sql); !status.ok()) return status;
  if (!query.order.empty()) {
    sql.text += " ORDER BY ";
    AppendOrder(query.order, &sql);
  }
  if (query.limit > 0) {
    sql.text += " LIMIT ?";
    sql.values.emplace_back(query.limit);
  }
  return sql;
}

}  // namespace storegate::sqlite
