// A database of its own on the tests' PostgreSQL server, and its migrator.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <unistd.h>

#include "server/adapters/postgres/backend.h"
#include "server/adapters/postgres/migrations.h"
#include "tests/adapters/library.h"
#include "tests/support/postgres_server.h"

namespace storegate::test {

// A connection of the test's own, held until it goes.
class HeldConnection {
 public:
  explicit HeldConnection(const std::string& url) : handle_(PQconnectdb(url.c_str()), PQfinish) {
    EXPECT_EQ(PQstatus(handle_.get()), CONNECTION_OK);
  }
  void Run(const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(handle_.get(), sql.c_str()),
                                                               PQclear);
    const ExecStatusType status = PQresultStatus(result.get());
    EXPECT_TRUE(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
        << sql << ": " << PQerrorMessage(handle_.get());
  }

 private:
  const std::unique_ptr<PGconn, decltype(&PQfinish)> handle_;
};

class PostgresMigrationCase : public ::testing::Test {
 protected:
  using Kind = repository::Step::Kind;
  using State = repository::AppliedMigration::State;

  PostgresMigrationCase() {
    static int next = 0;
    name_ = "storegate_migration_" + std::to_string(getpid()) + "_" + std::to_string(next++);
    RunSql(SharedPostgresUrl("postgres"),
           "CREATE DATABASE " + name_ + " TEMPLATE template0 ENCODING 'UTF8'");
    options_.url = SharedPostgresUrl(name_);
    migrator_ = New();
  }
  ~PostgresMigrationCase() override {
    migrator_.reset();
    RunSql(SharedPostgresUrl("postgres"), "DROP DATABASE " + name_ + " WITH (FORCE)");
  }

  std::unique_ptr<postgres::PostgresMigrator> New() const {
    return std::make_unique<postgres::PostgresMigrator>(options_);
  }
  std::vector<std::string> Sql(const std::string& sql) { return RunSql(options_.url, sql); }
  std::string One(const std::string& sql) {
    const std::vector<std::string> rows = Sql(sql);
    return rows.size() == 1 ? rows[0] : std::to_string(rows.size()) + " rows";
  }
  // Until the statement answers with this; bounded.
  bool Await(const std::string& sql, const std::string& answer) {
    for (int i = 0; i < 3000; ++i) {
      if (One(sql) == answer) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  static repository::Step Script(std::string sql, Kind kind = Kind::kTransaction, int line = 1) {
    repository::Step step;
    step.kind = kind;
    step.script = std::move(sql);
    step.line = line;
    return step;
  }
  static repository::AppliedMigration Row(int number, int steps_done = 1,
                                          State state = State::kApplying) {
    repository::AppliedMigration row;
    row.number = number;
    row.name = "000" + std::to_string(number) + "_it";
    row.checksum = "sum";
    row.applied_at_millis = 1000 * number;
    row.steps_done = steps_done;
    row.state = state;
    row.applied_by = "me";
    return row;
  }

  std::string name_;
  postgres::Options options_;
  std::unique_ptr<postgres::PostgresMigrator> migrator_;
};

}  // namespace storegate::test
