// A backend with faults on demand, through the forwarding wrapper.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

#include "server/repository/forwarding.h"

namespace storegate::test {

enum class Op { kConnect, kGet, kList, kCount, kApply };

// Shared by the test and by all sessions. Any thread.
class Faults {
 public:
  // Asked before each call; an error is answered instead of calling.
  using Hook = std::function<std::optional<Status>(Op)>;
  void Before(Hook hook);
  // Asked after each call that was OK; an error is answered instead of its answer.
  void After(Hook hook);
  void Clear();

  std::optional<Status> AskBefore(Op op);
  std::optional<Status> AskAfter(Op op);
  // Calls that reached the database.
  int calls(Op op) const;
  void Count(Op op);

 private:
  mutable std::mutex mutex_;
  Hook before_;
  Hook after_;
  int calls_[5] = {};
};

// Calls that come to it wait until it is opened: a database that hangs.
class Gate {
 public:
  void Pass();
  // Until so many calls are waiting, or have.
  void AwaitArrivals(int count);
  void Open();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrivals_ = 0;
  bool open_ = false;
};

std::unique_ptr<repository::Backend> WithFaults(std::unique_ptr<repository::Backend> backend,
                                                std::shared_ptr<Faults> faults);

}  // namespace storegate::test
