// Aggregates → pipelines, and what these answer with → rows.
//
// A pipeline is $match, $group, $project to the names of the row's fields, $match of
// `having`, $sort and $limit. Sums of integers are made of decimals, which hold all of them
// exactly; MongoDB's own become a double past int64, and those of others wrap around. What
// has no value in a group is null, and so is a sum that is NaN; null is no number.
#pragma once

#include "server/adapters/mongodb/bson.h"
#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/schema/schema.h"

namespace storegate::mongodb {

// Whether a server computes it that has no Abilities::aggregates: one count or one sum, of
// groups by fields, without `having`.
bool IsPlain(const repository::AggregateQuery& query);

// The command. `filter`: of the records that count. UNSUPPORTED_PREDICATE: FilterOf
// (predicates.h), of `having`.
Result<Bson> AggregateCommand(const repository::AggregateQuery& query, const Bson& filter);
// The same where IsPlain, without expressions and with one accumulator. What it answers with
// is to be given names by NamedRow.
Bson PlainAggregateCommand(const repository::AggregateQuery& query, const Bson& filter);
Bson NamedRow(const repository::AggregateQuery& query, const bson_t* plain);

// The row of no records at all: counts and sums are 0.
Bson EmptyRow(const schema::Aggregate& aggregate);

// repository::CheckSum, of each sum of integers in the row.
Status CheckSums(const schema::Aggregate& aggregate, const bson_t* row);

}  // namespace storegate::mongodb
