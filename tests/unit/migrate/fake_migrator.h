// A database that only remembers, and the language of its scripts, for tests of the runner:
//
//   table books id title     drop table books
//   add books.pages int      drop books.pages     type books.pages text
//   rename books.title name  index books by_title title
//   ref books.author authors.id                   unref books.author authors.id
//   fail                     is refused, as long as `refuses` says so
//   # a comment
// with directives on lines of their own, as those of migration files:
//   == transaction   == no transaction   == repeat 30   == refold books.title
//   == needs 7       == needs this
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/migrate/generator.h"
#include "server/migrate/runner.h"
#include "server/repository/migrator.h"

namespace storegate::migrate {

class FakeGenerator : public Generator {
 public:
  std::string CreateAll(const std::vector<const schema::Entity*>& database) const override;
  std::string Create(const schema::Entity& entity,
                     const std::vector<const schema::Entity*>& database) const override;
  std::string Finish(const schema::Entity&,
                     const std::vector<const schema::Entity*>&) const override {
    return "";
  }
  // Types are those of protobuf; enums have their values as a check. `_version` aside.
  repository::DatabaseModel Model(
      const std::vector<const schema::Entity*>& database) const override;
  std::string Render(const std::vector<Change>& changes, const repository::DatabaseModel& after,
                     const RenderOptions& options) const override;
  Result<Script> Steps(const std::string& file, std::string_view text) const override;
  std::string Significant(std::string_view text) const override;
  Status Check(const std::vector<const schema::Entity*>&) const override { return {}; }
  std::vector<std::string> Parts(const schema::Entity& entity) const override;
  std::string_view table_word() const override { return "table"; }
  std::string_view part_word() const override { return "column"; }
  std::string_view folder() const override { return "fake"; }
  std::string_view file_suffix() const override { return ".up.fake"; }
  std::string_view down_suffix() const override { return ".down.fake"; }
};

class FakeMigrator : public repository::Migrator {
 public:
  struct Database {
    repository::DatabaseModel model;
    std::map<int, repository::AppliedMigration> history;
    std::optional<std::string> kept;
    std::set<std::string> holds;         // "books" and "books.title" hold something
    std::map<std::string, int> to_go;    // rows that the repeat of this script has to change
    std::map<std::string, int> refolded;  // how often; by column
  };
  Database database;

  bool transactional = false;  // as SQLite: all under the lock is one transaction
  bool refuses = true;         // what `fail` does
  bool refuses_references = false;
  std::optional<repository::LockHolder> held_by;  // is told once; then the lock is had
  bool locked_for_good = false;
  bool lock_lost = false;

  // Fails the call of this number, from 1, that changes something, and all calls behind it,
  // as a process that is killed does: before what it does, or behind it. 0: none.
  int die_at = 0;
  bool die_behind = false;
  int calls = 0;

  bool locked = false;
  int at_migration = 0;
  std::vector<std::string> log;  // scripts of steps, in order

  void SetLockTimeout(int64_t) override {}
  Status WithLock(const std::function<Status()>& work) override;
  void AtMigration(int number) override { at_migration = number; }
  bool lock_is_transaction() const override { return transactional; }
  Result<std::vector<repository::AppliedMigration>> History() override;
  Status Run(const repository::Step& step, const repository::AppliedMigration& row) override;
  Result<int64_t> RunBatch(const repository::Step& step) override;
  Result<int64_t> CountTotal(const repository::Step& step) override;
  Result<int64_t> Refold(const schema::Field& field, const Value& after, Value* last) override;
  Status Record(const repository::AppliedMigration& row) override;
  Status Forget(int number) override;
  Result<repository::DatabaseModel> Describe() override;
  Result<repository::DatabaseModel> Rehearse(
      const std::vector<repository::Step>& steps) override;
  Result<std::optional<std::string>> ReadSchema() override { return database.kept; }
  Status KeepSchema(const std::string& descriptors) override;
  Result<bool> HoldsRows(const std::string& table, const std::string& column) override;
  Status Execute(const std::string& sql) override;
  Result<std::vector<std::string>> Parts(std::string_view table) override;

 private:
  // Does what changes something, or dies.
  Status Do(const std::function<Status()>& work);
  bool dead() const { return die_at > 0 && calls >= die_at; }
  Status RunScript(const std::string& script, repository::DatabaseModel* model);
};

}  // namespace storegate::migrate
