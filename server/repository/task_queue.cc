#include "server/repository/task_queue.h"

#include <algorithm>
#include <utility>

namespace storegate::repository {

TaskQueue::TaskQueue(size_t queue_max, size_t batch_max)
    : queue_max_(std::max<size_t>(queue_max, 1)), batch_max_(std::max<size_t>(batch_max, 1)) {}

// Whom the caller is to wake, once it has let go of mutex_; null: nobody. One on
// its way is enough: it wakes the next one if it leaves something behind.
TaskQueue::Seat* TaskQueue::Choose() {
  if (tasks_.empty() || idle_.empty() || waking_) return nullptr;
  auto chosen = std::find_if(idle_.rbegin(), idle_.rend(), [](Seat* seat) { return seat->warm_; });
  if (chosen == idle_.rend()) chosen = idle_.rbegin();
  Seat* const seat = *chosen;
  idle_.erase(std::next(chosen).base());
  seat->told_ = true;
  waking_ = true;
  return seat;
}

size_t TaskQueue::Push(std::span<Task> tasks) {
  size_t count = 0;
  Seat* wake;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return 0;
    count = std::min(tasks.size(), queue_max_ - std::min(queue_max_, tasks_.size()));
    for (Task& task : tasks.first(count)) tasks_.push_back(std::move(task));
    wake = Choose();
  }
  if (wake != nullptr) wake->wake_.notify_one();
  return count;
}

TaskQueue::Took TaskQueue::Take(Seat* seat, bool warm, std::chrono::milliseconds idle,
                                std::vector<Task>* batch) {
  batch->clear();
  Seat* wake;
  {
    std::unique_lock lock(mutex_);
    const auto ready = [this, seat] { return seat->told_ || closed_; };
    while (tasks_.empty() && !closed_) {
      seat->warm_ = warm;
      idle_.push_back(seat);
      if (idle.count() == 0) {
        seat->wake_.wait(lock, ready);
      } else {
        seat->wake_.wait_for(lock, idle, ready);
      }
      if (seat->told_) {
        seat->told_ = waking_ = false;
      } else {
        std::erase(idle_, seat);
        if (!closed_ && tasks_.empty()) return Took::kNothing;
      }
    }
    if (closed_) return Took::kClosed;
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
    wake = Choose();
  }
  if (wake != nullptr) wake->wake_.notify_one();
  return Took::kTasks;
}

std::deque<Task> TaskQueue::Drain() {
  std::lock_guard lock(mutex_);
  return std::exchange(tasks_, {});
}

void TaskQueue::Close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  // Under the lock: whoever is woken may go, and its seat with it.
  for (Seat* seat : idle_) seat->wake_.notify_one();
}

size_t TaskQueue::waiting() const {
  std::lock_guard lock(mutex_);
  return tasks_.size();
}

void TaskQueue::Report(size_t tasks, std::chrono::nanoseconds elapsed) {
  // A moving average; that two workers may overwrite each other's does no harm.
  const int64_t now = elapsed.count() / static_cast<int64_t>(std::max<size_t>(tasks, 1));
  const int64_t before = nanos_a_task_.load(std::memory_order_relaxed);
  nanos_a_task_.store(before == 0 ? now : before + (now - before) / 8, std::memory_order_relaxed);
}

std::chrono::milliseconds TaskQueue::RetryDelay(size_t waiting, int workers) const {
  const double nanos = static_cast<double>(nanos_a_task_.load(std::memory_order_relaxed)) *
                       static_cast<double>(waiting) / std::max(workers, 1);
  return std::chrono::milliseconds(
      static_cast<int64_t>(std::clamp(nanos / 1e6, 100.0, 1000.0)));
}

}  // namespace storegate::repository
