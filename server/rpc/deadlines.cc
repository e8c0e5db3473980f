#include "server/rpc/deadlines.h"

#include <algorithm>
#include <bit>

namespace storegate::rpc {

Deadlines::Deadlines(Deadline now) : start_(now) {
  for (Entry& head : slots_) head.previous_ = head.next_ = &head;
}

uint64_t Deadlines::TickAt(Deadline time) const {
  return time <= start_ ? 0 : static_cast<uint64_t>((time - start_) / kTick);
}

void Deadlines::Add(Entry* entry, Deadline deadline) {
  // The tick after: never early. One that has passed already fires at the next.
  entry->tick_ = std::max(TickAt(deadline), now_) + 1;
  const size_t slot = entry->tick_ % kSlots;
  Entry* const head = &slots_[slot];
  entry->previous_ = head->previous_;
  entry->next_ = head;
  entry->previous_->next_ = entry;
  head->previous_ = entry;
  used_[slot / kWordBits] |= uint64_t{1} << slot % kWordBits;
  ++size_;
}

void Deadlines::Remove(Entry* entry) {
  if (entry->previous_ == nullptr) return;
  entry->previous_->next_ = entry->next_;
  entry->next_->previous_ = entry->previous_;
  entry->previous_ = entry->next_ = nullptr;
  --size_;
  const size_t slot = entry->tick_ % kSlots;
  if (slots_[slot].next_ == &slots_[slot]) {
    used_[slot / kWordBits] &= ~(uint64_t{1} << slot % kWordBits);
  }
}

std::optional<Deadline> Deadlines::Next() const {
  if (size_ == 0) return std::nullopt;
  for (uint64_t tick = now_ + 1;;) {
    const size_t slot = tick % kSlots;
    const uint64_t word = used_[slot / kWordBits] >> slot % kWordBits;
    if (word != 0) return start_ + (tick + std::countr_zero(word)) * kTick;
    tick += kWordBits - slot % kWordBits;
  }
}

}  // namespace storegate::rpc
