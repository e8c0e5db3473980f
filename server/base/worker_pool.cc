#include "server/base/worker_pool.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace storegate {

struct WorkerPool::Impl {
  explicit Impl(size_t max) : queue_max(max) {}

  void Run() {
    std::unique_lock lock(mutex);
    while (true) {
      wake.wait(lock, [this] { return stopping || !queue.empty(); });
      if (queue.empty()) return;  // stopping, and nothing waits any more
      std::function<void()> work = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      work();
      work = nullptr;  // what it holds is destroyed without the lock
      lock.lock();
    }
  }

  const size_t queue_max;

  std::mutex mutex;
  std::condition_variable wake;
  // Protected by mutex.
  std::deque<std::function<void()>> queue;
  bool stopping = false;

  std::vector<std::thread> threads;
};

WorkerPool::WorkerPool(int threads, size_t queue_max)
    : impl_(std::make_unique<Impl>(queue_max)) {
  for (int i = 0; i < std::max(threads, 1); ++i) {
    impl_->threads.emplace_back([impl = impl_.get()] { impl->Run(); });
  }
}

WorkerPool::~WorkerPool() {
  {
    std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
  }
  impl_->wake.notify_all();
  for (std::thread& thread : impl_->threads) thread.join();
}

bool WorkerPool::TrySubmit(std::function<void()> work) {
  {
    std::lock_guard lock(impl_->mutex);
    if (impl_->queue.size() >= impl_->queue_max) return false;
    impl_->queue.push_back(std::move(work));
  }
  impl_->wake.notify_one();
  return true;
}

}  // namespace storegate
