// A TCP proxy on loopback with the faults of a network: between an adapter and its
// server. Chunks are passed on as they come, in order, both ways.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace storegate::test {

// Any thread. What cannot be done (no port) aborts.
class Proxy {
 public:
  // Leads to 127.0.0.1:`port`, asked for when a connection comes.
  explicit Proxy(int port);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  int port() const { return port_; }

  // As at first: all is passed on at once. What a black hole held is passed on.
  void Forward();
  // What the server says is held back for so long, each chunk.
  void Delay(std::chrono::milliseconds delay);
  // Takes connections, passes nothing on, closes nothing: a cable that was pulled.
  void BlackHole();
  // Resets all connections, and each new one as soon as it is there.
  void Refuse();

  // Resets all connections now; how many.
  int Cut();
  // Resets the connection through which, from now on, the so-manieth byte passes,
  // behind that byte: in the middle of a message as likely as not. Once.
  enum class Direction { kToServer, kFromServer };
  void CutAfter(Direction direction, int64_t bytes);
  // Whether the CutAfter asked for last has happened.
  bool has_cut() const;

  // Sends the server a message of its protocol's own on each connection, as a pooler
  // between might, and swallows all that PostgreSQL answers up to ReadyForQuery.
  // REQUIRES: nothing is under way.
  void Inject(const std::string& message);

  int connections() const;
  // Since it was made.
  int64_t accepted() const { return accepted_.load(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Chunk {
    std::string bytes;
    Clock::time_point due;
  };
  // One way through a connection.
  struct Way {
    int from = -1;
    int to = -1;
    bool ended = false;    // `from` sends no more
    bool told = false;     // …and `to` knows
    std::deque<Chunk> held = {};
    size_t held_bytes = 0;
  };
  struct Connection {
    int client = -1;
    int server = -1;
    Way to_server;
    Way from_server;
    bool reset = false;
  };
  enum class Mode { kForward, kBlackHole, kRefuse };

  void Run();
  void Wake();
  void Accept();
  // All of these with mutex_ held.
  void Read(Connection* connection, Way* way, Direction direction);
  void Write(Connection* connection, Way* way);
  void Reset(Connection* connection);

  const int target_;
  int port_ = 0;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> accepted_{0};
  mutable std::mutex mutex_;
  Mode mode_ = Mode::kForward;
  std::chrono::milliseconds delay_{0};
  int64_t cut_after_ = -1;  // < 0: not asked for, or done
  Direction cut_direction_ = Direction::kFromServer;
  std::list<Connection> connections_;
  std::thread thread_;
};

}  // namespace storegate::test
