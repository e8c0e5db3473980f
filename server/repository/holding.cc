#include "server/repository/holding.h"

#include <algorithm>
#include <string>

namespace storegate::repository {

bool Holding::Get(Holder* holder) const {
  const Deadline::rep since = since_.load(std::memory_order_acquire);
  if (since == 0) return false;
  holder->method = method_.load(std::memory_order_relaxed);
  holder->since = Deadline(Deadline::duration(since));
  return true;
}

Status QueueFull(std::string_view what, std::span<const Holding* const> connections,
                 size_t waiting) {
  size_t in_use = 0;
  Holding::Holder longest;
  for (const Holding* connection : connections) {
    Holding::Holder holder;
    if (!connection->Get(&holder)) continue;
    if (in_use++ == 0 || holder.since < longest.since) longest = holder;
  }
  const std::string count = std::to_string(connections.size());
  std::string message;
  if (connections.size() == 1) {
    message = "The one connection for ";
  } else if (in_use == connections.size()) {
    message = "All " + count + " connections for ";
  } else {
    message = std::to_string(in_use) + " of " + count + " connections for ";
  }
  message.append(what).append(connections.size() == 1 ? " is " : " are ");
  message.append(connections.size() == 1 && in_use == 0 ? "not in use" : "in use");
  message += " and " + std::to_string(waiting) + (waiting == 1 ? " call waits" : " calls wait");
  std::string holder, held;
  if (in_use > 0) {
    const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - longest.since);
    held = std::to_string(std::max<int64_t>(age.count(), 0));
    if (longest.method != nullptr) holder = longest.method->full_name;
    message += "; " + (holder.empty() ? "a call of the gateway's own" : holder) + " has held " +
               (connections.size() == 1 ? "it" : "one") + " for " + held + " ms";
  }
  Status status(Code::kResourceExhausted, "QUEUE_FULL", message + ".");
  status.With("in_use", std::to_string(in_use))
      .With("connections", count)
      .With("waiting", std::to_string(waiting));
  if (!holder.empty()) status.With("holder", holder);
  if (!held.empty()) status.With("held_ms", held);
  return status;
}

}  // namespace storegate::repository
