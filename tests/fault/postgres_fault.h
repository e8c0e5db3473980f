// DatabaseFault on PostgreSQL.
#pragma once

#include <functional>
#include <string>

#include "tests/fault/database_fault.h"
#include "tests/support/postgres.h"
#include "tests/support/postgres_server.h"

namespace storegate::test {

class PostgresFault : public DatabaseFault {
 protected:
  // The server of all cases of the program, as PostgreSQL comes: durable. Runs.
  static PostgresServer& SharedServer();

  void SetUp() override { Open(&SharedServer()); }

  // A gateway over a fresh database of the server, through the proxy, or through
  // what `url_of` says.
  void Open(PostgresServer* server, const std::string& schema = "shop",
            const std::function<void(postgres::Options*)>& change = {},
            const std::function<std::string(const std::string& database)>& url_of = {});

  PostgresServer& server() { return *server_; }
  // Past the proxy.
  std::string AdminUrl() { return server_->Url(DatabaseName(gateway().database())); }

 private:
  PostgresServer* server_ = nullptr;
};

}  // namespace storegate::test
