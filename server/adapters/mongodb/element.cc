#include "server/adapters/mongodb/element.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/repository/nested_wire.h"

namespace storegate::mongodb {

using schema::Type;

namespace {

// google.protobuf.Duration: 315,576,000,000 seconds and what is below the next one.
constexpr int64_t kMaxDurationMicros = 315576000000999999;

// ± digits × 10^exponent.
struct Decimal {
  bool negative = false;
  unsigned __int128 digits = 0;  // at most 34 of them
  int exponent = 0;
};

// libbson reads Decimal128 into text only: "-12.5", "1E+3", "0E-7". Empty for Infinity and
// NaN.
std::optional<Decimal> DecimalAt(const bson_iter_t& at) {
  bson_decimal128_t bits;
  if (!bson_iter_decimal128(&at, &bits)) return std::nullopt;
  char text[BSON_DECIMAL128_STRING];
  bson_decimal128_to_string(&bits, text);
  Decimal decimal;
  const char* p = text;
  if (*p == '-') decimal.negative = true, ++p;
  bool fraction = false;
  for (; *p == '.' || (*p >= '0' && *p <= '9'); ++p) {
    if (*p == '.') {
      fraction = true;
      continue;
    }
    decimal.digits = decimal.digits * 10 + static_cast<unsigned>(*p - '0');
    if (fraction) --decimal.exponent;
  }
  if (*p == 'E') {
    ++p;
    if (*p == '+') ++p;
    int exponent = 0;
    const char* const end = p + std::strlen(p);
    p = std::from_chars(p, end, exponent).ptr;
    decimal.exponent += exponent;
  }
  if (*p != '\0') return std::nullopt;
  return decimal;
}

std::optional<int64_t> Whole(Decimal decimal) {
  constexpr auto kMax = static_cast<unsigned __int128>(std::numeric_limits<int64_t>::max());
  if (decimal.digits == 0) return 0;
  for (; decimal.exponent < 0; ++decimal.exponent) {
    if (decimal.digits % 10 != 0) return std::nullopt;
    decimal.digits /= 10;
  }
  for (; decimal.exponent > 0 && decimal.digits <= kMax; --decimal.exponent) decimal.digits *= 10;
  if (decimal.digits > kMax + (decimal.negative ? 1 : 0)) return std::nullopt;
  const auto magnitude = static_cast<uint64_t>(decimal.digits);
  return static_cast<int64_t>(decimal.negative ? 0 - magnitude : magnitude);
}

// The double that it is exactly: digits × 5^exponent, without its factors of two, has to
// fit the 53 bits of one.
std::optional<double> Exact(Decimal decimal) {
  constexpr auto kMax = static_cast<unsigned __int128>(1) << 53;
  if (decimal.digits == 0) return 0.0;
  int power_of_two = decimal.exponent;
  for (; decimal.digits % 2 == 0; decimal.digits /= 2) ++power_of_two;
  for (; decimal.exponent < 0; ++decimal.exponent) {
    if (decimal.digits % 5 != 0) return std::nullopt;
    decimal.digits /= 5;
  }
  for (; decimal.exponent > 0 && decimal.digits <= kMax; --decimal.exponent) decimal.digits *= 5;
  if (decimal.digits > kMax) return std::nullopt;
  const auto odd = static_cast<double>(decimal.digits);
  const double value = std::ldexp(odd, power_of_two);
  // Too large it is infinite, too small it lost digits.
  if (!std::isfinite(value) || std::ldexp(value, -power_of_two) != odd) return std::nullopt;
  return decimal.negative ? -value : value;
}

std::optional<int64_t> Whole(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (!(value >= -kLimit && value < kLimit) || value != std::trunc(value)) return std::nullopt;
  return static_cast<int64_t>(value);
}

std::optional<int64_t> WholeAt(const bson_iter_t& at) {
  switch (bson_iter_type(&at)) {
    case BSON_TYPE_INT32: return bson_iter_int32(&at);
    case BSON_TYPE_INT64: return bson_iter_int64(&at);
    case BSON_TYPE_DOUBLE: return Whole(bson_iter_double(&at));
    case BSON_TYPE_DECIMAL128: {
      const std::optional<Decimal> decimal = DecimalAt(at);
      return decimal ? Whole(*decimal) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

std::optional<double> Exact(int64_t value) {
  const auto real = static_cast<double>(value);
  return Whole(real) == value ? std::optional(real) : std::nullopt;
}

std::optional<double> ExactAt(const bson_iter_t& at) {
  switch (bson_iter_type(&at)) {
    case BSON_TYPE_INT32: return bson_iter_int32(&at);
    case BSON_TYPE_INT64: return Exact(bson_iter_int64(&at));
    case BSON_TYPE_DOUBLE: return bson_iter_double(&at);
    case BSON_TYPE_DECIMAL128: {
      const std::optional<Decimal> decimal = DecimalAt(at);
      return decimal ? Exact(*decimal) : std::nullopt;
    }
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<int64_t> IntegerAt(const bson_iter_t& at, Type type) {
  if (type == Type::kTimestamp) {
    if (bson_iter_type(&at) != BSON_TYPE_DATE_TIME) return std::nullopt;
    const int64_t millis = bson_iter_date_time(&at);
    if (millis < kMinTimestampMillis || millis > kMaxTimestampMillis) return std::nullopt;
    return millis;
  }
  const std::optional<int64_t> value = WholeAt(at);
  if (!value || !repository::InRange(type, *value)) return std::nullopt;
  if (type == Type::kDuration && (*value < -kMaxDurationMicros || *value > kMaxDurationMicros)) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> RealAt(const bson_iter_t& at, Type type) {
  const std::optional<double> value = ExactAt(at);
  if (!value || std::isnan(*value)) return std::nullopt;
  if (type == Type::kFloat && std::isfinite(*value) && std::isinf(static_cast<float>(*value))) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::string_view> TextAt(const bson_iter_t& at) {
  if (bson_iter_type(&at) != BSON_TYPE_UTF8) return std::nullopt;
  uint32_t length = 0;
  const char* data = bson_iter_utf8(&at, &length);
  const std::string_view text(data, length);
  if (FindInvalidUtf8(text) != std::string_view::npos) return std::nullopt;
  return text;
}

std::optional<std::string_view> BytesAt(const bson_iter_t& at) {
  if (bson_iter_type(&at) != BSON_TYPE_BINARY) return std::nullopt;
  bson_subtype_t subtype = BSON_SUBTYPE_BINARY;
  uint32_t length = 0;
  const uint8_t* data = nullptr;
  bson_iter_binary(&at, &subtype, &length, &data);
  if (subtype != BSON_SUBTYPE_BINARY) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(data), length);
}

}  // namespace storegate::mongodb
