// What predicates and order_by mean, said once in plain code: the reference that
// every backend's answers are compared with. Works on messages, by reflection;
// not for the hot path. Any thread.
#pragma once

#include <google/protobuf/message.h>

#include "server/query/order.h"
#include "server/query/predicate.h"
#include "server/query/value.h"

namespace storegate::query {

// Whether the predicate holds for a record of its entity. Two-valued. A value
// that no database would hold (NaN, an enum number without a name) is unset.
bool Matches(const Predicate& predicate, const google::protobuf::Message& record);

// Negative: a comes first. 0: the same record, as ids are unique.
int CompareRecords(const Order& order, const google::protobuf::Message& a,
                   const google::protobuf::Message& b);

// Of two values of one field: null first, false before true, strings and bytes
// by their bytes (which is by code point). Negative, 0 or positive.
int CompareValues(const Value& a, const Value& b);

}  // namespace storegate::query
