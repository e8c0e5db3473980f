// What `storegate migrate` prints: for people, or as JSON.
#pragma once

#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "server/base/status.h"
#include "server/cmd/migration_texts.h"
#include "server/migrate/runner.h"

namespace storegate::cmd {

// One document, a line break behind it. What is no UTF-8 is replaced.
void PrintJson(const nlohmann::ordered_json& document, std::ostream& out);
// {"code": "INVALID_ARGUMENT", "reason": …, "message": …, "violations": [{"field", "description"}]}
nlohmann::ordered_json ToJson(const Status& status);
// Says what went wrong; with `json` also as {"error": …}. Answers the exit code.
int Fail(const Status& status, bool json, std::ostream& out, std::ostream& errors);

nlohmann::ordered_json ToJson(const migrate::MigrationStatus& status);
nlohmann::ordered_json ToJson(const migrate::PlannedMigration& planned);
nlohmann::ordered_json ToJson(const migrate::Drift& drift);

// "applied", "pending" …
std::string_view StateName(migrate::MigrationState state);
// A line for each, in columns, each led by `indent`.
void PrintTable(const std::vector<std::vector<std::string>>& rows, std::string_view indent,
                std::ostream& out);
// The statements of a migration under headings; `comment` begins them ("-- ").
void PrintPlan(const migrate::PlannedMigration& planned, std::string_view comment,
               std::ostream& out);

// Says on `errors` what is waited for and how far it is: on a terminal in one line that is
// written again and again, with a bar; else a line where something changes, and each few
// seconds. Remembers what was done.
class ProgressWatcher : public migrate::Watcher {
 public:
  struct Done {
    std::string name;
    bool up;
    int64_t millis;
  };

  ProgressWatcher(std::string database, bool terminal, std::ostream& errors)
      : database_(std::move(database)), terminal_(terminal), errors_(errors) {}
  ~ProgressWatcher() override { Clear(); }

  void OnWaiting(const repository::LockHolder& holder) override;
  void OnStep(const migrate::Migration& migration, const repository::Step& step, size_t index,
              size_t count) override;
  void OnRows(int64_t done, int64_t total) override;
  void OnDone(const migrate::Migration& migration, bool up, int64_t millis) override;

  const std::vector<Done>& done() const { return done_; }
  // Takes the line off the terminal.
  void Clear();

 private:
  // `what` is new where it is not what was said last; `bar` is for terminals alone.
  void Say(const std::string& what, const std::string& detail, const std::string& bar);

  const std::string database_;
  const bool terminal_;
  std::ostream& errors_;
  std::string step_;
  std::string said_;
  std::chrono::steady_clock::time_point said_at_;
  bool line_ = false;  // there is one on the terminal
  std::vector<Done> done_;
};

}  // namespace storegate::cmd
