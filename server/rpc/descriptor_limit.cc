#include "server/rpc/descriptor_limit.h"

#include <dirent.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace storegate::rpc {
namespace {

long OpenDescriptors() {
  DIR* const directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  long count = 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count - 3;  // ".", ".." and the directory's own
}

}  // namespace

int ConnectionsWithinLimit() {
  constexpr long kMost = std::numeric_limits<int>::max();
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kMost;
  const long most = static_cast<long>(std::min<rlim_t>(limit.rlim_cur, kMost));
  const long reserve = std::clamp(most / 8, 16L, 64L);
  return static_cast<int>(std::max(1L, most - OpenDescriptors() - reserve));
}

}  // namespace storegate::rpc
