#include "server/repository/spot_reads.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace storegate::repository {

// A session, what runs on it, and the thread for what must not run elsewhere.
struct SpotReads::Spot {
  SpotReads* owner = nullptr;
  std::atomic<bool> taken{false};
  // Of whoever has taken it:
  std::unique_ptr<WatchedSession> session;  // null until connected, and when lost
  ReadBatch batch;
  Status started;                // what StartGet said
  Deadline used_at;              // or when it was found fresh
  bool aged = false;             // to be replaced
  std::vector<Task> handed_over;  // kept for its memory
  Holding holding;

  std::mutex mutex;
  std::condition_variable posted;
  Job job = Job::kNone;  // guarded by mutex
  std::thread thread;
};

thread_local std::vector<SpotReads::Spot*> SpotReads::begun_;
thread_local std::vector<PointRead*> SpotReads::reads_;
thread_local bool SpotReads::barred_ = false;

SpotReads::SpotReads(Backend* backend, Breaker* breaker, Options options)
    : backend_(backend), breaker_(breaker), options_(std::move(options)) {
  for (int i = 0; i < options_.sessions; ++i) {
    spots_.push_back(std::make_unique<Spot>());
    spots_.back()->owner = this;
  }
}

SpotReads::~SpotReads() { Stop(); }

Status SpotReads::Connect() {
  for (const auto& spot : spots_) {
    if (Status status = Reconnect(spot.get()); !status.ok()) return status;
  }
  return {};
}

// A session that is there is kept where no other can be had.
Status SpotReads::Reconnect(Spot* spot) {
  Status status = WatchedSession::Connect(backend_, Backend::Use::kRead, breaker_,
                                          options_.slow_query, &spot->session);
  if (!status.ok()) return status;
  spot->session->set_what("get");
  spot->used_at = std::chrono::steady_clock::now();
  return {};
}

void SpotReads::Start() {
  for (const auto& spot : spots_) {
    spot->thread = std::thread([this, spot = spot.get()] { RunJobs(spot); });
  }
}

void SpotReads::Stop() {
  stopping_ = true;
  for (const auto& spot : spots_) {
    if (!spot->thread.joinable()) continue;
    {
      // Taken for good, once whoever has it puts it back.
      std::unique_lock lock(stop_mutex_);
      put_back_.wait(lock, [&] { return !spot->taken.exchange(true); });
    }
    Post(spot.get(), Job::kEnd);
    spot->thread.join();
  }
}

void SpotReads::AddHoldings(std::vector<const Holding*>* to) const {
  for (const auto& spot : spots_) to->push_back(&spot->holding);
}

bool SpotReads::Willing() const {
  if (stopping_.load(std::memory_order_relaxed) || !breaker_->closed()) return false;
  return misses_.load(std::memory_order_relaxed) < kMissesMax ||
         std::chrono::steady_clock::now() >= paused_until_.load(std::memory_order_relaxed);
}

bool SpotReads::Begin(std::span<Task> tasks, std::vector<Task>* left) {
  if (!Willing()) return false;
  reads_.clear();
  const Deadline now = std::chrono::steady_clock::now();
  for (Task& task : tasks) {
    auto* const read = std::get_if<PointRead>(&task);
    if (read == nullptr) {
      left->push_back(std::move(task));
    } else if (!Abandoned(task, now)) {
      reads_.push_back(read);
    } else {
      Refuse(task, TooLate());
    }
  }
  ReadBatch::Sort(&reads_);
  std::span<PointRead* const> rest = reads_;
  while (!rest.empty()) {
    Spot* const spot = TakeSpot(now);
    if (spot == nullptr) break;
    rest = rest.subspan(spot->batch.Fill(rest, options_.batch_max));
    spot->holding.Begin(spot->batch.method(), now);
    spot->started = spot->batch.StartGet(spot->session.get());
    begun_.push_back(spot);
  }
  for (PointRead* read : rest) left->emplace_back(std::move(*read));
  return true;
}

// A spare session that may be used; null when there is none.
SpotReads::Spot* SpotReads::TakeSpot(Deadline now) {
  for (const auto& spot : spots_) {
    if (spot->taken.load(std::memory_order_relaxed) || spot->taken.exchange(true)) continue;
    // Asked again: Stop waits for whoever came before it, and for nobody after.
    if (stopping_) {
      PutBack(spot.get());
      return nullptr;
    }
    const bool rested = now - spot->used_at > options_.rest;
    if (!rested && spot->session != nullptr && spot->session->usable()) {
      spot->aged = spot->session->Aged();
      spot->used_at = now;
      if (!spot->aged) return spot.get();
    }
    Post(spot.get(), Job::kRenew);
  }
  return nullptr;
}

void SpotReads::Finish() {
  if (begun_.empty()) return;
  const Deadline now = std::chrono::steady_clock::now();
  for (Spot* spot : begun_) {
    std::optional<Status> status = std::exchange(spot->started, Status());
    if (status->ok()) {
      status = spot->batch.FinishGet(spot->session.get(), now + spot->owner->options_.wait);
    }
    if (status) {
      spot->owner->misses_.store(0, std::memory_order_relaxed);
      spot->owner->Settle(spot, *status);
    } else {
      spot->owner->Miss();
      spot->batch.Own();
      Post(spot, Job::kFinish);
    }
  }
  begun_.clear();
}

void SpotReads::Miss() {
  if (misses_.fetch_add(1, std::memory_order_relaxed) + 1 < kMissesMax) return;
  paused_until_.store(std::chrono::steady_clock::now() + options_.pause, std::memory_order_relaxed);
}

// Answers a batch, or hands over what is to be run again, and puts the session back.
void SpotReads::Settle(Spot* spot, const Status& status) {
  const bool again = status.code() == Code::kUnavailable && spot->batch.AnyUntried();
  // Rows that cannot be read are found one by one, which takes its time.
  const bool singly = status.code() == Code::kInternal && spot->batch.keys() > 1;
  if (again || singly) {
    if (again) spot->batch.SetTried();
    spot->batch.MoveTo(&spot->handed_over);
    options_.hand_over(spot->handed_over);
    spot->handed_over.clear();
  } else {
    spot->batch.Answer(status);
    spot->batch.Clear();
  }
  spot->holding.End();
  if (spot->session->lost()) {
    Post(spot, Job::kRenew);
  } else {
    PutBack(spot);
  }
}

void SpotReads::PutBack(Spot* spot) {
  spot->taken = false;
  if (!stopping_) return;
  std::lock_guard lock(stop_mutex_);
  put_back_.notify_all();
}

void SpotReads::Post(Spot* spot, Job job) {
  std::lock_guard lock(spot->mutex);
  spot->job = job;
  // Under the lock: after kEnd the spot may go.
  spot->posted.notify_one();
}

void SpotReads::RunJobs(Spot* spot) {
  const Bar bar;
  for (;;) {
    Job job;
    {
      std::unique_lock lock(spot->mutex);
      spot->posted.wait(lock, [spot] { return spot->job != Job::kNone; });
      job = std::exchange(spot->job, Job::kNone);
    }
    if (job == Job::kEnd) return;
    job == Job::kFinish ? FinishParked(spot) : Renew(spot);
  }
}

// Sees to it that there is a session that may be used. When none can be had, whoever
// takes the spot next asks for it again.
void SpotReads::Renew(Spot* spot) {
  if (!breaker_->AwaitVerdict()) {
    spot->session.reset();
    options_.lost();
  } else if (spot->session != nullptr && spot->session->usable()) {
    if (std::exchange(spot->aged, false)) static_cast<void>(Reconnect(spot));
    spot->used_at = std::chrono::steady_clock::now();
  } else {
    spot->session.reset();
    if (!Reconnect(spot).ok()) options_.lost();
  }
  PutBack(spot);
}

void SpotReads::FinishParked(Spot* spot) {
  std::optional<Status> status =
      spot->batch.FinishGet(spot->session.get(), spot->batch.deadline());
  if (status) return Settle(spot, *status);
  spot->batch.Answer(Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                            "The deadline passed before the database answered."));
  // The statement still runs, but the database has been told the deadline too.
  status = spot->batch.FinishGet(spot->session.get(),
                                 std::chrono::steady_clock::now() + kDrainBound);
  spot->batch.Clear();
  spot->holding.End();
  if (status && !spot->session->lost()) return PutBack(spot);
  spot->session.reset();
  Renew(spot);
}

}  // namespace storegate::repository
