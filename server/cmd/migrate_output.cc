#include "server/cmd/migrate_output.h"

#include <algorithm>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/cmd/gateway.h"

namespace storegate::cmd {
namespace {

using migrate::MigrationState;
using nlohmann::ordered_json;
using repository::Step;

constexpr std::chrono::seconds kSayEvery{5};
constexpr std::chrono::milliseconds kRedrawEvery{100};
constexpr int kBarWidth = 24;

std::string Bar(int64_t done, int64_t total) {
  if (total <= 0) return "";
  const int64_t part = std::clamp<int64_t>(done, 0, total);
  const auto full = static_cast<size_t>(static_cast<double>(part) / total * kBarWidth);
  return "[" + std::string(full, '#') + std::string(kBarWidth - full, '.') + "] " +
         std::to_string(static_cast<int>(static_cast<double>(part) / total * 100)) + "% ";
}

std::string_view KindName(Step::Kind kind) {
  switch (kind) {
    case Step::Kind::kTransaction: return "transaction";
    case Step::Kind::kNoTransaction: return "no_transaction";
    case Step::Kind::kRepeat: return "repeat";
    case Step::Kind::kRefold: return "refold";
  }
  return "";
}

std::string Heading(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kTransaction: return "";
    case Step::Kind::kNoTransaction: return ", outside of a transaction";
    case Step::Kind::kRepeat: return ", again and again until nothing changes";
    case Step::Kind::kRefold:
      return ", by storegate: folds " + step.table + "." + step.column + " anew, in batches";
  }
  return "";
}

size_t Width(const std::string& text) {
  return FindInvalidUtf8(text) == std::string::npos ? CountCodePoints(text) : text.size();
}

}  // namespace

void PrintJson(const ordered_json& document, std::ostream& out) {
  out << document.dump(2, ' ', false, ordered_json::error_handler_t::replace) << std::endl;
}

ordered_json ToJson(const Status& status) {
  ordered_json json = {{"code", CodeName(status.code())},
                       {"reason", status.reason()},
                       {"message", status.message()},
                       {"violations", ordered_json::array()}};
  for (const Violation& violation : status.violations()) {
    json["violations"].push_back(
        {{"field", violation.field}, {"description", violation.description}});
  }
  return json;
}

int Fail(const Status& status, bool json, std::ostream& out, std::ostream& errors) {
  PrintStatus(status, errors);
  if (json) PrintJson({{"error", ToJson(status)}}, out);
  return 1;
}

std::string_view StateName(MigrationState state) {
  switch (state) {
    case MigrationState::kApplied: return "applied";
    case MigrationState::kPending: return "pending";
    case MigrationState::kUnfinished: return "unfinished";
    case MigrationState::kReverting: return "reverting";
    case MigrationState::kChanged: return "changed";
    case MigrationState::kAhead: return "ahead";
  }
  return "";
}

ordered_json ToJson(const migrate::MigrationStatus& status) {
  ordered_json json = {
      {"number", status.number}, {"name", status.name}, {"state", StateName(status.state)}};
  if (status.steps > 0) json["steps"] = status.steps;
  if (status.state == MigrationState::kPending) return json;
  const repository::AppliedMigration& applied = status.applied;
  json["steps_done"] = applied.steps_done;
  if (applied.applied_at_millis != 0) {
    json["applied_at"] = FormatTimestamp(applied.applied_at_millis);
  }
  json["duration_ms"] = applied.duration_millis;
  json["applied_by"] = applied.applied_by;
  if (!applied.error.empty()) json["error"] = applied.error;
  if (applied.needs != 0) json["needs"] = applied.needs;
  return json;
}

ordered_json ToJson(const migrate::PlannedMigration& planned) {
  ordered_json json = {{"number", planned.number},
                       {"name", planned.name},
                       {"first_step", planned.first_step},
                       {"steps", ordered_json::array()}};
  for (const Step& step : planned.steps) {
    ordered_json each = {{"kind", KindName(step.kind)}, {"line", step.line}};
    if (step.kind == Step::Kind::kRefold) {
      each["table"] = step.table;
      each["column"] = step.column;
    } else {
      each["script"] = step.script;
    }
    if (!step.total.empty()) each["total"] = step.total;
    json["steps"].push_back(std::move(each));
  }
  return json;
}

ordered_json ToJson(const migrate::Drift& drift) {
  ordered_json json = {
      {"text", drift.text}, {"table", drift.table}, {"extra", !drift.harmless.empty()}};
  if (!drift.harmless.empty()) json["harmless"] = drift.harmless;
  return json;
}

void PrintTable(const std::vector<std::vector<std::string>>& rows, std::string_view indent,
                std::ostream& out) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  for (const std::vector<std::string>& row : rows) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - Width(row[i]) + 2, ' ');
    }
    out << line.substr(0, line.find_last_not_of(' ') + 1) << "\n";
  }
}

void PrintPlan(const migrate::PlannedMigration& planned, std::string_view comment,
               std::ostream& out) {
  for (size_t i = 0; i < planned.steps.size(); ++i) {
    const Step& step = planned.steps[i];
    if (i < planned.first_step) continue;
    out << comment << planned.name;
    if (planned.steps.size() > 1) out << ", step " << i + 1 << " of " << planned.steps.size();
    out << Heading(step) << "\n";
    const size_t first = step.script.find_first_not_of("\r\n");
    if (first == std::string::npos) continue;
    const size_t last = step.script.find_last_not_of(" \t\r\n");
    if (last == std::string::npos || last < first) continue;
    out << step.script.substr(first, last + 1 - first) << "\n";
  }
}

void ProgressWatcher::OnWaiting(const repository::LockHolder& holder) {
  Say(WaitingText(holder), "", "");
}

void ProgressWatcher::OnStep(const migrate::Migration& migration, const Step&, size_t index,
                             size_t count) {
  step_ = StepText(migration, index, count);
  if (terminal_ || count > 1) Say(step_, "", "");
}

void ProgressWatcher::OnRows(int64_t done, int64_t total) {
  Say(step_, RowsText(done, total), Bar(done, total));
}

void ProgressWatcher::OnDone(const migrate::Migration& migration, bool up, int64_t millis) {
  done_.push_back({migration.name, up, millis});
}

void ProgressWatcher::Clear() {
  if (std::exchange(line_, false)) errors_ << "\r\x1b[K" << std::flush;
}

void ProgressWatcher::Say(const std::string& what, const std::string& detail,
                          const std::string& bar) {
  const auto now = std::chrono::steady_clock::now();
  if (what == said_ && now - said_at_ < (terminal_ ? kRedrawEvery : kSayEvery)) return;
  said_ = what;
  said_at_ = now;
  const std::string text = database_ + ": " + what + (detail.empty() ? "" : ", ");
  if (!terminal_) {
    errors_ << text << detail << std::endl;
    return;
  }
  errors_ << "\r\x1b[K" << text << bar << detail << std::flush;
  line_ = true;
}

}  // namespace storegate::cmd
