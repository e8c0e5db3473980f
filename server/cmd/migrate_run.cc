// `storegate migrate up`, `down`, `status`, `plan`, `verify`, `baseline` and `push`: what
// opens databases.
#include <algorithm>
#include <iostream>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/gateway.h"
#include "server/cmd/migrate_command.h"
#include "server/cmd/migrate_output.h"
#include "server/cmd/migration_source.h"
#include "server/cmd/placement.h"
#include "server/cmd/preparation.h"

namespace storegate::cmd {
namespace {

using migrate::MigrationState;
using nlohmann::ordered_json;

struct Target {
  std::string name;
  const BackendKind* kind = nullptr;
  std::vector<const schema::Entity*> here;
};

// Those that something lives in, or the one that was asked for.
Result<std::vector<Target>> FindTargets(const MigrateRequest& request, const Config& config,
                                        const schema::Schema& schema) {
  Result<Placement> placement = PlaceEntities(config, schema);
  if (!placement.ok()) return placement.status();
  if (!request.database.empty() && config.databases.count(request.database) == 0) {
    std::string names;
    for (const auto& [name, url] : config.databases) names += (names.empty() ? "" : ", ") + name;
    return Status(Code::kInvalidArgument, "INVALID_CONFIG",
                  "--database-name: there is no database " + Quoted(request.database) +
                      "; configured are " + names);
  }
  std::vector<Target> targets;
  for (const auto& [name, url] : config.databases) {
    Target target;
    target.name = name;
    for (const schema::Entity& entity : schema.entities) {
      if (placement->database_of.at(&entity) == name) target.here.push_back(&entity);
    }
    const bool asked = request.database.empty()
                           ? !target.here.empty() || name == placement->default_database
                           : name == request.database;
    if (!asked) continue;
    Result<const BackendKind*> kind = KindOf(config, name);
    if (!kind.ok()) return kind.status();
    target.kind = *kind;
    targets.push_back(std::move(target));
  }
  return targets;
}

// One verb on one database: what to print, in both forms.
class Run {
 public:
  Run(const MigrateRequest& request, const Target& target, migrate::Job job,
      ProgressWatcher* watcher, std::ostream& out)
      : request_(request), target_(target), job_(std::move(job)), watcher_(watcher), out_(out) {
    job_.watcher = watcher;
  }

  Status Do();
  const ordered_json& json() const { return json_; }
  // Drift was found, or something is pending where that was asked.
  bool wrong() const { return wrong_; }

 private:
  Status Up();
  Status Down();
  Status ShowStatus();
  Status Plan();
  Status Verify();
  Status Baseline();
  Status Push();

  // For people: a line led by the database's name.
  std::ostream& Line() {
    watcher_->Clear();
    return Out() << target_.name << ": ";
  }
  std::ostream& Out() { return request_.json ? nowhere_ : out_; }
  void ListDone(std::string_view key, std::string_view word);

  const MigrateRequest& request_;
  const Target& target_;
  migrate::Job job_;
  ProgressWatcher* const watcher_;
  std::ostream& out_;
  std::ostream nowhere_{nullptr};
  ordered_json json_ = ordered_json::object();
  bool wrong_ = false;
};

Status Run::Do() {
  switch (request_.verb) {
    case MigrateVerb::kUp: return Up();
    case MigrateVerb::kDown: return Down();
    case MigrateVerb::kStatus: return ShowStatus();
    case MigrateVerb::kPlan: return Plan();
    case MigrateVerb::kVerify: return Verify();
    case MigrateVerb::kBaseline: return Baseline();
    case MigrateVerb::kPush: return Push();
    case MigrateVerb::kGenerate:
    case MigrateVerb::kNew: break;
  }
  return Status(Code::kInternal, "NO_SUCH_VERB", "this writes no database");
}

void Run::ListDone(std::string_view key, std::string_view word) {
  json_[key] = ordered_json::array();
  for (const ProgressWatcher::Done& done : watcher_->done()) {
    json_[key].push_back({{"name", done.name}, {"duration_ms", done.millis}});
    Line() << word << " " << done.name << " in " << DurationText(done.millis) << "\n";
  }
}

Status Run::Up() {
  std::vector<std::string> applied;
  const Status status = migrate::Up(job_, std::max(0, request_.to), &applied);
  ListDone("applied", "applied");
  if (status.ok() && watcher_->done().empty()) Line() << "nothing to do\n";
  return status;
}

Status Run::Down() {
  int to = request_.to;
  if (to < 0) {
    Result<std::vector<migrate::MigrationStatus>> all = migrate::GetStatus(job_);
    if (!all.ok()) return all.status();
    std::erase_if(*all, [](const auto& each) { return each.state == MigrationState::kPending; });
    to = all->size() < 2 ? 0 : (*all)[all->size() - 2].number;
  }
  std::vector<std::string> reverted;
  const Status status = migrate::Down(job_, to, &reverted);
  ListDone("reverted", "took back");
  if (status.ok() && watcher_->done().empty()) Line() << "nothing to take back\n";
  return status;
}

Status Run::ShowStatus() {
  Result<std::vector<migrate::MigrationStatus>> all = migrate::GetStatus(job_);
  if (!all.ok()) return all.status();
  json_["migrations"] = ordered_json::array();
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> notes;
  int pending = 0;
  for (const migrate::MigrationStatus& each : *all) {
    json_["migrations"].push_back(ToJson(each));
    std::vector<std::string> row = {each.name, std::string(StateName(each.state))};
    const repository::AppliedMigration& applied = each.applied;
    switch (each.state) {
      case MigrationState::kPending:
        ++pending;
        row.push_back(std::to_string(each.steps) + (each.steps == 1 ? " step" : " steps"));
        break;
      case MigrationState::kUnfinished:
      case MigrationState::kReverting:
        ++pending;
        row.push_back(std::to_string(applied.steps_done) + " of " + std::to_string(each.steps) +
                      " steps");
        row.push_back(applied.applied_by);
        if (!applied.error.empty()) notes.push_back(each.name + " failed: " + applied.error);
        notes.push_back(each.state == MigrationState::kUnfinished
                            ? "storegate migrate up goes on with " + each.name
                            : "storegate migrate down goes on with " + each.name);
        break;
      case MigrationState::kChanged:
        notes.push_back(each.name + " is not what was applied: restore the file, and put the "
                                    "change into a new migration");
        [[fallthrough]];
      case MigrationState::kApplied:
      case MigrationState::kAhead:
        row.push_back(FormatTimestamp(applied.applied_at_millis).substr(0, 19) + "Z");
        row.push_back(DurationText(applied.duration_millis));
        row.push_back(applied.applied_by);
        break;
    }
    const bool fine =
        each.state == MigrationState::kApplied || each.state == MigrationState::kAhead;
    if (request_.check && !fine) wrong_ = true;
    rows.push_back(std::move(row));
  }
  json_["pending"] = pending;
  Line() << (all->empty()   ? "no migrations"
             : pending == 0 ? "nothing is pending"
                            : std::to_string(pending) + " pending; storegate migrate plan shows " +
                                  (pending == 1 ? "it" : "them"))
         << "\n";
  PrintTable(rows, "  ", Out());
  for (const std::string& note : notes) Out() << "  " << note << "\n";
  return Status();
}

Status Run::Plan() {
  Result<std::vector<migrate::PlannedMigration>> plan =
      migrate::Plan(job_, std::max(0, request_.to));
  if (!plan.ok()) return plan.status();
  const std::string_view comment = target_.kind->generator().file_suffix().ends_with(".json")
                                       ? "// "
                                       : "-- ";
  json_["migrations"] = ordered_json::array();
  Out() << comment;
  Line() << (plan->empty() ? "nothing to do" : "storegate migrate up would run") << "\n";
  for (const migrate::PlannedMigration& planned : *plan) {
    json_["migrations"].push_back(ToJson(planned));
    PrintPlan(planned, comment, Out());
  }
  return Status();
}

Status Run::Verify() {
  Result<std::vector<migrate::Drift>> found = migrate::Verify(job_);
  if (!found.ok()) return found.status();
  if (request_.ignore_extra) std::erase_if(*found, [](const auto& drift) { return !drift.harmless.empty(); });
  json_["drift"] = ordered_json::array();
  for (const migrate::Drift& drift : *found) json_["drift"].push_back(ToJson(drift));
  wrong_ = !found->empty();
  Line() << (found->empty() ? "as it should be" : "not as it should be") << "\n";
  for (const migrate::Drift& drift : *found) {
    Out() << "  " << drift.text << (drift.harmless.empty() ? "" : " (" + drift.harmless + ")") << "\n";
  }
  return Status();
}

Status Run::Baseline() {
  Result<migrate::BaselineResult> result = migrate::Baseline(job_);
  if (!result.ok()) return result.status();
  json_["adopted"] = result->adopted;
  json_["drift"] = ordered_json::array();
  for (const migrate::Drift& drift : result->drift) json_["drift"].push_back(ToJson(drift));
  json_["missing"] = result->missing;
  wrong_ = !result->drift.empty();
  for (const std::string& name : result->adopted) Line() << "adopted " << name << "\n";
  if (result->adopted.empty()) Line() << "nothing was adopted\n";
  if (result->drift.empty()) return Status();
  Line() << "what keeps the next migration from being adopted:\n";
  for (const migrate::Drift& drift : result->drift) Out() << "  " << drift.text << "\n";
  if (result->missing.empty()) return Status();
  Out() << "These statements make it good; run them, then: storegate migrate baseline\n"
        << result->missing << (result->missing.ends_with('\n') ? "" : "\n");
  return Status();
}

Status Run::Push() {
  std::vector<std::string> done;
  const Status status = migrate::Push(job_, request_.allow_data_loss, &done);
  json_["done"] = done;
  for (const std::string& each : done) Line() << each << "\n";
  if (status.ok() && done.empty()) Line() << "nothing to do\n";
  return status;
}

Status DoTarget(const MigrateRequest& request, const Config& config, const Target& target,
                const MigrationSource& source, const schema::Schema& schema, std::ostream& out,
                std::ostream& errors, ordered_json* json, bool* wrong) {
  Result<std::vector<migrate::Migration>> migrations = ReadMigrations(source, *target.kind);
  if (!migrations.ok()) return migrations.status();
  const bool needed = request.verb != MigrateVerb::kVerify && request.verb != MigrateVerb::kPush;
  if (needed && migrations->empty()) return NoMigrations(source, *target.kind);
  Result<std::unique_ptr<repository::Backend>> backend = target.kind->open(target.name, config);
  if (!backend.ok()) return backend.status();
  repository::Migrator* migrator = (*backend)->migrator();
  migrator->SetLockTimeout(config.migrate_lock_timeout.count());
  const bool terminal = !request.json && &errors == &std::cerr && isatty(STDERR_FILENO) != 0;
  ProgressWatcher watcher(target.name, terminal, errors);
  migrator->OnWaiting(
      [&watcher](const repository::LockHolder& holder) { watcher.OnWaiting(holder); });
  Run run(request, target,
          MakeJob(*target.kind, migrator, *std::move(migrations), schema, target.here), &watcher,
          out);
  const Status status = run.Do();
  migrator->OnWaiting(nullptr);
  json->update(run.json());
  *wrong = *wrong || run.wrong();
  return status;
}

}  // namespace

int MigrateDatabases(const MigrateRequest& request, const Config& config, std::ostream& out,
                     std::ostream& errors) {
  const std::unique_ptr<const schema::Schema> schema = LoadSchema(config, errors);
  if (schema == nullptr) {
    return Fail(Status(Code::kInvalidArgument, "INVALID_SCHEMA", "the schema has mistakes"),
                request.json, out, errors);
  }
  Result<std::vector<Target>> targets = FindTargets(request, config, *schema);
  if (!targets.ok()) return Fail(targets.status(), request.json, out, errors);
  Result<MigrationSource> source = FindMigrations(config, *schema);
  if (!source.ok()) return Fail(source.status(), request.json, out, errors);

  ordered_json document = {{"databases", ordered_json::array()}};
  bool wrong = false;
  Status status;
  for (const Target& target : *targets) {
    const std::string url = RedactUrl(config.databases.at(target.name));
    ordered_json json = {{"database", target.name}, {"kind", target.kind->name}, {"url", url}};
    status = DoTarget(request, config, target, *source, *schema, out, errors, &json, &wrong);
    document["databases"].push_back(std::move(json));
    if (status.ok()) continue;
    status = status.Reworded("database " + target.name + " (" + url + "): " + status.message());
    break;
  }
  if (!status.ok()) {
    PrintStatus(status, errors);
    document["error"] = ToJson(status);
  }
  if (request.json) PrintJson(document, out);
  return status.ok() && !wrong ? 0 : 1;
}

}  // namespace storegate::cmd
