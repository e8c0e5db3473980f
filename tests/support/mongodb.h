// MongoDB as a backend under test.
#pragma once

#include <functional>
#include <string>

#include "server/adapters/mongodb/options.h"
#include "tests/support/backend_under_test.h"

namespace storegate::test {

BackendUnderTest Mongodb();
// The same, with databases that earlier cases left, emptied: for cases that leave the
// collections as they are.
BackendUnderTest MongodbEmptied();

// In the server that `url_of` leads to, given the name of a database. What `url_of`
// answers for the gateway may lead through a proxy; `admin_url_of` leads to the server
// itself. `change` may change how it is reached.
struct MongodbPlace {
  std::function<std::string(const std::string& database)> admin_url_of;
  std::function<std::string(const std::string& database)> url_of = {};  // else admin_url_of
  std::function<void(mongodb::Options*)> change = {};
  bool empty_and_reuse = false;
};
BackendUnderTest MongodbAt(MongodbPlace place);

// Of a database that MongodbAt made, for tests that look inside.
std::string MongodbDatabaseName(const TestDatabase& database);

// A name of a database unlike that of any other, also of other programs on the same
// server.
std::string NewMongodbName();

}  // namespace storegate::test
