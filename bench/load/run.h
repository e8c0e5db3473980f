// One measurement: workers, a warm-up, a measured interval, a report.
#pragma once

#include <string>

namespace storegate::bench {

struct RunOptions {
  std::string target;    // HOST:PORT
  std::string scenario;  // see MakeScenario
  int connections = 2;   // each with a thread
  int outstanding = 64;  // over all connections
  double seconds = 3;    // measured
  double warm_up = 1;
  double rate = 0;  // calls a second; 0: as many as `outstanding` allows
  int storm = 0;    // lists outstanding beside it, on a connection of their own
};

// Prints "begin" and "end" as the measured interval begins and ends, then one
// line of JSON: calls, seconds, calls_per_s, records_per_s, p50_us, p90_us,
// p99_us, max_us, storm_calls_per_s. False when an answer was wrong or missing;
// stderr says which.
bool RunLoad(const RunOptions& options);

}  // namespace storegate::bench
