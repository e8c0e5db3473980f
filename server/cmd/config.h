// Configuration: YAML file (--config, or storegate.yaml), environment, flags; flags win over the
// environment, the environment over the file. A key or value that is wrong is
// an error that names the key, where it came from, and what is allowed.
//
// config_keys.h has the one table of keys; file, environment, flags and --help
// follow from it:
//   limits.max_batch     limits: {max_batch: 500}     in the file
//                        STOREGATE_LIMITS_MAX_BATCH   in the environment
//                        --limits-max-batch           as a flag
// Three maps stand beside the table:
//   databases   databases: {main: "sqlite:a.db"}; STOREGATE_DATABASES_MAIN, also
//               DATABASE_URL (main) and MONGODB_URI (mongo); --database main=URL
//   routes      routes: {library.v1.NoteStore: notes};
//               STOREGATE_ROUTES=library.v1.NoteStore=notes,…; --route STORE=NAME
//   migration_urls   as databases; STOREGATE_MIGRATION_URLS_MAIN; --migration-url main=URL
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "server/base/status.h"
#include "server/rpc/server.h"
#include "server/service/service.h"

namespace storegate::cmd {

struct Config {
  // name → URL: "sqlite:storegate.db". The default database is `main`; with
  // nothing configured it is one SQLite file. Relative paths are relative to the
  // working directory.
  std::map<std::string, std::string> databases;
  // Full name of a store → name of a database. Others live in `main`.
  std::map<std::string, std::string> routes;
  // name of a database → the URL that migrations reach it by, where `databases` leads
  // to a pooler.
  std::map<std::string, std::string> migration_urls;

  std::string proto_dir;       // --proto
  std::string descriptor_set;  // --descriptor-set
  bool create_tables = false;  // --create-tables
  // serve --ephemeral, see ephemeral.h; --seed, empty: none.
  bool ephemeral = false;
  std::string seed;
  // --migrations: the folder of the numbered migrations; empty: not said, see
  // migration_source.h.
  std::string migrations;
  // What `serve` does with those that are pending.
  enum class Migrate { kUp, kCheck, kOff };
  Migrate migrate = Migrate::kUp;
  // How long another's migration is waited for.
  std::chrono::milliseconds migrate_lock_timeout{5 * 60 * 1000};
  bool insecure = false;       // plaintext on other addresses than loopback
  std::string log_level = "info";
  std::string page_token_secret;  // empty: made once, kept in the default database
  std::chrono::milliseconds slow_query{1000};
  size_t queue_max = 10000;
  // Threads of each database's lanes, and so its connections; with one for each of
  // rpc.threads that is 10.
  int point_threads = 2;
  int write_threads = 3;
  int scan_threads = 3;

  // Connections to databases that are not files.
  struct Pool {
    std::chrono::milliseconds connect_timeout{10000};
    std::chrono::milliseconds idle_timeout{20000};
    std::chrono::milliseconds max_lifetime{30 * 60 * 1000};
  };
  Pool pool;
  bool transaction_pooler = false;  // postgres.transaction_pooler
  // What a MongoDB URL does not say itself.
  std::chrono::milliseconds mongodb_server_selection_timeout{5000};
  std::chrono::milliseconds mongodb_socket_timeout{45000};

  rpc::Options rpc;
  service::Options service;

  // "HOST:PORT", an IPv6 address in brackets.
  std::string Listen() const;
};

// What the command line says: the key as in the file ("listen",
// "limits.max_batch", "databases.main", "routes.library.v1.NoteStore") → text.
using Flags = std::vector<std::pair<std::string, std::string>>;

// All variables of the environment; only those of storegate are looked at.
using Environment = std::map<std::string, std::string>;
Environment ProcessEnvironment();

// `yaml_path` empty: no file. INVALID_ARGUMENT, reason INVALID_CONFIG, with one
// violation for each mistake, the key as its field; NOT_FOUND, reason
// CONFIG_NOT_FOUND, when the file cannot be read.
Result<Config> LoadConfig(const std::string& yaml_path, const Flags& flags,
                          const Environment& environment);

// A database's URL fit for logs and errors: without user, password and query.
std::string RedactUrl(std::string_view url);

}  // namespace storegate::cmd
