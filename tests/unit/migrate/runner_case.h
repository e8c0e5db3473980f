// What tests of the runner share: a job over a fake database.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/schema/loader.h"
#include "tests/unit/migrate/fake_migrator.h"

namespace storegate::migrate {

inline std::unique_ptr<const schema::Schema> LoadProto(const std::string& body) {
  const std::string head =
      "syntax = \"proto3\";\npackage library.v1;\n"
      "import \"storegate/v1/schema.proto\";\nimport \"google/protobuf/struct.proto\";\n";
  schema::LoadResult loaded = schema::LoadEmbedded({{"library.proto", head + body}});
  for (const schema::Diagnostic& each : loaded.diagnostics) ADD_FAILURE() << each.ToString();
  return std::move(loaded.schema);
}

inline constexpr const char* kLibrary = R"(
  message Author {
    option (storegate.v1.entity) = { collection: "authors" };
    string id = 1;
    string name = 2;
  }
  message Book {
    option (storegate.v1.entity) = { collection: "books" };
    string id = 1;
    optional string author_id = 2 [(storegate.v1.field).references = "Author.id"];
    string title = 3 [(storegate.v1.field).max_len = 100];
  }
)";

class RunnerCase : public ::testing::Test {
 protected:
  RunnerCase() { Use(kLibrary); }

  // From now on the job's schema is this one, all of it here.
  void Use(const std::string& body) {
    schemas_.push_back(LoadProto(body));
    schema_ = schemas_.back().get();
    here_.clear();
    for (const schema::Entity& entity : schema_->entities) here_.push_back(&entity);
  }
  void Here(const std::string& name) {
    here_ = {schema_->FindEntity("library.v1." + name)};
  }
  // Text of "0002_name", say; `down` where it is not "-".
  void File(const std::string& name, const std::string& up, const std::string& down = "-") {
    files_[name + ".up.fake"] = up;
    if (down != "-") files_[name + ".down.fake"] = down;
  }

  Job MakeJob() {
    Job job;
    job.migrator = &migrator_;
    job.generator = &generator_;
    auto migrations = ParseMigrations({files_.begin(), files_.end()}, generator_);
    EXPECT_TRUE(migrations.ok()) << migrations.status().ToString();
    job.migrations = *std::move(migrations);
    job.schema = schema_;
    job.here = here_;
    job.watcher = watcher_;
    job.applied_by = "a test";
    return job;
  }
  Status Up(int to = 0) { return migrate::Up(MakeJob(), to, &names_); }
  Status Down(int to) { return migrate::Down(MakeJob(), to, &names_); }

  const repository::AppliedMigration& Row(int number) {
    return migrator_.database.history.at(number);
  }
  std::vector<std::string> Columns(const std::string& table) { return *migrator_.Parts(table); }

  FakeGenerator generator_;
  FakeMigrator migrator_;
  std::map<std::string, std::string> files_;
  std::vector<std::unique_ptr<const schema::Schema>> schemas_;
  const schema::Schema* schema_ = nullptr;
  std::vector<const schema::Entity*> here_;
  Watcher* watcher_ = nullptr;
  std::vector<std::string> names_;  // that the last call gave
};

#define EXPECT_OK(expression) EXPECT_EQ((expression).ToString(), storegate::Status().ToString())
#define EXPECT_REASON(expression, expected) EXPECT_EQ((expression).reason(), expected)

}  // namespace storegate::migrate
