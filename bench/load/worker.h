// One connection and the calls on it.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/connection.h"
#include "bench/load/histogram.h"
#include "bench/load/scenarios.h"

namespace storegate::bench {

// Shared by all workers of a run.
struct Run {
  Clock::time_point begin, end;     // calls answered between these are counted
  std::atomic<bool> failed{false};  // set with the first wrong answer: everybody stops
};

// Does all on the thread that calls it.
class Worker {
 public:
  // What is passed lives longer than the worker.
  Worker(const std::string& target, const Scenario& scenario, uint64_t seed, Run* run);
  ~Worker();

  // `outstanding` calls at a time until the end of the run; returns when all are
  // answered, or the connection has failed.
  void RunClosed(int outstanding);

  // `rate` calls a second, started when they are due (a Poisson process) whatever
  // the server does. A call is late from when it was due, not from when it could
  // be sent.
  void RunOpen(double rate);

  // After a Run… has returned.
  const Histogram& latencies() const { return latencies_; }

 private:
  struct Call;

  bool Open();
  void Start(Clock::time_point due);
  // Sends what was started, and checks what is answered within that time. False
  // where the connection has failed.
  bool Exchange(std::chrono::nanoseconds patience);
  void Check(const Call& call);
  void Report(const std::string& failure);
  [[noreturn]] void Silent();

  const Scenario& scenario_;
  const std::string method_;
  Run* const run_;
  Connection connection_;
  Random random_;
  Histogram latencies_;
  int under_way_ = 0;
  Clock::time_point heard_;  // the last answer; while none is due, the last call

  std::vector<std::unique_ptr<Call>> calls_;  // all
  std::vector<Call*> spare_;
  std::vector<Rpc*> ended_;
};

}  // namespace storegate::bench
