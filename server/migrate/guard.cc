#include "server/migrate/guard.h"

#include <algorithm>
#include <cctype>

#include "server/base/text.h"
#include "server/migrate/runner_steps.h"
#include "server/migrate/serves.h"
#include "server/schema/loader.h"

namespace storegate::migrate {

using repository::ColumnModel;
using repository::DatabaseModel;
using repository::TableModel;
using schema::Incompatibility;

namespace {

const ColumnModel* ColumnOf(const DatabaseModel& database, const Incompatibility& change) {
  const TableModel* table = database.Table(change.table);
  return table == nullptr ? nullptr : table->Column(change.column);
}

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Whether `name` stands in the text by itself.
bool Names(std::string_view text, std::string_view name) {
  if (name.empty()) return true;
  for (size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const size_t end = at + name.size();
    const bool begins = at == 0 || !IsWordCharacter(text[at - 1]);
    if (begins && (end == text.size() || !IsWordCharacter(text[end]))) return true;
  }
  return false;
}

bool Named(const Incompatibility& change, const std::vector<const KnownMigration*>& migrations) {
  return std::ranges::any_of(migrations, [&](const KnownMigration* each) {
    return Names(each->migration->up, change.table) && Names(each->migration->up, change.column);
  });
}

// What the schema that comes first has, and the one that comes second lacks.
bool IsRemoval(const Incompatibility& change) {
  return change.rule == "FIELD_REMOVED" || change.rule == "ENUM_VALUE_REMOVED" ||
         change.rule == "ENTITY_REMOVED";
}

Status Incompatible(const std::vector<Incompatibility>& refused) {
  std::vector<std::string> names;
  for (const Incompatibility& change : refused) names.push_back(change.element);
  Status status = Refused(
      "SCHEMA_INCOMPATIBLE",
      "The schema cannot read what the database holds: " + CommaSeparated(names) +
          (names.size() == 1 ? " changed" : " changed, each") +
          " without a migration that makes the rows fit. " + refused.front().message +
          " Take the change back, or write a migration that makes it and names table and column.");
  for (const Incompatibility& change : refused) {
    std::string where = change.table;
    if (!change.column.empty()) where += "." + change.column;
    status.WithViolation(change.element, change.message + " Rows are in " + where + ".");
  }
  return status;
}

}  // namespace

Status Guard::Read() {
  if (job_.schema == nullptr) return {};
  mine_ = schema::DescriptorsOf(*job_.schema).SerializeAsString();
  Result<std::optional<std::string>> kept = job_.migrator->ReadSchema();
  if (!kept.ok()) return kept.status();
  if (!kept->has_value()) return {};
  kept_is_mine_ = **kept == mine_;
  if (kept_is_mine_) return {};
  google::protobuf::FileDescriptorSet descriptors;
  if (!descriptors.ParseFromString(**kept)) {
    return Refused("SCHEMA_INCOMPATIBLE",
                   "The schema that the database keeps of those who wrote it is damaged: it is no "
                   "FileDescriptorSet.");
  }
  schema::LoadResult loaded = schema::LoadDescriptors("the kept schema", descriptors);
  if (loaded.schema == nullptr) {
    return Refused("SCHEMA_INCOMPATIBLE",
                   "The schema that the database keeps of those who wrote it is none for this "
                   "version of storegate: " + loaded.diagnostics.front().ToString());
  }
  kept_ = std::move(loaded.schema);
  changes_ = schema::Compare(*kept_, *job_.schema);
  std::erase_if(changes_, [this](const Incompatibility& change) {
    return change.kind != Incompatibility::Kind::kData || (ahead_ && IsRemoval(change));
  });
  if (changes_.empty()) return {};
  kept_model_ = job_.generator->Model(kept_->AllEntities());
  mine_model_ = job_.generator->Model(job_.schema->AllEntities());
  return {};
}

bool Guard::DefinitionDiffers(const Incompatibility& change) const {
  const ColumnModel* before = ColumnOf(kept_model_, change);
  const ColumnModel* after = ColumnOf(mine_model_, change);
  return before != nullptr && after != nullptr && !SameDefinition(*before, *after);
}

Result<bool> Guard::IsMigrated(const Incompatibility& change) {
  Result<DatabaseModel> wanted =
      RehearseSchema(*job_.migrator, *job_.generator, job_.schema->AllEntities());
  if (!wanted.ok()) return wanted.status();
  Result<DatabaseModel> there = job_.migrator->Describe();
  if (!there.ok()) return there.status();
  TellFields(mine_model_, &*wanted);
  const ColumnModel* is = ColumnOf(*there, change);
  const ColumnModel* should = ColumnOf(*wanted, change);
  if (is == nullptr || should == nullptr) return false;
  // A table that others made may have its own defaults and rules.
  return Serves(*job_.generator, *there->Table(change.table), *is, *should) &&
         is->check.empty() == should->check.empty();
}

Result<Guard::Verdict> Guard::JudgeOne(const Incompatibility& change,
                                       const std::vector<const KnownMigration*>& pending,
                                       bool before) {
  const bool shown = DefinitionDiffers(change);
  // A column that a migration may drop, in a database that has columns.
  const bool may_go = !shown && ColumnOf(kept_model_, change) != nullptr &&
                      ColumnOf(mine_model_, change) == nullptr;
  const bool after_comes = before && !ahead_ && !pending.empty();
  if (after_comes && (shown || may_go || change.column.empty())) {
    return Verdict::kLater;
  }
  Result<bool> holds = job_.migrator->HoldsRows(change.table, change.column);
  if (!holds.ok()) return holds.status();
  if (!*holds) return Verdict::kFine;
  if (shown) {
    Result<bool> migrated = IsMigrated(change);
    if (!migrated.ok()) return migrated.status();
    return *migrated ? Verdict::kFine : Verdict::kRefused;
  }
  return !ahead_ && Named(change, pending) ? Verdict::kFine : Verdict::kRefused;
}

Status Guard::Judge(const std::vector<const KnownMigration*>& pending, bool before) {
  std::vector<Incompatibility> refused, later;
  for (const Incompatibility& change : changes_) {
    Result<Verdict> verdict = JudgeOne(change, pending, before);
    if (!verdict.ok()) return verdict.status();
    if (*verdict == Verdict::kRefused) refused.push_back(change);
    if (*verdict == Verdict::kLater) later.push_back(change);
  }
  changes_ = std::move(later);
  return refused.empty() ? Status() : Incompatible(refused);
}

Status Guard::Before(const std::vector<const KnownMigration*>& pending) {
  if (Status read = Read(); !read.ok()) return read;
  return Judge(pending, true);
}

Status Guard::After(const std::vector<const KnownMigration*>& pending) {
  return Judge(pending, false);
}

Status Guard::Keep() {
  if (job_.schema == nullptr || kept_is_mine_) return {};
  return job_.migrator->KeepSchema(mine_);
}

Result<DatabaseModel> RehearseSchema(repository::Migrator& migrator, const Generator& generator,
                                     const std::vector<const schema::Entity*>& entities) {
  Result<Script> script =
      generator.Steps("what the schema needs", generator.CreateAll(entities));
  if (!script.ok()) return script.status();
  return migrator.Rehearse(script->steps);
}

}  // namespace storegate::migrate
