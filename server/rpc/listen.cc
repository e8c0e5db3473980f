#include "server/rpc/listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>


namespace storegate::rpc {
namespace {

constexpr int kBacklog = 1024;
// A free port of the first address may be taken at the second ("localhost" is
// two): try others.
constexpr int kFreePortAttempts = 16;

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Status Failed(const std::string& host, int port, const std::string& why) {
  const bool v6 = host.find(':') != std::string::npos && !host.starts_with('[');
  return Status(Code::kUnavailable, "LISTEN_FAILED",
                "cannot listen on " + (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port) +
                    ": " + why)
      .With("host", host)
      .With("port", std::to_string(port));
}

std::string ErrorText(int error) { return std::generic_category().message(error); }

int PortOf(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

// The socket, or none and `*error`.
Descriptor OpenOne(const addrinfo& address, int port, int* error) {
  sockaddr_storage target{};
  std::memcpy(&target, address.ai_addr, address.ai_addrlen);
  Descriptor fd(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  *error = errno;
  if (!fd.open()) return fd;
  const int one = 1;
  const int zero = 0;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (address.ai_family == AF_INET6) {
    auto& six = reinterpret_cast<sockaddr_in6&>(target);
    six.sin6_port = htons(static_cast<uint16_t>(port));
    // "::" takes IPv4 too; where a name has both, each has a socket of its own.
    const bool any = IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr);
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, any ? &zero : &one, sizeof one);
  } else {
    reinterpret_cast<sockaddr_in&>(target).sin_port = htons(static_cast<uint16_t>(port));
  }
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&target), address.ai_addrlen) == 0 &&
      listen(fd.get(), kBacklog) == 0) {
    return fd;
  }
  *error = errno;
  return Descriptor();
}

// Opens all addresses on one port. 0, or the error.
int OpenAll(const addrinfo* addresses, int port, Listeners* out) {
  int last = EADDRNOTAVAIL;
  for (const addrinfo* at = addresses; at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    int error = 0;
    Descriptor fd = OpenOne(*at, out->sockets.empty() ? port : out->port, &error);
    if (fd.open()) {
      if (out->sockets.empty()) out->port = PortOf(fd.get());
      out->sockets.push_back(std::move(fd));
      continue;
    }
    last = error;
    // A machine without IPv6 (or IPv4) still has names with such an address.
    if (error != EAFNOSUPPORT && error != EADDRNOTAVAIL) return error;
  }
  return out->sockets.empty() ? last : 0;
}

}  // namespace

Result<Listeners> OpenListeners(const std::string& host, int port) {
  if (port < 0 || port > 65535) return Failed(host, port, "a port is from 0 to 65535");
  std::string name = host;
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') {
    name = name.substr(1, name.size() - 2);
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (name.empty()) return Failed(host, port, "the host is empty");
  if (const int error = getaddrinfo(name.c_str(), "0", &hints, &found); error != 0) {
    return Failed(host, port, error == EAI_SYSTEM ? ErrorText(errno) : gai_strerror(error));
  }
  const Addresses addresses(found, &freeaddrinfo);
  int error = 0;
  for (int attempt = 0; attempt < (port == 0 ? kFreePortAttempts : 1); ++attempt) {
    Listeners listeners;
    error = OpenAll(addresses.get(), port, &listeners);
    if (error == 0) return listeners;
    if (error != EADDRINUSE) break;
  }
  return Failed(host, port, ErrorText(error));
}

}  // namespace storegate::rpc
