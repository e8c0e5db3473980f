// Random text, plain and hostile.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace storegate::test {

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}

  // Both ends included.
  int64_t Between(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  double Between(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(engine_);
  }
  // In `percent` of the calls.
  bool Chance(int percent) { return Between(int64_t{1}, int64_t{100}) <= percent; }
  template <typename T>
  const T& Pick(const std::vector<T>& of) {
    return of[static_cast<size_t>(Between(int64_t{0}, static_cast<int64_t>(of.size()) - 1))];
  }
  std::mt19937_64& engine() { return engine_; }

 private:
  std::mt19937_64 engine_;
};

// Of `low` to `high` code points: mostly letters and digits, sometimes accents,
// other scripts, quotes, wildcards.
std::string RandomText(Random& random, int64_t low, int64_t high);
std::string RandomBytes(Random& random, int64_t low, int64_t high);

// A text that a regular expression matches as a whole: literals, classes, groups,
// alternatives and quantifiers; aborts on what it does not know, so that a new
// pattern in a schema is noticed.
std::string TextMatching(std::string_view pattern, Random& random);

// Well-formed texts that have broken other systems: case, accents, trailing
// spaces, wildcards, quotes, injections, beyond the BMP, controls.
const std::vector<std::string>& HostileTexts();
// Keys of maps and Structs that databases give a meaning to.
const std::vector<std::string>& HostileKeys();

// RFC 4122 layout, version 7, canonical.
std::string RandomUuid(Random& random);
std::string RandomObjectId(Random& random);

}  // namespace storegate::test
