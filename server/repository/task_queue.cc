#include "server/repository/task_queue.h"

#include <algorithm>
#include <utility>

namespace storegate::repository {

TaskQueue::TaskQueue(size_t queue_max, size_t batch_max)
    : queue_max_(std::max<size_t>(queue_max, 1)), batch_max_(std::max<size_t>(batch_max, 1)) {}

// Whether the caller is to wake a worker, once it has let go of mutex_. One on its
// way is enough: it wakes the next one if it leaves something behind.
bool TaskQueue::WakeOne() {
  if (tasks_.empty() || idle_ == 0 || waking_) return false;
  waking_ = true;
  return true;
}

size_t TaskQueue::Push(std::span<Task> tasks) {
  size_t count = 0;
  bool wake;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return 0;
    count = std::min(tasks.size(), queue_max_ - std::min(queue_max_, tasks_.size()));
    for (Task& task : tasks.first(count)) tasks_.push_back(std::move(task));
    wake = WakeOne();
  }
  if (wake) wake_.notify_one();
  return count;
}

bool TaskQueue::Take(std::vector<Task>* batch) {
  batch->clear();
  bool wake;
  {
    std::unique_lock lock(mutex_);
    while (tasks_.empty() && !closed_) {
      ++idle_;
      wake_.wait(lock);
      --idle_;
      waking_ = false;
    }
    if (closed_) return false;
    const size_t kind = tasks_.front().index();
    size_t mutations = 0;
    do {
      if (const auto* write = std::get_if<WriteTask>(&tasks_.front())) {
        mutations += write->write->mutations.size();
        if (!batch->empty() && mutations > kMutationsMax) break;
      }
      batch->push_back(std::move(tasks_.front()));
      tasks_.pop_front();
    } while (!std::holds_alternative<SessionTask>(batch->back()) && batch->size() < batch_max_ &&
             !tasks_.empty() && tasks_.front().index() == kind);
    wake = WakeOne();
  }
  if (wake) wake_.notify_one();
  return true;
}

std::deque<Task> TaskQueue::Drain() {
  std::lock_guard lock(mutex_);
  return std::exchange(tasks_, {});
}

void TaskQueue::Close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_.notify_all();
}

void TaskQueue::Report(size_t tasks, std::chrono::nanoseconds elapsed) {
  // A moving average; that two workers may overwrite each other's does no harm.
  const int64_t now = elapsed.count() / static_cast<int64_t>(std::max<size_t>(tasks, 1));
  const int64_t before = nanos_a_task_.load(std::memory_order_relaxed);
  nanos_a_task_.store(before == 0 ? now : before + (now - before) / 8, std::memory_order_relaxed);
}

std::chrono::milliseconds TaskQueue::RetryDelay(int workers) const {
  size_t waiting;
  {
    std::lock_guard lock(mutex_);
    waiting = tasks_.size();
  }
  const double nanos = static_cast<double>(nanos_a_task_.load(std::memory_order_relaxed)) *
                       static_cast<double>(waiting) / std::max(workers, 1);
  return std::chrono::milliseconds(
      static_cast<int64_t>(std::clamp(nanos / 1e6, 100.0, 1000.0)));
}

}  // namespace storegate::repository
