#include "tests/support/postgres.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include <unistd.h>

#include "server/adapters/postgres/backend.h"
#include "server/migrate/runner.h"
#include "tests/support/postgres_server.h"

namespace storegate::test {
namespace {

// Unlike that of any other, also of other programs on the same server.
std::string NewName() {
  static std::atomic<int> next{0};
  return "storegate_test_" + std::to_string(getpid()) + "_" + std::to_string(next.fetch_add(1));
}

// Databases with the tables of each schema, made once and copied for each case:
// copying one takes less time than making its tables.
class Templates {
 public:
  explicit Templates(PostgresPlace place) : place_(std::move(place)) {}
  ~Templates() {
    for (const std::string& name : leftover_) Drop(name);
    for (const auto& [schema, name] : names_) Drop(name);
    for (const auto& [schema, names] : spare_) {
      for (const std::string& name : names) Drop(name);
    }
  }
  const PostgresPlace& place() const { return place_; }

  // A new database with the tables of the schema, or an empty one.
  Result<std::string> Copy(const schema::Schema& schema) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (std::vector<std::string>& spare = spare_[&schema]; !spare.empty()) {
      const std::string name = spare.back();
      spare.pop_back();
      std::string tables;
      for (const schema::Entity& entity : schema.entities) {
        tables += (tables.empty() ? "" : ", ") + migrate::QuoteIdentifier(entity.collection);
      }
      RunSql(place_.admin_url_of(name),
             "SET client_min_messages = warning; TRUNCATE " + tables +
                 " RESTART IDENTITY; DROP TABLE IF EXISTS _storegate_secrets, "
                 "_storegate_migrations, _storegate_schema, _storegate_lock");
      return name;
    }
    Result<std::string> like = Of(schema);
    if (!like.ok()) return like;
    for (const std::string& name : leftover_) Drop(name);
    leftover_.clear();
    const std::string name = NewName();
    RunSql(place_.admin_url_of("postgres"),
           "CREATE DATABASE \"" + name + "\" TEMPLATE \"" + *like + "\"");
    return name;
  }

  // Drops it, but not now: PostgreSQL would wait a tenth of a second for its
  // processes of connections just closed.
  void TakeBack(const schema::Schema& schema, const std::string& name) {
    std::lock_guard<std::mutex> lock(mutex_);
    (place_.empty_and_reuse ? spare_[&schema] : leftover_).push_back(name);
  }

 private:
  void Drop(const std::string& name) {
    std::string ignored;  // the server may be down, and is gone with the test then
    RunSql(place_.admin_url_of("postgres"),
           "DROP DATABASE IF EXISTS \"" + name + "\" WITH (FORCE)", &ignored);
  }

  Result<std::string> Of(const schema::Schema& schema) {
    if (auto found = names_.find(&schema); found != names_.end()) return found->second;
    const std::string name = NewName();
    RunSql(place_.admin_url_of("postgres"),
           "CREATE DATABASE \"" + name + "\" TEMPLATE template0 ENCODING 'UTF8'");
    postgres::Options options;
    options.url = place_.admin_url_of(name);
    Result<std::unique_ptr<repository::Backend>> backend = postgres::Open(options);
    if (!backend.ok()) return backend.status();
    std::vector<const schema::Entity*> entities;
    for (const schema::Entity& entity : schema.entities) entities.push_back(&entity);
    std::vector<std::string> created;
    Status status = migrate::CreateTables(*(*backend)->migrator(), postgres::PostgresGenerator(),
                                          entities, &created);
    if (!status.ok()) return status;
    names_[&schema] = name;
    return name;
  }

  const PostgresPlace place_;
  std::mutex mutex_;
  std::map<const schema::Schema*, std::string> names_;
  std::map<const schema::Schema*, std::vector<std::string>> spare_;
  std::vector<std::string> leftover_;
};

class PostgresDatabase : public TestDatabase {
 public:
  PostgresDatabase(std::shared_ptr<Templates> templates, const schema::Schema& schema,
                   std::string name)
      : templates_(std::move(templates)), schema_(schema), name_(std::move(name)) {}
  ~PostgresDatabase() override { templates_->TakeBack(schema_, name_); }

  Result<std::unique_ptr<repository::Backend>> Open() override {
    const PostgresPlace& place = templates_->place();
    postgres::Options options;
    options.url = place.url_of ? place.url_of(name_) : place.admin_url_of(name_);
    if (place.change) place.change(&options);
    return postgres::Open(options);
  }

  const std::string& name() const { return name_; }

 private:
  const std::shared_ptr<Templates> templates_;
  const schema::Schema& schema_;
  const std::string name_;
};

}  // namespace

BackendUnderTest PostgresAt(PostgresPlace place) {
  auto templates = std::make_shared<Templates>(std::move(place));
  BackendUnderTest backend;
  backend.name = "postgresql";
  backend.write_threads = 3;
  backend.create =
      [templates](const schema::Schema& schema) -> Result<std::unique_ptr<TestDatabase>> {
    Result<std::string> name = templates->Copy(schema);
    if (!name.ok()) return name.status();
    return std::unique_ptr<TestDatabase>(std::make_unique<PostgresDatabase>(templates, schema, *name));
  };
  return backend;
}

BackendUnderTest Postgres() { return PostgresAt({.admin_url_of = SharedPostgresUrl}); }
BackendUnderTest PostgresEmptied() {
  return PostgresAt({.admin_url_of = SharedPostgresUrl, .empty_and_reuse = true});
}

std::string DatabaseName(const TestDatabase& database) {
  return dynamic_cast<const PostgresDatabase&>(database).name();
}

}  // namespace storegate::test
