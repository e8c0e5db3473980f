// Generator: what a kind of database needs to hold entities, as scripts that its
// Migrator runs. For SQL databases it is made of their dialect (ddl.h); a database
// without SQL has one of its own. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

class Generator {
 public:
  virtual ~Generator() = default;

  // Scripts depend on the schema alone. `database` are all entities that are kept in
  // one database.

  // All that they need: what a first migration is. What Check refuses is left out.
  virtual std::string CreateAll(const std::vector<const schema::Entity*>& database) const = 0;
  // One entity's table or collection, and what belongs to it.
  virtual std::string Create(const schema::Entity& entity,
                             const std::vector<const schema::Entity*>& database) const = 0;
  // What is to follow when all others are there; "" for nothing.
  virtual std::string Finish(const schema::Entity& entity,
                             const std::vector<const schema::Entity*>& database) const = 0;

  // Whether Create may run where some of what it makes is there: it adds the rest. Where
  // not, a script runs as a whole or not at all, and a table that is there is left alone.
  virtual bool repeatable() const { return false; }

  // What this kind of database cannot have of the entities' indexes, with file and
  // line: FAILED_PRECONDITION, reason UNSUPPORTED_INDEX.
  virtual Status Check(const std::vector<const schema::Entity*>& entities) const = 0;

  // Names of the parts that the entity's table must have, as Migrator::Parts gives
  // them: columns; indexes in a database without columns.
  virtual std::vector<std::string> Parts(const schema::Entity& entity) const = 0;
  // How to call a table and a part of it, for messages: "table", "column".
  virtual std::string_view table_word() const = 0;
  virtual std::string_view part_word() const = 0;

  // What migration files of this kind end with: ".up.sql".
  virtual std::string_view file_suffix() const = 0;
};

}  // namespace storegate::migrate
