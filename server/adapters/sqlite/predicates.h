// Predicates and page positions → SQL. Every value is bound, none is part of the
// text; every piece of SQL is 0 or 1 and never NULL, so that NOT is the complement.
//
// Into JSON: json_extract with a bound path where all names are plain; else, and
// for keys that SQLite's path notation cannot say (quotes, dots, empty), a chain
// of json_each that compares keys.
#pragma once

#include <string>
#include <vector>

#include "server/adapters/sqlite/connection.h"
#include "server/base/status.h"
#include "server/query/order.h"
#include "server/query/predicate.h"
#include "server/query/value.h"

namespace storegate::sqlite {

// Appends a condition in terms of the entity's columns. INTERNAL, reason
// UNSUPPORTED_PREDICATE, for a tree that query/ does not make.
Status AppendPredicate(const query::Predicate& predicate, Sql* sql);

// Appends the condition that a row is behind `after` in `order`, its first key
// bounded on its own so that an index on it is entered where the page begins. Without
// `leading_nulls` those that lack the first key are left out. REQUIRES: one value a key.
void AppendBehind(const query::Order& order, const std::vector<Value>& after,
                  bool leading_nulls, Sql* sql);
// Whether rows that lack the first key come behind `after`, which has one: of a condition
// that takes both an index serves neither.
bool NullsFollow(const query::Order& order, const std::vector<Value>& after);

// Appends `"a" DESC, "id"`.
void AppendOrder(const query::Order& order, Sql* sql);

// The condition with literals instead of bound values, for a partial index.
// FAILED_PRECONDITION, reason UNSUPPORTED_INDEX: SQLite allows no subqueries
// there, so nothing that looks into lists, maps' keys or unusual names.
Result<std::string> LiteralPredicate(const query::Predicate& predicate);

}  // namespace storegate::sqlite
