#include "server/cmd/databases.h"

#include <algorithm>

#include "server/base/log.h"
#include "server/base/text.h"
#include "server/base/time.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/late_backend.h"
#include "server/cmd/natives.h"
#include "server/query/page_token.h"

namespace storegate::cmd {
namespace {

constexpr int64_t kProbeBoundMs = 5000;
constexpr std::string_view kTokenKey = "page_token_key";
// Where a database was down at the start: it is tried again anyway, and the thread that
// tries is to end when the gateway does.
constexpr std::chrono::milliseconds kLateLockTimeout{2000};

// The same error, its message led by the database that it is about.
Status About(const Database& database, const Status& status) {
  return status.Reworded("database " + database.name + " (" + database.url +
                         "): " + status.message());
}

// An id of the right form that no record is likely to have.
Value ProbeId(const schema::Entity& entity) {
  if (entity.id->type == schema::Type::kInt64) return int64_t{0};
  return std::string("00000000-0000-0000-0000-000000000000");
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
                                                   const schema::Schema& schema,
                                                   const Report& report) {
  Result<Placement> placement = PlaceEntities(config, schema);
  if (!placement.ok()) return placement.status();
  if (Status status = CheckNatives(config, schema, *placement); !status.ok()) return status;
  Result<Preparation> preparation = Preparation::For(config, schema);
  if (!preparation.ok()) return preparation.status();
  auto databases = std::make_unique<Databases>();
  databases->placement_ = *std::move(placement);

  for (const auto& [name, url] : config.databases) {
    Status opened = databases->OpenOne(config, name, schema, *preparation, report);
    if (!opened.ok()) return opened;
  }
  return databases;
}

Databases::~Databases() { Stop(); }

Status Databases::OpenOne(const Config& config, const std::string& name,
                          const schema::Schema& schema, const Preparation& preparation,
                          const Report& report) {
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

  Result<const BackendKind*> found = KindOf(config, name);
  if (!found.ok()) return found.status();
  const BackendKind* kind = *found;
  Place(database.get(), schema);
  const auto open = [kind, config, name, url = database->url, preparation, report,
                     entities = database->entities](std::chrono::milliseconds lock_timeout)
      -> Result<std::unique_ptr<repository::Backend>> {
    report("connecting to the database " + name + " (" + url + ")", "");
    Result<std::unique_ptr<repository::Backend>> backend = kind->open(name, config);
    if (!backend.ok()) return backend;
    (*backend)->migrator()->SetLockTimeout(lock_timeout.count());
    Status ready = preparation.Run(name, *kind, (*backend)->migrator(), entities, report);
    if (!ready.ok()) return ready;
    return backend;
  };

  Result<std::unique_ptr<repository::Backend>> backend = open(config.migrate_lock_timeout);
  const bool late = !backend.ok() && backend.status().code() == Code::kUnavailable && !is_default;
  if (!backend.ok() && !late) return About(*database, backend.status());
  if (late) {
    Log(Level::kError, "a database does not answer; its stores wait for it", {{"database", name}});
    database->backend = std::make_unique<LateBackend>(
        kind->name, kind->likely,
        [open, timeout = std::min(kLateLockTimeout, config.migrate_lock_timeout)] {
          return open(timeout);
        });
  } else {
    database->backend = *std::move(backend);
  }
  repository::ExecutorOptions options;
  options.point_threads = config.point_threads;
  options.scan_threads = config.scan_threads;
  options.write_threads = kind->one_writer ? 1 : config.write_threads;
  // Reads on the spot run on the edge's threads: one connection each, and one more
  // while another is left to finish by itself.
  options.spot_sessions = std::max(2, config.rpc.threads);
  if (kind->remote) options.idle_timeout = config.pool.idle_timeout;
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

}  // namespace storegate::cmd
