#include "server/adapters/mongodb/migration_lock.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "server/adapters/mongodb/filter_parts.h"
#include "server/adapters/mongodb/migration_link.h"
#include "server/adapters/mongodb/script.h"
#include "server/base/log.h"
#include "server/base/process.h"
#include "server/base/text.h"

namespace storegate::mongodb {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kLocks = "_storegate_locks";
constexpr std::string_view kId = "migrations";
// Between two looks at a lock that another has, half as much again by chance.
constexpr milliseconds kPause{100};
// Between two tries to reach the database.
constexpr milliseconds kBackOffMin{100}, kBackOffMax{5000};

std::string Time(int64_t millis) {
  return FormatTimestamp(std::clamp(millis, kMinTimestampMillis, kMaxTimestampMillis));
}

// Whether a findAndModify found something.
bool Found(const Bson& reply) { return DocumentOf(reply.get(), "value").has_value(); }

Bson Modify(const Bson& query, const Bson& update) {
  Bson command;
  command.AddText("findAndModify", kLocks)
      .AddDocument("query", query)
      .AddDocument("update", update)
      .AddBool("new", true);
  return command;
}

}  // namespace

MigrationLock::MigrationLock(std::shared_ptr<Pool> pool)
    : pool_(std::move(pool)), owner_(NewUuidV7()), lease_(pool_->options().migration_lease) {}

Status MigrationLock::Lost() {
  return Status(Code::kFailedPrecondition, "MIGRATION_LOCK_LOST",
                "The migration lock was lost: the database got no sign of life for its lease, "
                "and another may have migrated since. What was done is kept. Start again.");
}

Bson MigrationLock::Ours() const {
  Bson query;
  query.AddText("_id", kId).AddText("owner", owner_).AddInt64("fence", fence_);
  return query;
}

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

Result<MigrationLock::Seen> MigrationLock::Look() {
  Bson filter, find;
  filter.AddText("_id", kId);
  find.AddText("find", kLocks).AddDocument("filter", filter);
  Cursor cursor(connection_.get(), find);
  const bson_t* lock = cursor.Next();
  Seen seen;
  bson_iter_t at;
  if (lock == nullptr || !bson_iter_init(&at, lock)) {
    if (cursor.failure()) return cursor.status();
    return seen;
  }
  seen.there = true;
  while (bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    const bool date = BSON_ITER_HOLDS_DATE_TIME(&at);
    if (key == "owner") seen.has_owner = true, seen.owner = TextAtIter(at);
    if (key == "holder") seen.holder.who = TextAtIter(at);
    if (key == "fence") seen.has_fence = true, seen.fence = bson_iter_as_int64(&at);
    if (key == "expires" && date) seen.expires = bson_iter_date_time(&at);
    if (key == "since" && date) seen.holder.since_millis = bson_iter_date_time(&at);
    if (key == "migration") seen.holder.migration = static_cast<int>(bson_iter_as_int64(&at));
  }
  return seen;
}

Result<MigrationLock::Outcome> MigrationLock::TryTake(Seen* seen) {
  if (Status status = Connect(); !status.ok()) return status;
  // Before the question, so that it is over here no later than there.
  const Deadline good_until = steady_clock::now() + lease_;
  const Result<int64_t> now = ServerTime();
  if (!now.ok()) return now.status();
  Result<Seen> looked = Look();
  if (!looked.ok()) return looked.status();
  *seen = *std::move(looked);
  if (seen->there && seen->owner == owner_) {  // an earlier try, whose answer was lost
    fence_ = seen->fence;
    return Renew();
  }
  if (seen->there && seen->expires >= *now) return Outcome::kOther;

  const int64_t fence = std::max(seen->fence + 1, *now);
  Bson values;
  values.AddText("owner", owner_)
      .AddText("holder", "storegate, " + ThisProcess())
      .AddDate("expires", *now + lease_.count())
      .AddDate("since", *now)
      .AddInt32("migration", 0)
      .AddInt64("fence", fence);
  Answer answer;
  if (!seen->there) {
    Bson document, insert;
    document.AddText("_id", kId);
    bson_concat(document.get(), values.get());
    insert.AddText("insert", kLocks)
        .AddArray("documents", BsonArray().Add(document).bson());
    answer = connection_->Write(insert);
  } else {
    // Only over what was seen.
    Bson absent, query;
    absent.AddBool("$exists", false);
    query.AddText("_id", kId).AddDate("expires", seen->expires);
    seen->has_owner ? query.AddText("owner", seen->owner) : query.AddDocument("owner", absent);
    seen->has_fence ? query.AddInt64("fence", seen->fence) : query.AddDocument("fence", absent);
    answer = connection_->Write(Modify(query, Document("$set", values)));
  }
  if (const std::optional<Failure> failure = FailureOf(&answer)) {
    if (failure->what == Failure::What::kDuplicate) return Outcome::kOther;
    if (failure->what == Failure::What::kUnknown) return Outcome::kUnknown;
    return failure->status;
  }
  if (seen->there && !Found(answer.reply)) return Outcome::kOther;
  fence_ = fence;
  good_until_ = good_until;
  return Outcome::kHave;
}

Result<MigrationLock::Outcome> MigrationLock::Renew() {
  if (Status status = Connect(); !status.ok()) return status;
  const Deadline good_until = steady_clock::now() + lease_;
  const Result<int64_t> now = ServerTime();
  if (!now.ok()) return now.status();
  Bson values;
  values.AddDate("expires", *now + lease_.count());
  const Answer answer = connection_->Write(Modify(Ours(), Document("$set", values)));
  if (!answer.ok()) {
    if (answer.failure->what == Failure::What::kUnknown) return Outcome::kUnknown;
    return answer.failure->status;
  }
  if (!Found(answer.reply)) return Outcome::kOther;
  good_until_ = good_until;
  return Outcome::kHave;
}

Status MigrationLock::Confirm(Connection* connection, int migration) {
  if (lost()) return Lost();
  Bson values;
  // A document that says the same is found all the same.
  values.AddText("owner", owner_);
  if (migration != 0) values.AddInt32("migration", migration);
  const Answer answer = connection->Write(Modify(Ours(), Document("$set", values)));
  if (!answer.ok()) return answer.failure->status;
  if (Found(answer.reply)) return {};
  taken_over_ = true;
  return Lost();
}

Status MigrationLock::LockedByOther(const Seen& seen, milliseconds waited) const {
  std::string text = seen.holder.ToString();
  if (seen.expires != 0) text += ", until " + Time(seen.expires) + " if it does not renew it";
  return Status(Code::kFailedPrecondition, "MIGRATION_LOCKED",
                "The migration lock was held for the whole of " + std::to_string(waited.count()) +
                    " ms by " + text + ". Wait until it is done, or end it.");
}

Result<std::unique_ptr<MigrationLock>> MigrationLock::Take(std::shared_ptr<Pool> pool,
                                                           milliseconds timeout,
                                                           const Waiting& waiting) {
  std::unique_ptr<MigrationLock> lock(new MigrationLock(std::move(pool)));
  const Deadline until = steady_clock::now() + timeout;
  milliseconds back_off = kBackOffMin;
  std::optional<Seen> last;  // when the database answered last
  while (true) {
    Seen seen;
    const Result<Outcome> outcome = lock->TryTake(&seen);
    milliseconds pause = kPause;
    if (outcome.ok()) {
      if (*outcome == Outcome::kHave) break;
      lock->perhaps_ours_ = lock->perhaps_ours_ || *outcome == Outcome::kUnknown;
      if (*outcome == Outcome::kOther && !seen.owner.empty() && waiting) waiting(seen.holder);
      last = std::move(seen);
      back_off = kBackOffMin;
    } else {
      const Code code = outcome.status().code();
      if (code != Code::kUnavailable && code != Code::kUnknown) return outcome.status();
      pause = back_off;
      back_off = std::min(2 * back_off, kBackOffMax);
    }
    const auto left = duration_cast<milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) {
      if (last) return lock->LockedByOther(*last, timeout);
      return outcome.status();
    }
    std::this_thread::sleep_for(std::min(RandomPause(pause, pause * 3 / 2), left));
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
    const Result<Outcome> outcome = Renew();
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
  // The fence may not be known of one that was perhaps got.
  Bson query, values;
  query.AddText("_id", kId).AddText("owner", owner_);
  values.AddText("owner", "").AddText("holder", "").AddInt32("migration", 0).AddDate("expires", 0);
  connection_->Write(Modify(query, Document("$set", values)));  // else it ends by itself
}

}  // namespace storegate::mongodb
