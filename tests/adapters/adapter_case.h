// What adapters have in common, run on each: a fresh database with the library's
// tables.
#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "server/adapters/postgres/backend.h"
#include "tests/adapters/library.h"
#include "tests/support/postgres.h"

namespace storegate::test {

// Used for all cases of the program, so that tables are made once.
inline const BackendUnderTest& PostgresUnderTest() {
  static const auto* postgres = new BackendUnderTest(Postgres());
  return *postgres;
}

class AdapterCase : public ::testing::TestWithParam<std::string> {
 protected:
  AdapterCase() {
    if (GetParam() == "sqlite") {
      backend_ = OpenMemory();
      return;
    }
    Result<std::unique_ptr<TestDatabase>> database = PostgresUnderTest().create(Library());
    EXPECT_TRUE(database.ok()) << database.status().ToString();
    if (!database.ok()) return;
    database_ = *std::move(database);
    Result<std::unique_ptr<repository::Backend>> backend = database_->Open();
    EXPECT_TRUE(backend.ok()) << backend.status().ToString();
    if (backend.ok()) backend_ = *std::move(backend);
  }

  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<repository::Backend> backend_;
};

#define STOREGATE_ADAPTERS(Fixture)                                                       \
  INSTANTIATE_TEST_SUITE_P(Adapters, Fixture, ::testing::Values("sqlite", "postgresql"),  \
                           [](const ::testing::TestParamInfo<std::string>& info) {        \
                             return info.param;                                           \
                           })

}  // namespace storegate::test
