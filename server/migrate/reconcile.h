// Foreign keys by placement: there between the entities that live in a database, and not
// between one that lives there and one that does not, whatever migrations made. Those between
// two that live elsewhere, and those of tables that the schema does not know, are left.
// Within migrate/ only.
#pragma once

#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/generator.h"
#include "server/repository/migrator.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

using Entities = std::vector<const schema::Entity*>;

struct ReferenceChange {
  bool add = false;  // else it is dropped
  std::string table;
  repository::ReferenceModel reference;

  // "books.author_id to authors.id".
  std::string Text() const;
};

// The entities, and those that they refer to or that refer to them, and so on.
Entities WithNeighbours(const Entities& entities);

// What is to be done to `database` with the entities in `here` living in it, of those in
// `all`. A foreign key whose tables or columns are not all there is left out.
std::vector<ReferenceChange> ReferenceChanges(const Generator& generator,
                                              const repository::DatabaseModel& database,
                                              const Entities& here, const Entities& all);

// The same foreign key, whatever its name.
bool SameReference(const repository::ReferenceModel& a, const repository::ReferenceModel& b);

// The one of the table's that is the same; null where there is none.
const repository::ReferenceModel* FindReference(const repository::TableModel& table,
                                                const repository::ReferenceModel& reference);
// Whether this kind of database checks any reference of the entities.
bool ChecksReferences(const Generator& generator, const Entities& entities);

// The database with the changes made.
repository::DatabaseModel WithReferences(repository::DatabaseModel database,
                                         const std::vector<ReferenceChange>& changes);

// The steps that make one change of `database`. As Generator::Steps.
Result<std::vector<repository::Step>> StepsOf(const Generator& generator,
                                              const repository::DatabaseModel& database,
                                              const ReferenceChange& change);

// Makes them so, one after the other, under the lock. FAILED_PRECONDITION, reason
// MIGRATION_FAILED, naming the foreign key, where rows refer to what is not there; those
// before it are kept.
Status Reconcile(repository::Migrator& migrator, const Generator& generator,
                 const Entities& here, const Entities& all);

}  // namespace storegate::migrate
