// Corks: keeps what a burst of answers writes to a connection together, until the
// burst ends: one segment and one wake-up of the client for all of them, where gRPC
// sends one for each (measured: a third of the CPU of a call). Nothing waits for it:
// a burst has its answers ready. Source: tcp(7), TCP_CORK.
//
// Any thread.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

namespace storegate::rpc {

class Corks {
 public:
  // A connection that was accepted; it may be closed at any time, by others.
  void Add(int fd);

  // Corks the connection until this thread's Burst ends. `peer` is what gRPC calls it
  // (ServerContext::peer). It is not an error if it is not, or no more, there.
  // REQUIRES: Burst::on().
  void Cork(const std::string& peer);

 private:
  std::mutex mutex_;
  // Both guarded by mutex_, and of as many entries as there are descriptors: who gets
  // the number of one that was closed takes its place.
  std::unordered_map<std::string, int> by_peer_;
  std::unordered_map<int, std::string> by_fd_;
};

}  // namespace storegate::rpc
