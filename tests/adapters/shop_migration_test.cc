// The shop's first migration is what the generator makes of its protos.
//   UPDATE=1 adapters --gtest_filter=ShopMigration.*    writes it anew
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "server/adapters/sqlite/backend.h"
#include "server/migrate/runner.h"
#include "server/schema/loader.h"
#include "tests/adapters/library.h"
#include "tests/support/temp_dir.h"

namespace storegate::test {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = STOREGATE_SOURCE_DIR;
const fs::path kFile = kSource / "migrations" / "sqlite" / "0001_create_tables.up.sql";

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

TEST(ShopMigration, IsWhatTheGeneratorMakes) {
  const auto shop = Shop();
  ASSERT_NE(shop, nullptr);
  const std::string sql =
      "-- Made by `storegate schema ddl` from proto/shop; a test compares.\n\n" +
      migrate::CreateSql(sqlite::SqliteDialect(), Entities(*shop));
  if (std::getenv("UPDATE") != nullptr) {
    std::ofstream(kFile, std::ios::binary) << sql;
  }
  EXPECT_EQ(ReadAll(kFile), sql) << "the protos changed; write a new migration, or, before any "
                                    "release, make this one anew with UPDATE=1";
}

TEST(ShopMigration, MakesAllThatTheSchemaNeedsOnce) {
  const auto shop = Shop();
  ASSERT_NE(shop, nullptr);
  const auto backend = sqlite::Open({.path = ":memory:"});
  ASSERT_TRUE(backend.ok());
  repository::Migrator& migrator = *(*backend)->migrator();
  EXPECT_THAT(migrate::CheckTables(migrator, Entities(*shop)), HasReason("TABLE_MISMATCH"));
  const auto migrations =
      migrate::ParseMigrations({{kFile.filename().string(), ReadAll(kFile)}});
  ASSERT_TRUE(migrations.ok());
  std::vector<std::string> applied;
  const Status up = migrate::Up(migrator, *migrations, &applied);
  ASSERT_TRUE(up.ok()) << up.ToString();
  EXPECT_THAT(applied, ::testing::ElementsAre("0001_create_tables"));
  EXPECT_TRUE(migrate::CheckTables(migrator, Entities(*shop)).ok());
  ASSERT_TRUE(migrate::Up(migrator, *migrations, &applied).ok());
  EXPECT_THAT(applied, ::testing::IsEmpty());
}

}  // namespace
}  // namespace storegate::test
