// PostgreSQL as a backend under test.
#pragma once

#include <string>

#include "server/adapters/postgres/options.h"
#include "tests/support/backend_under_test.h"

namespace storegate::test {

BackendUnderTest Postgres();
// The same, with databases that earlier cases left, emptied: making one takes half a
// second. For cases that leave the tables as they are.
BackendUnderTest PostgresEmptied();

// In the server that `url_of` leads to, given the name of a database. What `url_of`
// answers for the gateway may lead through a proxy; `admin_url_of` leads to the
// server itself. `change` may change how it is reached.
struct PostgresPlace {
  std::function<std::string(const std::string& database)> admin_url_of;
  std::function<std::string(const std::string& database)> url_of = {};  // else admin_url_of
  std::function<void(postgres::Options*)> change = {};
  bool empty_and_reuse = false;
};
BackendUnderTest PostgresAt(PostgresPlace place);

// Of a database that PostgresAt made, for tests that look inside.
std::string DatabaseName(const TestDatabase& database);

}  // namespace storegate::test
