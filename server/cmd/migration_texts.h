// What migrations are said to be doing: the same words in logs, in health, and on a
// terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "server/migrate/runner.h"
#include "server/repository/migrator.h"

namespace storegate::cmd {

// "waiting for the migration lock held by storegate, process 4711 on web-3, at migration 7,
// since 2026-01-31T23:59:59.123Z"
std::string WaitingText(const repository::LockHolder& holder);
// "migration 0007_add_title, step 2 of 5"
std::string StepText(const migrate::Migration& migration, size_t index, size_t count);
// "1,200 of 40,000 rows"; without a total "1,200 rows".
std::string RowsText(int64_t done, int64_t total);
// "1,234,567"
std::string Grouped(int64_t number);
// "340 ms", "12.3 s", "5 min 20 s"
std::string DurationText(int64_t millis);

// Told what is being done, and how far it is ("" where nothing can be said), at most some
// times a second. The thread that does it.
using Report = std::function<void(const std::string& doing, const std::string& detail)>;

// Hands what happens in a run of migrations to a Report.
class ReportingWatcher : public migrate::Watcher {
 public:
  explicit ReportingWatcher(Report report) : report_(std::move(report)) {}

  void OnWaiting(const repository::LockHolder& holder) override {
    report_(WaitingText(holder), "");
  }
  void OnStep(const migrate::Migration& migration, const repository::Step& step, size_t index,
              size_t count) override {
    doing_ = "applying " + StepText(migration, index, count);
    report_(doing_, "");
  }
  void OnRows(int64_t done, int64_t total) override { report_(doing_, RowsText(done, total)); }

 private:
  const Report report_;
  std::string doing_;
};

}  // namespace storegate::cmd
