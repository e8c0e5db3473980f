// Protobuf's wire format, the part that writing and checking rows needs.
// Source: protobuf.dev/programming-guides/encoding.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace storegate::wire {

enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

inline constexpr uint32_t Tag(int number, Type type) {
  return static_cast<uint32_t>(number) << 3 | type;
}

inline void AppendVarint(uint64_t value, std::string* out) {
  char buffer[10];
  size_t size = 0;
  while (value >= 0x80) {
    buffer[size++] = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  buffer[size++] = static_cast<char>(value);
  out->append(buffer, size);
}

inline size_t VarintSize(uint64_t value) {
  size_t size = 1;
  while (value >= 0x80) value >>= 7, ++size;
  return size;
}

inline uint64_t ZigZag(int64_t value) {
  return static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
}

inline void AppendFixed32(uint32_t value, std::string* out) {
  char buffer[4];
  std::memcpy(buffer, &value, 4);  // little-endian hosts only; asserted in wire.cc
  out->append(buffer, 4);
}

inline void AppendFixed64(uint64_t value, std::string* out) {
  char buffer[8];
  std::memcpy(buffer, &value, 8);
  out->append(buffer, 8);
}

inline void AppendBytes(int number, std::string_view bytes, std::string* out) {
  AppendVarint(Tag(number, kLength), out);
  AppendVarint(bytes.size(), out);
  out->append(bytes);
}

// A length-delimited field whose size is known only after it is written:
//   size_t start = Begin(number, out); …append the content…; End(start, out);
// One byte is kept for the length; a longer content is moved once.
size_t Begin(int number, std::string* out);
void End(size_t start, std::string* out);

// Reads one varint and moves `in` past it. False when it is cut off or too long.
bool ReadVarint(std::string_view* in, uint64_t* value);

}  // namespace storegate::wire
