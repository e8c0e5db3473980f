// The shop's first migration is what the generator makes of its protos.
//   UPDATE=1 adapters --gtest_filter=*ShopMigration.*    writes it anew
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "server/adapters/mongodb/backend.h"
#include "server/adapters/sqlite/backend.h"
#include "server/migrate/runner.h"
#include "server/schema/loader.h"
#include "tests/adapters/adapter_case.h"
#include "tests/support/migrate.h"
#include "tests/support/mongodb.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = STOREGATE_SOURCE_DIR;

struct Kind {
  const migrate::Generator& (*generator)();
  const char* file;    // below migrations/
  const char* header;  // what stands before the script
};
const std::map<std::string, Kind> kKinds = {
    {"sqlite",
     {sqlite::SqliteGenerator, "sqlite/0001_create_tables.up.sql",
      "-- Made by `storegate schema ddl` from proto/shop; a test compares.\n\n"}},
    {"postgres",
     {postgres::PostgresGenerator, "postgres/0001_create_tables.up.sql",
      "-- Made by `storegate schema ddl --dialect postgresql` from proto/shop; a test "
      "compares.\n\n"}},
    {"mongodb",
     {mongodb::MongodbGenerator, "mongodb/0001_create_collections.up.json", ""}},  // JSON has none
};

fs::path FileOf(const std::string& backend) {
  return kSource / "migrations" / kKinds.at(backend).file;
}

std::unique_ptr<const schema::Schema> Shop() {
  TempDir protos;
  fs::copy(kSource / "proto" / "shop", protos.path() / "shop", fs::copy_options::recursive);
  schema::LoadResult loaded = schema::LoadDirectory(protos.path().string());
  for (const schema::Diagnostic& diagnostic : loaded.diagnostics) {
    ADD_FAILURE() << diagnostic.ToString();
  }
  return std::move(loaded.schema);
}

std::vector<const schema::Entity*> Entities(const schema::Schema& schema) {
  std::vector<const schema::Entity*> entities;
  for (const schema::Entity& entity : schema.entities) entities.push_back(&entity);
  return entities;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class ShopMigration : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Adapters, ShopMigration, ::testing::Values("sqlite", "postgres", "mongodb"),
                         [](const auto& info) { return info.param; });

TEST_P(ShopMigration, IsWhatTheGeneratorMakes) {
  const fs::path file = FileOf(GetParam());
  const auto shop = Shop();
  ASSERT_NE(shop, nullptr);
  const Kind& kind = kKinds.at(GetParam());
  const std::string sql = kind.header + kind.generator().CreateAll(Entities(*shop));
  if (std::getenv("UPDATE") != nullptr) {
    std::ofstream(file, std::ios::binary) << sql;
  }
  EXPECT_EQ(ReadAll(file), sql) << "the protos changed; write a new migration, or, before any "
                                    "release, make this one anew with UPDATE=1";
}

TEST_P(ShopMigration, MakesAllThatTheSchemaNeedsOnce) {
  const fs::path file = FileOf(GetParam());
  const auto shop = Shop();
  ASSERT_NE(shop, nullptr);
  static const schema::Schema nothing;  // its copies are known by its address
  std::unique_ptr<TestDatabase> database;
  if (GetParam() == "postgres") database = *PostgresUnderTest().create(nothing);
  if (GetParam() == "mongodb") database = *Mongodb().create(nothing);
  const auto backend =
      database != nullptr ? database->Open() : sqlite::Open({.path = ":memory:"});
  ASSERT_TRUE(backend.ok());
  repository::Migrator& migrator = *(*backend)->migrator();
  const migrate::Generator& generator = kKinds.at(GetParam()).generator();
  EXPECT_THAT(migrate::CheckTables(migrator, generator, Entities(*shop)),
              HasReason("TABLE_MISMATCH"));
  const auto migrations = migrate::ParseMigrations({{file.filename().string(), ReadAll(file)}},
                                                   generator);
  ASSERT_TRUE(migrations.ok());
  std::vector<std::string> applied;
  const Status up = UpWith(migrator, generator, *migrations, &applied);
  ASSERT_TRUE(up.ok()) << up.ToString();
  EXPECT_THAT(applied, ::testing::ElementsAre(::testing::StartsWith("0001_create_")));
  EXPECT_TRUE(migrate::CheckTables(migrator, generator, Entities(*shop)).ok());
  ASSERT_TRUE(UpWith(migrator, generator, *migrations, &applied).ok());
  EXPECT_THAT(applied, ::testing::IsEmpty());
}

}  // namespace
}  // namespace storegate::test
