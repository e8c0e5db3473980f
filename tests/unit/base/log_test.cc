#include "server/base/log.h"

#include <limits>
#include <thread>
#include <vector>

#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>

namespace storegate {
namespace {

// What `work` prints to stderr, the time of each line cut off.
template <typename Work>
std::vector<std::string> Logged(Work work) {
  testing::internal::CaptureStderr();
  work();
  const std::string all = testing::internal::GetCapturedStderr();
  std::vector<std::string> lines;
  constexpr size_t kTime = sizeof("{\"time\":\"2026-01-31T23:59:59.123Z\",") - 1;
  for (size_t start = 0; start < all.size();) {
    const size_t end = all.find('\n', start);
    const std::string line = all.substr(start, end - start);
    EXPECT_EQ(line.substr(0, 9), "{\"time\":\"");
    lines.push_back(line.substr(std::min(kTime, line.size())));
    start = end == std::string::npos ? all.size() : end + 1;
  }
  return lines;
}

TEST(LogTest, WritesOneObjectALine) {
  const auto lines = Logged([] {
    Log(Level::kWarn, "slow\nstatement %d {}",
        {{"entity", "x.v1.Book"}, {"ms", 1200}, {"ratio", 0.5}, {"again", false},
         {"none", std::numeric_limits<double>::infinity()}, {"bad", "\xFF\""}});
  });
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0],
            "\"level\":\"warn\",\"message\":\"slow\\nstatement %d {}\",\"entity\":\"x.v1.Book\","
            "\"ms\":1200,\"ratio\":0.5,\"again\":false,\"none\":null,\"bad\":\"\uFFFD\\\"\"}");
}

TEST(LogTest, LevelsBelowTheChosenOneAreSilent) {
  EXPECT_TRUE(Logged([] { Log(Level::kDebug, "hidden"); }).empty());
  SetLogLevel(Level::kError);
  EXPECT_TRUE(Logged([] { Log(Level::kWarn, "hidden"); }).empty());
  SetLogLevel(Level::kDebug);
  EXPECT_EQ(Logged([] { Log(Level::kDebug, "shown"); }).size(), 1u);
  SetLogLevel(Level::kInfo);
}

TEST(LogTest, ThreadsDoNotMixTheirLines) {
  const auto lines = Logged([] {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        for (int j = 0; j < 250; ++j) Log(Level::kInfo, "line");
      });
    }
    for (auto& thread : threads) thread.join();
  });
  EXPECT_EQ(lines.size(), 1000u);
  for (const auto& line : lines) ASSERT_EQ(line, "\"level\":\"info\",\"message\":\"line\"}");
}

TEST(LogTest, ProtobufIsQuietUnlessDebugging) {
  CaptureProtobufLogs();
  EXPECT_TRUE(Logged([] { GOOGLE_LOG(ERROR) << "String field contains invalid UTF-8"; }).empty());
  SetLogLevel(Level::kDebug);
  EXPECT_EQ(Logged([] { GOOGLE_LOG(ERROR) << "String field contains invalid UTF-8"; }).size(), 1u);
  SetLogLevel(Level::kInfo);
}

}  // namespace
}  // namespace storegate
