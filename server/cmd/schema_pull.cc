#include "server/cmd/schema_pull.h"

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "server/adapters/mongodb/sample.h"
#include "server/adapters/postgres/sample.h"
#include "server/adapters/sqlite/sample.h"
#include "server/base/text.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/gateway.h"
#include "server/cmd/new_files.h"
#include "server/cmd/schema_check.h"
#include "server/migrate/pull.h"
#include "server/schema/loader.h"

namespace storegate::cmd {
namespace {

namespace fs = std::filesystem;

constexpr int kUsage = 2;

// What is there, by kind of database.
Result<migrate::PulledDatabase> Look(const std::string& url) {
  const std::string_view kind = FindBackendKind(url)->name;
  const Config config;
  if (kind == "sqlite") {
    const std::string path = url.substr(url.find(':') + 1);
    std::error_code error;
    if (!fs::is_regular_file(path, error)) {
      return Status(Code::kFailedPrecondition, "CANNOT_OPEN_DATABASE",
                    "there is no file " + Quoted(path));
    }
    return sqlite::SampleFile(path);
  }
  if (kind == "mongodb") {
    mongodb::Options options;
    options.url = url;
    options.connect_timeout = config.pool.connect_timeout;
    options.server_selection_timeout = config.mongodb_server_selection_timeout;
    options.socket_timeout = config.mongodb_socket_timeout;
    return mongodb::Sample(options);
  }
  Config of;
  of.databases = {{"main", url}};
  auto backend = FindBackendKind(url)->open("main", of);
  if (!backend.ok()) return backend.status();
  Result<repository::DatabaseModel> model = (*backend)->migrator()->Describe();
  if (!model.ok()) return model.status();
  return postgres::PulledOf(*model);
}

}  // namespace

int PullSchema(const PullOptions& options, std::ostream& out, std::ostream& errors) {
  if (!IsDatabaseUrl(options.url)) {
    errors << "storegate: " << Quoted(RedactUrl(options.url))
           << " is no URL of a database; this build reads " << GeneratorNames() << "\n";
    return kUsage;
  }
  Result<migrate::PulledDatabase> database = Look(options.url);
  if (!database.ok()) {
    PrintStatus(database.status(), errors);
    return database.status().code() == Code::kInvalidArgument ? kUsage : 1;
  }
  Result<migrate::PullResult> pulled = migrate::WriteProtos(*database, options.package);
  if (!pulled.ok()) {
    PrintStatus(pulled.status(), errors);
    return pulled.status().code() == Code::kInvalidArgument ? kUsage : 1;
  }
  if (Status status = WriteNewFiles(options.folder, pulled->files, "name another folder with --out"); !status.ok()) {
    PrintStatus(status, errors);
    return 1;
  }
  if (options.json) {
    nlohmann::ordered_json json = {{"files", nlohmann::ordered_json::array()},
                                   {"left_out", pulled->left_out}};
    for (const auto& [name, text] : pulled->files) {
      json["files"].push_back((fs::path(options.folder) / name).string());
    }
    out << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
    return 0;
  }
  for (const auto& [name, text] : pulled->files) {
    out << "wrote " << (fs::path(options.folder) / name).string() << "\n";
  }
  for (const std::string& line : pulled->left_out) out << "left out " << line << "\n";
  return 0;
}

}  // namespace storegate::cmd
