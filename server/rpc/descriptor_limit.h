// How many connections the limit on file descriptors leaves room for.
#pragma once

namespace storegate::rpc {

// The soft limit (RLIMIT_NOFILE) less what is open now and a reserve for what
// opens later: an eighth of the limit, 16 at least, 64 at most. At least 1.
int ConnectionsWithinLimit();

}  // namespace storegate::rpc
