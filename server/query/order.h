// order_by: "create_time desc, name" → keys to sort by. Source of the notation:
// google.aip.dev/132. Strings order by code point, enums by name, nulls first
// ascending and last descending; the id ends every order, so that it is total.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"
#include "server/query/value.h"
#include "server/schema/schema.h"

namespace storegate::query {

struct SortKey {
  const schema::Field* field = nullptr;
  bool descending = false;
  bool operator==(const SortKey&) const = default;
};
using Order = std::vector<SortKey>;

// `text` may be empty: the entity's default order. The id is appended ascending
// where it is missing, and what follows it is dropped; computed rows have none. INVALID_ARGUMENT, reason
// INVALID_ORDER_BY, naming the term: an unknown or not sortable field, one that
// is input only or not stored, the same field twice, a direction that is neither
// "asc" nor "desc", more than 8 terms, more than 1,024 bytes.
Result<Order> ParseOrder(std::string_view text, const schema::Entity& entity);

}  // namespace storegate::query
