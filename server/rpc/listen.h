// Listening sockets for a host and port.
#pragma once

#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/rpc/acceptor.h"

namespace storegate::rpc {

struct Listeners {
  std::vector<Descriptor> sockets;  // one for each address of the host
  int port = 0;                     // the same for all
};

// `host` is a name or an address (IPv6 with or without brackets); port 0 means
// any free one. UNAVAILABLE, reason LISTEN_FAILED, naming host and port.
Result<Listeners> OpenListeners(const std::string& host, int port);

}  // namespace storegate::rpc
