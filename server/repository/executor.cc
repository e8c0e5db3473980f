#include "server/repository/executor.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "server/repository/breaker.h"
#include "server/repository/holding.h"
#include "server/repository/spot_reads.h"
#include "server/repository/task.h"
#include "server/repository/task_queue.h"
#include "server/repository/worker.h"

namespace storegate::repository {

namespace {

// What a lane's connections are for, in messages.
std::string_view Purpose(Lane lane) {
  switch (lane) {
    case Lane::kPoint: return "reads by key";
    case Lane::kWrite: return "writes";
    case Lane::kScan: return "lists";
  }
  return "";
}

// Lists take long whatever comes between; reads by id do not, and go first where
// there are too few cores for both. On Linux this is of the calling thread alone
// (setpriority(2)); where it is refused, all are equal.
void GiveWay() {
  constexpr int kNice = 5;
  setpriority(PRIO_PROCESS, 0, kNice);
}

}  // namespace

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
    std::vector<const Holding*> holdings;  // of all its connections
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
  Status Connect();
  Status Run();
  void Submit(Lane lane, Task task);
  // Runs what can be run on the spot, up to SpotReads::Finish, which is for the caller
  // to call, and gives the rest to the lane.
  void Begin(Lane lane, std::span<Task> tasks);
  void HandOver(Lane lane, std::span<Task> tasks);
  Status WhyRefused(Lane lane, bool down);
  // Answers everything that waits in the lanes of a breaker.
  void FailWaiting(const Breaker* breaker, const Status& status);
  static void HandOverGathered();

  Breaker reads;
  Breaker writes;
  std::array<std::unique_ptr<LaneState>, 3> lanes;  // by Lane
  std::unique_ptr<SpotReads> spots;                 // null: none

  std::atomic<bool> started{false};
  std::atomic<bool> stopping{false};
  std::mutex stop_mutex;
  std::vector<std::thread> threads;  // guarded by stop_mutex
};

thread_local int Executor::Impl::gathers = 0;
thread_local std::vector<Executor::Impl::Gathered> Executor::Impl::gathered;

Executor::Impl::Impl(Backend* backend, const ExecutorOptions& options)
    : reads(backend, Backend::Use::kRead, options.reconnect_wait),
      writes(backend, Backend::Use::kWrite, options.reconnect_wait) {
  lanes[static_cast<size_t>(Lane::kPoint)] =
      std::make_unique<LaneState>(options, &reads, options.point_threads);
  lanes[static_cast<size_t>(Lane::kWrite)] =
      std::make_unique<LaneState>(options, &writes, options.write_threads);
  lanes[static_cast<size_t>(Lane::kScan)] =
      std::make_unique<LaneState>(options, &reads, options.scan_threads);
  for (const auto& lane : lanes) {
    Worker::Options worker;
    worker.use = lane->breaker == &reads ? Backend::Use::kRead : Backend::Use::kWrite;
    worker.slow_query = options.slow_query;
    worker.lost = [this, breaker = lane->breaker] { FailWaiting(breaker, DatabaseUnavailable()); };
    for (int i = 0; i < lane->threads; ++i) {
      lane->workers.push_back(
          std::make_unique<Worker>(backend, &lane->queue, lane->breaker, worker));
      lane->holdings.push_back(&lane->workers.back()->holding());
      worker.idle_timeout = options.idle_timeout;  // the first one stays warm
    }
  }
  if (options.spot_sessions <= 0 || !backend->capabilities().start_get) return;
  SpotReads::Options spot;
  spot.sessions = options.spot_sessions;
  spot.batch_max = std::max<size_t>(options.batch_max, 1);
  spot.wait = options.spot_wait;
  spot.pause = options.spot_pause;
  spot.rest = options.spot_rest;
  spot.slow_query = options.slow_query;
  spot.hand_over = [this](std::span<Task> tasks) { HandOver(Lane::kPoint, tasks); };
  spot.lost = [this] { FailWaiting(&reads, DatabaseUnavailable()); };
  spots = std::make_unique<SpotReads>(backend, &reads, std::move(spot));
  spots->AddHoldings(&At(Lane::kPoint).holdings);
}

Status Executor::Impl::Connect() {
  for (const auto& lane : lanes) {
    for (const auto& worker : lane->workers) {
      if (Status status = worker->Connect(); !status.ok()) return status;
    }
  }
  return spots == nullptr ? Status() : spots->Connect();
}

void Executor::Impl::Submit(Lane lane, Task task) {
  if (gathers == 0) {
    if (SpotReads::barred()) return HandOver(lane, {&task, 1});
    const SpotReads::Bar bar;
    Begin(lane, {&task, 1});
    return SpotReads::Finish();
  }
  for (Gathered& to_lane : gathered) {
    if (to_lane.to == this && to_lane.lane == lane) {
      to_lane.tasks.push_back(std::move(task));
      return;
    }
  }
  gathered.push_back({this, lane, {}});
  gathered.back().tasks.push_back(std::move(task));
}

void Executor::Impl::Begin(Lane lane, std::span<Task> tasks) {
  std::vector<Task> left;
  if (lane != Lane::kPoint || spots == nullptr || !spots->Begin(tasks, &left)) {
    HandOver(lane, tasks);
  } else if (!left.empty()) {
    HandOver(lane, left);
  }
}

void Executor::Impl::HandOver(Lane lane, std::span<Task> tasks) {
  LaneState& state = At(lane);
  size_t taken = 0;
  const bool down = state.breaker->open();
  if (!down) taken = state.queue.Push(tasks);
  if (taken == tasks.size()) return;
  const Status status = WhyRefused(lane, down);
  for (Task& task : tasks.subspan(taken)) Refuse(task, status);
}

Status Executor::Impl::WhyRefused(Lane lane, bool down) {
  if (stopping) return ShuttingDown();
  if (down) return DatabaseUnavailable();
  const LaneState& state = At(lane);
  const size_t waiting = state.queue.waiting();
  Status status = QueueFull(Purpose(lane), state.holdings, waiting);
  return status.WithRetryDelay(state.queue.RetryDelay(waiting, state.threads));
}

void Executor::Impl::FailWaiting(const Breaker* breaker, const Status& status) {
  for (const auto& lane : lanes) {
    if (lane->breaker != breaker) continue;
    for (Task& task : lane->queue.Drain()) Refuse(task, status);
  }
}

void Executor::Impl::HandOverGathered() {
  // Tasks that are answered here may submit others, also under a Gather of their own.
  std::vector<Gathered> all = std::move(gathered);
  gathered.clear();
  const bool on_the_spot = !SpotReads::barred();
  const SpotReads::Bar bar;
  for (Gathered& to_lane : all) {
    if (to_lane.tasks.empty()) continue;
    if (on_the_spot) {
      to_lane.to->Begin(to_lane.lane, to_lane.tasks);
    } else {
      to_lane.to->HandOver(to_lane.lane, to_lane.tasks);
    }
  }
  // Databases have been asked all at once, and other threads are at work meanwhile.
  if (on_the_spot) SpotReads::Finish();
  for (Gathered& to_lane : all) to_lane.tasks.clear();
  // Their memory is used again. A few executors at most live at a time.
  if (gathered.empty() && all.size() <= 16) gathered = std::move(all);
}

Executor::Executor(Backend* backend, ExecutorOptions options)
    : backend_(backend), impl_(std::make_unique<Impl>(backend, options)) {}

Executor::~Executor() { Stop(); }

Status Executor::Start() {
  if (Status status = impl_->Connect(); !status.ok()) {
    Stop();
    return status;
  }
  return impl_->Run();
}

Status Executor::StartWithout(const Status& why) {
  for (Breaker* breaker : {&impl_->reads, &impl_->writes}) {
    breaker->Refused(breaker->generation(), why);
  }
  return impl_->Run();
}

Status Executor::Impl::Run() {
  std::lock_guard lock(stop_mutex);
  if (stopping) return ShuttingDown();
  reads.Start();
  writes.Start();
  for (const auto& lane : lanes) {
    for (const auto& worker : lane->workers) {
      const bool scans = lane.get() == &At(Lane::kScan);
      threads.emplace_back([worker = worker.get(), scans] {
        if (scans) GiveWay();
        const SpotReads::Bar bar;  // others wait for it
        worker->Run();
      });
    }
  }
  if (spots != nullptr) spots->Start();
  started = true;
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
  if (impl_->spots != nullptr) impl_->spots->Stop();
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
