// Executors with spare sessions for reads on the spot, over a fake database whose
// answers a test holds back.
#pragma once

#include <thread>
#include <vector>

#include "tests/unit/repository/executor_fixture.h"

namespace storegate::repository {

class SpotReadsTest : public ExecutorTest {
 protected:
  SpotReadsTest() { database_.start_get = true; }

  // Spare sessions whose answers are waited for as long as it takes.
  static ExecutorOptions Patient(int sessions = 2) {
    ExecutorOptions options = OneThreadEach();
    options.spot_sessions = sessions;
    options.spot_wait = std::chrono::hours(1);
    options.spot_rest = options.spot_pause = options.reconnect_wait = std::chrono::hours(1);
    return options;
  }
  // Every answer that is not there at once comes too late.
  static ExecutorOptions Impatient(int sessions = 2) {
    ExecutorOptions options = Patient(sessions);
    options.spot_wait = std::chrono::microseconds(0);
    return options;
  }

  static std::thread::id Here() { return std::this_thread::get_id(); }

  // Submits reads until one is answered on the spot.
  void AwaitSpot(Executor& executor) {
    for (;;) {
      executor.Submit(Read("a"));
      const std::vector<Answer> answers = inbox_.Await(1);
      EXPECT_TRUE(answers[0].status.ok());
      if (answers[0].thread == Here()) return;
    }
  }
};

}  // namespace storegate::repository
