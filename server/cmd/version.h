// What this binary is, and where it runs.
#pragma once

#include <string>

namespace storegate::cmd {

std::string Version();  // "0.1.0"

// "storegate 0.1.0, process 4711 on web-3": who is kept in a history of migrations.
std::string ThisProcess();

}  // namespace storegate::cmd
