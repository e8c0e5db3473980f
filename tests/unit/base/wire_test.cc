#include "server/base/wire.h"

#include <gtest/gtest.h>

namespace storegate::wire {
namespace {

TEST(WireTest, VarintsComeBack) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{127}, uint64_t{128},
                               uint64_t{300}, uint64_t{1} << 35, UINT64_MAX}) {
    std::string out;
    AppendVarint(value, &out);
    EXPECT_EQ(out.size(), VarintSize(value));
    std::string_view in = out;
    uint64_t read = 1;
    ASSERT_TRUE(ReadVarint(&in, &read));
    EXPECT_EQ(read, value);
    EXPECT_TRUE(in.empty());
  }
}

TEST(WireTest, BrokenVarintsAreRefused) {
  uint64_t value;
  for (const std::string& bytes : {std::string(), std::string("\x80"), std::string(9, '\xFF'),
                                   std::string(10, '\xFF'), std::string(11, '\x80'),
                                   std::string(9, '\xFF') + "\x02"}) {
    std::string_view in = bytes;
    EXPECT_FALSE(ReadVarint(&in, &value)) << bytes.size();
    EXPECT_EQ(in.size(), bytes.size());
  }
}

TEST(WireTest, ZigZagKeepsSmallNumbersSmall) {
  EXPECT_EQ(ZigZag(0), 0u);
  EXPECT_EQ(ZigZag(-1), 1u);
  EXPECT_EQ(ZigZag(1), 2u);
  EXPECT_EQ(ZigZag(INT64_MIN), UINT64_MAX);
}

TEST(WireTest, LengthIsWrittenOnceTheContentIsKnown) {
  for (const size_t size : {0u, 1u, 127u, 128u, 20000u, 3000000u}) {
    std::string out = "before", expected = "before";
    const std::string content(size, 'x');
    const size_t outer = Begin(1, &out);
    const size_t inner = Begin(2, &out);
    out += content;
    End(inner, &out);
    End(outer, &out);
    std::string nested;
    AppendBytes(2, content, &nested);
    AppendBytes(1, nested, &expected);
    EXPECT_EQ(out, expected) << size;
  }
}

}  // namespace
}  // namespace storegate::wire
