// A few threads with one bounded queue, for work that is CPU and no database:
// password hashes, requests too large to check on the edge's threads.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace storegate {

class WorkerPool {
 public:
  WorkerPool(int threads, size_t queue_max);
  ~WorkerPool();  // waits for what runs and for what waits

  // False, and `work` is dropped, when the queue is full. Any thread.
  bool TrySubmit(std::function<void()> work);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate
