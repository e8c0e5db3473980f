#include "server/adapters/mongodb/migration_commands.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "server/adapters/mongodb/describe.h"
#include "server/adapters/mongodb/errors.h"
#include "server/adapters/mongodb/migration_index.h"
#include "server/adapters/mongodb/migration_indexes.h"
#include "server/adapters/mongodb/script.h"
#include "server/base/text.h"

namespace storegate::mongodb {
namespace {

// The server's codes for what is there or gone already.
constexpr int64_t kNamespaceNotFound = 26, kIndexNotFound = 27, kNamespaceExists = 48;

Status Failed(const std::string& what, const std::string& why) {
  return Status(Code::kFailedPrecondition, "MIGRATION_FAILED", what + " " + why);
}

// Runs a command that may run twice; `fine` are codes of the server that are as good as
// success.
Status RunRepeatable(MigrationLink* link, const std::string& what, const Bson& command,
                     std::initializer_list<int64_t> fine) {
  return link->Again([&]() -> Status {
    Answer answer = link->connection()->Write(command);
    const std::optional<Failure> failure = FailureOf(&answer);
    if (!failure || std::ranges::count(fine, CodeOf(answer)) > 0) return {};
    return ScriptFailure(*failure, what);
  });
}

Result<bool> Exists(MigrationLink* link, std::string_view collection) {
  bool there = false;
  Status status = link->Again([&]() -> Status {
    const Result<bool> answer = CollectionExists(link, collection);
    if (answer.ok()) there = *answer;
    return answer.status();
  });
  if (!status.ok()) return status;
  return there;
}

Status Create(MigrationLink* link, const std::string& what, const Bson& command) {
  const Result<bool> there = Exists(link, TargetOfCommand(command));
  if (!there.ok()) return there.status();
  if (*there) return {};
  return RunRepeatable(link, what, command, {kNamespaceExists});
}

Status Drop(MigrationLink* link, const std::string& what, const Bson& command) {
  const Result<bool> there = Exists(link, TargetOfCommand(command));
  if (!there.ok()) return there.status();
  if (!*there) return {};
  return RunRepeatable(link, what, command, {kNamespaceNotFound});
}

// By names, one at a time: so that what is gone does not stand in the way of the rest.
Status DropIndexes(MigrationLink* link, const std::string& what, const Bson& command) {
  const std::string collection(TargetOfCommand(command));
  std::vector<std::string> names;
  Status status = link->Again([&]() -> Status {
    const Result<std::vector<Bson>> there = ListIndexes(link, collection);
    if (!there.ok()) return there.status();
    names = NamesToDrop(command, *there);
    return {};
  });
  for (size_t i = 0; i < names.size() && status.ok(); ++i) {
    Bson drop;
    drop.AddText("dropIndexes", collection).AddText("index", names[i]);
    status = RunRepeatable(link, what, drop, {kNamespaceNotFound, kIndexNotFound});
  }
  return status;
}

// The server wants it in "admin", with names that have the database before them.
Status Rename(MigrationLink* link, const std::string& what, const Bson& command) {
  const std::string from(TargetOfCommand(command)), to = TextOf(command.get(), "to");
  if (from.empty() || to.empty()) {
    return Failed(what, "must say \"to\": what the collection is to be called.");
  }
  const std::string database = link->pool().database() + ".";
  Bson rename;
  rename.AddText("renameCollection", database + from).AddText("to", database + to);
  bson_iter_t at;
  for (bool more = bson_iter_init(&at, command.get()) && bson_iter_next(&at); more;
       more = bson_iter_next(&at)) {
    const std::string_view key = bson_iter_key(&at);
    if (key != "renameCollection" && key != "to") bson_append_iter(rename.get(), nullptr, -1, &at);
  }
  return link->Again([&]() -> Status {
    // Each time: the one before may have done it, and lost its answer.
    const Result<bool> there = CollectionExists(link, from);
    if (!there.ok()) return there.status();
    if (!*there) return {};
    Answer answer = link->connection()->WriteAdmin(rename);
    const std::optional<Failure> failure = FailureOf(&answer);
    if (!failure || CodeOf(answer) == kNamespaceNotFound) return {};
    if (CodeOf(answer) == kNamespaceExists) {
      return Failed(what, "cannot call " + Quoted(from) + " " + Quoted(to) +
                              ": there is a collection of that name. Move what is in it, drop "
                              "it, and start again.");
    }
    return ScriptFailure(*failure, what);
  });
}

Status RunCommand(MigrationLink* link, const std::string& what, const Bson& command) {
  const std::string_view name = NameOfCommand(command);
  if (name.starts_with("storegate.")) {
    return Failed(what, "is no command of MongoDB's, but a part of a migration file.");
  }
  if (name == "create") return Create(link, what, command);
  if (name == "createIndexes") return CreateIndexes(link, what, command);
  if (name == "drop") return Drop(link, what, command);
  if (name == "dropIndexes" || name == "deleteIndexes") return DropIndexes(link, what, command);
  if (name == "renameCollection") return Rename(link, what, command);
  if (Status status = link->Ready(); !status.ok()) return status;
  Answer answer = link->connection()->Write(command);
  const std::optional<Failure> failure = FailureOf(&answer);
  return failure ? ScriptFailure(*failure, what) : Status();
}

}  // namespace

Status RunCommands(MigrationLink* link, const std::string& what, const std::string& script,
                   int first_line) {
  std::vector<int> lines;
  const Result<std::vector<Bson>> commands = ParseScript(what, script, &lines);
  if (!commands.ok()) return commands.status();
  for (size_t i = 0; i < commands->size(); ++i) {
    const Bson& command = (*commands)[i];
    const std::string where = "Command " + std::to_string(i + 1) + " of " + what + ", " +
                              Quoted(NameOfCommand(command)) + " in line " +
                              std::to_string(first_line - 1 + lines[i]) + ",";
    if (Status status = link->Ready(); !status.ok()) return status;
    if (Status status = RunCommand(link, where, command); !status.ok()) return status;
  }
  return {};
}

}  // namespace storegate::mongodb
