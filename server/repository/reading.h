// What sessions on SQL databases read of a row, and in which order: the same for each of
// them. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/query/order.h"
#include "server/repository/backend.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// The columns of a row that is read.
struct RowColumns {
  std::vector<const schema::Field*> fields;  // the first ones, in this order
  bool version = true;                       // then what is behind etag
  const schema::Field* hidden = nullptr;     // then this: for Found alone, not shown
  int deleted = -1;                          // where delete_time is; -1: nowhere
  int count = 0;                             // of all

  // `"a", "b", "_version"`, names quoted by `quote`.
  std::string Listed(std::string (*quote)(std::string_view)) const;

};

// `mask` as in GetRequest and Query: empty for all; the version is among its columns
// where it names the etag. With `found` delete_time is, too, behind the others where
// the mask does not name it.
RowColumns ColumnsToRead(const schema::Entity& entity,
                         const std::vector<const schema::Field*>& mask, bool with_secrets,
                         bool found);

// One of a row's columns, and what it is read as.
struct PlacedField {
  int column;
  const schema::Field* field;
};

// Those of an aggregate's row, without a version.
RowColumns ColumnsToRead(const schema::Aggregate& aggregate);
// Which of these are sums of integers, and so may be past what their field holds.
std::vector<int> IntegerSums(const schema::Aggregate& aggregate, const RowColumns& columns);

// `each`, then the rest of the order. REQUIRES: query.each.
query::Order EachFirst(const Query& query);

}  // namespace storegate::repository
