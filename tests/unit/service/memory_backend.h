// A database in memory that keeps the contract of repository/backend.h, for the
// service's tests: several of them at once, with and without transactions, and
// with somebody else writing at the worst moment.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "server/repository/backend.h"
#include "tests/unit/service/library.h"

namespace storegate::service {

struct MemoryRow {
  std::shared_ptr<const google::protobuf::Message> record;
  int64_t version = 0;
};

struct MemoryDatabase {
  std::mutex mutex;
  // Guarded by mutex:
  std::map<std::pair<const schema::Entity*, Value>, MemoryRow> rows;
  int64_t next_id = 1;
  bool transactions = true;
  int applied = 0;  // writes
  int counted = 0;  // Count calls
  // Called before each write is applied, with the lock held.
  std::function<void(const repository::Mutation&)> before_mutation = [](const auto&) {};
};

class MemoryBackend : public repository::Backend {
 public:
  explicit MemoryBackend(MemoryDatabase* database) : database_(database) {}

  std::string_view kind() const override { return "memory"; }
  repository::Capabilities capabilities() const override {
    return {.transactions = database_->transactions, .references = true};
  }
  Result<std::unique_ptr<repository::Session>> Connect(Use use) override;
  Result<std::string> KeepSecret(std::string_view name, std::string_view proposed) override {
    return std::string(proposed);
  }
  repository::Migrator* migrator() override { return nullptr; }

 private:
  MemoryDatabase* database_;
};

}  // namespace storegate::service
