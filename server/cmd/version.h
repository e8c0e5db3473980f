// What this binary is.
#pragma once

#include <string>

namespace storegate::cmd {

std::string Version();  // "0.1.0"

}  // namespace storegate::cmd
