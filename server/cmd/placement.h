// Which database each entity lives in, by the configured routes.
#pragma once

#include <map>
#include <string>

#include "server/base/status.h"
#include "server/cmd/config.h"
#include "server/schema/schema.h"

namespace storegate::cmd {

// By name of the database. An entity lives where its stores are routed to; else where
// they prefer to be (option `database`), when there is such a database; else in `main`;
// and where only one database is configured, in that one. Databases that nothing lives
// in are not among the values.
struct Placement {
  std::map<const schema::Entity*, std::string> database_of;
  // `main`; where nothing lives in main, the first by name of those in use. Keeps
  // what belongs to the gateway as a whole.
  std::string default_database;
};

// INVALID_ARGUMENT, reason INVALID_CONFIG, with a violation for each: a route of
// a store that the schema does not have, two stores of one entity on different
// databases, no route and no database `main`.
Result<Placement> PlaceEntities(const Config& config, const schema::Schema& schema);

}  // namespace storegate::cmd
