// Acceptor: our own accept loop, in front of gRPC's.
//
// gRPC 1.51 stops listening for good when accept fails for want of a descriptor
// (CVE-2023-4785), and knows no bound on connections. This one keeps a spare
// descriptor to accept and close with, and counts the connections it hands over.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "server/base/status.h"

namespace storegate::rpc {

// A descriptor, closed at the end.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() { Reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }

  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void Reset(int fd = -1);

 private:
  int fd_;
};

class Acceptor {
 public:
  // Takes a connection, non-blocking, and closes it when it is done with it.
  // `listener` is the descriptor that it was accepted from.
  using Take = std::function<void(int fd, int listener)>;

  Acceptor(int max_connections, Take take);
  ~Acceptor();  // Stops

  // Binds and listens on every address that `host` stands for. UNAVAILABLE,
  // reason LISTEN_FAILED, naming the address. Once, first.
  Status Listen(const std::string& host, int port);
  int port() const { return port_; }

  // Starts accepting. Lowers max_connections to what the limit on descriptors
  // leaves, given those open now.
  void Start();
  // Stops accepting and closes the listeners; connections live on.
  void Stop();

 private:
  // gRPC closes connections without telling us. A descriptor that still has the
  // inode it had when it was handed over is the same socket, still open.
  struct Connection {
    int fd;
    ino_t inode;
  };

  void Run();
  // Takes who waits, as long as there is room, and then closes `turn_away` more.
  // False when there is no descriptor to accept with.
  bool AcceptSome(int listener, int turn_away);
  // False when nothing can be accepted at present; errno says why.
  bool AcceptOne(int listener);
  void Admit(Descriptor fd, int listener);
  void Sweep();
  bool Full() const { return live_.size() >= static_cast<size_t>(max_connections_); }

  // Constant after Start.
  int max_connections_;
  const Take take_;
  int port_ = 0;
  std::vector<Descriptor> listeners_;
  Descriptor wake_;  // eventfd; readable: stop

  // Of the thread.
  Descriptor spare_;
  std::vector<Connection> live_;

  std::thread thread_;
};

}  // namespace storegate::rpc
