// A database in memory that records what was asked of it, fails on demand, and
// stops in the middle of a call for as long as a test wants.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
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
  std::vector<Deadline> deadlines;              // of each of them, and of each write
  int connects = 0;
  // What the connections up to this one (they are counted from 1) are: told to be
  // no longer fresh; cut, so that a Get on them is UNAVAILABLE.
  int stale = 0;
  int cut = 0;
  int sessions = 0;  // that live
  // What a call or an attempt to connect fails with; OK: it does not.
  Status get_status, apply_status, connect_status;

  bool start_get = false;  // what the backend says that it can; set before use
  // Gets that were started are not answered before this is false again; Release.
  bool hold = false;
  std::condition_variable released;

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
  void Release() {
    std::lock_guard lock(mutex);
    hold = false;
    released.notify_all();
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
    number_ = database_->connects;
  }
  ~FakeSession() override {
    std::lock_guard lock(database_->mutex);
    --database_->sessions;
  }

  Status Get(const GetRequest& request, WireSink* sink, std::vector<Found>* found) override {
    database_->on_get();
    std::lock_guard lock(database_->mutex);
    Look(request);
    return Tell(sink, found);
  }

  // The rows are those of the moment in which the Get was started.
  Status StartGet(const GetRequest& request) override {
    database_->on_get();
    std::lock_guard lock(database_->mutex);
    Look(request);
    return {};
  }
  std::optional<Status> FinishGet(Deadline until, WireSink* sink,
                                  std::vector<Found>* found) override {
    std::unique_lock lock(database_->mutex);
    if (!database_->released.wait_until(lock, until, [this] { return !database_->hold; })) {
      return std::nullopt;
    }
    return Tell(sink, found);
  }

  bool Fresh() override {
    std::lock_guard lock(database_->mutex);
    return number_ > database_->stale;
  }

  Status List(const Query&, Sink*) override { return {}; }
  Result<int64_t> Count(const Query&) override { return int64_t{0}; }

  // A mutation writes its new version as the row of its id.
  Status Apply(std::span<Write* const> writes) override {
    database_->on_apply();
    std::lock_guard lock(database_->mutex);
    ++statements_;
    std::vector<size_t> sizes;
    for (const Write* write : writes) {
      sizes.push_back(write->mutations.size());
      database_->deadlines.push_back(write->deadline);
    }
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
  void Look(const GetRequest& request) {
    ++statements_;
    rows_.clear();
    std::vector<std::string> ids;
    status_ = number_ > database_->cut ? database_->get_status
                                       : Status(Code::kUnavailable, "DATABASE_UNAVAILABLE", "cut");
    for (const KeyValues& values : request.values) {
      const std::string& id = ids.emplace_back(std::get<std::string>(values[0]));
      if (database_->unreadable.contains(id) && status_.ok()) {
        status_ = Status(Code::kInternal, "MALFORMED_DATA", "a row that cannot be read");
      }
      const auto row = database_->rows.find(id);
      rows_.push_back(row == database_->rows.end() ? std::nullopt : std::optional(row->second));
    }
    database_->gets.push_back(ids);
    database_->deadlines.push_back(request.deadline);
  }

  Status Tell(WireSink* sink, std::vector<Found>* found) {
    static const schema::Field kField;
    if (!status_.ok()) return status_;
    for (const std::optional<std::string>& row : rows_) {
      Found one;
      one.begin = sink->size();
      if (row) {
        one.found = true;
        sink->BeginRow();
        sink->Wire(kField, *row);
        sink->EndRow();
      }
      one.end = sink->size();
      found->push_back(one);
    }
    return {};
  }

  FakeDatabase* database_;
  int number_ = 0;
  int64_t statements_ = 0;
  // What was found last:
  Status status_;
  std::vector<std::optional<std::string>> rows_;
};

class FakeBackend : public Backend {
 public:
  explicit FakeBackend(FakeDatabase* database) : database_(database) {}

  std::string_view kind() const override { return "fake"; }
  Capabilities capabilities() const override { return {.start_get = database_->start_get}; }
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
