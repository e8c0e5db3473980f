#include "server/cmd/databases.h"

#include <algorithm>

#include "server/adapters/mongodb/backend.h"
#include "server/adapters/postgres/backend.h"
#include "server/adapters/sqlite/backend.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/base/time.h"
#include "server/cmd/embedded.h"
#include "server/cmd/late_backend.h"
#include "server/migrate/runner.h"
#include "server/query/page_token.h"

namespace storegate::cmd {
namespace {

constexpr int64_t kProbeBoundMs = 5000;
constexpr std::string_view kTokenKey = "page_token_key";

using Files = std::vector<std::pair<std::string, std::string>>;

// What this build can serve: one line a backend.
struct Scheme {
  std::string_view name;   // as Backend::kind
  std::string_view alias;  // what a URL may also begin with; "" for none
  // `url` is the whole of it; errors never repeat it.
  Result<std::unique_ptr<repository::Backend>> (*open)(const std::string& url,
                                                       const Config& config);
  const migrate::Generator& (*generator)();
  Files (*migrations)();
  bool one_writer;  // the database has no more at a time
  bool remote;      // connections cost something, there and here
  // Of one that is not there to be asked.
  repository::Capabilities likely;
};

Result<std::unique_ptr<repository::Backend>> OpenSqlite(const std::string& url, const Config&) {
  sqlite::Options options;
  options.path = url.substr(url.find(':') + 1);
  if (options.path.starts_with("//") && !options.path.starts_with("///")) {
    return Status(Code::kInvalidArgument, "INVALID_CONFIG",
                  "a sqlite URL has no host; write sqlite:PATH, where PATH may be relative");
  }
  return sqlite::Open(options);
}

Result<std::unique_ptr<repository::Backend>> OpenPostgres(const std::string& url,
                                                          const Config& config) {
  postgres::Options options;
  options.url = url;
  options.connect_timeout = config.pool.connect_timeout;
  options.max_lifetime = config.pool.max_lifetime;
  options.transaction_pooler = config.transaction_pooler;
  return postgres::Open(options);
}

// Sessions of the lanes, and one for each of the breakers that ask whether the database
// is there, a migration, and a secret that is looked up.
int MongodbPoolSize(const Config& config) {
  return config.point_threads + config.write_threads + config.scan_threads + 4;
}

Result<std::unique_ptr<repository::Backend>> OpenMongodb(const std::string& url,
                                                         const Config& config) {
  mongodb::Options options;
  options.url = url;
  options.connect_timeout = config.pool.connect_timeout;
  options.server_selection_timeout = config.mongodb_server_selection_timeout;
  options.socket_timeout = config.mongodb_socket_timeout;
  options.pool_size = MongodbPoolSize(config);
  return mongodb::Open(options);
}

constexpr Scheme kSchemes[] = {
    {"sqlite", "", OpenSqlite, sqlite::SqliteGenerator, ShopMigrationsSqlite, true, false,
     {.transactions = true, .references = true}},
    {"postgresql", "postgres", OpenPostgres, postgres::PostgresGenerator, ShopMigrationsPostgres,
     false, true, {.transactions = true, .references = true, .start_get = true}},
    {"mongodb", "mongodb+srv", OpenMongodb, mongodb::MongodbGenerator, ShopMigrationsMongodb,
     false, true, {.transactions = true}},
};

std::string SchemeNames() {
  std::string names;
  for (const Scheme& scheme : kSchemes) {
    names += (names.empty() ? "" : ", ") + std::string(scheme.name);
  }
  return names;
}

const Scheme* FindScheme(std::string_view name) {
  for (const Scheme& scheme : kSchemes) {
    if (scheme.name == name || (scheme.alias == name && !name.empty())) return &scheme;
  }
  return nullptr;
}

// The same error, its message led by the database that it is about.
Status About(const Database& database, const Status& status) {
  Status about(status.code(), status.reason(),
               "database " + database.name + " (" + database.url + "): " + status.message());
  for (const Violation& violation : status.violations()) {
    about.WithViolation(violation.field, violation.description);
  }
  return about;
}

// An id of the right form that no record is likely to have.
Value ProbeId(const schema::Entity& entity) {
  if (entity.id->type == schema::Type::kInt64) return int64_t{0};
  return std::string("00000000-0000-0000-0000-000000000000");
}

// Makes the tables of `entities` fit for the schema.
Status Prepare(const std::string& name, const Scheme& scheme, repository::Migrator* migrator,
               const std::vector<const schema::Entity*>& entities, Tables tables) {
  std::vector<std::string> made;
  Status status;
  if (tables == Tables::kMigrations) {
    Result<std::vector<migrate::Migration>> migrations =
        migrate::ParseMigrations(scheme.migrations(), scheme.generator());
    if (!migrations.ok()) return migrations.status();
    migrate::Job job;
    job.migrator = migrator;
    job.generator = &scheme.generator();
    job.migrations = *std::move(migrations);
    job.here = entities;
    status = migrate::Up(job, 0, &made);
  } else if (tables == Tables::kCreate) {
    status = migrate::CreateTables(*migrator, scheme.generator(), entities, &made);
  }
  if (!status.ok()) return status;
  for (const std::string& each : made) {
    Log(Level::kInfo, tables == Tables::kMigrations ? "applied a migration" : "made a table",
        {{"database", name}, {"name", each}});
  }
  return migrate::CheckTables(*migrator, scheme.generator(), entities);
}

}  // namespace

void Database::Probe() {
  if (entities.empty() || question_->open.exchange(true)) return;
  question_->asked_millis = NowMillis();
  repository::PointRead read;
  read.entity = entities.front();
  read.key = &entities.front()->keys.front();
  read.values = {ProbeId(*entities.front())};
  read.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kProbeBoundMs);
  read.done = [question = question_](const Status&, repository::Found, std::string_view) {
    question->open = false;
  };
  executor->Submit(std::move(read));
}

bool Database::Healthy() const {
  bool owes = question_->open && NowMillis() - question_->asked_millis > kProbeBoundMs;
  return !owes && executor->healthy();
}

Result<std::unique_ptr<Databases>> Databases::Open(const Config& config,
                                                   const schema::Schema& schema, Tables tables) {
  Result<Placement> placement = PlaceEntities(config, schema);
  if (!placement.ok()) return placement.status();
  auto databases = std::make_unique<Databases>();
  databases->placement_ = *std::move(placement);

  for (const auto& [name, url] : config.databases) {
    Status opened = databases->OpenOne(config, name, schema, tables);
    if (!opened.ok()) return opened;
  }
  return databases;
}

Databases::~Databases() { Stop(); }

Status Databases::OpenOne(const Config& config, const std::string& name,
                          const schema::Schema& schema, Tables tables) {
  const std::string& url = config.databases.at(name);
  auto database = std::make_unique<Database>();
  database->name = name;
  database->url = RedactUrl(url);

  const bool is_default = name == placement_.default_database;
  bool used = is_default;
  for (const auto& [entity, home] : placement_.database_of) used = used || home == name;
  if (!used) {
    Log(Level::kWarn, "a database that no store is routed to is not opened", {{"database", name}});
    return Status();
  }

  const Scheme* scheme = FindScheme(url.substr(0, url.find(':')));
  if (scheme == nullptr) {
    Status status(Code::kInvalidArgument, "INVALID_CONFIG",
                  "the configuration names a database that this build cannot serve");
    return status.WithViolation("databases." + name,
                                database->url + ": this build serves " + SchemeNames() + " only");
  }
  Place(database.get(), schema);
  // The numbered migrations make all tables of the schema, with foreign keys
  // between them. Where its entities are spread over databases, each gets the
  // tables of its own.
  if (tables == Tables::kMigrations && database->entities.size() != schema.entities.size()) {
    tables = Tables::kCreate;
  }
  const auto open = [scheme, url, config, name, tables, entities = database->entities]()
      -> Result<std::unique_ptr<repository::Backend>> {
    Result<std::unique_ptr<repository::Backend>> backend = scheme->open(url, config);
    if (!backend.ok()) return backend;
    Status ready = Prepare(name, *scheme, (*backend)->migrator(), entities, tables);
    if (!ready.ok()) return ready;
    return backend;
  };

  Result<std::unique_ptr<repository::Backend>> backend = open();
  const bool late = !backend.ok() && backend.status().code() == Code::kUnavailable && !is_default;
  if (!backend.ok() && !late) return About(*database, backend.status());
  if (late) {
    Log(Level::kError, "a database does not answer; its stores wait for it", {{"database", name}});
    database->backend = std::make_unique<LateBackend>(scheme->name, scheme->likely, open);
  } else {
    database->backend = *std::move(backend);
  }
  repository::ExecutorOptions options;
  options.point_threads = config.point_threads;
  options.scan_threads = config.scan_threads;
  options.write_threads = scheme->one_writer ? 1 : config.write_threads;
  // Reads on the spot run on the edge's threads: one connection each, and one more
  // while another is left to finish by itself.
  options.spot_sessions = std::max(2, config.rpc.threads);
  if (scheme->remote) options.idle_timeout = config.pool.idle_timeout;
  options.queue_max = config.queue_max;
  options.slow_query = config.slow_query;
  database->executor =
      std::make_unique<repository::Executor>(database->backend.get(), options);
  Status started = late ? database->executor->StartWithout(backend.status())
                        : database->executor->Start();
  if (!started.ok()) return About(*database, started);
  databases_.push_back(std::move(database));
  return Status();
}

void Databases::Place(Database* database, const schema::Schema& schema) const {
  for (const schema::Entity& entity : schema.entities) {
    if (placement_.database_of.at(&entity) == database->name) {
      database->entities.push_back(&entity);
    }
  }
  for (const schema::Store& store : schema.stores) {
    if (placement_.database_of.at(store.entity) == database->name) {
      database->stores.push_back(&store);
    }
  }
}

service::Service::Routes Databases::routes() const {
  service::Service::Routes routes;
  for (const std::unique_ptr<Database>& database : databases_) {
    for (const schema::Entity* entity : database->entities) {
      routes[entity] = database->executor.get();
    }
  }
  return routes;
}

Result<std::string> Databases::TokenKey(const Config& config) {
  if (!config.page_token_secret.empty()) {
    return query::TokenSealer::DeriveKey(config.page_token_secret);
  }
  for (const std::unique_ptr<Database>& database : databases_) {
    if (database->name != placement_.default_database) continue;
    Result<std::string> kept =
        database->backend->KeepSecret(kTokenKey, Base64(query::TokenSealer::NewKey()));
    if (!kept.ok()) return About(*database, kept.status());
    std::optional<std::string> key = Base64Decode(*kept);
    if (!key || key->size() != query::TokenSealer::kKeyBytes) {
      return About(*database, Status(Code::kFailedPrecondition, "DAMAGED_SECRET",
                                     "the key of page tokens that it keeps is damaged; set "
                                     "page_token_secret"));
    }
    return *key;
  }
  return Status(Code::kInternal, "NO_DEFAULT_DATABASE", "there is no default database");
}

void Databases::Stop() {
  for (const std::unique_ptr<Database>& database : databases_) database->executor->Stop();
}

const migrate::Generator* FindGenerator(std::string_view name) {
  const Scheme* scheme = FindScheme(name);
  return scheme == nullptr ? nullptr : &scheme->generator();
}

std::string GeneratorNames() { return SchemeNames(); }

}  // namespace storegate::cmd
