#include "server/rpc/corks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "server/base/burst.h"

namespace storegate::rpc {
namespace {

// As gRPC writes it: "ipv4:127.0.0.1:50123", "ipv6:%5B::1%5D:50123". Empty where it
// cannot be told; then the connection is never corked.
std::string PeerOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  char text[INET6_ADDRSTRLEN];
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    if (inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text) == nullptr) return {};
    return "ipv4:" + std::string(text) + ":" + std::to_string(ntohs(v4.sin_port));
  }
  if (address.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  const std::string port = std::to_string(ntohs(v6.sin6_port));
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    if (inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text, sizeof text) == nullptr) return {};
    return "ipv4:" + std::string(text) + ":" + port;
  }
  if (inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text) == nullptr) return {};
  return "ipv6:%5B" + std::string(text) + "%5D:" + port;
}

// Fails where the connection was closed meanwhile, which does no harm; nor does it to
// set a socket free that has its number by now.
void Set(int fd, int corked) { setsockopt(fd, IPPROTO_TCP, TCP_CORK, &corked, sizeof corked); }

}  // namespace

void Corks::Add(int fd) {
  std::string peer = PeerOf(fd);
  std::lock_guard lock(mutex_);
  if (const auto before = by_fd_.find(fd); before != by_fd_.end()) {
    const auto known = by_peer_.find(before->second);
    if (known != by_peer_.end() && known->second == fd) by_peer_.erase(known);
    by_fd_.erase(before);
  }
  if (peer.empty()) return;
  by_peer_[peer] = fd;
  by_fd_.emplace(fd, std::move(peer));
}

void Corks::Cork(const std::string& peer) {
  int fd;
  {
    std::lock_guard lock(mutex_);
    const auto found = by_peer_.find(peer);
    if (found == by_peer_.end()) return;
    fd = found->second;
  }
  if (Burst::AtEnd([](int corked) { Set(corked, 0); }, fd)) Set(fd, 1);
}

}  // namespace storegate::rpc
