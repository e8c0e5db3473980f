#include "tests/support/proxy.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace storegate::test {
namespace {

constexpr size_t kHeldMax = 1 << 20;  // then the sender has to wait

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

// Closes with RST instead of FIN.
void CloseWithReset(int fd) {
  if (fd < 0) return;
  linger now = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

void Prepare(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

// From a socket that does not block.
bool ReceiveAll(int fd, void* to, size_t size) {
  auto* next = static_cast<char*>(to);
  while (size > 0) {
    pollfd readable = {fd, POLLIN, 0};
    if (poll(&readable, 1, 10000) != 1) return false;
    const ssize_t got = recv(fd, next, size, 0);
    if (got <= 0) return false;
    next += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

Proxy::Proxy(int port) : target_(port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 256) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      pipe2(wake_, O_CLOEXEC | O_NONBLOCK) != 0) {
    std::perror("proxy");
    std::abort();
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Run(); });
}

Proxy::~Proxy() {
  stopping_ = true;
  Wake();
  thread_.join();
  for (Connection& connection : connections_) Reset(&connection);
  for (int fd : {listener_, wake_[0], wake_[1]}) close(fd);
}

void Proxy::Wake() {
  const char byte = 0;
  [[maybe_unused]] const ssize_t written = write(wake_[1], &byte, 1);
}

void Proxy::Forward() {
  std::lock_guard<std::mutex> lock(mutex_);
  mode_ = Mode::kForward;
  delay_ = {};
  Wake();
}

void Proxy::Delay(std::chrono::milliseconds delay) {
  std::lock_guard<std::mutex> lock(mutex_);
  mode_ = Mode::kForward;
  delay_ = delay;
  Wake();
}

void Proxy::BlackHole() {
  std::lock_guard<std::mutex> lock(mutex_);
  mode_ = Mode::kBlackHole;
  Wake();
}

void Proxy::Refuse() {
  std::lock_guard<std::mutex> lock(mutex_);
  mode_ = Mode::kRefuse;
  for (Connection& connection : connections_) Reset(&connection);
  Wake();
}

int Proxy::Cut() {
  std::lock_guard<std::mutex> lock(mutex_);
  int cut = 0;
  for (Connection& connection : connections_) {
    if (connection.reset) continue;
    Reset(&connection);
    ++cut;
  }
  Wake();
  return cut;
}

void Proxy::CutAfter(Direction direction, int64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  cut_direction_ = direction;
  cut_after_ = bytes;
}

void Proxy::Inject(const std::string& message) {
  std::lock_guard<std::mutex> lock(mutex_);
  for (Connection& connection : connections_) {
    if (connection.reset) continue;
    const int fd = connection.server;
    bool good = send(fd, message.data(), message.size(), MSG_NOSIGNAL) ==
                static_cast<ssize_t>(message.size());
    // A message is a letter, its length without the letter, and the rest.
    for (char kind = 0; good && kind != 'Z';) {
      unsigned char head[5];
      good = ReceiveAll(fd, head, sizeof(head));
      kind = static_cast<char>(head[0]);
      const uint32_t size = (uint32_t{head[1]} << 24) | (uint32_t{head[2]} << 16) |
                            (uint32_t{head[3]} << 8) | uint32_t{head[4]};
      std::string rest(good && size > 4 ? size - 4 : 0, '\0');
      good = good && ReceiveAll(fd, rest.data(), rest.size());
    }
    if (!good) Reset(&connection);
  }
}

bool Proxy::has_cut() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return cut_after_ < 0;
}

int Proxy::connections() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return static_cast<int>(std::count_if(connections_.begin(), connections_.end(),
                                        [](const Connection& c) { return !c.reset; }));
}

void Proxy::Reset(Connection* connection) {
  if (connection->reset) return;
  connection->reset = true;
  CloseWithReset(connection->client);
  CloseWithReset(connection->server);
}

void Proxy::Accept() {
  while (true) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    accepted_.fetch_add(1);
    std::lock_guard<std::mutex> lock(mutex_);
    if (mode_ == Mode::kRefuse) {
      CloseWithReset(client);
      continue;
    }
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(target_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      close(server);
      CloseWithReset(client);
      continue;
    }
    Prepare(client);
    Prepare(server);
    Connection connection;
    connection.client = client;
    connection.server = server;
    connection.to_server.from = connection.from_server.to = client;
    connection.to_server.to = connection.from_server.from = server;
    connections_.push_back(std::move(connection));
  }
}

void Proxy::Read(Connection* connection, Way* way, Direction direction) {
  char buffer[65536];
  const ssize_t size = recv(way->from, buffer, sizeof(buffer), 0);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size < 0) return Reset(connection);
  if (size == 0) {
    way->ended = true;
    return;
  }
  const auto delay = direction == Direction::kFromServer ? delay_ : std::chrono::milliseconds(0);
  way->held.push_back({std::string(buffer, static_cast<size_t>(size)), Clock::now() + delay});
  way->held_bytes += static_cast<size_t>(size);
}

void Proxy::Write(Connection* connection, Way* way) {
  const Direction direction =
      way == &connection->to_server ? Direction::kToServer : Direction::kFromServer;
  while (!way->held.empty() && way->held.front().due <= Clock::now()) {
    Chunk& chunk = way->held.front();
    size_t size = chunk.bytes.size();
    const bool counts = cut_after_ >= 0 && direction == cut_direction_;
    if (counts) size = std::min<size_t>(size, static_cast<size_t>(cut_after_));
    const ssize_t sent = size > 0 ? send(way->to, chunk.bytes.data(), size, MSG_NOSIGNAL) : 0;
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (sent < 0) return Reset(connection);
    way->held_bytes -= static_cast<size_t>(sent);
    chunk.bytes.erase(0, static_cast<size_t>(sent));
    if (counts) {
      cut_after_ -= sent;
      if (cut_after_ == 0) {
        cut_after_ = -1;
        return Reset(connection);
      }
    }
    if (!chunk.bytes.empty()) return;
    way->held.pop_front();
  }
  if (way->ended && way->held.empty() && !way->told) {
    shutdown(way->to, SHUT_WR);
    way->told = true;
  }
}

void Proxy::Run() {
  while (!stopping_) {
    std::vector<pollfd> polled = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    std::vector<std::pair<Connection*, Way*>> ways;
    int timeout = -1;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      connections_.remove_if([](Connection& connection) {
        if (!connection.reset && connection.to_server.told && connection.from_server.told) {
          close(connection.client);
          close(connection.server);
          connection.reset = true;
        }
        return connection.reset;
      });
      const Clock::time_point now = Clock::now();
      for (Connection& connection : connections_) {
        if (mode_ == Mode::kBlackHole) continue;
        for (Way* way : {&connection.to_server, &connection.from_server}) {
          if (!way->ended && way->held_bytes < kHeldMax) {
            polled.push_back({way->from, POLLIN, 0});
            ways.emplace_back(&connection, way);
          }
          if (way->held.empty()) continue;
          if (way->held.front().due <= now) {
            polled.push_back({way->to, POLLOUT, 0});
            ways.emplace_back(&connection, way);
          } else {
            const auto wait = std::chrono::ceil<std::chrono::milliseconds>(
                way->held.front().due - now);
            const int millis = static_cast<int>(wait.count());
            timeout = timeout < 0 ? millis : std::min(timeout, millis);
          }
        }
      }
    }
    if (poll(polled.data(), polled.size(), timeout) < 0 && errno != EINTR) {
      std::perror("proxy: poll");
      std::abort();
    }
    char drained[64];
    while (read(wake_[0], drained, sizeof(drained)) > 0) {
    }
    if (polled[0].revents != 0) Accept();
    std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = 0; i < ways.size(); ++i) {
      auto [connection, way] = ways[i];
      const pollfd& event = polled[i + 2];
      // Whatever was polled may have been reset, or swallowed, in between.
      if (event.revents == 0 || connection->reset || mode_ == Mode::kBlackHole) continue;
      if (event.events == POLLIN) {
        Read(connection, way,
             way == &connection->to_server ? Direction::kToServer : Direction::kFromServer);
      }
      if (!connection->reset) Write(connection, way);
    }
  }
}

}  // namespace storegate::test
