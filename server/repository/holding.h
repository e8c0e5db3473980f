// Holding: who uses a connection, and since when. Written by whoever runs the
// call, read by any thread that has to say why others must wait.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/schema/schema.h"

namespace storegate::repository {

class Holding {
 public:
  // `method` lives as long as this, and is null for a call of the gateway's own.
  void Begin(const schema::Method* method, Deadline now) {
    method_.store(method, std::memory_order_relaxed);
    since_.store(now.time_since_epoch().count(), std::memory_order_release);
  }
  void End() { since_.store(0, std::memory_order_relaxed); }

  struct Holder {
    const schema::Method* method = nullptr;
    Deadline since;
  };
  // False: nobody. A call that ends or begins meanwhile may be mixed up with the
  // one before; it is for people to read.
  bool Get(Holder* holder) const;

 private:
  std::atomic<const schema::Method*> method_{nullptr};
  std::atomic<Deadline::rep> since_{0};
};

// RESOURCE_EXHAUSTED, reason QUEUE_FULL: no more calls may wait for `connections`,
// which serve `what` ("lists"). Metadata: in_use, connections, waiting and, where
// one is in use, holder (the full name of the method that has held one longest)
// and held_ms.
Status QueueFull(std::string_view what, std::span<const Holding* const> connections,
                 size_t waiting);

}  // namespace storegate::repository
