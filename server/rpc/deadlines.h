// Deadlines: a coarse timer wheel for the calls of one completion queue. Adding
// and removing cost the same however many there are; a deadline fires up to two
// ticks late, never early. One thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "server/base/time.h"

namespace storegate::rpc {

class Deadlines {
 public:
  static constexpr std::chrono::milliseconds kTick{20};

  // To be derived from. Neither copied nor moved while it is in a wheel.
  class Entry {
   public:
    Entry() = default;
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    friend class Deadlines;
    Entry* previous_ = nullptr;  // null: in no wheel
    Entry* next_ = nullptr;
    uint64_t tick_ = 0;
  };

  explicit Deadlines(Deadline now);
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

  // REQUIRES: `entry` is in no wheel.
  void Add(Entry* entry, Deadline deadline);
  // It is not an error if it is in no wheel.
  void Remove(Entry* entry);
  size_t size() const { return size_; }

  // Takes out each entry whose deadline has come, and calls `expire(entry)`, which
  // may remove its own entry or destroy it, but no other.
  template <typename Expire>
  void Advance(Deadline now, Expire expire) {
    const uint64_t until = TickAt(now);
    if (until <= now_) return;
    const uint64_t from = until - now_ > kSlots ? until - kSlots : now_;
    now_ = until;
    for (uint64_t tick = from + 1; tick <= until; ++tick) Sweep(tick % kSlots, until, expire);
  }

  // Takes out all.
  template <typename Expire>
  void Clear(Expire expire) {
    for (size_t slot = 0; slot < kSlots; ++slot) Sweep(slot, UINT64_MAX, expire);
  }

  // When Advance should be called next, at the latest; empty when never.
  std::optional<Deadline> Next() const;

 private:
  static constexpr size_t kSlots = 1024;  // a turn takes 20 s; later deadlines stay for more turns
  static constexpr size_t kWordBits = 64;

  uint64_t TickAt(Deadline time) const;

  template <typename Expire>
  void Sweep(size_t slot, uint64_t until, Expire& expire) {
    Entry* const head = &slots_[slot];
    for (Entry* entry = head->next_; entry != head;) {
      Entry* const next = entry->next_;
      if (entry->tick_ <= until) {
        Remove(entry);
        expire(entry);
      }
      entry = next;
    }
  }

  const Deadline start_;
  uint64_t now_ = 0;
  size_t size_ = 0;
  std::array<Entry, kSlots> slots_;  // heads of circular lists
  std::array<uint64_t, kSlots / kWordBits> used_{};  // bit set: the slot's list is not empty
};

}  // namespace storegate::rpc
