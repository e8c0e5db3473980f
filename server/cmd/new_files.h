// Files that a command writes for its user.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "server/base/status.h"

namespace storegate::cmd {

// Name relative to the root, and text.
using NewFiles = std::vector<std::pair<std::string, std::string>>;

// Makes folders where they are missing. CANNOT_WRITE, naming the file, when one cannot be
// written; those before it are.
Status WriteFiles(const std::filesystem::path& root, const NewFiles& files);

// The same, but FILES_EXIST, with a violation for each, before anything is written where one
// is there. `hint` says what to do then.
Status WriteNewFiles(const std::filesystem::path& root, const NewFiles& files,
                     const std::string& hint);

}  // namespace storegate::cmd
