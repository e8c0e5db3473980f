// Burst: answers that one thread gives in a row, without blocking in between. Who
// sends them may leave to the end what is better done once for all.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace storegate {

class Burst {
 public:
  using End = void (*)(int argument);

  // Of so many answers; of one there is nothing to gain. Within another one it adds
  // nothing.
  explicit Burst(size_t answers) : counts_(answers > 1) { depth_ += counts_; }
  ~Burst() {
    if (!counts_ || --depth_ > 0) return;
    for (const auto& [end, argument] : ends_) end(argument);
    ends_.clear();
  }
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;

  // Whether there is one on this thread.
  static bool on() { return depth_ > 0; }
  // Has `end(argument)` called when this thread's burst ends. False: it is to be
  // called already. REQUIRES: on().
  static bool AtEnd(End end, int argument) {
    const std::pair<End, int> wanted(end, argument);
    if (std::ranges::find(ends_, wanted) != ends_.end()) return false;
    ends_.push_back(wanted);
    return true;
  }

 private:
  static inline thread_local int depth_ = 0;
  static inline thread_local std::vector<std::pair<End, int>> ends_;

  const bool counts_;
};

}  // namespace storegate
