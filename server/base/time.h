// Time points and text forms of time, each in one place.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace storegate {

// When a call must be answered. Monotonic.
using Deadline = std::chrono::steady_clock::time_point;

inline bool Expired(Deadline deadline) { return std::chrono::steady_clock::now() >= deadline; }

// Anything from `least` to `most`, both included: so that many who wait for one thing do not
// ask for it all at once. REQUIRES: least <= most.
std::chrono::milliseconds RandomPause(std::chrono::milliseconds least,
                                      std::chrono::milliseconds most);

// Milliseconds since 1970-01-01T00:00:00Z, now.
int64_t NowMillis();

// The range of google.protobuf.Timestamp: 0001-01-01T00:00:00.000Z and
// 9999-12-31T23:59:59.999Z, in milliseconds since 1970.
inline constexpr int64_t kMinTimestampMillis = -62135596800000;
inline constexpr int64_t kMaxTimestampMillis = 253402300799999;

// "2026-01-31T23:59:59.123Z": always 24 bytes, so that text order is time order.
// REQUIRES: within the range above.
std::string FormatTimestamp(int64_t millis);
// RFC 3339 with any offset and any number of fraction digits (finer than
// milliseconds is cut off towards the past). Empty when it is none.
std::optional<int64_t> ParseTimestamp(std::string_view text);

// google.protobuf.Duration as protobuf's JSON has it: "1.500s", "-0.000001s";
// 0, 3 or 6 fraction digits.
std::string FormatDuration(int64_t micros);
std::optional<int64_t> ParseDuration(std::string_view text);

}  // namespace storegate
