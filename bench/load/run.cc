#include "bench/load/run.h"

#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#include "bench/load/worker.h"

namespace storegate::bench {
namespace {

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

// Tells whoever reads along, in time to look at the clocks of processes.
void Mark(Clock::time_point when, const char* word) {
  std::this_thread::sleep_until(when);
  std::puts(word);
  std::fflush(stdout);
}

Histogram Sum(const std::vector<std::unique_ptr<Worker>>& workers, size_t first, size_t last) {
  Histogram sum;
  for (size_t i = first; i < last; ++i) sum.Merge(workers[i]->latencies());
  return sum;
}

void Report(const Histogram& latencies, const Histogram& storm, int records, double seconds) {
  const double rate = latencies.total() / seconds;
  std::printf(
      "{\"calls\": %llu, \"seconds\": %.3f, \"calls_per_s\": %.1f, \"records_per_s\": %.1f, "
      "\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
      "\"storm_calls_per_s\": %.1f}\n",
      static_cast<unsigned long long>(latencies.total()), seconds, rate, rate * records,
      latencies.Micros(0.5), latencies.Micros(0.9), latencies.Micros(0.99),
      latencies.max_micros(), storm.total() / seconds);
}

}  // namespace

bool RunLoad(const RunOptions& options) {
  const Expected expected;
  const std::unique_ptr<Scenario> scenario = MakeScenario(options.scenario, expected);
  const std::unique_ptr<Scenario> lists = MakeScenario("list", expected);
  if (scenario == nullptr) {
    std::fprintf(stderr, "bench_load: there is no scenario %s\n", options.scenario.c_str());
    return false;
  }

  Run run;
  // Ids of created records must differ from run to run.
  const auto seed = static_cast<uint64_t>(std::chrono::system_clock::now().time_since_epoch() /
                                          std::chrono::nanoseconds(1));
  run.begin = Clock::now() + Seconds(options.warm_up);
  run.end = run.begin + Seconds(options.seconds);
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
  auto start = [&](const Scenario& asks, std::function<void(Worker*)> work) {
    workers.push_back(
        std::make_unique<Worker>(options.target, asks, seed + workers.size() * 7919, &run));
    threads.emplace_back(std::move(work), workers.back().get());
  };
  for (int i = 0; i < options.connections; ++i) {
    if (options.rate > 0) {
      const double rate = options.rate / options.connections;
      start(*scenario, [rate](Worker* worker) { worker->RunOpen(rate); });
    } else {
      const int share = options.outstanding / options.connections;
      const int outstanding = share + (i < options.outstanding % options.connections ? 1 : 0);
      start(*scenario, [outstanding](Worker* worker) { worker->RunClosed(outstanding); });
    }
  }
  const size_t measured = workers.size();
  if (options.storm > 0) {
    start(*lists, [&](Worker* worker) { worker->RunClosed(options.storm); });
  }
  Mark(run.begin, "begin");
  Mark(run.end, "end");
  for (std::thread& thread : threads) thread.join();

  Histogram latencies = Sum(workers, 0, measured);
  if (latencies.total() == 0 && !run.failed) {
    std::fprintf(stderr, "bench_load: not one call was answered in time\n");
    return false;
  }
  Report(latencies, Sum(workers, measured, workers.size()), scenario->records(), options.seconds);
  return !run.failed;
}

}  // namespace storegate::bench
