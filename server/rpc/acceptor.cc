#include "server/rpc/acceptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "server/base/log.h"
#include "server/rpc/descriptor_limit.h"
#include "server/rpc/listen.h"

namespace storegate::rpc {
namespace {

// How long to look away from the listeners, which stay readable, when newcomers
// must wait: for room, or for a descriptor.
constexpr std::chrono::milliseconds kPause{10};
// At the bound each newcomer waits so many pauses in the kernel's queue before it
// is closed: gRPC may be about to close others, and a sweep costs a system call a
// connection, so that a flood must not cause one each.
constexpr int kPausesMax = 10;
constexpr int kAcceptsPerRound = 256;

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// How many connections wait to be accepted. For a listening socket the kernel
// gives that as tcpi_unacked (net/ipv4/tcp.c, tcp_get_info); where it does not, one.
int Waiting(int listener) {
  pollfd polled{listener, POLLIN, 0};
  if (poll(&polled, 1, 0) <= 0) return 0;
  tcp_info info{};
  socklen_t size = sizeof info;
  const bool known = getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &size) == 0;
  return known ? std::max(1, static_cast<int>(info.tcpi_unacked)) : 1;
}

// The peer closed before we came to it, as all do in the backlog of a flood.
bool AlreadyClosed(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

}  // namespace

void Descriptor::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

Acceptor::Acceptor(int max_connections, Take take)
    : max_connections_(max_connections), take_(std::move(take)) {}

Acceptor::~Acceptor() { Stop(); }

Status Acceptor::Listen(const std::string& host, int port) {
  Result<Listeners> listeners = OpenListeners(host, port);
  if (!listeners.ok()) return listeners.status();
  listeners_ = std::move(listeners->sockets);
  port_ = listeners->port;
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  spare_.Reset(OpenSpare());
  if (!wake_.open() || !spare_.open()) {
    return Status(Code::kUnavailable, "LISTEN_FAILED",
                  "no file descriptor is left to listen with; raise the limit (ulimit -n)");
  }
  return Status();
}

void Acceptor::Start() {
  const int room = ConnectionsWithinLimit();
  if (room < max_connections_) {
    Log(Level::kWarn, "fewer connections than configured, for want of file descriptors",
        {{"max_connections", max_connections_}, {"possible", room}});
    max_connections_ = room;
  }
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Stop() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    // Cannot fail: the counter is 0 before.
    [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
    thread_.join();
  }
  listeners_.clear();
}

void Acceptor::Run() {
  std::vector<pollfd> polled{{wake_.get(), POLLIN, 0}};
  for (const Descriptor& listener : listeners_) polled.push_back({listener.get(), POLLIN, 0});
  // How many are to be turned away, of each listener: those who waited already when
  // the first of so many pauses began.
  std::vector<int> turn_away(polled.size(), 0);
  int pauses = 0;
  bool pause = false;
  for (;;) {
    const int timeout = pause ? static_cast<int>(kPause.count()) : -1;
    const int ready = poll(polled.data(), pause ? 1 : polled.size(), timeout);
    if (ready < 0 && errno != EINTR && errno != EAGAIN && errno != ENOMEM) {
      Log(Level::kError, "poll failed; no connection is accepted any more", {{"errno", errno}});
      return;
    }
    if (ready > 0 && polled[0].revents != 0) return;
    pause = false;
    if (Full()) Sweep();
    const bool enough = pauses >= kPausesMax;
    if (enough || !Full()) pauses = 0;
    for (size_t i = 1; i < polled.size(); ++i) {
      if (!AcceptSome(polled[i].fd, enough ? turn_away[i] : 0)) pause = true;
    }
    if (!Full()) continue;
    for (size_t i = 1; i < polled.size(); ++i) {
      const int waiting = Waiting(polled[i].fd);
      if (waiting > 0) pause = true;
      if (pauses == 0) turn_away[i] = waiting;
    }
    pauses = pause ? pauses + 1 : 0;
  }
}

bool Acceptor::AcceptSome(int listener, int turn_away) {
  for (int n = 0; n < kAcceptsPerRound; ++n) {
    if (Full() && turn_away-- <= 0) return true;
    if (AcceptOne(listener)) continue;
    return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
  }
  return true;
}

bool Acceptor::AcceptOne(int listener) {
  if (!spare_.open()) spare_.Reset(OpenSpare());
  int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0 && (errno == EMFILE || errno == ENFILE) && spare_.open()) {
    // Give up the spare descriptor to take the newcomer and turn it away: left in
    // the queue it would keep the listener readable, and hang.
    spare_.Reset();
    fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    const int error = errno;
    if (fd >= 0) close(fd);
    spare_.Reset(OpenSpare());
    errno = fd >= 0 ? 0 : error;
    return fd >= 0;
  }
  if (fd < 0) return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
  Admit(Descriptor(fd), listener);
  return true;
}

void Acceptor::Admit(Descriptor fd, int listener) {
  struct stat info;
  if (Full() || AlreadyClosed(fd.get()) || fstat(fd.get(), &info) != 0) return;
  const int one = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  live_.push_back({fd.get(), info.st_ino});
  take_(fd.Release(), listener);
}

void Acceptor::Sweep() {
  std::erase_if(live_, [](const Connection& connection) {
    struct stat info;
    return fstat(connection.fd, &info) != 0 || !S_ISSOCK(info.st_mode) ||
           info.st_ino != connection.inode;
  });
}

}  // namespace storegate::rpc
