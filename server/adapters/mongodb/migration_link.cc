#include "server/adapters/mongodb/migration_link.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace storegate::mongodb {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kAttemptsMax = 6;
constexpr milliseconds kPauseMin{100}, kPauseMax{2000};

bool DatabaseLost(const Status& status) {
  return status.code() == Code::kUnavailable || status.code() == Code::kUnknown;
}

}  // namespace

std::optional<Failure> FailureOf(Answer* answer) {
  if (!answer->ok()) return answer->failure;
  bson_iter_t at, entries;
  if (!bson_iter_init_find(&at, answer->reply.get(), "writeErrors") ||
      !BSON_ITER_HOLDS_ARRAY(&at) || !bson_iter_recurse(&at, &entries) ||
      !bson_iter_next(&entries) || !BSON_ITER_HOLDS_DOCUMENT(&entries)) {
    return std::nullopt;
  }
  uint32_t length;
  const uint8_t* data;
  bson_iter_document(&entries, &length, &data);
  bson_t entry;
  if (!bson_init_static(&entry, data, length)) return std::nullopt;
  return ExplainWriteError(entry);
}

int64_t CodeOf(const Answer& answer) {
  bson_iter_t at;
  return bson_iter_init_find(&at, answer.reply.get(), "code") ? bson_iter_as_int64(&at) : 0;
}

Status MigrationLink::Ready() {
  if (lock_ != nullptr && lock_->lost()) return MigrationLock::Lost();
  if (connection_ == nullptr || connection_->lost()) {
    connection_.reset();
    Result<std::unique_ptr<Connection>> connection =
        Connection::Open(pool_, pool_->ConnectUntil());
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
  }
  connection_->Begin(Deadline::max());
  return {};
}

Status MigrationLink::Again(const std::function<Status()>& work) {
  milliseconds pause = kPauseMin;
  for (int attempt = 1;; ++attempt) {
    const auto start = steady_clock::now();
    Status status = Ready();
    if (status.ok()) status = work();
    if (status.ok() || !DatabaseLost(status) || lock_ == nullptr) return status;
    if (steady_clock::now() - start >= pool_->options().socket_timeout / 2) {
      attempt = 0;
      pause = kPauseMin;
    }
    if (attempt == kAttemptsMax) return status;
    std::this_thread::sleep_for(pause);
    pause = std::min(2 * pause, kPauseMax);
  }
}

void MigrationLink::Rest() {
  if (lock_ == nullptr) connection_.reset();
}

}  // namespace storegate::mongodb
