// Who this process is, for people who look at what it left in a database.
#pragma once

#include <string>

namespace storegate {

// "process 4711 on web-3".
std::string ThisProcess();

}  // namespace storegate
