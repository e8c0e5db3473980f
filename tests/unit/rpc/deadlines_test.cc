#include "server/rpc/deadlines.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <vector>

namespace storegate::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const Deadline kStart = Deadline(std::chrono::hours(1));

struct Timer : Deadlines::Entry {
  Deadline deadline;
};

std::vector<Timer*> Advance(Deadlines* deadlines, Deadline now) {
  std::vector<Timer*> expired;
  deadlines->Advance(now, [&](Deadlines::Entry* entry) {
    expired.push_back(static_cast<Timer*>(entry));
  });
  return expired;
}

TEST(Deadlines, FireNeverEarlyAndAtMostTwoTicksLate) {
  Deadlines deadlines(kStart);
  Timer timer;
  deadlines.Add(&timer, kStart + milliseconds(105));
  EXPECT_TRUE(Advance(&deadlines, kStart + milliseconds(105)).empty());
  EXPECT_EQ(Advance(&deadlines, kStart + milliseconds(145)), std::vector<Timer*>{&timer});
  EXPECT_EQ(deadlines.size(), 0u);
}

TEST(Deadlines, OneThatHasPassedFiresAtTheNextTick) {
  Deadlines deadlines(kStart);
  Advance(&deadlines, kStart + seconds(100));
  Timer timer;
  deadlines.Add(&timer, kStart);
  EXPECT_EQ(Advance(&deadlines, kStart + seconds(100) + Deadlines::kTick).size(), 1u);
}

TEST(Deadlines, OneBeyondATurnStaysForItsOwn) {
  Deadlines deadlines(kStart);
  Timer timer;
  deadlines.Add(&timer, kStart + seconds(100));
  for (Deadline now = kStart; now < kStart + seconds(100); now += milliseconds(37)) {
    ASSERT_TRUE(Advance(&deadlines, now).empty());
  }
  EXPECT_EQ(Advance(&deadlines, kStart + seconds(101)).size(), 1u);
}

TEST(Deadlines, AJumpOverSeveralTurnsFiresAll) {
  Deadlines deadlines(kStart);
  std::deque<Timer> timers(2000);
  for (size_t i = 0; i < timers.size(); ++i) {
    deadlines.Add(&timers[i], kStart + milliseconds(i * 33));
  }
  EXPECT_EQ(Advance(&deadlines, kStart + seconds(1000)).size(), timers.size());
}

TEST(Deadlines, OneRemovedDoesNotFire) {
  Deadlines deadlines(kStart);
  Timer timer;
  deadlines.Add(&timer, kStart + milliseconds(50));
  deadlines.Remove(&timer);
  deadlines.Remove(&timer);
  EXPECT_EQ(deadlines.size(), 0u);
  EXPECT_FALSE(deadlines.Next().has_value());
  EXPECT_TRUE(Advance(&deadlines, kStart + seconds(60)).empty());
}

TEST(Deadlines, ClearTakesOutAll) {
  Deadlines deadlines(kStart);
  std::deque<Timer> timers(100);
  for (size_t i = 0; i < timers.size(); ++i) deadlines.Add(&timers[i], kStart + seconds(i));
  size_t count = 0;
  deadlines.Clear([&](Deadlines::Entry*) { ++count; });
  EXPECT_EQ(count, timers.size());
  EXPECT_EQ(deadlines.size(), 0u);
}

TEST(Deadlines, NobodyIsWokenWhenNothingWaits) {
  Deadlines deadlines(kStart);
  EXPECT_FALSE(deadlines.Next().has_value());
}

TEST(Deadlines, FollowingNextFiresEachOnceAndInTime) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  Deadlines deadlines(kStart);
  std::deque<Timer> timers(1000);
  for (Timer& timer : timers) {
    timer.deadline = kStart + milliseconds(random() % 90000);
    deadlines.Add(&timer, timer.deadline);
  }
  size_t fired = 0;
  int wakes = 0;
  while (std::optional<Deadline> next = deadlines.Next()) {
    ++wakes;
    for (Timer* timer : Advance(&deadlines, *next)) {
      ++fired;
      EXPECT_LE(timer->deadline, *next);
      EXPECT_LE(*next - timer->deadline, 2 * Deadlines::kTick);
    }
  }
  EXPECT_EQ(fired, timers.size());
  EXPECT_LE(wakes, 5000);  // a lower bound of the true next one, not each tick
}

}  // namespace
}  // namespace storegate::rpc
