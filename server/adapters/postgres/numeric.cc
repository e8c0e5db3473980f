#include "server/adapters/postgres/numeric.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

namespace storegate::postgres {
namespace {

// 0 and 0x4000 are signs, others no digits.
constexpr int kNegative = 0x4000;
constexpr int kNaN = 0xC000;
constexpr int kInfinity = 0xD000;
constexpr int kMinusInfinity = 0xF000;
// Digits of four decimals each. More than any double or integer has behind its first.
constexpr int kWeightMax = 100;

struct Numeric {
  int count = 0;
  int weight = 0;  // of the first digit, a power of 10,000
  int sign = 0;
  std::string_view digits;

  int Digit(int at) const {
    if (at < 0 || at >= count) return 0;
    return static_cast<unsigned char>(digits[2 * at]) << 8 |
           static_cast<unsigned char>(digits[2 * at + 1]);
  }
};

std::optional<Numeric> Read(std::string_view binary) {
  constexpr size_t kHead = 8;
  if (binary.size() < kHead) return std::nullopt;
  const auto word = [&](size_t at) {
    return static_cast<unsigned char>(binary[at]) << 8 | static_cast<unsigned char>(binary[at + 1]);
  };
  Numeric numeric{word(0), static_cast<int16_t>(word(2)), word(4), binary.substr(kHead)};
  if (numeric.digits.size() < 2 * static_cast<size_t>(numeric.count)) return std::nullopt;
  return numeric;
}

}  // namespace

std::optional<int64_t> NumericToInteger(std::string_view binary) {
  const std::optional<Numeric> numeric = Read(binary);
  if (!numeric || (numeric->sign != 0 && numeric->sign != kNegative)) return std::nullopt;
  constexpr int kInt64Weight = 4;  // 9,223,372,036,854,775,807 has five such digits
  if (numeric->count > 0 && numeric->weight > kInt64Weight) return std::nullopt;
  for (int at = std::max(numeric->weight + 1, 0); at < numeric->count; ++at) {
    if (numeric->Digit(at) != 0) return std::nullopt;
  }
  __int128 value = 0;
  for (int at = 0; at <= numeric->weight && numeric->count > 0; ++at) {
    value = value * 10000 + numeric->Digit(at);
  }
  if (numeric->sign == kNegative) value = -value;
  if (value < std::numeric_limits<int64_t>::min() || value > std::numeric_limits<int64_t>::max()) {
    return std::nullopt;
  }
  return static_cast<int64_t>(value);
}

std::optional<double> NumericToDouble(std::string_view binary) {
  const std::optional<Numeric> numeric = Read(binary);
  if (!numeric || numeric->sign == kNaN) return std::nullopt;
  const double sign =
      numeric->sign == kNegative || numeric->sign == kMinusInfinity ? -1.0 : 1.0;
  const double infinity = std::numeric_limits<double>::infinity();
  const bool infinite = numeric->sign == kInfinity || numeric->sign == kMinusInfinity;
  if (infinite || numeric->weight > kWeightMax) return sign * infinity;
  if (numeric->count == 0 || numeric->weight < -kWeightMax) return 0.0;
  // The digits as a whole number, and what power of ten it is multiplied by.
  std::string text;
  for (int at = 0; at < numeric->count; ++at) {
    const std::string digit = std::to_string(numeric->Digit(at));
    text.append(4 - std::min<size_t>(digit.size(), 4), '0').append(digit);
  }
  text += "e" + std::to_string(4 * (numeric->weight + 1 - numeric->count));
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  // Nothing is said of which side it is past; what is that large has a great weight.
  if (end.ec == std::errc::result_out_of_range) value = numeric->weight > 0 ? infinity : 0.0;
  return sign * value;
}

}  // namespace storegate::postgres
