// How often a random test goes round, and from which seed.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string_view>

#include <gtest/gtest.h>

namespace storegate::repository {

// Full counts with STOREGATE_LONG=1, else a tenth.
inline int Repeats(int full) {
  const char* value = std::getenv("STOREGATE_LONG");
  return value != nullptr && std::string_view(value) == "1" ? full : full / 10;
}

// --gtest_random_seed=N repeats a run; without it each run has its own.
inline uint64_t Seed() {
  const int32_t given = GTEST_FLAG_GET(random_seed);
  return given != 0 ? static_cast<uint64_t>(given) : std::random_device{}() % 99999 + 1;
}

}  // namespace storegate::repository
