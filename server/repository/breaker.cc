#include "server/repository/breaker.h"

#include <algorithm>
#include <random>

#include "server/base/log.h"

namespace storegate::repository {
namespace {

std::string_view UseName(Backend::Use use) {
  return use == Backend::Use::kRead ? "read" : "write";
}

// None before the first probe; then doubling up to the maximum, half of it random.
std::chrono::microseconds PauseBefore(int probe, std::minstd_rand* random) {
  if (probe == 0) return {};
  const auto full = std::chrono::duration_cast<std::chrono::microseconds>(
      std::min(Breaker::kPauseMin * (1 << std::min(probe - 1, 10)), Breaker::kPauseMax));
  std::uniform_int_distribution<int64_t> between(full.count() / 2, full.count());
  return std::chrono::microseconds(between(*random));
}

}  // namespace

Breaker::Breaker(Backend* backend, Backend::Use use) : backend_(backend), use_(use) {}

Breaker::~Breaker() { Stop(); }

void Breaker::Start() {
  thread_ = std::thread([this] { Probe(); });
}

void Breaker::Stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Breaker::Trip(uint64_t generation, const Status& why) {
  {
    std::lock_guard lock(mutex_);
    if (open() || generation != this->generation()) return;
    open_.store(true, std::memory_order_release);
  }
  changed_.notify_all();
  Log(Level::kError, "database does not answer",
      {{"database", backend_->kind()},
       {"use", UseName(use_)},
       {"code", CodeName(why.code())},
       {"reason", why.reason()}});
}

void Breaker::Answered() {
  if (probes_.load(std::memory_order_relaxed) != 0) probes_.store(0, std::memory_order_relaxed);
}

void Breaker::Probe() {
  std::minstd_rand random(std::random_device{}());
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return open() || stopping_; });
    const auto pause = PauseBefore(probes_.fetch_add(1, std::memory_order_relaxed), &random);
    changed_.wait_for(lock, pause, [this] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    const bool answered = backend_->Connect(use_).ok();
    if (answered) {
      Log(Level::kInfo, "database answers again",
          {{"database", backend_->kind()}, {"use", UseName(use_)}});
    }
    lock.lock();
    if (answered) {
      generation_.fetch_add(1, std::memory_order_release);
      open_.store(false, std::memory_order_release);
    }
  }
}

}  // namespace storegate::repository
