// Breaker: what the executor knows of a database that stopped answering. While
// it is open, one thread probes by connecting, at once and then with growing,
// jittered pauses, and everybody else fails fast. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "server/base/status.h"
#include "server/repository/backend.h"

namespace storegate::repository {

class Breaker {
 public:
  // `backend` outlives the breaker. Closed at first.
  Breaker(Backend* backend, Backend::Use use);
  ~Breaker();  // stops

  // Starts the thread that probes.
  void Start();
  // Waits for a probe that is under way. The breaker stays as it is from then on.
  void Stop();

  bool open() const { return open_.load(std::memory_order_acquire); }

  // Counts how often the breaker has closed. A session from before is not to be
  // trusted: what ended one connection often ended all.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // A session of that generation, or an attempt to connect, got no answer. Passed
  // over when the breaker has closed since.
  void Trip(uint64_t generation, const Status& why);
  // A call got an answer: the pauses start from the beginning. Cheap.
  void Answered();

  static constexpr std::chrono::milliseconds kPauseMin{50};
  static constexpr std::chrono::milliseconds kPauseMax{5000};

 private:
  void Probe();

  Backend* const backend_;
  const Backend::Use use_;

  std::atomic<bool> open_{false};
  std::atomic<uint64_t> generation_{0};
  // Probes since a call last got an answer. That a probe connects is not enough to
  // forget them: a database may take connections and fail every call.
  std::atomic<int> probes_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_, as are changes of open_ and generation_
  std::thread thread_;
};

}  // namespace storegate::repository
