// The part of predicates.h about orders and the pages within them.
#include <string>

#include "server/adapters/sqlite/predicates.h"
#include "server/migrate/ddl.h"

namespace storegate::sqlite {

using migrate::QuoteIdentifier;

namespace {

// Rows whose key `key` comes after `value`, or also those that have it.
void AppendAfter(const query::SortKey& key, const Value& value, bool or_same, bool nulls,
                 Sql* sql) {
  const std::string column = QuoteIdentifier(key.field->column);
  if (IsNull(value)) {
    // Ascending, nulls come first: behind them is all that is not null. Descending
    // they come last: nothing is behind them.
    if (!key.descending) {
      sql->text += or_same ? "1" : column + " IS NOT NULL";
    } else {
      sql->text += or_same ? column + " IS NULL" : "0";
    }
    return;
  }
  const bool nulls_follow = nulls && key.descending && key.field->nullable();
  if (nulls_follow) sql->text += "(";
  sql->text += column + (key.descending ? " <" : " >") + (or_same ? "= ?" : " ?");
  sql->values.push_back(value);
  if (nulls_follow) sql->text += " OR " + column + " IS NULL)";
}

}  // namespace

void AppendOrder(const query::Order& order, Sql* sql) {
  // SQLite has nulls first ascending and last descending, which is the contract.
  for (size_t i = 0; i < order.size(); ++i) {
    if (i > 0) sql->text += ", ";
    sql->text += QuoteIdentifier(order[i].field->column);
    if (order[i].descending) sql->text += " DESC";
  }
}

bool NullsFollow(const query::Order& order, const std::vector<Value>& after) {
  return !after.empty() && order[0].descending && order[0].field->nullable() &&
         !IsNull(after[0]);
}

void AppendBehind(const query::Order& order, const std::vector<Value>& after,
                  bool leading_nulls, Sql* sql) {
  // a <= x AND (a < x OR (a = x AND (b > y OR (b = y AND c > z))))
  if (order.size() > 1) {
    AppendAfter(order[0], after[0], true, leading_nulls, sql);
    sql->text += " AND ";
  }
  for (size_t i = 0; i < order.size(); ++i) {
    const bool last = i + 1 == order.size();
    if (!last) sql->text += "(";
    AppendAfter(order[i], after[i], false, i > 0 || leading_nulls, sql);
    if (last) break;
    sql->text += " OR (" + QuoteIdentifier(order[i].field->column) + " IS ? AND ";
    sql->values.push_back(after[i]);
  }
  for (size_t i = 1; i < order.size(); ++i) sql->text += "))";
}

}  // namespace storegate::sqlite
