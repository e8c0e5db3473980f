// What List and Stream share: a request's fields as a query over records.
#pragma once

#include <string>

#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/service/context.h"
#include "server/service/selection.h"

namespace storegate::service {

// Which records, in which order, behind which one, and what of each.
struct ListQuery {
  repository::Query query;  // without skip, limit and deadline
  Selection selection;
  // What a page token of the request is bound to.
  std::string fingerprint;
};

// REQUIRES: `call` is parsed. Reads predicates, filter, search, order_by, show_deleted,
// page_token, include and read_mask, and clears of the request what a token is not bound
// to: whoever needs page_size or the like reads it before. INVALID_ARGUMENT for each of
// them, with the reasons of query/; the strings that it takes are bounded. UNIMPLEMENTED,
// reason JOIN_UNAVAILABLE: joins.h.
Status ReadListQuery(const CallState& call, ListQuery* list);

// When a query of the call that begins now is given up.
Deadline QueryDeadline(const CallState& call);

// What a query with that deadline came to. Where it was given up then, though its caller
// had more time: RESOURCE_EXHAUSTED, reason QUERY_TOO_EXPENSIVE.
Status QueryStatus(const CallState& call, Deadline deadline, const Status& status);

}  // namespace storegate::service
