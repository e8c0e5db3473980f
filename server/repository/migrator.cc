#include "server/repository/migrator.h"

#include <algorithm>

#include "server/base/time.h"

namespace storegate::repository {

using State = AppliedMigration::State;

std::string_view NameOf(State state) {
  switch (state) {
    case State::kApplied: return "applied";
    case State::kApplying: return "applying";
    case State::kReverting: return "reverting";
  }
  return "applied";
}

std::optional<State> StateNamed(std::string_view name) {
  for (const State state : {State::kApplied, State::kApplying, State::kReverting}) {
    if (NameOf(state) == name) return state;
  }
  return std::nullopt;
}

std::string LockHolder::ToString() const {
  std::string text = who.empty() ? "another process" : who;
  if (migration != 0) text += ", at migration " + std::to_string(migration);
  if (since_millis != 0) {
    // It comes from a database, which others may write.
    text += ", since " + FormatTimestamp(std::clamp(since_millis, kMinTimestampMillis,
                                                    kMaxTimestampMillis));
  }
  return text;
}

}  // namespace storegate::repository
