// Migrations as PostgreSQL does them. Each is a transaction with its row of history.
// The lock is an advisory one on a connection of its own, asked for again and again:
// a session that waits for it would hold up CREATE INDEX CONCURRENTLY.
#pragma once

#include <memory>

#include "server/adapters/postgres/connection.h"
#include "server/repository/migrator.h"

namespace storegate::postgres {

// History is in the table _storegate_migrations. SQL that ends the transaction
// around it (COMMIT, ROLLBACK) is refused once it has done so.
class PostgresMigrator : public repository::Migrator {
 public:
  explicit PostgresMigrator(const Options& options) : options_(options) {}

  Status WithLock(const std::function<Status()>& work) override;
  Result<std::vector<repository::AppliedMigration>> History() override;
  Status Apply(const repository::AppliedMigration& row, const std::string& sql) override;
  Status Execute(const std::string& sql) override;
  Result<std::vector<std::string>> Parts(std::string_view table) override;

 private:
  // Makes sure that connection_ may be used.
  Status Connect();
  Status TakeLock(Connection* connection);
  // "storegate, process 4711 from 10.0.0.7"; empty when nobody has it by now.
  std::string Holder(Connection* connection);
  Status RunScript(const std::string& what, const std::string& sql);
  Status InTransaction(const std::function<Status()>& work);
  Status MakeHistory();

  const Options options_;
  std::unique_ptr<Connection> connection_;  // null until the first call
  bool locked_ = false;
};

}  // namespace storegate::postgres
