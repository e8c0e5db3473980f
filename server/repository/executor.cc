#include "server/repository/executor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "server/repository/breaker.h"
#include "server/repository/task.h"
#include "server/repository/task_queue.h"
#include "server/repository/worker.h"

namespace storegate::repository {

struct Executor::Impl {
  struct LaneState {
    LaneState(const ExecutorOptions& options, Breaker* lane_breaker, int lane_threads)
        : queue(options.queue_max, options.batch_max),
          breaker(lane_breaker),
          threads(std::max(lane_threads, 1)) {}

    TaskQueue queue;
    Breaker* const breaker;
    const int threads;
    std::vector<std::unique_ptr<Worker>> workers;
  };

  // What a thread has gathered for one lane.
  struct Gathered {
    Impl* to;
    Lane lane;
    std::vector<Task> tasks;
  };
  static thread_local int gathers;
  static thread_local std::vector<Gathered> gathered;

  Impl(Backend* backend, const ExecutorOptions& options);

  LaneState& At(Lane lane) { return *lanes[static_cast<size_t>(lane)]; }
  void Submit(Lane lane, Task task);
  void HandOver(Lane lane, std::span<Task> tasks);
  // Answers everything that waits in the lanes of a breaker.
  void FailWaiting(const Breaker* breaker, const Status& status);
  static void HandOverGathered();

  Breaker reads;
  Breaker writes;
  std::array<std::unique_ptr<LaneState>, 3> lanes;  // by Lane

  std::atomic<bool> started{false};
  std::atomic<bool> stopping{false};
  std::mutex stop_mutex;
  std::vector<std::thread> threads;  // guarded by stop_mutex
};

thread_local int Executor::Impl::gathers = 0;
thread_local std::vector<Executor::Impl::Gathered> Executor::Impl::gathered;

Executor::Impl::Impl(Backend* backend, const ExecutorOptions& options)
    : reads(backend, Backend::Use::kRead), writes(backend, Backend::Use::kWrite) {
  lanes[static_cast<size_t>(Lane::kPoint)] =
      std::make_unique<LaneState>(options, &reads, options.point_threads);
  lanes[static_cast<size_t>(Lane::kWrite)] =
      std::make_unique<LaneState>(options, &writes, options.write_threads);
  lanes[static_cast<size_t>(Lane::kScan)] =
      std::make_unique<LaneState>(options, &reads, options.scan_threads);
  for (const auto& lane : lanes) {
    const auto use = lane->breaker == &reads ? Backend::Use::kRead : Backend::Use::kWrite;
    for (int i = 0; i < lane->threads; ++i) {
      lane->workers.push_back(std::make_unique<Worker>(
          backend, use, &lane->queue, lane->breaker, options.slow_query,
          [this, breaker = lane->breaker] { FailWaiting(breaker, DatabaseUnavailable()); }));
    }
  }
}

void Executor::Impl::Submit(Lane lane, Task task) {
  if (gathers == 0) return HandOver(lane, {&task, 1});
  for (Gathered& to_lane : gathered) {
    if (to_lane.to == this && to_lane.lane == lane) {
      to_lane.tasks.push_back(std::move(task));
      return;
    }
  }
  gathered.push_back({this, lane, {}});
  gathered.back().tasks.push_back(std::move(task));
}

void Executor::Impl::HandOver(Lane lane, std::span<Task> tasks) {
  LaneState& state = At(lane);
  size_t taken = 0;
  const bool down = state.breaker->open();
  if (!down) taken = state.queue.Push(tasks);
  if (taken == tasks.size()) return;
  Status status;
  if (stopping) {
    status = ShuttingDown();
  } else if (down) {
    status = DatabaseUnavailable();
  } else {
    status = Status(Code::kResourceExhausted, "QUEUE_FULL",
                    "Too many calls are waiting for the database.");
    status.WithRetryDelay(state.queue.RetryDelay(state.threads));
  }
  for (Task& task : tasks.subspan(taken)) Refuse(task, status);
}

void Executor::Impl::FailWaiting(const Breaker* breaker, const Status& status) {
  for (const auto& lane : lanes) {
    if (lane->breaker != breaker) continue;
    for (Task& task : lane->queue.Drain()) Refuse(task, status);
  }
}

void Executor::Impl::HandOverGathered() {
  // Tasks that are refused may submit others, also under a Gather of their own.
  std::vector<Gathered> all = std::move(gathered);
  gathered.clear();
  for (Gathered& to_lane : all) {
    if (!to_lane.tasks.empty()) to_lane.to->HandOver(to_lane.lane, to_lane.tasks);
    to_lane.tasks.clear();
  }
  // Their memory is used again. A few executors at most live at a time.
  if (gathered.empty() && all.size() <= 16) gathered = std::move(all);
}

Executor::Executor(Backend* backend, ExecutorOptions options)
    : backend_(backend), impl_(std::make_unique<Impl>(backend, options)) {}

Executor::~Executor() { Stop(); }

Status Executor::Start() {
  for (const auto& lane : impl_->lanes) {
    for (const auto& worker : lane->workers) {
      Status status = worker->Connect();
      if (!status.ok()) {
        Stop();
        return status;
      }
    }
  }
  std::lock_guard lock(impl_->stop_mutex);
  if (impl_->stopping) return ShuttingDown();
  impl_->reads.Start();
  impl_->writes.Start();
  for (const auto& lane : impl_->lanes) {
    for (const auto& worker : lane->workers) {
      impl_->threads.emplace_back([worker = worker.get()] { worker->Run(); });
    }
  }
  impl_->started = true;
  return {};
}

void Executor::Submit(PointRead read) { impl_->Submit(Lane::kPoint, std::move(read)); }
void Executor::Submit(WriteTask write) { impl_->Submit(Lane::kWrite, std::move(write)); }
void Executor::Submit(SessionTask task) {
  const Lane lane = task.lane;
  impl_->Submit(lane, std::move(task));
}

void Executor::Stop() {
  impl_->stopping = true;
  std::lock_guard lock(impl_->stop_mutex);
  for (const auto& lane : impl_->lanes) lane->queue.Close();
  impl_->FailWaiting(&impl_->reads, ShuttingDown());
  impl_->FailWaiting(&impl_->writes, ShuttingDown());
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
  impl_->reads.Stop();
  impl_->writes.Stop();
}

bool Executor::healthy() const {
  return impl_->started && !impl_->reads.open() && !impl_->writes.open();
}

Executor::Gather::Gather() { ++Impl::gathers; }

Executor::Gather::~Gather() {
  if (--Impl::gathers == 0) Impl::HandOverGathered();
}

}  // namespace storegate::repository
