// What a MongoDB database holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/adapters/mongodb/bson.h"
#include "server/adapters/mongodb/migration_link.h"
#include "server/base/status.h"
#include "server/repository/database_model.h"

namespace storegate::mongodb {

// What the gateway and the server keep for themselves.
bool IsOwnCollection(std::string_view name);

struct CollectionSeen {
  std::string name;
  bool view = false;
};

// All collections, in order of name. REQUIRES, as below: link->Ready().
Result<std::vector<CollectionSeen>> ListCollections(MigrationLink* link);
Result<bool> CollectionExists(MigrationLink* link, std::string_view name);

// The collection's indexes, that of _id included, as the server shows them. None of a
// collection that is not there.
Result<std::vector<Bson>> ListIndexes(MigrationLink* link, std::string_view collection);

// Collections, without views and those of IsOwnCollection, each with its indexes but that
// of _id; both in order of name. Columns are not known.
Result<repository::DatabaseModel> DescribeDatabase(MigrationLink* link);

}  // namespace storegate::mongodb
