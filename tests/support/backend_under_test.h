// What a backend gives to join the suite: one factory.
//
//   // tests/conformance/<backend>_test.cc
//   const RegisterBackend registered({"<backend>", [](const schema::Schema& schema) { … }});
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "server/base/status.h"
#include "server/repository/backend.h"
#include "server/schema/schema.h"

namespace storegate::test {

// One database with the tables of a schema, made for a test and gone with this
// object. Outlives the backends that it opens.
class TestDatabase {
 public:
  virtual ~TestDatabase() = default;
  // Opens the database; what an earlier backend wrote is still there.
  virtual Result<std::unique_ptr<repository::Backend>> Open() = 0;
};

struct BackendUnderTest {
  std::string name;
  // A fresh database with the tables of all entities of the schema.
  std::function<Result<std::unique_ptr<TestDatabase>>(const schema::Schema&)> create = {};
  // As the gateway runs it: 1 where the database has one writer.
  int write_threads = 1;
};

// The backends that this test program runs over.
inline std::deque<BackendUnderTest>& Backends() {
  static std::deque<BackendUnderTest> backends;
  return backends;
}

struct RegisterBackend {
  explicit RegisterBackend(BackendUnderTest backend) { Backends().push_back(std::move(backend)); }
};

}  // namespace storegate::test
