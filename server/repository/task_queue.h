// TaskQueue: the bounded queue of one lane, between threads that submit and
// workers that take. Any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <vector>

#include "server/repository/task.h"

namespace storegate::repository {

class TaskQueue {
 public:
  // Where a worker waits. Lives as long as the queue may be pushed to; used by one
  // queue and one worker.
  class Seat {
    friend class TaskQueue;
    std::condition_variable wake_;
    bool told_ = false;
    bool warm_ = false;
  };

  // `queue_max` tasks wait at most, `batch_max` are taken at once.
  TaskQueue(size_t queue_max, size_t batch_max);

  // Moves in the first tasks for which there is room, all under one lock and with
  // at most one wake-up; returns how many. None when the queue is closed.
  size_t Push(std::span<Task> tasks);

  enum class Took {
    kTasks,
    kNothing,  // there was nothing for as long as `idle`
    kClosed,
  };
  // Waits for tasks, for ever when `idle` is 0, then moves into *batch, emptied
  // before, what one call to a session can do: one SessionTask, or all that waits
  // of the other kinds, up to batch_max and to kMutationsMax. Of those who wait the
  // `warm` ones are woken first, and whoever came last: so what is not needed stays
  // idle.
  Took Take(Seat* seat, bool warm, std::chrono::milliseconds idle, std::vector<Task>* batch);

  // Takes out everything that waits.
  std::deque<Task> Drain();
  // Nothing goes in any more, and every Take answers kClosed.
  void Close();

  size_t waiting() const;

  // A worker tells how long a batch took, from which RetryDelay follows: about
  // the time in which `workers` would empty the queue, 100 ms to 1 s.
  void Report(size_t tasks, std::chrono::nanoseconds elapsed);
  std::chrono::milliseconds RetryDelay(size_t waiting, int workers) const;

  // Mutations of writes that are committed together, unless a single write has
  // more: a commit of everything that may wait would hold up those behind it.
  static constexpr size_t kMutationsMax = 1000;

 private:
  Seat* Choose();

  const size_t queue_max_;
  const size_t batch_max_;

  mutable std::mutex mutex_;
  // Guarded by mutex_, as is what is in the seats:
  std::deque<Task> tasks_;
  bool closed_ = false;
  std::vector<Seat*> idle_;  // those who wait and have not been told
  bool waking_ = false;      // one has been told and is on its way

  std::atomic<int64_t> nanos_a_task_{0};
};

}  // namespace storegate::repository
