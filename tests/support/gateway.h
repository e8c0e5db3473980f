// A gateway in this process, all but the gRPC edge: backend, executor, service.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "server/repository/executor.h"
#include "server/service/service.h"
#include "tests/support/backend_under_test.h"
#include "tests/support/message_fields.h"
#include "tests/support/schemas.h"

namespace storegate::test {

// What a call came back with. `response` is null unless the status is OK.
struct Reply {
  Status status;
  MessagePtr response;

  bool ok() const { return status.ok(); }
};

// A call that streams. Takes a message when it is asked to, as a client does that reads
// no faster than it can. Used by one thread.
class StreamReader {
 public:
  // Goes away, unless the end was read.
  ~StreamReader();
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  // Takes the message before, and waits for the next one; null at the end.
  MessagePtr Next();
  // Takes the message before; the next one may come.
  void Take();
  // Goes away in the middle, and waits for the end.
  void Abandon();
  // REQUIRES: the end was read, or Abandon.
  const Status& status() const { return *state_->status; }

 private:
  friend class Gateway;
  // Shared with the gateway, which may come back to it later.
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    // Guarded by mutex:
    std::optional<std::string> message;  // not read yet
    std::function<void(bool)> sent;      // of the message that was not taken yet
    std::optional<Status> status;        // at the end
    std::atomic<bool> settled{false};
  };
  explicit StreamReader(const schema::Method& method)
      : method_(method), state_(std::make_shared<State>()) {}
  service::Call MakeCall(std::string request);

  const schema::Method& method_;
  const std::shared_ptr<State> state_;
};

struct GatewayOptions {
  GatewayOptions();  // cheap passwords, writers as the backend has them, else the defaults

  service::Options service;
  repository::ExecutorOptions executor;
  // Puts a fault between the executor and the database.
  std::function<std::unique_ptr<repository::Backend>(std::unique_ptr<repository::Backend>)> wrap;
};

class Gateway {
 public:
  // A fresh database. Aborts when it cannot be made: no case can run then.
  Gateway(const BackendUnderTest& backend, const NamedSchema& schema, GatewayOptions options = {});
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  const schema::Schema& schema() const { return *schema_.schema; }
  repository::Executor& executor() { return *executor_; }
  TestDatabase& database() { return *database_; }
  repository::Backend& backend() { return *backend_; }

  // Any thread. Every answer is checked for what must hold of all answers: an
  // error has a reason and a message, none has driver text, `done` is called once.
  Reply Call(const schema::Method& method, const Message& request,
             std::chrono::milliseconds timeout = std::chrono::seconds(60));
  Reply CallBytes(const schema::Method& method, std::string request,
                  std::chrono::milliseconds timeout = std::chrono::seconds(60));
  std::future<Reply> Start(const schema::Method& method, std::string request,
                           std::chrono::milliseconds timeout = std::chrono::seconds(60));
  // The gateway outlives the reader. No timeout: none.
  std::unique_ptr<StreamReader> Stream(const schema::Method& method, std::string request,
                                       std::optional<std::chrono::milliseconds> timeout = {});

  // Ends everything and starts again over the same data.
  void Reopen();

  // Statements sent to the database by all sessions since the gateway was made.
  int64_t statements() const { return statements_->load(); }

 private:
  void Open();
  void Close();

  NamedSchema schema_;
  GatewayOptions options_;
  std::shared_ptr<std::atomic<int64_t>> statements_;
  std::unique_ptr<TestDatabase> database_;
  std::unique_ptr<repository::Backend> backend_;
  std::unique_ptr<repository::Executor> executor_;
  std::unique_ptr<service::Service> service_;
};

}  // namespace storegate::test
