#include "server/adapters/mongodb/migrations.h"

#include <utility>

#include "server/adapters/mongodb/describe.h"
#include "server/adapters/mongodb/migration_batches.h"
#include "server/adapters/mongodb/migration_commands.h"
#include "server/adapters/mongodb/migration_history.h"
#include "server/adapters/mongodb/rehearse.h"
#include "server/adapters/mongodb/script.h"

namespace storegate::mongodb {

using repository::AppliedMigration;
using repository::Step;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// Gives the connection back when a call outside of WithLock ends.
struct Use {
  explicit Use(MigrationLink* link) : link(*link) {}
  ~Use() { link.Rest(); }
  MigrationLink& link;
};

}  // namespace

Status MongodbMigrator::WithLock(const std::function<Status()>& work) {
  if (link_.lock() != nullptr) {
    return Status(Code::kInternal, "MIGRATION_LOCKED", "The migration lock is taken already.");
  }
  Result<std::unique_ptr<MigrationLock>> lock =
      MigrationLock::Take(link_.shared_pool(), lock_timeout_,
                          [this](const repository::LockHolder& holder) { TellWaiting(holder); });
  if (!lock.ok()) return lock.status();
  link_.SetLock(*std::move(lock));
  Status status = FenceRows(&link_);
  if (status.ok()) status = work();
  if (status.ok() && link_.lock()->lost()) status = MigrationLock::Lost();
  link_.SetLock(nullptr);
  link_.Rest();
  return status;
}

// Best effort, for those who wait: what is written under the lock asks for itself.
void MongodbMigrator::AtMigration(int number) {
  if (link_.lock() == nullptr || !link_.Ready().ok()) return;
  const Status told = link_.lock()->Confirm(link_.connection(), number);
  (void)told;
}

Result<std::vector<AppliedMigration>> MongodbMigrator::History() {
  const Use use(&link_);
  return ReadHistory(&link_);
}

Status MongodbMigrator::Run(const Step& step, const AppliedMigration& row) {
  const Use use(&link_);
  const auto start = steady_clock::now();
  Status status = RunCommands(&link_, "the migration " + row.name, step.script, step.line);
  if (!status.ok()) return status;
  AppliedMigration done = row;
  done.duration_millis +=
      std::chrono::duration_cast<milliseconds>(steady_clock::now() - start).count();
  return WriteRow(&link_, done);
}

Result<int64_t> MongodbMigrator::RunBatch(const Step& step) {
  const Use use(&link_);
  return RunBackfill(&link_, step);
}

Result<int64_t> MongodbMigrator::CountTotal(const Step& step) {
  const Use use(&link_);
  return CountBackfill(&link_, step);
}

Result<int64_t> MongodbMigrator::Refold(const schema::Field& field, const Value& after,
                                        Value* last) {
  const Use use(&link_);
  return RefoldBatch(&link_, field, after, last);
}

Status MongodbMigrator::Record(const AppliedMigration& row) {
  const Use use(&link_);
  return WriteRow(&link_, row);
}

Status MongodbMigrator::Forget(int number) {
  const Use use(&link_);
  return DeleteRow(&link_, number);
}

Result<repository::DatabaseModel> MongodbMigrator::Describe() {
  const Use use(&link_);
  if (Status status = link_.Ready(); !status.ok()) return status;
  return DescribeDatabase(&link_);
}

Result<repository::DatabaseModel> MongodbMigrator::Rehearse(const std::vector<Step>& steps) {
  return RehearseSteps(steps);
}

Result<std::optional<std::string>> MongodbMigrator::ReadSchema() {
  const Use use(&link_);
  return ReadDescriptors(&link_);
}

Status MongodbMigrator::KeepSchema(const std::string& descriptors) {
  const Use use(&link_);
  return WriteDescriptors(&link_, descriptors);
}

Result<bool> MongodbMigrator::HoldsRows(const std::string& table, const std::string& column) {
  const Use use(&link_);
  return HoldsDocuments(&link_, table, column);
}

Status MongodbMigrator::Execute(const std::string& script) {
  const Use use(&link_);
  return RunCommands(&link_, "making the collections", script, 1);
}

Result<std::vector<std::string>> MongodbMigrator::Parts(std::string_view table) {
  const Use use(&link_);
  if (Status status = link_.Ready(); !status.ok()) return status;
  const Result<bool> there = CollectionExists(&link_, table);
  if (!there.ok()) return there.status();
  std::vector<std::string> names;
  if (!*there) return names;
  const Result<std::vector<Bson>> indexes = ListIndexes(&link_, table);
  if (!indexes.ok()) return indexes.status();
  for (const Bson& index : *indexes) names.push_back(TextOf(index.get(), "name"));
  return names;
}

}  // namespace storegate::mongodb
