// SpotReads: point reads that the thread which submitted them runs itself, without
// waking anybody: it puts them together, starts a Get on a spare session for each
// group, and answers them when the database has, if that is soon.
//
// That thread accepts calls and must not be held up. So
//   - it takes a spare session or none, and never connects nor asks one that rested
//     for long whether it is still there: what finds no session that may be used goes
//     to the lane's queue, and the session's own thread sees to it;
//   - it waits for all that it started until one bound. Past it a session with its
//     batch is parked: left to the session's own thread, which waits for the answer,
//     gives it, and puts the session back;
//   - when kMissesMax batches in a row were parked, reads go to the lane's queue for
//     `pause`, then one round tries again. So a database that is slow or far away
//     holds up a thread for a fiftieth of its time at most.
// A thread for each session, and not one for all: a session blocks while it waits
// or connects, and must not keep another one from coming back. They sleep but for
// what is parked or has to be connected again.
//
// These sessions are never closed for being idle.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "server/repository/breaker.h"
#include "server/repository/holding.h"
#include "server/repository/read_batch.h"
#include "server/repository/task.h"
#include "server/repository/watched_session.h"

namespace storegate::repository {

class SpotReads {
 public:
  struct Options {
    int sessions = 2;
    size_t batch_max = 128;
    std::chrono::microseconds wait{2000};
    std::chrono::milliseconds pause{100};
    // A session that was not used for longer is asked by its own thread whether it is
    // fresh, which may take a trip to the database.
    std::chrono::milliseconds rest{500};
    std::chrono::milliseconds slow_query{1000};
    // Takes over reads that are to run elsewhere. Any thread.
    std::function<void(std::span<Task>)> hand_over;
    // Called when the database stopped answering.
    std::function<void()> lost;
  };

  // What it is given outlives it.
  SpotReads(Backend* backend, Breaker* breaker, Options options);
  // Stops first.
  ~SpotReads();

  // Opens every session. What Backend::Connect says. Before Start.
  Status Connect();
  void Start();
  // Nothing runs on the spot from here on; waits for what runs and what is parked.
  // Once.
  void Stop();

  // While one of these lives on a thread, nothing that it submits runs on the spot:
  // so what an answer leads to never waits within the wait for another. Within
  // another one it adds nothing.
  class Bar {
   public:
    Bar() : was_(barred_) { barred_ = true; }
    ~Bar() { barred_ = was_; }
    Bar(const Bar&) = delete;
    Bar& operator=(const Bar&) = delete;

   private:
    const bool was_;
  };
  static bool barred() { return barred_; }

  // Begins the PointReads among `tasks`, which stay where they are until Finish.
  // What it does not begin is moved to *left; what has expired is answered. False:
  // not now, and `tasks` are as they were.
  // REQUIRES: this thread is barred, from before Begin until after Finish.
  bool Begin(std::span<Task> tasks, std::vector<Task>* left);
  // Answers or parks all that this thread has begun, of any SpotReads.
  static void Finish();

  // What the sessions are used for. Any thread.
  void AddHoldings(std::vector<const Holding*>* to) const;

  static constexpr int kMissesMax = 4;
  // How long past the deadline of its readers, who are answered then, a session may
  // take to say that its statement ended, before its connection is given up.
  // Its own bound is mostly shorter.
  static constexpr std::chrono::milliseconds kDrainBound{5000};

 private:
  struct Spot;

  bool Willing() const;
  Spot* TakeSpot(Deadline now);
  void Settle(Spot* spot, const Status& status);
  void Miss();
  void PutBack(Spot* spot);
  enum class Job { kNone, kFinish, kRenew, kEnd };
  static void Post(Spot* spot, Job job);
  void RunJobs(Spot* spot);
  void FinishParked(Spot* spot);
  void Renew(Spot* spot);
  Status Reconnect(Spot* spot);

  // What this thread has begun and not finished.
  static thread_local std::vector<Spot*> begun_;
  static thread_local std::vector<PointRead*> reads_;  // kept for its memory
  static thread_local bool barred_;

  Backend* const backend_;
  Breaker* const breaker_;
  const Options options_;
  std::vector<std::unique_ptr<Spot>> spots_;

  std::atomic<int> misses_{0};                     // parked in a row
  std::atomic<Deadline> paused_until_{Deadline()};

  std::atomic<bool> stopping_{false};
  std::mutex stop_mutex_;
  std::condition_variable put_back_;
};

}  // namespace storegate::repository
