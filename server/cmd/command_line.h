// The flags that subcommands share, made from the table of configuration keys.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <CLI/App.hpp>

#include "server/cmd/config.h"

namespace storegate::cmd {

// Adds the flags of all keys, --database, --route, --migration-url and --config to a
// subcommand, and answers what was given once it is parsed.
class ConfigFlags {
 public:
  // Where only the schema matters, only the flags that choose it are there; where
  // nothing is served, those of databases and migrations too, --dir for --migrations.
  enum class Which { kAll, kDatabases, kSchema };
  void AddTo(CLI::App* app, Which which);

  // REQUIRES: parsed. The file of --config, else of STOREGATE_CONFIG, else storegate.yaml of
  // the working directory, where it is.
  Result<Config> Load(const Environment& environment) const;

  // The same for `serve --ephemeral`: what file and environment say of databases, routes,
  // migrations and the address does not count; the address is a free port of loopback where
  // no flag says otherwise.
  Result<Config> LoadEphemeral(const Environment& environment) const;

 private:
  Flags Given() const;
  std::string ConfigPath(const Environment& environment) const;

  std::vector<std::pair<std::string, CLI::Option*>> options_;  // by key
  std::string config_path_;
  std::vector<std::string> databases_;
  std::vector<std::string> routes_;
  std::vector<std::string> migration_urls_;
};

}  // namespace storegate::cmd
