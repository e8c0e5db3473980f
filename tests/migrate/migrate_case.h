// The runner on real databases: one of each kind, empty, for each case.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/migrate/generate.h"
#include "server/migrate/runner.h"
#include "server/repository/backend.h"
#include "server/repository/migrator.h"
#include "server/schema/schema.h"
#include "tests/support/backend_under_test.h"

namespace storegate::test {

// The library, as a schema: its messages, with the imports in front. Lives until the process
// ends.
const schema::Schema& Library(const std::string& messages);

struct Kind {
  const char* name;
  const migrate::Generator& (*generator)();
  std::function<std::unique_ptr<TestDatabase>()> create;  // empty
  bool has_columns = true;
};
const std::vector<Kind>& Kinds();

std::vector<const schema::Entity*> EntitiesOf(const schema::Schema& schema);

class MigrateCase : public ::testing::TestWithParam<size_t> {
 protected:
  MigrateCase();

  const Kind& kind() const { return Kinds()[GetParam()]; }
  const migrate::Generator& generator() const { return kind().generator(); }
  std::unique_ptr<repository::Backend> Open();

  // Writes the next migration: from the schema before to this one.
  Status Generate(const schema::Schema& schema, migrate::GenerateOptions options = {});
  migrate::Job MakeJob(repository::Backend& backend);
  // Of the latest schema. Fails the case when it does not succeed.
  void Up();
  void Down(int to);
  std::vector<std::string> Drift();

  // Through the adapter, by the latest schema: fields by name, as text.
  void Insert(const std::string& entity, const std::map<std::string, std::string>& fields);
  // In order of id, each as "a=1 b=x" of the fields asked for.
  std::vector<std::string> Read(const std::string& entity,
                                const std::vector<std::string>& fields);

  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<repository::Backend> backend_;
  std::vector<migrate::Migration> migrations_;
  std::vector<const schema::Schema*> schemas_;  // the one behind each migration
};

}  // namespace storegate::test
