#include "server/adapters/sqlite/snapshot.h"

#include <thread>

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

}  // namespace

Result<std::unique_ptr<Snapshot>> Snapshot::Take(const Location& of, const Location& into) {
  Result<std::unique_ptr<Connection>> live = Connection::Open(of, Connection::Use::kWrite);
  if (!live.ok()) return live.status();
  Result<std::unique_ptr<Connection>> kept = Connection::Open(into, Connection::Use::kWrite);
  if (!kept.ok()) return kept.status();
  const std::chrono::milliseconds patience = of.options.busy_timeout;
  if (Status status = Copy(**live, **kept, patience); !status.ok()) return status;
  return std::unique_ptr<Snapshot>(
      new Snapshot(patience, *std::move(live), *std::move(kept)));
}

Status Snapshot::Restore() { return Copy(*kept_, *live_, patience_); }

}  // namespace storegate::sqlite
