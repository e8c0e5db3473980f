#include "server/cmd/preparation.h"

#include <utility>

#include "server/base/log.h"
#include "server/base/process.h"
#include "server/cmd/gateway.h"
#include "server/cmd/version.h"

namespace storegate::cmd {

Result<Preparation> Preparation::For(const Config& config, const schema::Schema& schema) {
  Preparation preparation;
  preparation.schema_ = &schema;
  if (config.ephemeral || (config.create_tables && !IsEmbedded(config))) {
    preparation.how_ = How::kCreate;
    return preparation;
  }
  if (config.migrate == Config::Migrate::kOff) return preparation;
  Result<MigrationSource> source = FindMigrations(config, schema);
  if (!source.ok()) return source.status();
  preparation.source_ = *source;
  if (source->kind == MigrationSource::Kind::kNone) return preparation;
  preparation.how_ = config.migrate == Config::Migrate::kUp ? How::kUp : How::kCheck;
  for (const BackendKind& kind : BackendKinds()) {
    Result<std::vector<migrate::Migration>> migrations = ReadMigrations(*source, kind);
    if (!migrations.ok()) return migrations.status();
    preparation.migrations_.push_back(*std::move(migrations));
  }
  return preparation;
}

Status Preparation::Run(const std::string& database, const BackendKind& kind,
                        repository::Migrator* migrator,
                        const std::vector<const schema::Entity*>& entities,
                        const Report& report) const {
  std::vector<std::string> made;
  Status status;
  ReportingWatcher watcher(report);
  migrator->OnWaiting(
      [&report](const repository::LockHolder& holder) { report(WaitingText(holder), ""); });
  if (how_ == How::kUp || how_ == How::kCheck) {
    report("looking for migrations to apply to the database " + database, "");
    const auto& migrations = migrations_[&kind - BackendKinds().data()];
    if (migrations.empty()) return NoMigrations(source_, kind);
    migrate::Job job = MakeJob(kind, migrator, migrations, *schema_, entities);
    job.watcher = &watcher;
    status = how_ == How::kUp ? migrate::Up(job, 0, &made) : migrate::CheckApplied(job);
  } else if (how_ == How::kCreate) {
    report("making tables in the database " + database, "");
    status = migrate::CreateTables(*migrator, kind.generator(), entities, &made);
  }
  migrator->OnWaiting(nullptr);
  for (const std::string& each : made) {
    Log(Level::kInfo, how_ == How::kUp ? "applied a migration" : "made a table",
        {{"database", database}, {"name", each}});
  }
  if (!status.ok()) return status;
  return migrate::CheckTables(*migrator, kind.generator(), entities);
}

migrate::Job MakeJob(const BackendKind& kind, repository::Migrator* migrator,
                     std::vector<migrate::Migration> migrations, const schema::Schema& schema,
                     std::vector<const schema::Entity*> here) {
  migrate::Job job;
  job.migrator = migrator;
  job.generator = &kind.generator();
  job.migrations = std::move(migrations);
  job.schema = &schema;
  job.here = std::move(here);
  job.applied_by = "storegate " + Version() + ", " + ThisProcess();
  return job;
}

Status NoMigrations(const MigrationSource& source, const BackendKind& kind) {
  std::string where = source.kind == MigrationSource::Kind::kNone
                          ? "There are no migrations of this schema for "
                          : "There are no migrations in " + source.Name() + " for ";
  return Status(Code::kNotFound, "NO_MIGRATIONS",
                where + std::string(kind.name) +
                    ". `storegate migrate generate NAME` writes the first.");
}

}  // namespace storegate::cmd
