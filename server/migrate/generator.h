// Generator: what a kind of database needs to hold entities, as scripts that its
// Migrator runs. For SQL databases it is made of their dialect (ddl.h); a database
// without SQL has one of its own. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/migrate/change.h"
#include "server/repository/database_model.h"
#include "server/repository/migration_step.h"
#include "server/schema/schema.h"

namespace storegate::migrate {

// A migration file in parts.
struct Script {
  std::vector<repository::Step> steps;
  // "storegate: needs N": what binaries must know of to use the database once this was
  // applied; 0 where it says nothing; kNeedsThis for the migration's own number.
  int needs = 0;
  static constexpr int kNeedsThis = -1;
};

struct RenderOptions {
  // Written for a database that others use meanwhile: indexes are built beside them,
  // checks and foreign keys validated after they are made, rows filled in batches. Else
  // (push, baseline's DDL) plain statements, all of which may run in one transaction.
  bool online = true;
  // Of a down script: new columns are not filled with more than their default.
  bool down = false;
  // The script says "needs this": servers that do not know the migration would fail.
  bool needs_this = false;
};

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

  // What CreateAll makes, as a model: columns have their fields. Indexes that Check refuses
  // are left out. `database` outlives it.
  virtual repository::DatabaseModel Model(
      const std::vector<const schema::Entity*>& database) const = 0;
  // The script that makes the changes, in the language of migration files, directives
  // (Steps) and comments included; "" for none. `after` is what they lead to.
  virtual std::string Render(const std::vector<Change>& changes,
                             const repository::DatabaseModel& after,
                             const RenderOptions& options) const = 0;
  // Cuts a migration file into steps. INVALID_ARGUMENT, reason INVALID_MIGRATION, naming
  // file and line: a directive that is none, a statement that does not end.
  //   SQL: a line that begins with `-- storegate:` says how what follows it, up to the next
  //   such line, is run:
  //     -- storegate: transaction      all of it in one transaction (so begins each file, and
  //                                    what is behind a refold)
  //     -- storegate: no transaction   each statement by itself, outside of one
  //     -- storegate: repeat           its one statement, until it changes no row; `repeat,
  //                                    total SELECT …` says how many there are to change
  //     -- storegate: refold books.title   (stands alone) folds the column anew
  //     -- storegate: needs 7          binaries must know migration 7; `needs this`: the one
  //                                    that it stands in. Once a file; cuts nothing
  //   A directive in quotes or in a comment of several lines is none. A section without a
  //   statement is no step.
  //   JSON: an array of commands; one whose first key begins with "storegate." is ours:
  //     {"storegate.backfill": "books", "filter": {…}, "set": {…}}   in batches (kRepeat)
  //     {"storegate.refold": "books.title"}
  //     {"storegate.needs": 7}         or "this"
  virtual Result<Script> Steps(const std::string& file, std::string_view text) const = 0;
  // What counts of a file for its checksum: statements and directives, without comments
  // and with each run of white space as one blank; what is in quotes stays as it is.
  virtual std::string Significant(std::string_view text) const;
  // The folder of its migration files: "postgres".
  virtual std::string_view folder() const = 0;

  // Whether Create may run where some of what it makes is there: it adds the rest. Where
  // not, a script runs as a whole or not at all, and a table that is there is left alone.
  virtual bool repeatable() const { return false; }

  // Whether each record has the types that it was written with, so that servers read those
  // of a widened field whether they know of it or not. Where not, a column has one type.
  virtual bool typed_by_record() const { return false; }

  // Whether a column of the type `is` keeps and compares what is written to one of `should`,
  // and is read as well. Both as the database says them.
  virtual bool TypeServes(std::string_view is, std::string_view should) const {
    return is == should;
  }
  // Whether the database numbers rows that are written without the column.
  virtual bool CountsIds(const repository::ColumnModel& column) const {
    (void)column;
    return false;
  }

  // What this kind of database cannot have of the entities' indexes, with file and
  // line: FAILED_PRECONDITION, reason UNSUPPORTED_INDEX.
  virtual Status Check(const std::vector<const schema::Entity*>& entities) const = 0;

  // Names of the parts that the entity's table must have, as Migrator::Parts gives
  // them: columns; indexes in a database without columns.
  virtual std::vector<std::string> Parts(const schema::Entity& entity) const = 0;
  // How to call a table and a part of it, for messages: "table", "column".
  virtual std::string_view table_word() const = 0;
  virtual std::string_view part_word() const = 0;

  // What migration files of this kind end with: ".up.sql", ".down.sql".
  virtual std::string_view file_suffix() const = 0;
  virtual std::string_view down_suffix() const { return ".down.sql"; }
};

}  // namespace storegate::migrate
