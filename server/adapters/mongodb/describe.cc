#include "server/adapters/mongodb/describe.h"

#include <algorithm>
#include <utility>

#include "server/adapters/mongodb/migration_index.h"
#include "server/adapters/mongodb/script.h"

namespace storegate::mongodb {
namespace {

// Of the server: a collection that is not there.
constexpr int64_t kNamespaceNotFound = 26;

}  // namespace

bool IsOwnCollection(std::string_view name) {
  return name.starts_with("_storegate_") || name.starts_with("system.");
}

// Not every server filters by name.
Result<std::vector<CollectionSeen>> ListCollections(MigrationLink* link) {
  std::vector<CollectionSeen> collections;
  Bson list;
  list.AddInt32("listCollections", 1);
  Cursor cursor(link->connection(), list);
  while (const bson_t* entry = cursor.Next()) {
    collections.push_back({TextOf(entry, "name"), TextOf(entry, "type") == "view"});
  }
  if (cursor.failure()) return cursor.status();
  std::ranges::sort(collections, {}, &CollectionSeen::name);
  return collections;
}

Result<bool> CollectionExists(MigrationLink* link, std::string_view name) {
  Bson filter, list;
  filter.AddText("name", name);
  list.AddInt32("listCollections", 1).AddDocument("filter", filter).AddBool("nameOnly", true);
  Cursor cursor(link->connection(), list);
  bool there = false;
  while (const bson_t* entry = cursor.Next()) there = there || TextOf(entry, "name") == name;
  if (cursor.failure()) return cursor.status();
  return there;
}

Result<std::vector<Bson>> ListIndexes(MigrationLink* link, std::string_view collection) {
  std::vector<Bson> indexes;
  Bson list;
  list.AddText("listIndexes", collection);
  Cursor cursor(link->connection(), list);
  while (const bson_t* index = cursor.Next()) indexes.push_back(Bson::CopyOf(index));
  if (cursor.failure()) {
    if (cursor.server_code() == kNamespaceNotFound) return std::vector<Bson>();
    return cursor.status();
  }
  return indexes;
}

Result<repository::DatabaseModel> DescribeDatabase(MigrationLink* link) {
  Result<std::vector<CollectionSeen>> collections = ListCollections(link);
  if (!collections.ok()) return collections.status();
  repository::DatabaseModel model;
  for (CollectionSeen& collection : *collections) {
    if (collection.view || IsOwnCollection(collection.name)) continue;
    if (Status status = link->Ready(); !status.ok()) return status;
    const Result<std::vector<Bson>> indexes = ListIndexes(link, collection.name);
    if (!indexes.ok()) return indexes.status();
    repository::TableModel table;
    table.name = std::move(collection.name);
    for (const Bson& index : *indexes) {
      if (IsIdIndex(index.get())) continue;
      repository::IndexModel& made = table.indexes.emplace_back();
      made.name = TextOf(index.get(), "name");
      made.unique = FlagOf(index.get(), "unique");
      made.definition = IndexDefinition(index.get());
    }
    std::ranges::sort(table.indexes, {}, &repository::IndexModel::name);
    model.tables.push_back(std::move(table));
  }
  return model;
}

}  // namespace storegate::mongodb
