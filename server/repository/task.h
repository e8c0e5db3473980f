// Task: what waits in a lane, whichever kind it is.
#pragma once

#include <variant>

#include "server/base/status.h"
#include "server/base/time.h"
#include "server/repository/executor.h"
#include "server/repository/row_status.h"

namespace storegate::repository {

using Task = std::variant<PointRead, WriteTask, SessionTask>;

inline Deadline DeadlineOf(const Task& task) {
  return std::visit([](const auto& t) { return t.deadline; }, task);
}

// Nobody waits for it any more: its deadline has passed, or its caller went away.
inline bool Abandoned(const Task& task, Deadline now) {
  return std::visit(
      [now](const auto& t) {
        return t.deadline <= now ||
               (t.settled != nullptr && t.settled->load(std::memory_order_relaxed));
      },
      task);
}

inline const schema::Method* MethodOf(const Task& task) {
  return std::visit([](const auto& t) { return t.method; }, task);
}

// Answers a task that no session will see.
inline void Refuse(Task& task, const Status& status) {
  if (auto* read = std::get_if<PointRead>(&task)) {
    read->done(status, Found(), {});
  } else if (auto* write = std::get_if<WriteTask>(&task)) {
    write->done(status, std::move(write->write));
  } else {
    std::get<SessionTask>(task).run(status, nullptr);
  }
}

inline Status DatabaseUnavailable() {
  return Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "The database does not answer.");
}

inline Status ShuttingDown() {
  return Status(Code::kUnavailable, "SHUTTING_DOWN", "The server is shutting down.");
}

}  // namespace storegate::repository
