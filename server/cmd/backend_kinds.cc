#include "server/cmd/backend_kinds.h"

#include "server/adapters/mongodb/backend.h"
#include "server/adapters/mongodb/native.h"
#include "server/adapters/postgres/backend.h"
#include "server/adapters/sqlite/backend.h"
#include "server/cmd/embedded.h"

namespace storegate::cmd {
namespace {

using OpenResult = Result<std::unique_ptr<repository::Backend>>;

OpenResult OpenSqlite(const std::string& name, const Config& config) {
  const std::string& url = config.databases.at(name);
  sqlite::Options options;
  options.path = url.substr(url.find(':') + 1);
  if (options.path.starts_with("//") && !options.path.starts_with("///")) {
    return Status(Code::kInvalidArgument, "INVALID_CONFIG",
                  "a sqlite URL has no host; write sqlite:PATH, where PATH may be relative");
  }
  return sqlite::Open(options);
}

OpenResult OpenPostgres(const std::string& name, const Config& config) {
  postgres::Options options;
  options.url = config.databases.at(name);
  options.connect_timeout = config.pool.connect_timeout;
  options.max_lifetime = config.pool.max_lifetime;
  options.transaction_pooler = config.transaction_pooler;
  const auto direct = config.migration_urls.find(name);
  if (direct != config.migration_urls.end()) options.migration_url = direct->second;
  return postgres::Open(options);
}

// Sessions of the lanes, and one for each of the breakers that ask whether the database
// is there, a migration, and a secret that is looked up.
int MongodbPoolSize(const Config& config) {
  return config.point_threads + config.write_threads + config.scan_threads + 4;
}

OpenResult OpenMongodb(const std::string& name, const Config& config) {
  mongodb::Options options;
  options.url = config.databases.at(name);
  options.connect_timeout = config.pool.connect_timeout;
  options.server_selection_timeout = config.mongodb_server_selection_timeout;
  options.socket_timeout = config.mongodb_socket_timeout;
  options.pool_size = MongodbPoolSize(config);
  return mongodb::Open(options);
}

constexpr BackendKind kKinds[] = {
    {"sqlite", "", OpenSqlite, sqlite::SqliteGenerator, ShopMigrationsSqlite, true, false, false,
     &schema::Native::sqlite, "sqlite", nullptr,
     {.transactions = true, .references = true, .joins = true, .aggregates = true}},
    {"postgresql", "postgres", OpenPostgres, postgres::PostgresGenerator, ShopMigrationsPostgres,
     false, true, true, &schema::Native::postgres, "postgres", nullptr,
     {.transactions = true, .references = true, .start_get = true, .joins = true,
      .aggregates = true}},
    {"mongodb", "mongodb+srv", OpenMongodb, mongodb::MongodbGenerator, ShopMigrationsMongodb,
     false, true, false, &schema::Native::mongodb, "mongodb", mongodb::CheckNative,
     {.transactions = true, .aggregates = true}},
};

Status Wrong(std::string_view message, std::string key, std::string what) {
  return Status(Code::kInvalidArgument, "INVALID_CONFIG", std::string(message))
      .WithViolation(std::move(key), std::move(what));
}

}  // namespace

std::span<const BackendKind> BackendKinds() { return kKinds; }

const BackendKind* FindBackendKind(std::string_view url_or_name) {
  const std::string_view name = url_or_name.substr(0, url_or_name.find(':'));
  for (const BackendKind& kind : kKinds) {
    if (kind.name == name || (kind.alias == name && !name.empty())) return &kind;
  }
  return nullptr;
}

Result<const BackendKind*> KindOf(const Config& config, const std::string& name) {
  const std::string& url = config.databases.at(name);
  const BackendKind* kind = FindBackendKind(url);
  if (kind == nullptr) {
    return Wrong("the configuration names a database that this build cannot serve",
                 "databases." + name,
                 RedactUrl(url) + ": this build serves " + GeneratorNames() + " only");
  }
  const auto direct = config.migration_urls.find(name);
  if (direct == config.migration_urls.end()) return kind;
  if (!kind->migration_urls) {
    return Wrong("the configuration has a migration URL that means nothing",
                 "migration_urls." + name,
                 "only PostgreSQL has poolers that migrations must go around; " + name + " is " +
                     std::string(kind->name));
  }
  if (FindBackendKind(direct->second) != kind) {
    return Wrong("the configuration has a migration URL of another kind of database",
                 "migration_urls." + name,
                 "must lead to the " + std::string(kind->name) + " database that databases." +
                     name + " leads to; got " + RedactUrl(direct->second));
  }
  return kind;
}

const migrate::Generator* FindGenerator(std::string_view name) {
  const BackendKind* kind = FindBackendKind(name);
  return kind == nullptr ? nullptr : &kind->generator();
}

std::string GeneratorNames() {
  std::string names;
  for (const BackendKind& kind : kKinds) {
    names += (names.empty() ? "" : ", ") + std::string(kind.name);
  }
  return names;
}

}  // namespace storegate::cmd
