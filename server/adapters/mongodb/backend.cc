#include "server/adapters/mongodb/backend.h"

#include <utility>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/migrations.h"
#include "server/adapters/mongodb/pool.h"
#include "server/adapters/mongodb/probe.h"
#include "server/adapters/mongodb/session.h"

namespace storegate::mongodb {
namespace {

using repository::Backend;
using repository::Capabilities;
using repository::Session;

constexpr std::string_view kSecrets = "_storegate_secrets";

class MongodbBackend : public Backend {
 public:
  MongodbBackend(std::shared_ptr<Pool> pool, Abilities abilities)
      : pool_(std::move(pool)), abilities_(abilities), migrator_(pool_) {}

  std::string_view kind() const override { return "mongodb"; }
  Capabilities capabilities() const override {
    // References are looked at before a write, and may be gone when it happens.
    return {.transactions = abilities_.transactions,
            .references = false,
            .joins = false,
            .aggregates = abilities_.aggregates};
  }
  Result<std::unique_ptr<Session>> Connect(Use use) override;
  Result<std::string> KeepSecret(std::string_view name, std::string_view proposed) override;
  repository::Migrator* migrator() override { return &migrator_; }

 private:
  const std::shared_ptr<Pool> pool_;
  const Abilities abilities_;
  MongodbMigrator migrator_;
};

Result<std::unique_ptr<Session>> MongodbBackend::Connect(Use) {
  Result<std::unique_ptr<Connection>> connection =
      Connection::Open(pool_, pool_->ConnectUntil());
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<Session>(
      std::make_unique<MongodbSession>(*std::move(connection), abilities_));
}

Result<std::string> MongodbBackend::KeepSecret(std::string_view name, std::string_view proposed) {
  Result<std::unique_ptr<Connection>> connection =
      Connection::Open(pool_, pool_->ConnectUntil());
  if (!connection.ok()) return connection.status();
  (*connection)->Begin(pool_->ConnectUntil());
  Bson document, insert, filter, find;
  document.AddText("_id", name).AddText("value", proposed);
  BsonArray documents;
  documents.Add(document);
  insert.AddText("insert", kSecrets).AddArray("documents", documents.bson());
  // Whoever comes second finds that it is there, and reads the first one's.
  const Answer inserted = (*connection)->Write(insert);
  if (!inserted.ok()) return inserted.failure->status;
  filter.AddText("_id", name);
  find.AddText("find", kSecrets).AddDocument("filter", filter);
  Cursor cursor(connection->get(), find);
  const bson_t* kept = cursor.Next();
  if (cursor.failure()) return cursor.status();
  bson_iter_t at;
  uint32_t length;
  if (kept == nullptr || !bson_iter_init_find(&at, kept, "value") || !BSON_ITER_HOLDS_UTF8(&at)) {
    return Status(Code::kInternal, "DATABASE_ERROR", "A secret that was kept is not there.");
  }
  const char* value = bson_iter_utf8(&at, &length);
  return std::string(value, length);
}

}  // namespace

Result<std::unique_ptr<Backend>> Open(const Options& options) {
  Result<std::shared_ptr<Pool>> pool = Pool::Make(options);
  if (!pool.ok()) return pool.status();
  Result<Abilities> abilities = Probe(*pool);
  if (!abilities.ok()) return abilities.status();
  return std::unique_ptr<Backend>(
      std::make_unique<MongodbBackend>(*std::move(pool), *abilities));
}

}  // namespace storegate::mongodb
