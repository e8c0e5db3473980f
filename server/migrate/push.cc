#include <algorithm>

#include "server/base/text.h"
#include "server/migrate/guard.h"
#include "server/migrate/history.h"
#include "server/migrate/reconcile.h"
#include "server/migrate/runner.h"
#include "server/migrate/runner_steps.h"
#include "server/migrate/serves.h"
#include "server/migrate/verify.h"
#include "server/schema/compatibility.h"
#include "server/schema/loader.h"

namespace storegate::migrate {

using Kind = Change::Kind;
using repository::DatabaseModel;
using repository::Migrator;

namespace {

// The tables, columns and indexes that an earlier push made: what goes when the schema has it
// no more. What neither schema has is somebody else's.
struct Before {
  std::unique_ptr<const schema::Schema> schema;  // null where none was kept
  DatabaseModel model;
  std::vector<schema::Incompatibility> data;  // from it to the job's schema
};

Result<Before> ReadBefore(const Job& job) {
  Before before;
  Result<std::optional<std::string>> kept = job.migrator->ReadSchema();
  if (!kept.ok()) return kept.status();
  google::protobuf::FileDescriptorSet descriptors;
  if (!kept->has_value() || !descriptors.ParseFromString(**kept)) return before;
  before.schema = schema::LoadDescriptors("the kept schema", descriptors).schema;
  if (before.schema == nullptr) return before;
  before.model = job.generator->Model(before.schema->AllEntities());
  for (schema::Incompatibility& change : schema::Compare(*before.schema, *job.schema)) {
    if (change.kind == schema::Incompatibility::Kind::kData) {
      before.data.push_back(std::move(change));
    }
  }
  return before;
}

// What neither schema has.
bool IsOthers(const Before& before, Part part, const std::string& table,
              const std::string& name) {
  const TableModel* known = before.model.Table(table);
  if (known == nullptr) return true;
  switch (part) {
    case Part::kTable: return false;
    case Part::kColumn: return known->Column(name) == nullptr;
    case Part::kIndex: return known->Index(name) == nullptr;
  }
  return true;
}

// What would be lost: of a table or column that goes, or whose type becomes one that does not
// hold all that it held.
Result<bool> LosesData(Migrator& migrator, const Before& before, const Change& change) {
  std::string column = change.name;
  switch (change.kind) {
    case Kind::kDropTable: column = ""; break;
    case Kind::kDropColumn: break;
    case Kind::kAlterColumn: {
      if (change.column_before->type == change.column_after->type) return false;
      const TableModel* known = before.model.Table(change.table);
      const bool widened =
          known != nullptr && known->Column(change.name) != nullptr &&
          std::ranges::none_of(before.data, [&](const schema::Incompatibility& each) {
            return each.table == change.table && each.column == change.name;
          });
      if (widened) return false;
      break;
    }
    default: return false;
  }
  return migrator.HoldsRows(change.table, column);
}

Status CheckLoss(const Job& job, const Before& before, const std::vector<Change>& changes) {
  std::vector<std::string> losses;
  std::vector<Violation> violations;
  for (const Change& change : changes) {
    Result<bool> loses = LosesData(*job.migrator, before, change);
    if (!loses.ok()) return loses.status();
    if (!*loses) continue;
    std::string place = change.table;
    if (change.kind != Kind::kDropTable) place += "." + change.name;
    losses.push_back(place);
    violations.push_back({place, DescribeChange(change, job.generator->table_word())});
  }
  if (losses.empty()) return {};
  Status status = Refused("DATA_LOSS", "To make the database match the schema loses what is in " +
                                           CommaSeparated(losses) +
                                           ". Allow it with --allow-data-loss, or rename by a "
                                           "migration.");
  for (const Violation& each : violations) status.WithViolation(each.field, each.description);
  return status;
}

Status PushLocked(const Job& job, bool allow_data_loss, std::vector<std::string>* done) {
  Migrator& migrator = *job.migrator;
  Result<History> history = migrator.History();
  if (!history.ok()) return history.status();
  if (!history->empty()) {
    return Refused("HISTORY_EXISTS", "The database was made by migrations, " +
                                         history->back().name +
                                         " being the last: it is changed by migrations alone. Run "
                                         "migrate generate and migrate up.");
  }
  const std::vector<const schema::Entity*> all = AllEntities(job);
  Result<DatabaseModel> wanted = RehearseSchema(migrator, *job.generator, all);
  if (!wanted.ok()) return wanted.status();
  Result<DatabaseModel> there = migrator.Describe();
  if (!there.ok()) return there.status();
  Result<Before> before = ReadBefore(job);
  if (!before.ok()) return before.status();
  PlaceReferences(job, *there, &*wanted);
  TellFields(job.generator->Model(all), &*wanted);
  TellFields(before->model, &*there);
  KeepOthers(
      *there,
      [&](Part part, const std::string& table, const std::string& name) {
        return IsOthers(*before, part, table, name);
      },
      &*wanted);
  const std::vector<Change> changes = Diff(*there, *wanted);
  if (!allow_data_loss) {
    if (Status checked = CheckLoss(job, *before, changes); !checked.ok()) return checked;
  }
  Result<Script> script = job.generator->Steps(
      "what the database lacks", job.generator->Render(changes, *wanted, {.online = false}));
  if (!script.ok()) return script.status();
  StepRunner steps(job);
  for (const Step& step : script->steps) {
    if (Status ran = steps.RunAlone(step); !ran.ok()) return ran;
  }
  for (const Change& change : changes) {
    std::string text = DescribeChange(change, job.generator->table_word());
    if (!text.empty()) done->push_back(std::move(text));
  }
  return migrator.KeepSchema(schema::DescriptorsOf(*job.schema).SerializeAsString());
}

}  // namespace

Status Push(const Job& job, bool allow_data_loss, std::vector<std::string>* done) {
  done->clear();
  if (Status checked = job.generator->Check(job.here); !checked.ok()) return checked;
  const WaitingWatched watched(job);
  const Status status =
      job.migrator->WithLock([&] { return PushLocked(job, allow_data_loss, done); });
  if (!status.ok()) done->clear();
  return status;
}

}  // namespace storegate::migrate
