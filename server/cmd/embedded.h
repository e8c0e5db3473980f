// What cmake/embed.cmake compiles into the binary: names and texts.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace storegate {

// The schema that is served where none is given.
std::vector<std::pair<std::string, std::string>> ShopProtos();

// Its numbered migrations, by backend.
std::vector<std::pair<std::string, std::string>> ShopMigrationsSqlite();
std::vector<std::pair<std::string, std::string>> ShopMigrationsPostgres();
std::vector<std::pair<std::string, std::string>> ShopMigrationsMongodb();

// What users' protos import: storegate/v1/*, google/rpc/*.
std::vector<std::pair<std::string, std::string>> BuiltinProtos();

// What `storegate init` writes, with PROJECT for the name, also in paths; docs/ci, which it
// writes too.
std::vector<std::pair<std::string, std::string>> ProjectTemplate();
std::vector<std::pair<std::string, std::string>> ProjectChecks();

}  // namespace storegate
