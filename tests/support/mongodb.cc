#include "tests/support/mongodb.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <vector>

#include <bson/bson.h>
#include <unistd.h>

#include "server/adapters/mongodb/backend.h"
#include "server/migrate/runner.h"
#include "tests/support/mongodb_server.h"

namespace storegate::test {
namespace {

// Of all collections of the database.
std::set<std::string> CollectionNames(MongodbClient& client) {
  bson_t reply;
  client.Run(R"({"listCollections": 1, "nameOnly": true, "cursor": {"batchSize": 10000}})", &reply);
  std::set<std::string> names;
  bson_iter_t top, batch, one, name;
  if (bson_iter_init(&top, &reply) &&
      bson_iter_find_descendant(&top, "cursor.firstBatch", &batch) &&
      bson_iter_recurse(&batch, &one)) {
    while (bson_iter_next(&one)) {
      if (bson_iter_recurse(&one, &name) && bson_iter_find(&name, "name")) {
        names.insert(bson_iter_utf8(&name, nullptr));
      }
    }
  }
  bson_destroy(&reply);
  return names;
}

void RunOn(MongodbClient& client, const char* command, const std::string& collection) {
  bson_t document = BSON_INITIALIZER;
  BSON_APPEND_UTF8(&document, command, collection.c_str());
  if (std::string(command) == "delete") {
    bson_t all, one;
    BSON_APPEND_ARRAY_BEGIN(&document, "deletes", &all);
    BSON_APPEND_DOCUMENT_BEGIN(&all, "0", &one);
    const bson_t everything = BSON_INITIALIZER;
    BSON_APPEND_DOCUMENT(&one, "q", &everything);
    BSON_APPEND_INT32(&one, "limit", 0);
    bson_append_document_end(&all, &one);
    bson_append_array_end(&document, &all);
  }
  client.Run(document);
  bson_destroy(&document);
}

// The databases of one place: made for a case, dropped behind it or used again.
class Databases {
 public:
  explicit Databases(MongodbPlace place) : place_(std::move(place)) {}
  ~Databases() {
    for (const auto& [schema, names] : spare_) {
      for (const std::string& name : names) Drop(name);
    }
  }
  const MongodbPlace& place() const { return place_; }

  // With empty collections of the schema.
  Result<std::string> Get(const schema::Schema& schema) {
    if (const std::string spare = TakeSpare(schema); !spare.empty()) {
      Empty(spare, schema);
      return spare;
    }
    const std::string name = NewMongodbName();
    mongodb::Options options;
    options.url = place_.admin_url_of(name);
    Result<std::unique_ptr<repository::Backend>> backend = mongodb::Open(options);
    if (!backend.ok()) return backend.status();
    std::vector<const schema::Entity*> entities;
    for (const schema::Entity& entity : schema.entities) entities.push_back(&entity);
    std::vector<std::string> created;
    Status status = migrate::CreateTables(*(*backend)->migrator(), mongodb::MongodbGenerator(),
                                          entities, &created);
    if (!status.ok()) {
      Drop(name);
      return status;
    }
    return name;
  }

  void TakeBack(const schema::Schema& schema, const std::string& name) {
    if (!place_.empty_and_reuse) return Drop(name);
    std::lock_guard<std::mutex> lock(mutex_);
    spare_[&schema].push_back(name);
  }

 private:
  std::string TakeSpare(const schema::Schema& schema) {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<std::string>& spare = spare_[&schema];
    if (spare.empty()) return "";
    std::string name = spare.back();
    spare.pop_back();
    return name;
  }

  void Empty(const std::string& name, const schema::Schema& schema) {
    MongodbClient client(place_.admin_url_of(name));
    std::set<std::string> others = CollectionNames(client);
    for (const schema::Entity& entity : schema.entities) {
      others.erase(entity.collection);
      RunOn(client, "delete", entity.collection);
    }
    for (const std::string& other : others) {
      if (other.rfind("system.", 0) != 0) RunOn(client, "drop", other);
    }
  }

  void Drop(const std::string& name) {
    std::string ignored;  // the server may be down, and is gone with the test then
    RunMongodbCommand(place_.admin_url_of(name), R"({"dropDatabase": 1})", nullptr, &ignored);
  }

  const MongodbPlace place_;
  std::mutex mutex_;
  std::map<const schema::Schema*, std::vector<std::string>> spare_;
};

class MongodbDatabase : public TestDatabase {
 public:
  MongodbDatabase(std::shared_ptr<Databases> databases, const schema::Schema& schema,
                  std::string name)
      : databases_(std::move(databases)), schema_(schema), name_(std::move(name)) {}
  ~MongodbDatabase() override { databases_->TakeBack(schema_, name_); }

  Result<std::unique_ptr<repository::Backend>> Open() override {
    const MongodbPlace& place = databases_->place();
    mongodb::Options options;
    options.url = place.url_of ? place.url_of(name_) : place.admin_url_of(name_);
    if (place.change) place.change(&options);
    return mongodb::Open(options);
  }

  const std::string& name() const { return name_; }

 private:
  const std::shared_ptr<Databases> databases_;
  const schema::Schema& schema_;
  const std::string name_;
};

std::string SharedUrl(const std::string& database) { return SharedMongodb().Url(database); }

}  // namespace

BackendUnderTest MongodbAt(MongodbPlace place) {
  auto databases = std::make_shared<Databases>(std::move(place));
  BackendUnderTest backend;
  backend.name = "mongodb";
  backend.write_threads = 3;
  backend.create =
      [databases](const schema::Schema& schema) -> Result<std::unique_ptr<TestDatabase>> {
    Result<std::string> name = databases->Get(schema);
    if (!name.ok()) return name.status();
    return std::unique_ptr<TestDatabase>(
        std::make_unique<MongodbDatabase>(databases, schema, *name));
  };
  return backend;
}

BackendUnderTest Mongodb() { return MongodbAt({.admin_url_of = SharedUrl}); }
BackendUnderTest MongodbEmptied() {
  return MongodbAt({.admin_url_of = SharedUrl, .empty_and_reuse = true});
}

std::string MongodbDatabaseName(const TestDatabase& database) {
  return dynamic_cast<const MongodbDatabase&>(database).name();
}

std::string NewMongodbName() {
  static std::atomic<int> next{0};
  // Other machines' tests may use the same server.
  static const unsigned unlike = std::random_device()();
  return "storegate_test_" + std::to_string(unlike) + "_" + std::to_string(getpid()) + "_" +
         std::to_string(next.fetch_add(1));
}

}  // namespace storegate::test
