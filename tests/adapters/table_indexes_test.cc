// What query/table_indexes.h says of the indexes that a table or collection gets, against
// what migrations make: the same names, and none else.
#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/backend.h"
#include "server/adapters/postgres/backend.h"
#include "server/adapters/sqlite/backend.h"
#include "server/query/table_indexes.h"
#include "tests/adapters/library.h"
#include "tests/unit/migrate/schema_pair.h"

namespace storegate::test {
namespace {

using query::Engine;

const migrate::Generator& GeneratorOf(Engine engine) {
  switch (engine) {
    case Engine::kSqlite: return sqlite::SqliteGenerator();
    case Engine::kPostgres: return postgres::PostgresGenerator();
    case Engine::kMongodb: break;
  }
  return mongodb::MongodbGenerator();
}

void Compare(const schema::Schema& schema) {
  const std::vector<const schema::Entity*> entities = schema.AllEntities();
  for (const Engine engine : {Engine::kSqlite, Engine::kPostgres, Engine::kMongodb}) {
    const repository::DatabaseModel model = GeneratorOf(engine).Model(entities);
    for (const schema::Entity* entity : entities) {
      std::vector<std::string> said, made;
      for (const query::TableIndex& index : query::IndexesOf(*entity, engine)) {
        if (index.name != query::kIdKey) said.push_back(index.name);
      }
      for (const auto& index : model.Table(entity->collection)->indexes) made.push_back(index.name);
      EXPECT_EQ(said, made) << entity->full_name << " in " << query::NameOf(engine);
    }
  }
}

TEST(TableIndexes, AreThoseThatMigrationsMake) {
  Compare(Library());
  Compare(*migrate::SchemaOf(
      "message Author { option (storegate.v1.entity) = { search_index: true }; string id = 1; "
      "string name = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL searchable: true "
      "immutable: true }]; }\n"
      "message Book { option (storegate.v1.entity) = {\n"
      "  index: { fields: \"author\" fields: \"pages desc\" }\n"
      "  index: { fields: \"editor\" unique: LIVE }\n"
      "  index: { fields: \"pages\" where: \"pages > 5 AND title : *\" }\n"
      "  index: { fields: \"title\" where: \"pages > 5 OR pages = 1\" name: \"partly\" }\n"
      "  index: { fields: \"title\" fields: \"pages\" unique: LIVE where: \"pages > 7\" } };\n"
      "  string id = 1; int32 pages = 2;\n"
      "  string title = 3 [(storegate.v1.field) = { max_len: 9 searchable: true }];\n"
      "  optional string author = 4 [(storegate.v1.field).references = \"Author.id\"];\n"
      "  optional string editor = 5 [(storegate.v1.field).references = \"Author.id\"];\n"
      "  optional string name = 6 [(storegate.v1.field) = { references: \"Author.name\" "
      "max_len: 9 }];\n"
      "  google.protobuf.Timestamp delete_time = 7; }\n",
      {"Author", "Book"}));
}

}  // namespace
}  // namespace storegate::test
