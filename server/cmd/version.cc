#include "server/cmd/version.h"

#include <climits>

#include <unistd.h>

namespace storegate::cmd {

std::string Version() { return STOREGATE_VERSION; }

std::string ThisProcess() {
  char host[HOST_NAME_MAX + 1] = "";
  gethostname(host, sizeof host - 1);
  return "storegate " + Version() + ", process " + std::to_string(getpid()) + " on " +
         (*host == '\0' ? "an unnamed host" : host);
}

}  // namespace storegate::cmd
