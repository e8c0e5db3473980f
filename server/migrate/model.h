// A schema's entities as tables: what ModelOf (ddl.h) is made of. Within migrate/ only.
#pragma once

#include <string>
#include <vector>

#include "server/migrate/ddl.h"
#include "server/repository/database_model.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

// The table of an entity, but for its indexes.
repository::TableModel TableOf(const Dialect& dialect, const schema::Entity& entity,
                               const std::vector<const schema::Entity*>& database);

// One index of its table, in the order in which they are made.
struct IndexOrReason {
  repository::IndexModel index;
  std::string left_out;  // why the database cannot have it; then it has a name alone
};
std::vector<IndexOrReason> IndexesOf(const Dialect& dialect, const schema::Entity& entity);

}  // namespace storegate::migrate
