// Sessions of MongoDB as servers of different abilities have them, and documents as other
// programs write them.
#pragma once

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "server/adapters/mongodb/session.h"
#include "tests/support/mongodb.h"
#include "tests/support/mongodb_server.h"

namespace storegate::test {

// A fresh database with the collections of a schema.
class MongodbHome {
 public:
  MongodbHome(const BackendUnderTest& backend, const schema::Schema& schema) {
    Result<std::unique_ptr<TestDatabase>> made = backend.create(schema);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    if (!made.ok()) std::abort();
    database_ = *std::move(made);
    url_ = SharedMongodb().Url(MongodbDatabaseName(*database_));
  }

  std::unique_ptr<mongodb::MongodbSession> Session(mongodb::Abilities abilities) {
    mongodb::Options options;
    options.url = url_;
    auto pool = mongodb::Pool::Make(options);
    EXPECT_TRUE(pool.ok()) << pool.status().ToString();
    auto connection = mongodb::Connection::Open(*pool, (*pool)->ConnectUntil());
    EXPECT_TRUE(connection.ok()) << connection.status().ToString();
    return std::make_unique<mongodb::MongodbSession>(*std::move(connection), abilities);
  }

  void Insert(const std::string& collection, const std::string& documents) {
    RunMongodbCommand(url_, R"({"insert": ")" + collection + R"(", "documents": )" + documents + "}");
  }

 private:
  std::unique_ptr<TestDatabase> database_;
  std::string url_;
};

// Used for all cases of the program, so that collections are made once.
inline const BackendUnderTest& OneMongodb() {
  static const auto* backend = new BackendUnderTest(MongodbEmptied());
  return *backend;
}

}  // namespace storegate::test
