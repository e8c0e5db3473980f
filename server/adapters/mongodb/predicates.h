// Predicates and page positions → filters in MongoDB's query language. They mean what
// they mean in SQL: no path looks into an array by itself, "0" is a key and no index,
// and each is true or false, so that $nor is the complement. Values are never part of
// an operator's name; keys of maps and Structs are escaped (keys.h).
//
// Used are operators that all servers have (find's own, no $expr but for texts too
// long for $regex).
#pragma once

#include <optional>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/base/status.h"
#include "server/query/order.h"
#include "server/query/predicate.h"
#include "server/query/value.h"

namespace storegate::mongodb {

// The predicate as one filter document; {} where all documents match. INTERNAL, reason
// UNSUPPORTED_PREDICATE, for a tree that query/ does not make.
Result<Bson> FilterOf(const query::Predicate& predicate);

// The filter that a document is behind `after` in `order`, its first key bounded on
// its own so that an index on it is entered where the page begins. Null and absent
// are the same, first ascending and last descending. REQUIRES: one value a key.
Bson BehindOf(const query::Order& order, const std::vector<Value>& after);

// {"a": -1, "_id": 1}.
Bson SortOf(const query::Order& order);

// The predicate as a partialFilterExpression: a conjunction of =, <, <=, >, >= and
// "is set" on single values of their own columns. Empty when it is not such a one.
// Source: mongodb.com, partial indexes.
std::optional<Bson> PartialFilterOf(const query::Predicate& predicate);

}  // namespace storegate::mongodb
