// Migrations as SQLite does them. Tables can be made and changed inside a
// transaction, so the lock is the transaction: WithLock is one BEGIN IMMEDIATE,
// during which no other process writes, and everything done under it is kept or
// taken back as a whole. Readers go on, with the old tables until it ends.
#pragma once

#include <memory>

#include "server/adapters/sqlite/connection.h"
#include "server/repository/migrator.h"

namespace storegate::sqlite {

// History is in the table _storegate_migrations. Each call outside of WithLock is
// a transaction of its own. SQL with BEGIN, COMMIT, SAVEPOINT or ATTACH in it is
// refused: it would end the lock.
class SqliteMigrator : public repository::Migrator {
 public:
  explicit SqliteMigrator(Location location) : location_(std::move(location)) {}

  Status WithLock(const std::function<Status()>& work) override;
  Result<std::vector<repository::AppliedMigration>> History() override;
  Status Apply(const repository::AppliedMigration& row, const std::string& sql) override;
  Status Execute(const std::string& sql) override;
  Result<std::vector<std::string>> Parts(std::string_view table) override;

 private:
  Status Connect();
  // Runs `work` in a savepoint of the lock's transaction, or in one of its own.
  Status InTransaction(const std::function<Status()>& work);
  Status RunScript(const std::string& what, const std::string& sql);
  Status MakeHistory();

  const Location location_;
  std::unique_ptr<Connection> connection_;  // null until the first call
};

}  // namespace storegate::sqlite
