#include "bench/load/worker.h"

#include <sys/prctl.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace storegate::bench {
namespace {

constexpr std::chrono::seconds kSilence{30};
constexpr int kMaxUnderWay = 20000;

}  // namespace

struct Worker::Call : Rpc {
  Question question;
  Clock::time_point due;
};

Worker::Worker(const std::string& target, const Scenario& scenario, uint64_t seed, Run* run)
    : scenario_(scenario),
      method_(scenario.method()),
      run_(run),
      connection_(target, method_),
      random_(seed) {}

Worker::~Worker() = default;

void Worker::Report(const std::string& failure) {
  if (!run_->failed.exchange(true)) std::fprintf(stderr, "bench_load: %s\n", failure.c_str());
}

void Worker::Silent() {
  std::fprintf(stderr, "bench_load: %d calls are unanswered since %d s\n", under_way_,
               static_cast<int>(kSilence.count()));
  std::_Exit(1);
}

bool Worker::Open() {
  if (connection_.Open()) return true;
  Report(connection_.failure());
  return false;
}

void Worker::Start(Clock::time_point due) {
  if (spare_.empty()) {
    calls_.push_back(std::make_unique<Call>());
    spare_.push_back(calls_.back().get());
  }
  Call* call = spare_.back();
  spare_.pop_back();
  scenario_.Ask(&random_, &call->question);
  call->request = call->question.request;
  call->due = due;
  if (under_way_++ == 0) heard_ = due;
  connection_.Start(call);
}

void Worker::Check(const Call& call) {
  const std::string wrong =
      call.error.empty() ? scenario_.Check(call.question, call.answer()) : call.error;
  if (!wrong.empty()) {
    Report("a wrong answer of " + method_ + " to " + call.question.id + ": " + wrong);
  }
}

bool Worker::Exchange(std::chrono::nanoseconds patience) {
  ended_.clear();
  const bool usable = connection_.Exchange(patience, &ended_);
  const Clock::time_point arrived = connection_.arrived();
  for (Rpc* rpc : ended_) {
    Call* call = static_cast<Call*>(rpc);
    Check(*call);
    if (arrived >= run_->begin && arrived < run_->end) {
      latencies_.Add(std::chrono::nanoseconds(arrived - call->due).count());
    }
    spare_.push_back(call);
  }
  under_way_ -= static_cast<int>(ended_.size());
  if (!usable) {
    Report(connection_.failure());
    return false;
  }
  if (!ended_.empty()) {
    heard_ = arrived;
  } else if (under_way_ > 0 && Clock::now() - heard_ >= kSilence) {
    Silent();
  }
  return true;
}

void Worker::RunClosed(int outstanding) {
  if (!Open()) return;
  do {
    const Clock::time_point now = Clock::now();
    if (now < run_->end && !run_->failed) {
      while (under_way_ < outstanding) Start(now);
    }
  } while (under_way_ > 0 && Exchange(kSilence));
}

void Worker::RunOpen(double rate) {
  if (!Open()) return;
  prctl(PR_SET_TIMERSLACK, 1000);  // ppoll wakes up to 50 microseconds late otherwise
  Random gaps(static_cast<uint64_t>(rate) + 7);
  Clock::time_point due = Clock::now();
  bool sending = true;
  do {
    const Clock::time_point now = Clock::now();
    while (sending && due <= now && due < run_->end && under_way_ < kMaxUnderWay) {
      Start(due);
      const double share = (static_cast<double>(gaps.Next() >> 11) + 1) / 9007199254740993.0;
      due += std::chrono::nanoseconds(static_cast<int64_t>(-std::log(share) / rate * 1e9));
    }
    if (under_way_ >= kMaxUnderWay) {
      Report("the server does not keep up with " + std::to_string(std::llround(rate)) +
             " calls a second");
    }
    sending = due < run_->end && !run_->failed;
  } while ((sending || under_way_ > 0) &&
           Exchange(sending ? due - Clock::now() : std::chrono::milliseconds(100)));
}

}  // namespace storegate::bench
