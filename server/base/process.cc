#include "server/base/process.h"

#include <climits>

#include <unistd.h>

namespace storegate {

std::string ThisProcess() {
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof host - 1);
  return "process " + std::to_string(getpid()) + " on " +
         (*host == '\0' ? "an unnamed host" : host);
}

}  // namespace storegate
