// How one scalar travels on the wire, shared by what writes rows (wire_sink.cc)
// and what reads JSON (json_read.cc). Each function writes at `p`, which has room
// for kScalarMax bytes, and returns the end: a field is put together on the stack
// and appended at once. Source: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>

#include <google/protobuf/descriptor.h>

#include "server/base/wire.h"

namespace storegate::repository {

// Two tags, a length, and the largest content (a Duration's 1 + 10 + 1 + 10).
inline constexpr size_t kScalarMax = 40;

inline char* PutVarint(uint64_t value, char* p) {
  while (value >= 0x80) {
    *p++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *p++ = static_cast<char>(value);
  return p;
}

inline char* PutTag(int number, wire::Type type, char* p) {
  return PutVarint(wire::Tag(number, type), p);
}

inline wire::Type WireTypeOf(google::protobuf::FieldDescriptor::Type type) {
  using F = google::protobuf::FieldDescriptor;
  switch (type) {
    case F::TYPE_FIXED32:
    case F::TYPE_SFIXED32:
    case F::TYPE_FLOAT: return wire::kFixed32;
    case F::TYPE_FIXED64:
    case F::TYPE_SFIXED64:
    case F::TYPE_DOUBLE: return wire::kFixed64;
    case F::TYPE_STRING:
    case F::TYPE_BYTES:
    case F::TYPE_MESSAGE:
    case F::TYPE_GROUP: return wire::kLength;
    default: return wire::kVarint;
  }
}

inline char* PutFixed32(uint32_t value, char* p) {
  std::memcpy(p, &value, 4);
  return p + 4;
}

inline char* PutFixed64(uint64_t value, char* p) {
  std::memcpy(p, &value, 8);
  return p + 8;
}

// An integer, bool or enum number. What does not fit the type is cut to it, as
// protobuf's own parser would.
inline char* PutInteger(google::protobuf::FieldDescriptor::Type type, int64_t value, char* p) {
  using F = google::protobuf::FieldDescriptor;
  switch (type) {
    case F::TYPE_SINT32: return PutVarint(wire::ZigZag(static_cast<int32_t>(value)), p);
    case F::TYPE_SINT64: return PutVarint(wire::ZigZag(value), p);
    case F::TYPE_FIXED32:
    case F::TYPE_SFIXED32: return PutFixed32(static_cast<uint32_t>(value), p);
    case F::TYPE_FIXED64:
    case F::TYPE_SFIXED64: return PutFixed64(static_cast<uint64_t>(value), p);
    case F::TYPE_UINT32: return PutVarint(static_cast<uint32_t>(value), p);
    case F::TYPE_INT32:
    // Negative numbers of 32 bits take ten bytes: they are sign-extended.
    case F::TYPE_ENUM: return PutVarint(static_cast<uint64_t>(static_cast<int32_t>(value)), p);
    default: return PutVarint(static_cast<uint64_t>(value), p);
  }
}

// A float or double. -0.0 becomes 0.
inline char* PutReal(google::protobuf::FieldDescriptor::Type type, double value, char* p) {
  if (type == google::protobuf::FieldDescriptor::TYPE_FLOAT) {
    const float narrow = static_cast<float>(value) + 0.0f;
    uint32_t bits;
    std::memcpy(&bits, &narrow, 4);
    return PutFixed32(bits, p);
  }
  value += 0.0;
  uint64_t bits;
  std::memcpy(&bits, &value, 8);
  return PutFixed64(bits, p);
}

// The content of Timestamp and Duration alike: seconds = 1, nanos = 2.
inline char* PutSecondsAndNanos(int64_t seconds, int64_t nanos, char* p) {
  if (seconds != 0) p = PutVarint(static_cast<uint64_t>(seconds), PutTag(1, wire::kVarint, p));
  if (nanos != 0) p = PutVarint(static_cast<uint64_t>(nanos), PutTag(2, wire::kVarint, p));
  return p;
}

// The nanos of a Timestamp count forward, also before 1970.
inline char* PutTimestamp(int64_t millis, char* p) {
  int64_t seconds = millis / 1000;
  int64_t rest = millis % 1000;
  if (rest < 0) rest += 1000, --seconds;
  return PutSecondsAndNanos(seconds, rest * 1000000, p);
}

// The nanos of a Duration have the sign of its seconds.
inline char* PutDuration(int64_t micros, char* p) {
  return PutSecondsAndNanos(micros / 1000000, micros % 1000000 * 1000, p);
}

// Appends field `number` with the content from `begin` to `end`, at most 22
// bytes, as a message: a Timestamp, a Duration, or a wrapper around a number.
inline void AppendSmallMessage(int number, const char* begin, const char* end, std::string* out) {
  char head[kScalarMax];
  char* p = PutTag(number, wire::kLength, head);
  *p++ = static_cast<char>(end - begin);
  out->append(head, p - head);
  out->append(begin, end - begin);
}

}  // namespace storegate::repository
