// The YAML file of the configuration, as a flat list of what it sets.
#pragma once

#include <string>
#include <vector>

#include "server/base/status.h"

namespace storegate::cmd {

// One value given to one key, and where: "storegate.yaml:3",
// "environment variable STOREGATE_LISTEN", "flag --listen".
struct Setting {
  std::string key;
  std::string text;
  std::string source;
  // Of the three, the later one wins.
  enum class Layer { kFile, kEnvironment, kFlag } layer = Layer::kFile;
};

// Nested keys joined by dots, in the file's order. Mistakes that are the file's
// own (not YAML, a key twice, a value that is no scalar, no value) are appended
// to `mistakes`; whether the keys are known is the caller's to check. NOT_FOUND,
// reason CONFIG_NOT_FOUND, when the file cannot be read.
Status ReadConfigFile(const std::string& path, std::vector<Setting>* settings,
                      std::vector<Violation>* mistakes);

}  // namespace storegate::cmd
