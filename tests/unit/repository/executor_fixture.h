// What the tests of the executor share: a fake database behind one, and an inbox
// for the answers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server/repository/executor.h"
#include "tests/unit/repository/fake_backend.h"

namespace storegate::repository {

struct Answer {
  Status status;
  bool found = false;
  std::string row;
  std::string what;  // the id that was asked for, or the name of the task
  std::thread::id thread;
  std::unique_ptr<Write> write;
};

class Inbox {
 public:
  void Add(Answer answer) {
    answer.thread = std::this_thread::get_id();
    std::lock_guard lock(mutex_);
    answers_.push_back(std::move(answer));
    changed_.notify_all();
  }
  // The answers so far, once there are `count`. Gives up after a minute, so that
  // an answer that never comes is a failure and not a hang.
  std::vector<Answer> Await(size_t count) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::minutes(1), [&] { return answers_.size() >= count; })) {
      ADD_FAILURE() << "only " << answers_.size() << " of " << count << " answers came";
    }
    return std::exchange(answers_, {});
  }
  size_t size() {
    std::lock_guard lock(mutex_);
    return answers_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Answer> answers_;
};

class ExecutorTest : public ::testing::Test {
 protected:
  void TearDown() override {
    executor_.reset();
    EXPECT_EQ(database_.sessions, 0) << "sessions are closed with the executor";
  }

  Executor& Start(ExecutorOptions options = OneThreadEach()) {
    executor_ = std::make_unique<Executor>(&backend_, options);
    const Status status = executor_->Start();
    EXPECT_TRUE(status.ok()) << status.ToString();
    return *executor_;
  }

  static ExecutorOptions OneThreadEach() {
    ExecutorOptions options;
    options.point_threads = options.write_threads = options.scan_threads = 1;
    return options;
  }

  PointRead Read(const std::string& id, Deadline deadline = Deadline::max()) {
    PointRead read{&entity_, &key_, {Value(id)}, false, deadline, {}};
    read.done = [this, id](const Status& status, Found found, std::string_view row) {
      inbox_.Add({status, found.found, std::string(row), id, {}, nullptr});
    };
    return read;
  }

  WriteTask Put(const std::string& id, int64_t version, size_t mutations = 1,
                Deadline deadline = Deadline::max()) {
    WriteTask task;
    task.write = std::make_unique<Write>();
    for (size_t i = 0; i < mutations; ++i) {
      Mutation mutation;
      mutation.entity = &entity_;
      mutation.id = id;
      mutation.new_version = version;
      task.write->mutations.push_back(mutation);
    }
    task.deadline = deadline;
    task.done = [this, id](const Status& status, std::unique_ptr<Write> write) {
      inbox_.Add({status, false, "", id, {}, std::move(write)});
    };
    return task;
  }

  SessionTask Step(Lane lane, const std::string& what, std::function<void()> work = [] {}) {
    SessionTask task;
    task.lane = lane;
    task.what = what;
    task.run = [this, what, work = std::move(work)](const Status& status, Session* session) {
      EXPECT_EQ(status.ok(), session != nullptr);
      if (session != nullptr) work();
      inbox_.Add({status, false, "", what, {}, nullptr});
    };
    return task;
  }

  // Keeps the one worker of a lane busy until the gate opens.
  void Hold(Lane lane, Gate* gate) {
    executor_->Submit(Step(lane, "held", [gate] { gate->Pass(); }));
    gate->AwaitHeld(1);
  }

  FakeDatabase database_;
  FakeBackend backend_{&database_};
  schema::Entity entity_, other_entity_;
  schema::Key key_, other_key_;
  Inbox inbox_;
  std::unique_ptr<Executor> executor_;
};

}  // namespace storegate::repository
