// The kinds of databases that this build can serve: the one table of them.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/cmd/config.h"
#include "server/migrate/generator.h"
#include "server/repository/backend.h"

namespace storegate::cmd {

struct BackendKind {
  std::string_view name;   // as Backend::kind
  std::string_view alias;  // what a URL may also begin with; "" for none
  // `name` is that of the database in `config`. Errors never repeat its URL.
  Result<std::unique_ptr<repository::Backend>> (*open)(const std::string& name,
                                                       const Config& config);
  const migrate::Generator& (*generator)();
  // Names and texts of the migrations in the binary.
  std::vector<std::pair<std::string, std::string>> (*migrations)();
  bool one_writer;      // the database has no more at a time
  bool remote;          // connections cost something, there and here
  bool migration_urls;  // migrations can reach it by another URL
  // Which text of a native query it takes, what the schema calls it, and what finds out
  // whether one is wrong without asking a database; null where that cannot be.
  std::string schema::Native::*native;
  std::string_view native_option;
  Status (*check_native)(std::string_view text);
  // Of one that is not there to be asked.
  repository::Capabilities likely;
};

std::span<const BackendKind> BackendKinds();

// That of a URL, or of a name as "sqlite"; null for others.
const BackendKind* FindBackendKind(std::string_view url_or_name);

// That of the database `name`, which `config` has. INVALID_ARGUMENT, reason
// INVALID_CONFIG, when this build cannot serve it, or its kind takes no migration URL and
// there is one.
Result<const BackendKind*> KindOf(const Config& config, const std::string& name);

// What makes the scripts of a database that this build can serve, by name; null for
// others. Names, for messages: "sqlite, postgresql".
const migrate::Generator* FindGenerator(std::string_view name);
std::string GeneratorNames();

}  // namespace storegate::cmd
