#include "server/repository/worker.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "server/base/log.h"
#include "server/repository/wire_sink.h"

namespace storegate::repository {
namespace {

// More than this is given back after a call.
constexpr size_t kKeptBytesMax = 1 << 20;

auto Group(const PointRead& read) { return std::tuple(read.entity, read.key, read.with_secrets); }

// Reads that go together side by side, and in the order of their keys.
bool Before(const PointRead* a, const PointRead* b) {
  const auto group_a = Group(*a), group_b = Group(*b);
  return group_a != group_b ? group_a < group_b : a->values < b->values;
}

}  // namespace

Worker::Worker(Backend* backend, Backend::Use use, TaskQueue* queue, Breaker* breaker,
               std::chrono::milliseconds slow_query, std::function<void()> lost)
    : backend_(backend),
      use_(use),
      queue_(queue),
      breaker_(breaker),
      slow_query_(slow_query),
      lost_(std::move(lost)) {}

Status Worker::Connect() {
  const uint64_t generation = breaker_->generation();
  Result<std::unique_ptr<Session>> session = backend_->Connect(use_);
  if (!session.ok()) {
    breaker_->Trip(generation, session.status());
    return session.status();
  }
  session_ = std::make_unique<WatchedSession>(*std::move(session), breaker_, generation,
                                              slow_query_);
  return {};
}

void Worker::Run() {
  while (queue_->Take(&batch_)) {
    DropExpired();
    if (batch_.empty()) continue;
    if (!HaveSession()) {
      const Status status = DatabaseUnavailable();
      for (Task& task : batch_) Refuse(task, status);
      lost_();
      continue;
    }
    if (batch_.empty()) continue;
    const auto start = std::chrono::steady_clock::now();
    if (std::holds_alternative<PointRead>(batch_[0])) {
      RunReads();
    } else if (std::holds_alternative<WriteTask>(batch_[0])) {
      RunWrites();
    } else {
      RunSession();
    }
    queue_->Report(batch_.size(), std::chrono::steady_clock::now() - start);
    // What the callers gave is theirs to free before the next wait.
    batch_.clear();
    if (session_->lost()) {
      session_.reset();
      if (breaker_->open()) lost_();
    }
  }
}

void Worker::DropExpired() {
  const Deadline now = std::chrono::steady_clock::now();
  std::erase_if(batch_, [now](Task& task) {
    if (DeadlineOf(task) > now) return false;
    Refuse(task, Status(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED",
                        "The deadline passed before the database was asked."));
    return true;
  });
}

bool Worker::HaveSession() {
  if (breaker_->open()) return false;
  if (session_ != nullptr && session_->usable()) return true;
  session_.reset();
  if (!Connect().ok()) return false;
  DropExpired();  // connecting may have taken its time
  return true;
}

void Worker::RunReads() {
  session_->set_what("get");
  reads_.clear();
  for (Task& task : batch_) reads_.push_back(&std::get<PointRead>(task));
  std::sort(reads_.begin(), reads_.end(), Before);
  for (size_t begin = 0, end; begin < reads_.size(); begin = end) {
    const auto group = Group(*reads_[begin]);
    GetRequest request{std::get<0>(group), std::get<1>(group), {}, std::get<2>(group)};
    readers_.clear();
    for (end = begin; end < reads_.size() && Group(*reads_[end]) == group; ++end) {
      KeyValues& values = reads_[end]->values;
      if (request.values.empty() || request.values.back() != values) {
        request.values.push_back(std::move(values));
      }
      readers_.push_back({reads_[end], request.values.size() - 1});
    }
    Fetch(request, readers_);
  }
}

void Worker::Fetch(const GetRequest& request, std::span<Reader> readers) {
  rows_.clear();
  found_.clear();
  WireSink sink(&rows_, 0, request.with_secrets);
  sink.SetEntity(request.entity);
  Status status = session_->Get(request, &sink, &found_);
  if (status.ok() && found_.size() != request.values.size()) {
    Log(Level::kError, "session answered another number of keys than it was asked",
        {{"entity", request.entity->full_name}});
    status = Status(Code::kInternal, "DATABASE_ERROR", "The database gave an unexpected answer.");
  }
  if (status.code() == Code::kInternal && request.values.size() > 1) {
    // One row that cannot be read is no reason to fail those who asked for others.
    for (size_t begin = 0, end; begin < readers.size(); begin = end) {
      const size_t slot = readers[begin].slot;
      for (end = begin; end < readers.size() && readers[end].slot == slot; ++end) {
        readers[end].slot = 0;
      }
      Fetch({request.entity, request.key, {request.values[slot]}, request.with_secrets},
            readers.subspan(begin, end - begin));
    }
    return;
  }
  {
    Executor::Gather gather;  // what the answers lead to is handed over once
    for (const Reader& reader : readers) {
      const Found found = status.ok() ? found_[reader.slot] : Found();
      const std::string_view row =
          found.found ? std::string_view(rows_).substr(found.begin, found.end - found.begin)
                      : std::string_view();
      reader.read->done(status, found, row);
    }
  }
  if (rows_.capacity() > kKeptBytesMax) std::string().swap(rows_);
}

void Worker::RunWrites() {
  session_->set_what("write");
  writes_.clear();
  for (Task& task : batch_) writes_.push_back(std::get<WriteTask>(task).write.get());
  // An error of the call is one of each write in it. None is tried again: only
  // the caller knows whether that is right, and after UNKNOWN nobody does.
  const Status status = session_->Apply(writes_);
  Executor::Gather gather;
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
