// Frames of HTTP/2 (RFC 9113) and integers of HPACK (RFC 7541) as bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace storegate::bench {

// RFC 9113, 6, 6.5.2.
enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPushPromise = 5,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9
};
enum FrameFlag : uint8_t {
  kEndStream = 1,
  kAck = 1,
  kEndHeaders = 4,
  kPadded = 8,
  kPriority = 32
};
enum Setting : uint16_t {
  kTableSize = 1,
  kEnablePush = 2,
  kConcurrentStreams = 3,
  kInitialWindow = 4
};

inline constexpr size_t kFrameHeader = 9;
inline constexpr uint32_t kMaxStream = 0x7fffffff;  // of windows too

struct Frame {
  uint8_t type, flags;
  uint32_t stream;
  std::string_view payload;  // points into what was read
};

// The big-endian number of `count` bytes, at most 4, from `at` on, which are there.
uint32_t ReadNumber(std::string_view bytes, size_t at, size_t count);
void PutNumber(uint32_t value, size_t count, std::string* out);

// The header of a frame whose payload the caller puts after it.
void PutFrame(size_t length, uint8_t type, uint8_t flags, uint32_t stream, std::string* out);

// Takes padding, and the priority of HEADERS, off the payload; false where it is
// too short for them.
bool Strip(Frame* frame);

// RFC 7541, 5.1: an integer in the low `bits` of a byte that begins with `first`;
// 5.2: a text as it is.
void PutInteger(uint8_t first, int bits, uint32_t value, std::string* out);
void PutText(std::string_view text, std::string* out);

}  // namespace storegate::bench
