// The queries that a schema declares, each with values for an example: what its methods ask
// with each request field alone, and what records that are included or checked are found by.
// For `storegate schema explain` and for tests.
#pragma once

#include <string>
#include <vector>

#include "server/query/order.h"
#include "server/query/predicate.h"
#include "server/schema/schema.h"

namespace storegate::query {

struct QueryShape {
  // Whose it is: a method's full name, or an entity's.
  std::string of;
  // What is asked: "category_slug", "search", "nothing set", "embed owner".
  std::string asks;
  const schema::Method* method = nullptr;  // null for what an entity declares
  const schema::Entity* entity = nullptr;  // that is read
  Predicate where;
  Order order;  // empty: any
  bool show_deleted = false;
};

// Of each store, in order:
//   Get, VerifyPassword    each key that the request can name; BatchGet: the ids
//   List, Stream           nothing set, each field that filters alone, search; in the
//                          default order. Not `filter` and `order_by`, which are the caller's
//   Aggregate              nothing set, each field of its filter alone
//   Native                 none: only the database knows
// Then of each entity: embeds, counts, what is unique, and what is looked for when one that
// others refer to is deleted.
// REQUIRES: the texts of the schema were checked (check.h).
std::vector<QueryShape> DeclaredShapes(const schema::Schema& schema);

// Sets a field of a request to the values that these have. REQUIRES: there is one of that
// name, and its type is one that predicates take.
void SetExample(google::protobuf::Message* request, const std::string& field);

}  // namespace storegate::query
