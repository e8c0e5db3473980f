// What an aggregate answers, by plain C++ over the records.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "server/query/predicate.h"
#include "server/schema/schema.h"
#include "tests/support/message_fields.h"

namespace storegate::test {

struct ExpectedRows {
  // In order.
  std::vector<MessagePtr> rows;
  // Fields of rows that some sum is too large for. Where there are any, the call fails and
  // names one of them; where `hidden` it need not, as `having` or `limit` leave out some rows.
  std::set<std::string> overflown;
  bool hidden = false;
};

// `records` are all that are not deleted. REQUIRES: a request that is valid.
ExpectedRows ExpectedOf(const schema::Method& method, const std::vector<MessagePtr>& records,
                        const Message& request);

// Which records the aggregate is of. REQUIRES: a request that is valid.
query::Predicate WhereOf(const schema::Method& method, const Message& request);

// The entity's fields that the aggregate computes of, each once.
std::set<const schema::Field*> SourcesOf(const schema::Aggregate& aggregate);

}  // namespace storegate::test
