// Queries that no index serves: answered and logged, or refused.
#pragma once

#include <map>
#include <mutex>
#include <unordered_set>

#include "server/base/status.h"
#include "server/query/index_choice.h"
#include "server/schema/schema.h"
#include "server/service/service.h"

namespace storegate::service {

// Any thread. What routes name outlives it.
class UnindexedQueries {
 public:
  UnindexedQueries(const Service::Routes& routes, Options::Unindexed policy);

  // OK where an index serves the query (query/index_choice.h), where it has neither condition
  // nor order, and where nothing is known of the kind of database. Else, by the policy, OK and
  // a line in the log, once for a method and shape and without values; or FAILED_PRECONDITION,
  // reason UNINDEXED_QUERY, naming what would help. `order` may be empty: any.
  Status Check(const schema::Method& method, const query::Predicate& where,
               const query::Order& order, bool show_deleted);

 private:
  bool FirstOfItsShape(const std::string& shape);

  const Options::Unindexed policy_;
  std::map<const schema::Entity*, query::IndexChooser> choosers_;  // constant
  std::mutex mutex_;
  std::unordered_set<size_t> logged_;  // hashes of shapes; guarded by mutex_
};

}  // namespace storegate::service
