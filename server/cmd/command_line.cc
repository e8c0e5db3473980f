#include "server/cmd/command_line.h"

#include <algorithm>
#include <filesystem>

#include <CLI/CLI.hpp>

#include "server/cmd/config_keys.h"

namespace storegate::cmd {
namespace {

// "events=sqlite:x.db" → {"events", "sqlite:x.db"}; a URL alone is that of main.
std::pair<std::string, std::string> SplitDatabase(const std::string& text) {
  size_t equals = text.find('=');
  size_t colon = text.find(':');
  if (equals == std::string::npos || colon < equals) return {"main", text};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

using Which = ConfigFlags::Which;

constexpr char kFoundConfig[] = "storegate.yaml";

bool Wanted(std::string_view key, Which which) {
  if (which == Which::kAll || key == "proto" || key == "descriptor_set") return true;
  if (which == Which::kSchema) return false;
  for (std::string_view each : {"migrations", "migrate_lock_timeout_ms", "log_level",
                                "pool.connect_timeout_ms", "postgres.transaction_pooler"}) {
    if (key == each) return true;
  }
  return key.starts_with("mongodb.");
}

// The table's name, and a shorter one where a subcommand has it.
std::string FlagNames(const ConfigKey& key, Which which) {
  const bool folder = which == Which::kDatabases && key.name == "migrations";
  return folder ? "--dir," + key.FlagName() : key.FlagName();
}

// An option that takes NAME=VALUE, any number of times.
void AddPairs(CLI::App* app, const std::string& name, std::vector<std::string>* values,
              const std::string& help, const std::string& type) {
  app->add_option(name, *values, help)
      ->type_name(type)
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
}

}  // namespace

void ConfigFlags::AddTo(CLI::App* app, Which which) {
  app->add_option("--config", config_path_,
                  "YAML file of the configuration (environment: STOREGATE_CONFIG) "
                  "[storegate.yaml, where it is]")
      ->type_name("FILE");
  for (const ConfigKey& key : ConfigKeys()) {
    if (!Wanted(key.name, which)) continue;
    // Const: CLI11 takes a variable here for the one to set.
    const std::string help =
        key.default_text.empty() ? key.help : key.help + " [" + key.default_text + "]";
    CLI::Option* option =
        key.value_name.empty()
            ? app->add_flag(FlagNames(key, which), help)
            : app->add_option_function<std::string>(
                  FlagNames(key, which), [](const std::string&) {}, help)->type_name(key.value_name);
    options_.emplace_back(key.name, option);
  }
  if (which == Which::kSchema) return;
  AddPairs(app, "--database", &databases_,
           "A database by name, main where none is given; may be repeated "
           "[main=sqlite:storegate.db]",
           "[NAME=]URL");
  AddPairs(app, "--route", &routes_,
           "The database that a store, by its full name, lives in, if not main; may be repeated",
           "STORE=NAME");
  AddPairs(app, "--migration-url", &migration_urls_,
           "The URL that migrations reach a PostgreSQL database by, where --database leads to a "
           "pooler; may be repeated",
           "[NAME=]URL");
}

Flags ConfigFlags::Given() const {
  Flags flags;
  for (const auto& [key, option] : options_) {
    if (option->count() > 0) flags.emplace_back(key, option->results().back());
  }
  for (const std::string& text : databases_) {
    auto [name, url] = SplitDatabase(text);
    flags.emplace_back("databases." + name, url);
  }
  for (const std::string& text : migration_urls_) {
    auto [name, url] = SplitDatabase(text);
    flags.emplace_back("migration_urls." + name, url);
  }
  for (const std::string& text : routes_) {
    // A store without "=NAME" is refused as a route to the database "".
    size_t equals = std::min(text.find('='), text.size());
    flags.emplace_back("routes." + text.substr(0, equals),
                       equals == text.size() ? "" : text.substr(equals + 1));
  }
  return flags;
}

std::string ConfigFlags::ConfigPath(const Environment& environment) const {
  if (!config_path_.empty()) return config_path_;
  const auto variable = environment.find("STOREGATE_CONFIG");
  if (variable != environment.end() && !variable->second.empty()) return variable->second;
  std::error_code ignored;
  return std::filesystem::exists(kFoundConfig, ignored) ? kFoundConfig : "";
}

Result<Config> ConfigFlags::Load(const Environment& environment) const {
  return LoadConfig(ConfigPath(environment), Given(), environment);
}

Result<Config> ConfigFlags::LoadEphemeral(const Environment& environment) const {
  Environment rest = environment;
  std::erase_if(rest, [](const auto& variable) {
    const std::string_view name = variable.first;
    return name == "DATABASE_URL" || name == "MONGODB_URI" || name == "STOREGATE_ROUTES" ||
           name.starts_with("STOREGATE_DATABASES_") ||
           name.starts_with("STOREGATE_MIGRATION");
  });
  Result<Config> loaded = LoadConfig(ConfigPath(environment), Given(), rest);
  if (!loaded.ok()) return loaded;
  Config config = *std::move(loaded);
  config.ephemeral = true;
  config.databases = {{"main", "sqlite::memory:"}};
  config.routes.clear();
  config.migration_urls.clear();
  config.migrations.clear();
  const auto listen = std::ranges::find(options_, "listen", &decltype(options_)::value_type::first);
  if (listen->second->count() == 0) {
    config.rpc.host = "127.0.0.1";
    config.rpc.port = 0;
  }
  // Nobody balances load over it: it stops at once.
  config.rpc.lead = std::chrono::milliseconds(0);
  return config;
}

}  // namespace storegate::cmd
