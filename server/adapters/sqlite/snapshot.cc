#include "server/adapters/sqlite/snapshot.h"

#include <chrono>
#include <thread>
#include <utility>

#include "server/adapters/sqlite/connection.h"
#include "server/adapters/sqlite/errors.h"

namespace storegate::sqlite {
namespace {

constexpr std::chrono::milliseconds kBetweenTries{1};

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

// Makes `to` what `from` is. On an error `to` is what it was.
Status Copy(const Connection& from, const Connection& to, std::chrono::milliseconds patience) {
  const std::unique_ptr<sqlite3_backup, FinishBackup> backup(
      sqlite3_backup_init(to.handle(), "main", from.handle(), "main"));
  if (backup == nullptr) return ToStatus(to.handle(), sqlite3_errcode(to.handle()));
  const Deadline until = std::chrono::steady_clock::now() + patience;
  for (;;) {
    const int code = sqlite3_backup_step(backup.get(), -1);
    if (code == SQLITE_DONE) return Status();
    const int primary = code & 0xFF;
    if ((primary != SQLITE_BUSY && primary != SQLITE_LOCKED) || Expired(until)) {
      return ToStatus(to.handle(), code);
    }
    std::this_thread::sleep_for(kBetweenTries);
  }
}

class MemorySnapshot : public Snapshot {
 public:
  MemorySnapshot(std::chrono::milliseconds patience, std::unique_ptr<Connection> live,
                 std::unique_ptr<Connection> kept)
      : patience_(patience), live_(std::move(live)), kept_(std::move(kept)) {}

  Status Take() { return Copy(*live_, *kept_, patience_); }
  Status Restore() override { return Copy(*kept_, *live_, patience_); }

 private:
  const std::chrono::milliseconds patience_;
  const std::unique_ptr<Connection> live_;
  const std::unique_ptr<Connection> kept_;
};

}  // namespace

Result<std::unique_ptr<Snapshot>> TakeSnapshot(const Location& of, const Location& into) {
  Result<std::unique_ptr<Connection>> live = Connection::Open(of, Connection::Use::kWrite);
  if (!live.ok()) return live.status();
  Result<std::unique_ptr<Connection>> kept = Connection::Open(into, Connection::Use::kWrite);
  if (!kept.ok()) return kept.status();
  auto snapshot = std::make_unique<MemorySnapshot>(of.options.busy_timeout, *std::move(live),
                                                   *std::move(kept));
  if (Status status = snapshot->Take(); !status.ok()) return status;
  return std::unique_ptr<Snapshot>(std::move(snapshot));
}

}  // namespace storegate::sqlite
