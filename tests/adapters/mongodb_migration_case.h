// A database of its own, and its migrator, for the tests of MongoDB's migrations.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/backend.h"
#include "server/base/time.h"
#include "server/migrate/generator.h"
#include "server/repository/migrator.h"
#include "tests/adapters/library.h"
#include "tests/support/mongodb.h"
#include "tests/support/mongodb_server.h"

namespace storegate::test {

class MongodbMigrationCase : public ::testing::Test {
 protected:
  using milliseconds = std::chrono::milliseconds;

  MongodbMigrationCase() { backend_ = Open(); }
  ~MongodbMigrationCase() override { client_.Run(R"({"dropDatabase": 1})"); }

  std::unique_ptr<repository::Backend> Open(milliseconds timeout = milliseconds(300),
                                            milliseconds lease = milliseconds(30000)) {
    mongodb::Options options;
    options.url = url_;
    options.migration_timeout = timeout;
    options.migration_lease = lease;
    Result<std::unique_ptr<repository::Backend>> backend = mongodb::Open(options);
    EXPECT_TRUE(backend.ok()) << backend.status().ToString();
    return backend.ok() ? *std::move(backend) : nullptr;
  }
  repository::Migrator& migrator() { return *backend_->migrator(); }
  static const migrate::Generator& generator() { return mongodb::MongodbGenerator(); }

  // A row of history.
  static repository::AppliedMigration Row(int number, const std::string& name) {
    repository::AppliedMigration row;
    row.number = number;
    row.name = name;
    row.checksum = "sum";
    row.applied_at_millis = NowMillis();
    return row;
  }
  static std::vector<repository::Step> StepsOf(const std::string& text) {
    const Result<migrate::Script> script = generator().Steps("a.up.json", text);
    EXPECT_TRUE(script.ok()) << script.status().ToString();
    return script.ok() ? (*script).steps : std::vector<repository::Step>();
  }
  // All of a file, as the runner does it, refolds aside. How many documents batches changed.
  Result<int64_t> RunAll(const std::string& text) {
    int64_t changed = 0;
    for (const repository::Step& step : StepsOf(text)) {
      if (step.kind == repository::Step::Kind::kRefold) continue;
      if (step.kind != repository::Step::Kind::kRepeat) {
        if (Status ran = migrator().Run(step, Row(1, "0001_first")); !ran.ok()) return ran;
        continue;
      }
      while (true) {
        const Result<int64_t> batch = migrator().RunBatch(step);
        if (!batch.ok()) return batch.status();
        if (*batch == 0) break;
        changed += *batch;
      }
    }
    return changed;
  }

  // Relaxed extended JSON of the collection's documents, in order of id.
  std::vector<std::string> Documents(const std::string& collection) {
    bson_t reply;
    client_.Run(R"({"find": ")" + collection + R"(", "sort": {"_id": 1}, "batchSize": 5000})",
                &reply);
    std::vector<std::string> documents;
    bson_iter_t top, batch, one;
    if (bson_iter_init(&top, &reply) &&
        bson_iter_find_descendant(&top, "cursor.firstBatch", &batch) &&
        bson_iter_recurse(&batch, &one)) {
      while (bson_iter_next(&one)) {
        uint32_t length;
        const uint8_t* data;
        bson_iter_document(&one, &length, &data);
        bson_t document;
        bson_init_static(&document, data, length);
        char* json = bson_as_relaxed_extended_json(&document, nullptr);
        documents.emplace_back(json);
        bson_free(json);
      }
    }
    bson_destroy(&reply);
    return documents;
  }
  void Insert(const std::string& collection, const std::string& documents) {
    client_.Run(R"({"insert": ")" + collection + R"(", "documents": [)" + documents + "]}");
  }

  // The lock as another process has it, for so long from now on.
  void LockAsAnother(milliseconds left) {
    Insert("_storegate_locks", R"({"_id": "migrations", "owner": "other",)"
                               R"( "holder": "storegate, process 1 on far-away",)"
                               R"( "expires": {"$date": {"$numberLong": ")" +
                                   std::to_string(NowMillis() + left.count()) + R"("}}})");
  }
  void TakeOver() {
    client_.Run(R"({"update": "_storegate_locks", "updates": [{"q": {"_id": "migrations"},)"
                R"( "u": {"$set": {"owner": "other"}, "$inc": {"fence": 1}}}]})");
  }

  const std::string url_ = SharedMongodb().Url(NewMongodbName());
  MongodbClient client_{url_};
  std::unique_ptr<repository::Backend> backend_;
};

}  // namespace storegate::test
