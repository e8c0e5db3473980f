#include "server/repository/worker.h"

#include <limits>
#include <span>
#include <utility>

#include "server/base/burst.h"

namespace storegate::repository {

Worker::Worker(Backend* backend, TaskQueue* queue, Breaker* breaker, Options options)
    : backend_(backend), queue_(queue), breaker_(breaker), options_(std::move(options)) {}

Status Worker::Connect() {
  return WatchedSession::Connect(backend_, options_.use, breaker_, options_.slow_query,
                                 &session_);
}

void Worker::Run() {
  while (TakeTasks()) {
    DropExpired();
    if (batch_.empty()) continue;
    if (!HaveSession()) {
      const Status status = DatabaseUnavailable();
      for (Task& task : batch_) Refuse(task, status);
      batch_.clear();
      options_.lost();
      continue;
    }
    DropExpired();  // connecting may have taken its time
    if (batch_.empty()) continue;
    const auto start = std::chrono::steady_clock::now();
    holding_.Begin(MethodOf(batch_[0]), start);
    RunTasks();
    holding_.End();
    queue_->Report(batch_.size(), std::chrono::steady_clock::now() - start);
    // What the callers gave is theirs to free before the next wait.
    batch_.clear();
    if (session_ != nullptr && !session_->lost()) continue;
    session_.reset();
    if (!breaker_->AwaitVerdict()) options_.lost();
  }
}

bool Worker::TakeTasks() {
  for (;;) {
    const auto idle =
        session_ == nullptr ? std::chrono::milliseconds(0) : options_.idle_timeout;
    switch (queue_->Take(&seat_, session_ != nullptr, idle, &batch_)) {
      case TaskQueue::Took::kTasks: return true;
      case TaskQueue::Took::kClosed: return false;
      case TaskQueue::Took::kNothing: session_.reset();
    }
  }
}

void Worker::DropExpired() {
  const Deadline now = std::chrono::steady_clock::now();
  std::erase_if(batch_, [now](Task& task) {
    if (!Abandoned(task, now)) return false;
    Refuse(task, TooLate());
    return true;
  });
}

bool Worker::HaveSession() {
  if (!breaker_->AwaitVerdict()) return false;
  if (session_ == nullptr || !session_->usable()) {
    session_.reset();
    return Connect().ok();
  }
  // Where no other can be had, it is used on.
  if (session_->Aged()) static_cast<void>(Connect());
  return true;
}

void Worker::RunTasks() {
  if (std::holds_alternative<PointRead>(batch_[0])) return RunReads();
  if (std::holds_alternative<WriteTask>(batch_[0])) return RunWrites();
  RunSession();
}

void Worker::RunReads() {
  reads_.clear();
  for (Task& task : batch_) reads_.push_back(&std::get<PointRead>(task));
  ReadBatch::Sort(&reads_);
  std::span<PointRead* const> rest = reads_;
  while (!rest.empty()) {
    // The queue has seen to it that they are not too many.
    rest = rest.subspan(gets_.Fill(rest, std::numeric_limits<size_t>::max()));
    Fetch();
  }
  gets_.Clear();
}

void Worker::Fetch() {
  const auto get = [this](ReadBatch* batch) {
    if (session_ == nullptr) return DatabaseUnavailable();
    session_->set_what("get");
    return batch->Get(session_.get());
  };
  Status status = get(&gets_);
  if (status.code() == Code::kUnavailable && gets_.AnyUntried()) {
    gets_.SetTried();
    if (HaveSession()) status = get(&gets_);
  }
  if (status.code() != Code::kInternal || gets_.keys() == 1) return gets_.Answer(status);
  // One row that cannot be read is no reason to fail those who asked for others.
  for (size_t begin = 0; begin < gets_.readers();) {
    begin += single_.FillOne(gets_, begin);
    single_.Answer(get(&single_));
  }
  single_.Clear();
}

void Worker::RunWrites() {
  session_->set_what("write");
  writes_.clear();
  for (Task& task : batch_) {
    auto& write = std::get<WriteTask>(task);
    write.write->deadline = write.deadline;
    writes_.push_back(write.write.get());
  }
  // An error of the call is one of each write in it. None is tried again: only
  // the caller knows whether that is right, and after UNKNOWN nobody does.
  const Status status = session_->Apply(writes_);
  const Burst burst(batch_.size());
  const Executor::Gather gather;
  for (Task& task : batch_) {
    auto& write = std::get<WriteTask>(task);
    write.done(status, std::move(write.write));
  }
}

void Worker::RunSession() {
  const auto& task = std::get<SessionTask>(batch_[0]);
  session_->set_what(task.what);
  task.run(Status(), session_.get());
}

}  // namespace storegate::repository
