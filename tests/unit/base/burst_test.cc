#include "server/base/burst.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace storegate {
namespace {

std::vector<int>& Ended() {
  static std::vector<int> ended;
  return ended;
}
void End(int argument) { Ended().push_back(argument); }
void OtherEnd(int argument) { Ended().push_back(-argument); }

TEST(Burst, EndsOnceWithAllThatWasLeftToTheEnd) {
  Ended().clear();
  {
    const Burst burst(2);
    EXPECT_TRUE(Burst::on());
    EXPECT_TRUE(Burst::AtEnd(End, 1));
    EXPECT_FALSE(Burst::AtEnd(End, 1));
    EXPECT_TRUE(Burst::AtEnd(OtherEnd, 1));
    {
      const Burst within(5);
      EXPECT_TRUE(Burst::AtEnd(End, 2));
    }
    EXPECT_TRUE(Ended().empty());
  }
  EXPECT_EQ(Ended(), (std::vector<int>{1, -1, 2}));
  EXPECT_FALSE(Burst::on());
}

TEST(Burst, OfOneAnswerIsNone) {
  const Burst burst(1);
  EXPECT_FALSE(Burst::on());
}

TEST(Burst, IsOfItsThread) {
  const Burst burst(2);
  std::thread([] { EXPECT_FALSE(Burst::on()); }).join();
}

}  // namespace
}  // namespace storegate
