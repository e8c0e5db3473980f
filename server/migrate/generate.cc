#include "server/migrate/generate.h"

#include <algorithm>
#include <set>

#include "server/base/text.h"
#include "server/migrate/ddl.h"

namespace storegate::migrate {

using schema::Entity;
using schema::Schema;

namespace {

const Entity* Find(const Schema* schema, const std::string& collection) {
  return schema == nullptr ? nullptr : EntityOf(schema->AllEntities(), collection);
}

bool HasColumn(const Entity* entity, const std::string& column) {
  return entity != nullptr &&
         std::ranges::any_of(entity->stored, [&](const schema::Field* field) {
           return field->column == column;
         });
}

Status BadRename(const std::string& from, const std::string& to, const std::string& why) {
  return Status(Code::kInvalidArgument, "INVALID_RENAME",
                "Cannot rename " + Quoted(from) + " to " + Quoted(to) + ": " + why + ".");
}

// What a rename of a thing of one kind needs to be possible.
struct Places {
  bool from_before, from_after, to_before, to_after;
};
Status CheckPlaces(const std::string& kind, const std::string& from, const std::string& to,
                   const Places& there) {
  if (!there.from_before) {
    return BadRename(from, to, "the schema of the last migration has no " + kind + " " +
                                   Quoted(from));
  }
  if (!there.to_after) {
    return BadRename(from, to, "the schema has no " + kind + " " + Quoted(to));
  }
  if (there.to_before) {
    return BadRename(from, to, "the schema of the last migration has a " + kind + " " +
                                   Quoted(to) + " already; rename or drop that one in a migration "
                                   "before");
  }
  if (there.from_after) {
    return BadRename(from, to, "the schema still has a " + kind + " " + Quoted(from) +
                                   "; add that one in a migration behind");
  }
  return {};
}

Status CheckRenames(const Schema* before, const Schema& after, const Renames& renames) {
  std::set<std::string> targets;
  for (const auto& [from, to] : renames.tables) {
    const auto there = [&](const Schema* schema, const std::string& name) {
      return Find(schema, name) != nullptr;
    };
    Status status = CheckPlaces("table", from, to,
                                {there(before, from), there(&after, from), there(before, to),
                                 there(&after, to)});
    if (!status.ok()) return status;
    if (!targets.insert(to).second) return BadRename(from, to, "another becomes it as well");
  }
  for (const auto& [key, to] : renames.columns) {
    const auto& [table, column] = key;
    const std::string from = table + "." + column;
    const Entity* is = Find(&after, table);
    if (is == nullptr) return BadRename(from, to, "the schema has no table " + Quoted(table));
    const Entity* was = Find(before, renames.TableBefore(table));
    Status status = CheckPlaces("column", from, table + "." + to,
                                {HasColumn(was, column), HasColumn(is, column), HasColumn(was, to),
                                 HasColumn(is, to)});
    if (!status.ok()) return status;
    if (!targets.insert(table + "." + to).second) {
      return BadRename(from, to, "another becomes it as well");
    }
  }
  return {};
}

// Whether the flags let the risk pass.
bool Allowed(const Risk& risk, const GenerateOptions& options) {
  switch (risk.kind) {
    case Risk::Kind::kLosesData: return options.allow_data_loss;
    case Risk::Kind::kBreaksRunning: return options.allow_breaking;
    case Risk::Kind::kImpossible: return false;
  }
  return false;
}

Status Unsafe(const std::vector<Risk>& risks, const GenerateOptions& options) {
  bool loses = false, breaks = false, impossible = false;
  for (const Risk& risk : risks) {
    if (Allowed(risk, options)) continue;
    loses = loses || risk.kind == Risk::Kind::kLosesData;
    breaks = breaks || risk.kind == Risk::Kind::kBreaksRunning;
    impossible = impossible || risk.kind == Risk::Kind::kImpossible;
  }
  if (!loses && !breaks && !impossible) return {};
  std::string message = "The migration";
  if (impossible) message += std::string(" changes what cannot be changed") +
                             (loses || breaks ? "," : "");
  if (loses) message += std::string(" loses data") + (breaks ? "," : "");
  if (breaks) message += " breaks running servers";
  message += ". Nothing was written.";
  if (!impossible) {
    message += std::string(" To have it nonetheless: ") + (loses ? "--allow-data-loss" : "") +
               (loses && breaks ? " " : "") + (breaks ? "--allow-breaking" : "") + ".";
  }
  Status status(Code::kFailedPrecondition, "UNSAFE_MIGRATION", std::move(message));
  for (const Risk& risk : risks) {
    if (Allowed(risk, options)) continue;
    status.WithViolation(risk.element, "It " + risk.what + ". " + risk.advice);
  }
  return status;
}

}  // namespace

Result<GeneratedMigration> Generate(const Schema* before, const Schema& after,
                                    const Generator& generator, const GenerateOptions& options) {
  const std::vector<const Entity*> now = after.AllEntities();
  const std::vector<const Entity*> then =
      before == nullptr ? std::vector<const Entity*>() : before->AllEntities();
  if (Status status = generator.Check(now); !status.ok()) return status;
  if (Status status = CheckRenames(before, after, options.renames); !status.ok()) return status;
  const DatabaseModel was = generator.Model(then);
  const DatabaseModel is = generator.Model(now);
  const std::vector<Change> changes = Diff(was, is, options.renames);
  std::vector<Change> judged = changes;
  for (Change& change : ChangesOfMeaning(was, is, options.renames)) {
    judged.push_back(std::move(change));
  }
  const std::vector<Risk> risks = RisksOf(judged, generator.typed_by_record());
  if (Status status = Unsafe(risks, options); !status.ok()) return status;

  RenderOptions render;
  render.online = before != nullptr;
  render.needs_this = std::ranges::any_of(risks, [](const Risk& risk) {
    return risk.kind == Risk::Kind::kBreaksRunning;
  });
  GeneratedMigration migration;
  migration.up = generator.Render(changes, is, render);
  if (migration.up.empty()) return migration;
  render.down = true;
  render.needs_this = false;
  migration.down = generator.Render(Diff(is, was, options.renames.Reversed()), was, render);
  return migration;
}

}  // namespace storegate::migrate
