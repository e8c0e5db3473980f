// Which of the values asked for a row has, for sessions whose database gives rows in
// any order.
#pragma once

#include <cstddef>
#include <map>

#include "server/repository/backend.h"

namespace storegate::repository {

// Of one Get. `request` outlives it.
class ValueIndex {
 public:
  explicit ValueIndex(const GetRequest& request) : size_(request.values.size()) {
    if (single()) return;
    for (size_t i = 0; i < size_; ++i) index_.emplace(request.values[i], i);
  }

  // One value was asked for: every row has it, and its key need not be read.
  bool single() const { return size_ == 1; }
  // Past the end of GetRequest::values: none of them. REQUIRES: !single().
  size_t Find(const KeyValues& key) const {
    const auto found = index_.find(key);
    return found == index_.end() ? size_ : found->second;
  }

 private:
  const size_t size_;
  std::map<KeyValues, size_t> index_;
};

}  // namespace storegate::repository
