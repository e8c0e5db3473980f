#include "server/cmd/version.h"

namespace storegate::cmd {

std::string Version() { return STOREGATE_VERSION; }

}  // namespace storegate::cmd
