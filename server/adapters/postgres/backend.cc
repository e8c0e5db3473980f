#include "server/adapters/postgres/backend.h"

#include <utility>

#include "server/adapters/postgres/connection.h"
#include "server/adapters/postgres/errors.h"
#include "server/adapters/postgres/migrations.h"
#include "server/adapters/postgres/session.h"

namespace storegate::postgres {
namespace {

using repository::Backend;
using repository::Capabilities;
using repository::Session;

class PostgresBackend : public Backend {
 public:
  explicit PostgresBackend(const Options& options) : options_(options), migrator_(options) {}

  std::string_view kind() const override { return "postgresql"; }
  Capabilities capabilities() const override {
    return {.transactions = true,
            .references = true,
            .start_get = true,
            .joins = true,
            .aggregates = true};
  }
  Result<std::unique_ptr<Session>> Connect(Use use) override;
  Result<std::string> KeepSecret(std::string_view name, std::string_view proposed) override;
  repository::Migrator* migrator() override { return &migrator_; }

 private:
  const Options options_;
  PostgresMigrator migrator_;
};

Result<std::unique_ptr<Session>> PostgresBackend::Connect(Use use) {
  const auto mode = use == Use::kWrite ? Connection::Use::kWrite : Connection::Use::kRead;
  Result<std::unique_ptr<Connection>> connection = Connection::Open(options_, mode);
  if (!connection.ok()) return connection.status();
  return std::unique_ptr<Session>(std::make_unique<PostgresSession>(*std::move(connection)));
}

// Makes the table of secrets. That another gateway makes it at the same time is fine.
Status MakeSecrets(Connection* connection, Deadline deadline) {
  const Rows answer = connection->Script(
      "CREATE TABLE IF NOT EXISTS \"_storegate_secrets\" (\n"
      "  \"name\" text NOT NULL PRIMARY KEY,\n"
      "  \"value\" bytea NOT NULL\n"
      ")",
      deadline);
  if (answer == nullptr) return ConnectionLost();
  return Failed(answer.get()) && !MadeByAnother(answer.get()) ? ToStatus(answer.get()) : Status();
}

Result<std::string> PostgresBackend::KeepSecret(std::string_view name,
                                                std::string_view proposed) {
  Result<std::unique_ptr<Connection>> opened =
      Connection::Open(options_, Connection::Use::kWrite);
  if (!opened.ok()) return opened.status();
  Connection* const connection = opened->get();
  const Deadline deadline = std::chrono::steady_clock::now() + options_.connect_timeout;
  if (Status status = MakeSecrets(connection, deadline); !status.ok()) return status;
  Sql insert, select;
  insert.text = "INSERT INTO \"_storegate_secrets\" VALUES (";
  insert.Append(std::string(name), Kind::kText);
  insert.text += ", ";
  insert.Append(Bytes{std::string(proposed)}, Kind::kBytea);
  insert.text += ") ON CONFLICT DO NOTHING";
  // A statement of its own, so that it sees what was in the insert's way.
  select.text = "SELECT \"value\" FROM \"_storegate_secrets\" WHERE \"name\" = ";
  select.Append(std::string(name), Kind::kText);
  if (Result<Rows> kept = connection->Ask(insert, deadline); !kept.ok()) {
    return kept.status();
  }
  Result<Rows> rows = connection->Ask(select, deadline);
  if (!rows.ok()) return rows.status();
  if (PQntuples(rows->get()) != 1) {
    return Status(Code::kInternal, "DATABASE_ERROR", "A secret was kept and is not there.");
  }
  return std::string(PQgetvalue(rows->get(), 0, 0),
                     static_cast<size_t>(PQgetlength(rows->get(), 0, 0)));
}

}  // namespace

Result<std::unique_ptr<Backend>> Open(const Options& options) {
  Result<std::unique_ptr<Connection>> tried =
      Connection::Open(options, Connection::Use::kRead);
  if (!tried.ok()) return tried.status();
  return std::unique_ptr<Backend>(std::make_unique<PostgresBackend>(options));
}

}  // namespace storegate::postgres
