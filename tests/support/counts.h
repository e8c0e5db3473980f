// How often a test repeats, and from which seed.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace storegate::test {

// `full` under STOREGATE_LONG=1, else a tenth of it, at least 1.
inline int Count(int full) {
  const char* text = std::getenv("STOREGATE_LONG");
  if (text != nullptr && std::strcmp(text, "1") == 0) return full;
  return full / 10 > 0 ? full / 10 : 1;
}

// STOREGATE_SEED where it is set.
inline uint64_t Seed(uint64_t otherwise) {
  const char* text = std::getenv("STOREGATE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace storegate::test
