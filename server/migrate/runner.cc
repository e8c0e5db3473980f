#include "server/migrate/runner.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include <sodium.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/migrate/ddl.h"

namespace storegate::migrate {

using repository::AppliedMigration;
using repository::Migrator;

namespace {

Status BadFile(const std::string& name, const std::string& why) {
  return Status(Code::kInvalidArgument, "INVALID_MIGRATION",
                "The migration file " + Quoted(name) + " " + why + ".")
      .With("file", name);
}

Status Refused(std::string_view reason, std::string message) {
  return Status(Code::kFailedPrecondition, reason, std::move(message));
}

std::string Listed(const std::vector<std::string>& items) {
  std::string list;
  for (const std::string& item : items) list += (list.empty() ? "" : ", ") + item;
  return list;
}

Status CheckHistory(const std::vector<AppliedMigration>& history,
                    const Generator& generator, const std::vector<Migration>& migrations) {
  std::map<int, const Migration*> known;
  for (const Migration& migration : migrations) known[migration.number] = &migration;
  for (const AppliedMigration& applied : history) {
    const auto found = known.find(applied.number);
    if (found == known.end()) {
      return Refused("DATABASE_AHEAD",
                     "The database has the migration " + applied.name +
                         ", which this version of storegate does not know. Run the version that "
                         "applied it, or a later one.");
    }
    if (applied.checksum != Checksum(generator, found->second->up)) {
      return Refused("MIGRATION_CHANGED",
                     "The migration " + applied.name +
                         " is not what was applied to the database. Restore the file, and put "
                         "the change into a new migration.");
    }
  }
  return {};
}

// What the entity's table must have and has not.
std::vector<std::string> Missing(const Generator& generator, const schema::Entity& entity,
                                 const std::vector<std::string>& there) {
  std::vector<std::string> missing;
  for (std::string& name : generator.Parts(entity)) {
    if (std::ranges::find(there, name) == there.end()) missing.push_back(std::move(name));
  }
  return missing;
}

}  // namespace

Result<std::vector<Migration>> ParseMigrations(
    const std::vector<std::pair<std::string, std::string>>& name_and_text,
    const Generator& generator) {
  const std::string_view suffix = generator.file_suffix();
  const std::string example = "0001_what_it_does" + std::string(suffix);
  std::map<int, Migration> by_number;
  for (const auto& [file, text] : name_and_text) {
    if (file.ends_with(generator.down_suffix())) continue;
    if (!file.ends_with(suffix)) return BadFile(file, "must be named as " + example);
    const std::string name = file.substr(0, file.size() - suffix.size());
    const size_t underscore = name.find('_');
    int number = 0;
    const char* end = name.data() + std::min(underscore, name.size());
    const auto read = std::from_chars(name.data(), end, number);
    if (underscore == std::string::npos || underscore + 1 == name.size() || number <= 0 ||
        read.ec != std::errc() || read.ptr != end) {
      return BadFile(file, "must begin with a number from 1 and an underscore, as in " + example);
    }
    const auto [entry, fresh] = by_number.try_emplace(number, Migration{number, name, text, ""});
    if (!fresh) {
      const std::string other = entry->second.name + std::string(suffix);
      return BadFile(file, "has the number of " + Quoted(other));
    }
  }
  std::vector<Migration> migrations;
  for (auto& [number, migration] : by_number) migrations.push_back(std::move(migration));
  return migrations;
}

std::string Checksum(const Generator& generator, std::string_view text) {
  const std::string significant = generator.Significant(text);
  unsigned char hash[crypto_hash_sha256_BYTES];
  crypto_hash_sha256(hash, reinterpret_cast<const unsigned char*>(significant.data()),
                     significant.size());
  char hex[2 * sizeof hash + 1];
  sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
  return hex;
}

Status Up(const Job& job, int, std::vector<std::string>* applied) {
  Migrator& migrator = *job.migrator;
  const std::vector<Migration>& migrations = job.migrations;
  applied->clear();
  std::vector<std::string> done;
  Status status = migrator.WithLock([&]() -> Status {
    Result<std::vector<AppliedMigration>> history = migrator.History();
    if (!history.ok()) return history.status();
    if (Status checked = CheckHistory(*history, *job.generator, migrations); !checked.ok()) return checked;
    for (const Migration& migration : migrations) {
      const bool there = std::ranges::any_of(*history, [&](const AppliedMigration& row) {
        return row.number == migration.number;
      });
      if (there) continue;
      AppliedMigration row;
      row.number = migration.number;
      row.name = migration.name;
      row.checksum = Checksum(*job.generator, migration.up);
      row.applied_at_millis = NowMillis();
      if (Status ran = migrator.Apply(row, migration.up); !ran.ok()) return ran;
      done.push_back(migration.name);
    }
    return {};
  });
  if (status.ok()) *applied = std::move(done);
  return status;
}

Status CreateTables(Migrator& migrator, const Generator& generator,
                    const std::vector<const schema::Entity*>& entities,
                    std::vector<std::string>* created) {
  created->clear();
  if (Status status = generator.Check(entities); !status.ok()) return status;
  std::vector<std::string> done;
  Status status = migrator.WithLock([&]() -> Status {
    std::string finish;
    for (const schema::Entity* entity : CreationOrder(entities)) {
      Result<std::vector<std::string>> parts = migrator.Parts(entity->collection);
      if (!parts.ok()) return parts.status();
      const bool left_alone =
          !parts->empty() &&
          (!generator.repeatable() || Missing(generator, *entity, *parts).empty());
      if (left_alone) continue;
      Status made = migrator.Execute(generator.Create(*entity, entities));
      if (!made.ok()) return made;
      done.push_back(entity->collection);
      finish += generator.Finish(*entity, entities);
    }
    return finish.empty() ? Status() : migrator.Execute(finish);
  });
  if (status.ok()) *created = std::move(done);
  return status;
}

Status CheckTables(Migrator& migrator, const Generator& generator,
                   const std::vector<const schema::Entity*>& entities) {
  const std::string table(generator.table_word()), part(generator.part_word());
  std::vector<std::string> lacks;
  bool table_missing = false, part_missing = false;
  for (const schema::Entity* entity : entities) {
    Result<std::vector<std::string>> parts = migrator.Parts(entity->collection);
    if (!parts.ok()) return parts.status();
    if (parts->empty()) {
      lacks.push_back("the " + table + " " + entity->collection);
      table_missing = true;
      continue;
    }
    for (const std::string& name : Missing(generator, *entity, *parts)) {
      lacks.push_back("the " + part + " " + entity->collection + "." + name);
      part_missing = true;
    }
  }
  if (lacks.empty()) return {};
  std::string advice;
  if (table_missing) {
    advice += " Make " + table + "s with --create-tables, or by a migration.";
  }
  if (part_missing) advice += " Add what a " + table + " lacks by a migration.";
  return Refused("TABLE_MISMATCH", "The database lacks " + Listed(lacks) + "." + advice);
}

}  // namespace storegate::migrate
