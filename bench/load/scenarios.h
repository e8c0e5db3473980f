// What is asked, and whether it was answered right: one Scenario a kind of call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/expected.h"

namespace storegate::bench {

// xorshift64*: cheap, and the same for the same seed.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  uint64_t Next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }
  int Below(int limit) { return static_cast<int>((Next() >> 33) % limit); }

 private:
  uint64_t state_;
};

// A request under way, and what is needed to check its answer.
struct Question {
  std::string request;  // wire bytes
  std::string id;
  std::vector<int> numbers;
};

// Made once, then used by all threads at a time.
class Scenario {
 public:
  virtual ~Scenario() = default;
  virtual std::string method() const = 0;
  // Records in an answer.
  virtual int records() const { return 1; }
  // Overwrites all of `question`.
  virtual void Ask(Random* random, Question* question) const = 0;
  // Empty when `answer` is right, otherwise what is wrong.
  virtual std::string Check(const Question& question, std::string_view answer) const = 0;
};

// get: a living product by id · echo: the same, of a server that knows only
// product 0 · batch_get: 100 by id · create: one with an id of its own · list:
// the newest 20 of a category. Null for other names.
std::unique_ptr<Scenario> MakeScenario(std::string_view name, const Expected& expected);

}  // namespace storegate::bench
