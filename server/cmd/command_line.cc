#include "server/cmd/command_line.h"

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

}  // namespace

void ConfigFlags::AddTo(CLI::App* app, Which which) {
  app->add_option("--config", config_path_,
                  "YAML file of the configuration (environment: STOREGATE_CONFIG)")
      ->type_name("FILE");
  for (const ConfigKey& key : ConfigKeys()) {
    bool schema = key.name == "proto" || key.name == "descriptor_set";
    if (which == Which::kSchema && !schema) continue;
    // Const: CLI11 takes a variable here for the one to set.
    const std::string help =
        key.default_text.empty() ? key.help : key.help + " [" + key.default_text + "]";
    CLI::Option* option =
        key.value_name.empty()
            ? app->add_flag(key.FlagName(), help)
            : app->add_option_function<std::string>(
                  key.FlagName(), [](const std::string&) {}, help)->type_name(key.value_name);
    options_.emplace_back(key.name, option);
  }
  if (which == Which::kSchema) return;
  app->add_option("--database", databases_,
                  "A database by name, main where none is given; may be repeated "
                  "[main=sqlite:storegate.db]")
      ->type_name("[NAME=]URL")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  app->add_option("--route", routes_,
                  "The database that a store, by its full name, lives in, if not main; may be "
                  "repeated")
      ->type_name("STORE=NAME")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
}

Result<Config> ConfigFlags::Load(const Environment& environment) const {
  Flags flags;
  for (const auto& [key, option] : options_) {
    if (option->count() > 0) flags.emplace_back(key, option->results().back());
  }
  for (const std::string& text : databases_) {
    auto [name, url] = SplitDatabase(text);
    flags.emplace_back("databases." + name, url);
  }
  for (const std::string& text : routes_) {
    // A store without "=NAME" is refused as a route to the database "".
    size_t equals = std::min(text.find('='), text.size());
    flags.emplace_back("routes." + text.substr(0, equals),
                       equals == text.size() ? "" : text.substr(equals + 1));
  }
  std::string path = config_path_;
  auto variable = environment.find("STOREGATE_CONFIG");
  if (path.empty() && variable != environment.end()) path = variable->second;
  return LoadConfig(path, flags, environment);
}

}  // namespace storegate::cmd
