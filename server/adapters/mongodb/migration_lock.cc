#include "server/adapters/mongodb/migration_lock.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "server/base/log.h"
#include "server/base/text.h"

namespace storegate::mongodb {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kLocks = "_storegate_locks";
constexpr std::string_view kId = "migrations";
// Between two looks at a lock that another has.
constexpr milliseconds kPause{100};

// For people: "storegate, process 4711 on db-host-3".
std::string Self() {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  return "storegate, process " + std::to_string(getpid()) + " on " + host;
}

Bson Document(std::string_view key, const Bson& value) {
  Bson document;
  document.AddDocument(key, value);
  return document;
}

}  // namespace

MigrationLock::MigrationLock(std::shared_ptr<Pool> pool)
    : pool_(std::move(pool)), owner_(NewUuidV7()), lease_(pool_->options().migration_lease) {}

Status MigrationLock::Connect() {
  const Deadline until = steady_clock::now() + lease_ / 3;
  if (connection_ == nullptr || connection_->lost()) {
    connection_.reset();
    Result<std::unique_ptr<Connection>> connection = Connection::Open(pool_, until);
    if (!connection.ok()) return connection.status();
    connection_ = *std::move(connection);
  }
  connection_->Begin(until);
  return {};
}

Result<int64_t> MigrationLock::ServerTime() {
  Bson ask;
  ask.AddInt32("isMaster", 1);
  const Answer answer = connection_->Read(ask);
  if (!answer.ok()) return answer.failure->status;
  bson_iter_t at;
  if (bson_iter_init_find(&at, answer.reply.get(), "localTime") && BSON_ITER_HOLDS_DATE_TIME(&at)) {
    return bson_iter_date_time(&at);
  }
  return NowMillis();
}

Result<MigrationLock::Outcome> MigrationLock::TryTake(bool renew) {
  if (Status status = Connect(); !status.ok()) return status;
  // Before the question, so that it is over here no later than there.
  const Deadline good_until = steady_clock::now() + lease_;
  const Result<int64_t> now = ServerTime();
  if (!now.ok()) return now.status();

  Bson query, values, command;
  query.AddText("_id", kId);
  values.AddText("owner", owner_).AddText("holder", Self()).AddDate("expires", *now + lease_.count());
  if (renew) {
    query.AddText("owner", owner_);
  } else {
    Bson ours, before;
    ours.AddText("owner", owner_);  // an earlier try's answer may have been lost
    before.AddDate("$lt", *now);
    BsonArray free;
    free.Add(ours).Add(Document("expires", before));
    query.AddArray("$or", free.bson());
  }
  command.AddText("findAndModify", kLocks)
      .AddDocument("query", query)
      .AddDocument("update", Document("$set", values))
      .AddBool("new", true)
      // Where another has it, there is nothing to update, and its _id is taken.
      .AddBool("upsert", !renew);
  const Answer answer = connection_->Write(command);
  if (!answer.ok()) {
    if (answer.failure->what == Failure::What::kDuplicate) return Outcome::kOther;
    if (answer.failure->what == Failure::What::kUnknown) return Outcome::kUnknown;
    return answer.failure->status;
  }
  bson_iter_t at;
  const bool there = bson_iter_init_find(&at, answer.reply.get(), "value") &&
                     BSON_ITER_HOLDS_DOCUMENT(&at);
  if (!there) return Outcome::kOther;
  good_until_ = good_until;
  return Outcome::kHave;
}

Status MigrationLock::LockedByOther() {
  std::string holder = "another", until;
  if (Connect().ok()) {
    Bson filter, find;
    filter.AddText("_id", kId);
    find.AddText("find", kLocks).AddDocument("filter", filter);
    Cursor cursor(connection_.get(), find);
    const bson_t* lock = cursor.Next();
    bson_iter_t at;
    if (lock != nullptr && bson_iter_init(&at, lock)) {
      while (bson_iter_next(&at)) {
        const std::string_view key = bson_iter_key(&at);
        if (key == "holder" && BSON_ITER_HOLDS_UTF8(&at)) holder = bson_iter_utf8(&at, nullptr);
        if (key == "expires" && BSON_ITER_HOLDS_DATE_TIME(&at)) {
          until = ", until " + FormatTimestamp(std::clamp(bson_iter_date_time(&at),
                                                          kMinTimestampMillis,
                                                          kMaxTimestampMillis)) +
                  " if it does not renew it";
        }
      }
    }
  }
  return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED",
                "The migration lock was held for the whole of " +
                    std::to_string(pool_->options().migration_timeout.count()) + " ms by " +
                    holder + until + ". Wait until it is done, or end it.");
}

Result<std::unique_ptr<MigrationLock>> MigrationLock::Take(std::shared_ptr<Pool> pool) {
  std::unique_ptr<MigrationLock> lock(new MigrationLock(std::move(pool)));
  const Deadline until = steady_clock::now() + lock->pool_->options().migration_timeout;
  while (true) {
    const Result<Outcome> outcome = lock->TryTake(false);
    if (!outcome.ok()) return outcome.status();
    if (*outcome == Outcome::kHave) break;
    lock->perhaps_ours_ = lock->perhaps_ours_ || *outcome == Outcome::kUnknown;
    if (Expired(until)) return lock->LockedByOther();
    std::this_thread::sleep_for(kPause);
  }
  lock->thread_ = std::thread([raw = lock.get()] { raw->KeepAlive(); });
  return lock;
}

void MigrationLock::KeepAlive() {
  std::unique_lock guard(mutex_);
  bool renewed = true;
  while (true) {
    wake_.wait_for(guard, renewed ? lease_ / 3 : std::min(kPause, lease_ / 3),
                   [this] { return stopping_; });
    if (stopping_) return;
    guard.unlock();
    const Result<Outcome> outcome = TryTake(true);
    renewed = outcome.ok() && *outcome == Outcome::kHave;
    if (outcome.ok() && *outcome == Outcome::kOther) {
      taken_over_ = true;
      Log(Level::kError, "the migration lock was taken over by another");
      return;
    }
    guard.lock();
  }
}

bool MigrationLock::lost() const { return taken_over_ || Expired(good_until_); }

MigrationLock::~MigrationLock() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  } else if (!perhaps_ours_) {
    return;
  }
  if (taken_over_ || !Connect().ok()) return;
  Bson query, entry, command;
  query.AddText("_id", kId).AddText("owner", owner_);
  entry.AddDocument("q", query).AddInt32("limit", 1);
  BsonArray entries;
  entries.Add(entry);
  command.AddText("delete", kLocks).AddArray("deletes", entries.bson());
  connection_->Write(command);  // else it ends by itself
}

}  // namespace storegate::mongodb
