// What List and Stream share: a request's fields as a query over records.
#pragma once

#include <string>

#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/service/context.h"

namespace storegate::service {

// Which records, in which order, behind which one.
struct Selection {
  repository::Query query;  // without skip, limit and deadline
  // What a page token of the request is bound to.
  std::string fingerprint;
};

// REQUIRES: `call` is parsed. Reads predicates, filter, search, order_by, show_deleted
// and page_token, and clears of the request what a token is not bound to: whoever needs
// page_size or the like reads it before. INVALID_ARGUMENT for each of them, with the
// reasons of query/; the strings that it takes are bounded.
Status ReadSelection(const CallState& call, Selection* selection);

}  // namespace storegate::service
