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

}  // namespace storegate
