#include "bench/load/worker.h"

#include <sys/prctl.h>
#include <time.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <thread>

namespace storegate::bench {
namespace {

constexpr std::chrono::seconds kSilence{30};
constexpr int kMaxUnderWay = 20000;

std::string_view View(const grpc::Slice& slice) {
  return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
}

// Finer than std::this_thread::sleep_until, whose slack is 50 microseconds.
void SleepUntil(Clock::time_point when) {
  auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch());
  timespec until{static_cast<time_t>(since.count() / 1000000000),
                 static_cast<long>(since.count() % 1000000000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) != 0) {
  }
}

}  // namespace

struct Worker::Call {
  std::optional<grpc::ClientContext> context;  // not for reuse, the rest is
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  Question question;
  grpc::ByteBuffer answer;
  grpc::Status status;
  Clock::time_point due;
};

Worker::Worker(const std::string& target, const Scenario& scenario, uint64_t seed, Run* run)
    : scenario_(scenario), method_(scenario.method()), run_(run), random_(seed) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  arguments.SetMaxReceiveMessageSize(-1);
  stub_ = std::make_unique<grpc::GenericStub>(
      grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments));
}

Worker::~Worker() {
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

Worker::Call* Worker::Take() {
  std::lock_guard lock(mutex_);
  if (spare_.empty()) {
    calls_.push_back(std::make_unique<Call>());
    spare_.push_back(calls_.back().get());
  }
  Call* call = spare_.back();
  spare_.pop_back();
  scenario_.Ask(&random_, &call->question);
  return call;
}

void Worker::Start(Call* call, Clock::time_point due) {
  ++under_way_;
  call->due = due;
  call->reader.reset();
  call->context.emplace();
  grpc::Slice slice(call->question.request);
  call->reader =
      stub_->PrepareUnaryCall(&*call->context, method_, grpc::ByteBuffer(&slice, 1), &queue_);
  call->reader->StartCall();
  call->reader->Finish(&call->answer, &call->status, call);
}

void Worker::Silent() {
  std::fprintf(stderr, "bench_load: %d calls are unanswered since %d s\n", under_way_.load(),
               static_cast<int>(kSilence.count()));
  std::_Exit(1);
}

bool Worker::Finish(std::chrono::milliseconds patience) {
  void* tag = nullptr;
  bool ok = false;
  auto until = std::chrono::system_clock::now() + patience;
  if (queue_.AsyncNext(&tag, &ok, until) != grpc::CompletionQueue::GOT_EVENT) return false;
  const Clock::time_point now = Clock::now();
  Call* call = static_cast<Call*>(tag);
  --under_way_;

  std::string wrong;
  if (call->status.ok()) {
    grpc::Slice whole;
    if (!call->answer.TrySingleSlice(&whole).ok()) (void)call->answer.DumpToSingleSlice(&whole);
    wrong = scenario_.Check(call->question, View(whole));
  } else {
    wrong = "status " + std::to_string(call->status.error_code()) + ": " +
            call->status.error_message();
  }
  call->answer.Clear();
  if (!wrong.empty() && !run_->failed.exchange(true)) {
    std::fprintf(stderr, "bench_load: a wrong answer of %s to %s: %s\n", method_.c_str(),
                 call->question.id.c_str(), wrong.c_str());
  }
  if (now >= run_->begin && now < run_->end) {
    latencies_.Add(std::chrono::nanoseconds(now - call->due).count());
  }
  std::lock_guard lock(mutex_);
  spare_.push_back(call);
  return true;
}

void Worker::RunClosed(int outstanding) {
  for (int i = 0; i < outstanding; ++i) Start(Take(), Clock::now());
  while (under_way_ > 0) {
    if (!Finish(kSilence)) Silent();
    const Clock::time_point now = Clock::now();
    if (now < run_->end && !run_->failed) Start(Take(), now);
  }
}

void Worker::SendOpen(double rate) {
  prctl(PR_SET_TIMERSLACK, 1000);
  Random gaps(static_cast<uint64_t>(rate) + 7);
  Clock::time_point due = Clock::now();
  while (due < run_->end && !run_->failed) {
    SleepUntil(due);
    if (under_way_ >= kMaxUnderWay) {
      std::fprintf(stderr, "bench_load: the server does not keep up with %.0f calls a second\n",
                   rate);
      run_->failed = true;
      return;
    }
    Start(Take(), due);
    double share = (static_cast<double>(gaps.Next() >> 11) + 1) / 9007199254740993.0;
    due += std::chrono::nanoseconds(static_cast<int64_t>(-std::log(share) / rate * 1e9));
  }
}

void Worker::RunOpen(double rate) {
  std::atomic<bool> sending = true;
  std::thread sender([&] {
    SendOpen(rate);
    sending = false;
  });
  Clock::time_point last = Clock::now();
  while (sending || under_way_ > 0) {
    bool answered = Finish(std::chrono::milliseconds(100));
    if (answered) last = Clock::now();
    if (Clock::now() - last > kSilence) Silent();
  }
  sender.join();
}

}  // namespace storegate::bench
