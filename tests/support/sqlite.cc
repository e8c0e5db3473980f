#include "tests/support/sqlite.h"

#include <vector>

#include "server/adapters/sqlite/backend.h"
#include "server/migrate/runner.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

class SqliteDatabase : public TestDatabase {
 public:
  Result<std::unique_ptr<repository::Backend>> Open() override {
    sqlite::Options options;
    options.path = (directory_.path() / "test.db").string();
    return sqlite::Open(options);
  }

 private:
  TempDir directory_;
};

}  // namespace

BackendUnderTest Sqlite() {
  return {"sqlite", [](const schema::Schema& schema) -> Result<std::unique_ptr<TestDatabase>> {
            auto database = std::make_unique<SqliteDatabase>();
            Result<std::unique_ptr<repository::Backend>> backend = database->Open();
            if (!backend.ok()) return backend.status();
            std::vector<const schema::Entity*> entities;
            for (const schema::Entity& entity : schema.entities) entities.push_back(&entity);
            std::vector<std::string> created;
            Status status = migrate::CreateTables(*(*backend)->migrator(),
                                                  sqlite::SqliteGenerator(), entities, &created);
            if (!status.ok()) return status;
            return std::unique_ptr<TestDatabase>(std::move(database));
          }};
}

}  // namespace storegate::test
