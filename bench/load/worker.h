// One connection and the calls on it.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "bench/load/histogram.h"
#include "bench/load/scenarios.h"

namespace storegate::bench {

using Clock = std::chrono::steady_clock;

// Shared by all workers of a run.
struct Run {
  Clock::time_point begin, end;     // calls answered between these are counted
  std::atomic<bool> failed{false};  // set with the first wrong answer: everybody stops
};

// Runs on the thread that calls it, with a completion queue of its own.
class Worker {
 public:
  // What is passed lives longer than the worker.
  Worker(const std::string& target, const Scenario& scenario, uint64_t seed, Run* run);
  ~Worker();

  // `outstanding` calls at a time until the end of the run; returns when all are
  // answered.
  void RunClosed(int outstanding);

  // `rate` calls a second, started when they are due (a Poisson process) whatever
  // the server does. A call is late from when it was due, not from when it could
  // be sent. Sends on a second thread.
  void RunOpen(double rate);

  // After a Run… has returned.
  const Histogram& latencies() const { return latencies_; }

 private:
  struct Call;

  Call* Take();
  void Start(Call* call, Clock::time_point due);
  // Waits for an answer and checks it; false where none came in that time.
  bool Finish(std::chrono::milliseconds patience);
  void SendOpen(double rate);
  [[noreturn]] void Silent();

  const Scenario& scenario_;
  const std::string method_;
  Run* const run_;
  std::unique_ptr<grpc::GenericStub> stub_;
  grpc::CompletionQueue queue_;
  Histogram latencies_;
  std::atomic<int> under_way_{0};

  std::mutex mutex_;
  Random random_;                            // guarded by mutex_
  std::vector<std::unique_ptr<Call>> calls_;  // all; guarded by mutex_
  std::vector<Call*> spare_;                  // guarded by mutex_
};

}  // namespace storegate::bench
