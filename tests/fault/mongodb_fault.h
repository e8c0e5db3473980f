// DatabaseFault on MongoDB, on servers that the cases kill.
#pragma once

#include <functional>
#include <string>

#include "tests/fault/database_fault.h"
#include "tests/support/mongodb.h"
#include "tests/support/mongodb_server.h"

namespace storegate::test {

class MongodbFault : public DatabaseFault {
 protected:
  // The server of all cases of the program, as long as they leave it running. Runs.
  static MongodbServer& SharedServer();

  void SetUp() override { Open(&SharedServer()); }

  // A gateway over a fresh database of the server, through the proxy.
  void Open(MongodbServer* server, const std::string& schema = "shop",
            const std::function<void(mongodb::Options*)>& change = {});

  MongodbServer& server() { return *server_; }
  // Past the proxy.
  std::string AdminUrl() { return server_->Url(MongodbDatabaseName(gateway().database())); }

 private:
  MongodbServer* server_ = nullptr;
};

}  // namespace storegate::test
