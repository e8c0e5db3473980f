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

Breaker::Breaker(Backend* backend, Backend::Use use, std::chrono::milliseconds grace)
    : backend_(backend), use_(use), grace_(grace) {}

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

bool Breaker::AwaitVerdict() {
  if (closed()) return true;
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, ask_until_.load(std::memory_order_relaxed),
                      [this] { return state_ != State::kAsking; });
  return closed();
}

void Breaker::Lost(uint64_t generation, const Status& why) {
  {
    std::lock_guard lock(mutex_);
    if (!closed() || generation != this->generation()) return;
    if (probes_.load(std::memory_order_relaxed) != 0) {
      Open(why);
    } else {
      ask_until_.store(std::chrono::steady_clock::now() + grace_, std::memory_order_relaxed);
      state_.store(State::kAsking, std::memory_order_release);
      Log(Level::kWarn, "connection to the database lost",
          {{"database", backend_->kind()}, {"use", UseName(use_)}, {"reason", why.reason()}});
    }
  }
  changed_.notify_all();
}

void Breaker::Refused(uint64_t generation, const Status& why) {
  {
    std::lock_guard lock(mutex_);
    if (state_ == State::kOpen || generation != this->generation()) return;
    Open(why);
  }
  changed_.notify_all();
}

// REQUIRES: mutex_ is held.
void Breaker::Open(const Status& why) {
  state_.store(State::kOpen, std::memory_order_release);
  Log(Level::kError, "database does not answer",
      {{"database", backend_->kind()},
       {"use", UseName(use_)},
       {"code", CodeName(why.code())},
       {"reason", why.reason()}});
}

void Breaker::Probe() {
  std::minstd_rand random(std::random_device{}());
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !closed() || stopping_; });
    const auto pause = PauseBefore(probes_.fetch_add(1, std::memory_order_relaxed), &random);
    changed_.wait_for(lock, pause, [this] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    const Status answer = backend_->Connect(use_).status();
    if (answer.ok()) {
      Log(Level::kInfo, "database answers again",
          {{"database", backend_->kind()}, {"use", UseName(use_)}});
    }
    lock.lock();
    if (answer.ok()) {
      generation_.fetch_add(1, std::memory_order_release);
      state_.store(State::kClosed, std::memory_order_release);
    } else if (state_ == State::kAsking) {
      Open(answer);
    }
    changed_.notify_all();
  }
}

}  // namespace storegate::repository
