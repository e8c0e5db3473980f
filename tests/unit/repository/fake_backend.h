// A database in memory that records what was asked of it, fails on demand, and
// stops in the middle of a call for as long as a test wants.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/repository/backend.h"
#include "server/repository/wire_sink.h"

namespace storegate::repository {

// Holds whoever comes by until it is opened. Any thread.
class Gate {
 public:
  void Pass() {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    --waiting_;
  }
  void Open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  // Until so many are held.
  void AwaitHeld(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

struct FakeDatabase {
  std::mutex mutex;
  // Guarded by mutex:
  std::map<std::string, std::string> rows;  // id → the row's bytes
  std::set<std::string> unreadable;         // ids whose row makes a Get INTERNAL
  std::vector<std::vector<std::string>> gets;   // ids of each call
  std::vector<std::vector<size_t>> applies;     // mutations of each write of each call
  int connects = 0;
  int sessions = 0;  // that live
  // What a call or an attempt to connect fails with; OK: it does not.
  Status get_status, apply_status, connect_status;

  // Called at the beginning of each call, without the lock. Set before use.
  std::function<void()> on_get = [] {};
  std::function<void()> on_apply = [] {};
  std::function<void()> on_connect = [] {};

  size_t CountGets() {
    std::lock_guard lock(mutex);
    return gets.size();
  }
  size_t CountApplies() {
    std::lock_guard lock(mutex);
    return applies.size();
  }
  int CountConnects() {
    std::lock_guard lock(mutex);
    return connects;
  }
  void Set(Status FakeDatabase::*which, Status status) {
    std::lock_guard lock(mutex);
    this->*which = std::move(status);
  }
};

class FakeSession : public Session {
 public:
  explicit FakeSession(FakeDatabase* database) : database_(database) {
    std::lock_guard lock(database_->mutex);
    ++database_->sessions;
  }
  ~FakeSession() override {
    std::lock_guard lock(database_->mutex);
    --database_->sessions;
  }

  Status Get(const GetRequest& request, WireSink* sink, std::vector<Found>* found) override {
    database_->on_get();
    std::lock_guard lock(database_->mutex);
    ++statements_;
    std::vector<std::string> ids;
    for (const KeyValues& values : request.values) ids.push_back(std::get<std::string>(values[0]));
    database_->gets.push_back(ids);
    if (!database_->get_status.ok()) return database_->get_status;
    static const schema::Field kField;
    for (const std::string& id : ids) {
      if (database_->unreadable.contains(id)) {
        return Status(Code::kInternal, "MALFORMED_DATA", "a row that cannot be read");
      }
      Found one;
      one.begin = sink->size();
      if (const auto row = database_->rows.find(id); row != database_->rows.end()) {
        one.found = true;
        sink->BeginRow();
        sink->Wire(kField, row->second);
        sink->EndRow();
      }
      one.end = sink->size();
      found->push_back(one);
    }
    return {};
  }

  Status List(const Query&, Sink*) override { return {}; }
  Result<int64_t> Count(const Query&) override { return int64_t{0}; }

  // A mutation writes its new version as the row of its id.
  Status Apply(std::span<Write* const> writes) override {
    database_->on_apply();
    std::lock_guard lock(database_->mutex);
    ++statements_;
    std::vector<size_t> sizes;
    for (const Write* write : writes) sizes.push_back(write->mutations.size());
    database_->applies.push_back(sizes);
    if (!database_->apply_status.ok()) return database_->apply_status;
    for (Write* write : writes) {
      for (const Mutation& mutation : write->mutations) {
        database_->rows[std::get<std::string>(mutation.id)] = std::to_string(mutation.new_version);
        write->outcomes.emplace_back();
      }
    }
    return {};
  }

  int64_t statements() const override { return statements_; }

 private:
  FakeDatabase* database_;
  int64_t statements_ = 0;
};

class FakeBackend : public Backend {
 public:
  explicit FakeBackend(FakeDatabase* database) : database_(database) {}

  std::string_view kind() const override { return "fake"; }
  Capabilities capabilities() const override { return {}; }
  Result<std::unique_ptr<Session>> Connect(Use) override {
    database_->on_connect();
    {
      std::lock_guard lock(database_->mutex);
      ++database_->connects;
      if (!database_->connect_status.ok()) return database_->connect_status;
    }
    return std::unique_ptr<Session>(std::make_unique<FakeSession>(database_));
  }
  Result<std::string> KeepSecret(std::string_view, std::string_view proposed) override {
    return std::string(proposed);
  }
  Migrator* migrator() override { return nullptr; }

 private:
  FakeDatabase* database_;
};

}  // namespace storegate::repository
