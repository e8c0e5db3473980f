// `storegate schema explain`: which index serves each query that a schema declares.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "server/cmd/config.h"

namespace storegate::cmd {

struct ExplainOptions {
  std::vector<std::string> dialects;  // kinds of databases; empty: all
  bool json = false;
  bool require_index = false;
};

// Lists the queries of query/query_shapes.h, and for each database the index that serves it,
// or that it reads all records. Looks at the schema alone, at no database: at the indexes
// that its migrations make.
//   as a table  one line a query, or one a group of databases where they differ
//   as JSON     {"queries": [{"of": …, "asks": …, "entity": …, "databases": {"sqlite": {
//               "access": …, "index": …, "equal": …, "range": …, "sort": …, "text": …}}}],
//               "unindexed": how many read all records on one of the databases}
//               access: nothing, all, whole, ordered, bounds, search, parts; sort: none,
//               ties, all (query/index_choice.h says what each means)
// Exit codes: 0; 1 when the schema has a mistake, or with `require_index` when a query reads
// all records for want of an index; 2 when there is no such dialect.
int ExplainSchema(const Config& config, const ExplainOptions& options, std::ostream& out,
                  std::ostream& errors);

}  // namespace storegate::cmd
