// Prints the table of configuration keys as JSON, for docs/generate.py.
#include <iostream>

#include <nlohmann/json.hpp>

#include "server/cmd/config_keys.h"

int main() {
  nlohmann::ordered_json keys = nlohmann::ordered_json::array();
  for (const storegate::cmd::ConfigKey& key : storegate::cmd::ConfigKeys()) {
    keys.push_back({{"name", key.name},
                    {"variable", key.EnvironmentName()},
                    {"flag", key.FlagName()},
                    {"value", key.value_name},
                    {"allowed", key.allowed},
                    {"default", key.default_text},
                    {"secret", key.secret},
                    {"help", key.help}});
  }
  std::cout << keys.dump(1) << "\n";
}
