// Preparation: how the tables of a database are made fit for the schema before it is served
// from: by numbered migrations, from the schema itself, or not at all.
#pragma once

#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/config.h"
#include "server/cmd/migration_source.h"
#include "server/cmd/migration_texts.h"
#include "server/migrate/runner.h"
#include "server/schema/schema.h"

namespace storegate::cmd {

// A value; any thread. The schema outlives it.
class Preparation {
 public:
  // From the schema with --create-tables, unless it is the one in the binary; else by
  // migrations where there are any (FindMigrations), as `config.migrate` says; else nothing
  // is made. Reads all migrations.
  static Result<Preparation> For(const Config& config, const schema::Schema& schema);

  // Makes a database fit for `entities`, those of the schema that live in it, and checks in
  // any case that it has what they need. What migrate::Up, CheckApplied, CreateTables and
  // CheckTables say. NOT_FOUND, reason NO_MIGRATIONS, where migrations are to be applied
  // and there is none for this kind of database.
  Status Run(const std::string& database, const BackendKind& kind,
             repository::Migrator* migrator, const std::vector<const schema::Entity*>& entities,
             const Report& report) const;

 private:
  enum class How { kUp, kCheck, kCreate, kNothing };

  How how_ = How::kNothing;
  MigrationSource source_;
  const schema::Schema* schema_ = nullptr;
  // By kind of database, in the order of BackendKinds.
  std::vector<std::vector<migrate::Migration>> migrations_;
};

// What is migrated by whom: all of a Job but its watcher. `migrator` outlives it.
migrate::Job MakeJob(const BackendKind& kind, repository::Migrator* migrator,
                     std::vector<migrate::Migration> migrations, const schema::Schema& schema,
                     std::vector<const schema::Entity*> here);

// NOT_FOUND, reason NO_MIGRATIONS: what to do where `source` has none for the kind.
Status NoMigrations(const MigrationSource& source, const BackendKind& kind);

}  // namespace storegate::cmd
