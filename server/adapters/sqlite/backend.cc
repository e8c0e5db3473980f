#include "server/adapters/sqlite/backend.h"

#include <atomic>
#include <bit>
#include <utility>

#include "server/adapters/sqlite/connection.h"
#include "server/adapters/sqlite/errors.h"
#include "server/adapters/sqlite/migrations.h"
#include "server/adapters/sqlite/session.h"
#include "server/adapters/sqlite/snapshot.h"
#include "server/base/text.h"

namespace storegate::sqlite {
namespace {

using repository::Backend;
using repository::Capabilities;
using repository::Session;

constexpr std::string_view kMemory = ":memory:";

class SqliteBackend : public Backend {
 public:
  SqliteBackend(Location location, std::unique_ptr<Connection> keeper)
      : location_(std::move(location)), keeper_(std::move(keeper)), migrator_(location_) {}

  std::string_view kind() const override { return "sqlite"; }
  Capabilities capabilities() const override {
    return {.transactions = true, .references = true, .joins = true, .aggregates = true};
  }
  Result<std::unique_ptr<Session>> Connect(Use use) override;
  Result<std::string> KeepSecret(std::string_view name, std::string_view proposed) override;
  repository::Migrator* migrator() override { return &migrator_; }
  const Location& location() const { return location_; }

 private:
  const Location location_;
  // Open as long as the backend is: a database in memory lives as long as it has
  // a connection, and a file's WAL is not made anew for each session.
  const std::unique_ptr<Connection> keeper_;
  SqliteMigrator migrator_;
};

Result<std::unique_ptr<Session>> SqliteBackend::Connect(Use use) {
  const auto mode = use == Use::kWrite ? Connection::Use::kWrite : Connection::Use::kRead;
  Result<std::unique_ptr<Connection>> connection = Connection::Open(location_, mode);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<Session>(
      std::make_unique<SqliteSession>(*std::move(connection), mode));
}

// REQUIRES: within BEGIN IMMEDIATE, so that whoever comes second reads the first's.
Result<std::string> KeepWithin(Connection* connection, std::string_view name,
                               std::string_view proposed) {
  sqlite3* db = connection->handle();
  int code = connection->Script(
      "CREATE TABLE IF NOT EXISTS \"_storegate_secrets\" (\n"
      "  \"name\" TEXT NOT NULL PRIMARY KEY,\n"
      "  \"value\" BLOB NOT NULL\n"
      ") STRICT");
  if (code != SQLITE_OK) return ToStatus(db, code);
  const Sql insert{"INSERT INTO \"_storegate_secrets\" VALUES (?, ?) ON CONFLICT DO NOTHING",
                   {std::string(name), Bytes{std::string(proposed)}}};
  const Sql select{"SELECT \"value\" FROM \"_storegate_secrets\" WHERE \"name\" = ?",
                   {std::string(name)}};
  for (const Sql* sql : {&insert, &select}) {
    Result<Cursor> cursor = connection->Run(*sql);
    if (!cursor.ok()) return cursor.status();
    code = cursor->Step();
    if (code == SQLITE_ROW) {
      const auto* data = static_cast<const char*>(sqlite3_column_blob(cursor->row(), 0));
      const size_t size = sqlite3_column_bytes(cursor->row(), 0);
      return data == nullptr ? std::string() : std::string(data, size);
    }
    if (code != SQLITE_DONE) return ToStatus(db, code);
  }
  return Status(Code::kInternal, "DATABASE_ERROR", "A secret was kept and is not there.");
}

Result<std::string> SqliteBackend::KeepSecret(std::string_view name, std::string_view proposed) {
  Result<std::unique_ptr<Connection>> opened =
      Connection::Open(location_, Connection::Use::kWrite);
  if (!opened.ok()) return opened.status();
  Connection& connection = **opened;
  int code = connection.Bracket("BEGIN IMMEDIATE");
  if (code != SQLITE_OK) return ToStatus(connection.handle(), code);
  Result<std::string> secret = KeepWithin(&connection, name, proposed);
  if (secret.ok() && (code = connection.Bracket("COMMIT")) != SQLITE_OK) {
    secret = CommitFailure(connection.handle(), code);
  }
  if (connection.InTransaction()) connection.Bracket("ROLLBACK");
  return secret;
}

Status InvalidOption(std::string what) {
  return Status(Code::kInvalidArgument, "INVALID_OPTION", std::move(what));
}

Result<Location> Locate(const Options& options) {
  if (options.path.empty()) {
    return InvalidOption("The path of a SQLite database must not be empty.");
  }
  if (options.path.find('\0') != std::string::npos) {
    return InvalidOption("The path " + Quoted(options.path) + " holds a NUL.");
  }
  const auto size = static_cast<unsigned>(options.page_size);
  if (options.page_size != 0 && (size < 512 || size > 65536 || !std::has_single_bit(size))) {
    return InvalidOption("A page is a power of two from 512 to 65536 bytes, not " +
                         std::to_string(options.page_size) + ".");
  }
  if (options.max_pages < 0) {
    return InvalidOption("max_pages must not be negative, it is " +
                         std::to_string(options.max_pages) + ".");
  }
  Location location{options, options.path, options.path == kMemory};
  if (location.memory) {
    // A name that begins with "/" is one database for all connections of the
    // process (sqlite.org/src/file/src/memdb.c); the number makes it this backend's.
    static std::atomic<uint64_t> counter{0};
    location.name = "file:/storegate-" + std::to_string(counter++) + "?vfs=memdb";
  } else if (options.path.starts_with("file:")) {
    location.name = "./" + options.path;  // a file of that name, not a URI
  }
  return location;
}

}  // namespace

Result<std::unique_ptr<Backend>> Open(const Options& options) {
  Result<Location> location = Locate(options);
  if (!location.ok()) return location.status();
  if (Status status = CheckPath(*location); !status.ok()) return status;
  Result<std::unique_ptr<Connection>> keeper =
      Connection::Open(*location, Connection::Use::kWrite, /*create=*/true);
  if (!keeper.ok()) return keeper.status();
  return std::unique_ptr<Backend>(
      std::make_unique<SqliteBackend>(*std::move(location), *std::move(keeper)));
}

Result<std::unique_ptr<Snapshot>> Snapshot::Take(repository::Backend* backend) {
  const Location& of = static_cast<SqliteBackend*>(backend)->location();
  Result<Location> into = Locate(of.options);
  if (!into.ok()) return into.status();
  return Take(of, *into);
}

}  // namespace storegate::sqlite
