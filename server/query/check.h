// Parses every text of a schema that is a predicate or an order, so that a wrong
// one stops the start and not the first request that needs it.
#pragma once

#include <vector>

#include "server/schema/loader.h"
#include "server/schema/schema.h"

namespace storegate::query {

// One diagnostic for each wrong text, in the schema's order, with file and line:
//   `where` of List requests
//   `when` of methods: no $
//   `where` of indexes: no $, and only fields of the entity that are single values
//   `default_order_by`, `embed_order_by`
//   `filter`, `having` and `order_by` of aggregates
std::vector<schema::Diagnostic> CheckTexts(const schema::Schema& schema);

}  // namespace storegate::query
