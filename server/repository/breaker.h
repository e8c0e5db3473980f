// Breaker: what the executor knows of a database that stopped answering. When a
// connection is lost, one thread asks by connecting, at once; for a moment the
// others wait for what it finds, so that a cut connection is no outage. When
// connecting fails, or takes longer than that moment, the breaker is open: the
// same thread goes on probing, with growing, jittered pauses, and everybody else
// fails fast. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/repository/backend.h"

namespace storegate::repository {

class Breaker {
 public:
  // `backend` outlives the breaker. Closed at first. `grace`: how long others wait for
  // the first probe.
  Breaker(Backend* backend, Backend::Use use, std::chrono::milliseconds grace);
  ~Breaker();  // stops

  // Starts the thread that probes.
  void Start();
  // Waits for a probe that is under way. The breaker stays as it is from then on.
  void Stop();

  // The database is known not to answer.
  bool open() const {
    const State state = state_.load(std::memory_order_acquire);
    if (state == State::kClosed) return false;
    return state == State::kOpen ||
           std::chrono::steady_clock::now() >= ask_until_.load(std::memory_order_relaxed);
  }
  // Nothing is known against the database.
  bool closed() const { return state_.load(std::memory_order_acquire) == State::kClosed; }
  // Waits until it is one of both, `grace` at most; returns closed().
  bool AwaitVerdict();

  // Counts how often the breaker has closed. A session from before is not to be
  // trusted: what ended one connection often ended all.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  // A session of that generation got no answer. Passed over when the breaker has
  // closed since. Opens at once when nothing was answered since the last probe.
  void Lost(uint64_t generation, const Status& why);
  // An attempt to connect failed, begun in that generation: opens.
  void Refused(uint64_t generation, const Status& why);
  // A call got an answer: the pauses start from the beginning. Cheap.
  void Answered() {
    if (probes_.load(std::memory_order_relaxed) != 0) {
      probes_.store(0, std::memory_order_relaxed);
    }
  }

  static constexpr std::chrono::milliseconds kPauseMin{50};
  static constexpr std::chrono::milliseconds kPauseMax{5000};

 private:
  enum class State { kClosed, kAsking, kOpen };

  void Open(const Status& why);
  void Probe();

  Backend* const backend_;
  const Backend::Use use_;
  const std::chrono::milliseconds grace_;

  std::atomic<State> state_{State::kClosed};
  std::atomic<Deadline> ask_until_{Deadline()};  // of kAsking; set before it
  std::atomic<uint64_t> generation_{0};
  // Probes since a call last got an answer. That a probe connects is not enough to
  // forget them: a database may take connections and fail every call.
  std::atomic<int> probes_{0};

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  // guarded by mutex_, as are changes of state_ and generation_
  std::thread thread_;
};

}  // namespace storegate::repository
