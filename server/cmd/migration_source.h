// Where numbered migrations come from: a folder, or the binary.
//
//   migrations/schema.textproto       what the last one led to: a FileDescriptorSet
//   migrations/postgres/0001_name.up.sql, 0001_name.down.sql
//   migrations/sqlite/…, migrations/mongodb/…     by Generator::folder
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.pb.h>

#include "server/base/status.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/config.h"
#include "server/migrate/runner.h"
#include "server/schema/schema.h"

namespace storegate::cmd {

inline constexpr std::string_view kDefaultMigrations = "migrations";
inline constexpr std::string_view kSnapshotFile = "schema.textproto";

struct MigrationSource {
  enum class Kind { kNone, kEmbedded, kFolder };
  Kind kind = Kind::kNone;
  std::string folder;  // kFolder

  // For messages: "the folder migrations", "the binary".
  std::string Name() const;
};

// The folder of `config.migrations`; where that says nothing, ./migrations when its
// snapshot has an entity of the schema (it may be somebody else's), else the binary's for
// the schema that is in the binary, else none. NOT_FOUND, reason MIGRATIONS_NOT_FOUND, when
// a folder that was named is not there; INVALID_ARGUMENT, reason INVALID_SNAPSHOT.
Result<MigrationSource> FindMigrations(const Config& config, const schema::Schema& schema);

// Those for a kind of database, in order; none is OK. Files that are hidden or neither
// .sql nor .json are left out. INVALID_ARGUMENT, reason INVALID_MIGRATION, naming the file:
// one that cannot be read or is too large, and as migrate::ParseMigrations.
Result<std::vector<migrate::Migration>> ReadMigrations(const MigrationSource& source,
                                                       const BackendKind& kind);

// The schema of the folder's last migration. Nothing: there is no snapshot, or one of no
// files at all. INVALID_ARGUMENT, reason INVALID_SNAPSHOT, naming file and line.
Result<std::optional<google::protobuf::FileDescriptorSet>> ReadSnapshot(
    const std::string& folder);
// The same as a schema; null for nothing.
Result<std::unique_ptr<const schema::Schema>> ReadSnapshotSchema(const std::string& folder);
// The text of a snapshot, without files that come with the binary.
std::string SnapshotText(const schema::Schema& schema);

}  // namespace storegate::cmd
