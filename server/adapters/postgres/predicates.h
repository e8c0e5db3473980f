// Predicates and page positions → SQL. Every value is bound, none is part of the
// text; every piece of SQL is true or false and never NULL, so that NOT is the
// complement.
//
// Into JSON: one -> with a bound key for each name, which takes a name as a name
// whatever it looks like. Equality there is jsonb's own, which compares values of
// one type only; order is that of numeric and of text COLLATE "C".
#pragma once

#include <string>
#include <vector>

#include "server/adapters/postgres/sql.h"
#include "server/base/status.h"
#include "server/query/order.h"
#include "server/query/predicate.h"
#include "server/query/value.h"

namespace storegate::postgres {

// Appends a condition in terms of the entity's columns. INTERNAL, reason
// UNSUPPORTED_PREDICATE, for a tree that query/ does not make.
Status AppendPredicate(const query::Predicate& predicate, Sql* sql);

// Appends the condition that a row is behind `after` in `order`, its first key
// bounded on its own so that an index on it is entered where the page begins. With
// `leading_nulls` false, rows whose first key is null are left out; see NullsFollow.
// REQUIRES: one value a key.
void AppendBehind(const query::Order& order, const std::vector<Value>& after,
                  bool leading_nulls, Sql* sql);

// Whether rows whose first key is null follow on what is behind `after`. No index
// is entered by "behind x, or null": they are another part of the list.
bool NullsFollow(const query::Order& order, const std::vector<Value>& after);

// Appends `"a" DESC NULLS LAST, "id"`.
void AppendOrder(const query::Order& order, Sql* sql);

// The condition with literals instead of bound values, for a partial index.
// FAILED_PRECONDITION, reason UNSUPPORTED_INDEX.
Result<std::string> LiteralPredicate(const query::Predicate& predicate);

}  // namespace storegate::postgres
