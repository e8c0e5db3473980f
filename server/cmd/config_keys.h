// The table of configuration keys.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "server/cmd/config.h"

namespace storegate::cmd {

struct ConfigKey {
  std::string name;        // "limits.max_batch"
  std::string value_name;  // for --help: "N"; empty: a switch
  std::string allowed;     // "a whole number from 1 to 10000"
  std::string help;
  std::string default_text;
  bool secret = false;  // its value never appears in errors and logs
  // False, and nothing is changed, when `text` is not allowed.
  std::function<bool(std::string_view text, Config* config)> set;

  std::string EnvironmentName() const;  // "STOREGATE_LIMITS_MAX_BATCH"
  std::string FlagName() const;         // "--limits-max-batch"
};

// In the order of --help.
const std::vector<ConfigKey>& ConfigKeys();

// Null when there is none.
const ConfigKey* FindConfigKey(std::string_view name);

}  // namespace storegate::cmd
