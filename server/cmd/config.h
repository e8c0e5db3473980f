// Configuration: YAML file (--config), environment, flags; flags win over the
// environment, the environment over the file. A key or value that is wrong is
// an error that names it and where it came from.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "server/base/status.h"
#include "server/rpc/server.h"
#include "server/service/service.h"

namespace storegate::cmd {

struct Config {
  // name → URL: "sqlite:storegate.db", "postgresql://…", "mongodb://…". The
  // default database is `main`; with nothing configured it is one SQLite file.
  std::map<std::string, std::string> databases;
  // Full name of a store → name of a database. Others live in `main`.
  std::map<std::string, std::string> routes;

  std::string proto_dir;        // --proto
  std::string descriptor_set;   // --descriptor-set
  bool create_tables = false;   // --create-tables
  bool insecure = false;        // plaintext on other addresses than loopback
  std::string log_level = "info";
  std::string page_token_secret;  // empty: made once, kept in the default database
  std::chrono::milliseconds slow_query{1000};
  size_t queue_max = 10000;
  int point_threads = 2;
  int scan_threads = 2;

  rpc::Options rpc;
  service::Options service;
};

// What the command line says: key ("listen", "slow_query_ms") → text.
using Flags = std::map<std::string, std::string>;

// `environment` looks a variable up; null when it is not set.
// INVALID_ARGUMENT, reason INVALID_CONFIG.
Result<Config> LoadConfig(const std::string& yaml_path, const Flags& flags,
                          const std::function<const char*(const char*)>& environment);

}  // namespace storegate::cmd
