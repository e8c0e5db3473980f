#include "server/base/time.h"

#include <cstdlib>
#include <random>

#include <gtest/gtest.h>

namespace storegate {
namespace {

TEST(TimestampTest, IsAlwaysTwentyFourBytes) {
  EXPECT_EQ(FormatTimestamp(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTimestamp(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(FormatTimestamp(951782400000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(FormatTimestamp(kMinTimestampMillis), "0001-01-01T00:00:00.000Z");
  EXPECT_EQ(FormatTimestamp(kMaxTimestampMillis), "9999-12-31T23:59:59.999Z");
}

TEST(TimestampTest, ReadsEveryFormOfRfc3339) {
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01t00:00:00z"), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00.5Z"), 500);
  EXPECT_EQ(ParseTimestamp("1970-01-01T01:00:00+01:00"), 0);
  EXPECT_EQ(ParseTimestamp("1969-12-31T18:30:00-05:30"), 0);
  EXPECT_EQ(ParseTimestamp("1970-01-01T00:00:00.1239999999999999999999Z"), 123);
  // Towards the past, also before 1970.
  EXPECT_EQ(ParseTimestamp("1969-12-31T23:59:59.9999Z"), -1);
}

TEST(TimestampTest, RefusesWhatIsNone) {
  for (const char* text :
       {"", "now", "1970-01-01", "1970-01-01T00:00:00", "1970-01-01 00:00:00Z",
        "1970-13-01T00:00:00Z", "1970-02-30T00:00:00Z", "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z", "1970-01-01T00:00:60Z", "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00+24:00", "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00Zx",
        "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
        "+1970-01-01T00:00:00Z", "-970-01-01T00:00:00Z", "1970-1-1T0:0:0Z"}) {
    EXPECT_EQ(ParseTimestamp(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseTimestamp(std::string_view("1970-01-01T00:00:00Z\0", 21)), std::nullopt);
}

TEST(TimestampTest, ComesBackFromItsText) {
  const int rounds = std::getenv("STOREGATE_LONG") ? 100000 : 10000;
  std::mt19937_64 random(1);
  std::uniform_int_distribution<int64_t> millis(kMinTimestampMillis, kMaxTimestampMillis);
  for (int i = 0; i < rounds; ++i) {
    const int64_t time = millis(random);
    const std::string text = FormatTimestamp(time);
    ASSERT_EQ(text.size(), 24u);
    ASSERT_EQ(ParseTimestamp(text), time) << text;
  }
}

TEST(DurationTest, HasNoneThreeOrSixDigits) {
  EXPECT_EQ(FormatDuration(0), "0s");
  EXPECT_EQ(FormatDuration(1500000), "1.500s");
  EXPECT_EQ(FormatDuration(-1), "-0.000001s");
  EXPECT_EQ(FormatDuration(-61000000), "-61s");
  EXPECT_EQ(FormatDuration(INT64_MIN), "-9223372036854.775808s");
}

TEST(DurationTest, ReadsWhatJsonHas) {
  EXPECT_EQ(ParseDuration("0s"), 0);
  EXPECT_EQ(ParseDuration("1.5s"), 1500000);
  EXPECT_EQ(ParseDuration("-0.000001s"), -1);
  EXPECT_EQ(ParseDuration("1.0000019s"), 1000001);
  EXPECT_EQ(ParseDuration("-1.0000019s"), -1000001);
  EXPECT_EQ(ParseDuration("315576000000s"), 315576000000000000);
  for (const char* text : {"", "s", "1", "1.s", ".5s", "+1s", "1m", "--1s", "1s ", "315576000001s",
                           "315576000000.000001s", "99999999999999999999999s", "1e3s"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(DeadlineTest, ExpiresWhenItsTimeHasCome) {
  EXPECT_TRUE(Expired(Deadline::min()));
  EXPECT_FALSE(Expired(Deadline::max()));
}

}  // namespace
}  // namespace storegate
