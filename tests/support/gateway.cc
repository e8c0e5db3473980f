#include "tests/support/gateway.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include <gtest/gtest.h>

#include "server/base/text.h"
#include "server/repository/forwarding.h"

namespace storegate::test {
namespace {

using repository::Backend;
using repository::Session;

// Adds what each call sent to a counter that any thread may read.
class CountingSession : public repository::ForwardingSession {
 public:
  CountingSession(std::unique_ptr<Session> to, std::shared_ptr<std::atomic<int64_t>> total)
      : ForwardingSession(std::move(to)), total_(std::move(total)) {}

  Status Get(const repository::GetRequest& request, repository::WireSink* sink,
             std::vector<repository::Found>* found) override {
    Counted counted(this);
    return to().Get(request, sink, found);
  }
  Status StartGet(const repository::GetRequest& request) override {
    Counted counted(this);
    return to().StartGet(request);
  }
  std::optional<Status> FinishGet(Deadline until, repository::WireSink* sink,
                                  std::vector<repository::Found>* found) override {
    Counted counted(this);
    return to().FinishGet(until, sink, found);
  }
  Status List(const repository::Query& query, repository::Sink* sink) override {
    Counted counted(this);
    return to().List(query, sink);
  }
  Result<int64_t> Count(const repository::Query& query) override {
    Counted counted(this);
    return to().Count(query);
  }
  Status Aggregate(const repository::AggregateQuery& query, repository::Sink* sink) override {
    Counted counted(this);
    return to().Aggregate(query, sink);
  }
  Status Native(const repository::NativeQuery& query, repository::Sink* sink) override {
    Counted counted(this);
    return to().Native(query, sink);
  }
  Status Apply(std::span<repository::Write* const> writes) override {
    Counted counted(this);
    return to().Apply(writes);
  }

 private:
  struct Counted {
    explicit Counted(CountingSession* session)
        : session(session), before(session->to().statements()) {}
    ~Counted() { session->total_->fetch_add(session->to().statements() - before); }
    CountingSession* session;
    int64_t before;
  };

  std::shared_ptr<std::atomic<int64_t>> total_;
};

class CountingBackend : public repository::ForwardingBackend {
 public:
  CountingBackend(std::unique_ptr<Backend> to, std::shared_ptr<std::atomic<int64_t>> total)
      : ForwardingBackend(std::move(to)), total_(std::move(total)) {}

  Result<std::unique_ptr<Session>> Connect(Use use) override {
    Result<std::unique_ptr<Session>> session = to().Connect(use);
    if (!session.ok()) return session;
    return std::unique_ptr<Session>(new CountingSession(std::move(*session), total_));
  }

 private:
  std::shared_ptr<std::atomic<int64_t>> total_;
};

[[noreturn]] void Die(const char* what, const Status& status) {
  std::fprintf(stderr, "%s: %s\n", what, status.ToString().c_str());
  std::abort();
}

// Words that only a driver would say.
constexpr std::string_view kDriverWords[] = {
    // SQLite
    "SQLITE", "sqlite", "SQL", "constraint failed", "no such table", "no such column",
    "syntax error", "datatype mismatch", "_version", "database is locked", "disk I/O",
    "UNIQUE constraint", "FOREIGN KEY",
    // PostgreSQL and libpq, in English: the locale of their clusters is C.UTF-8
    "SQLSTATE", "postgres", "Postgres", "libpq", "duplicate key", "violates", "relation \"",
    "column \"", "constraint \"", "prepared statement", "statement timeout",
    "canceling statement", "deadlock detected", "current transaction is aborted",
    "server closed the connection", "terminating connection", "connection to server",
    "no connection to the server", "remaining connection slots", "too many clients",
    "could not ", "cached plan", "invalid input syntax", "out of range for type", "FATAL", "DETAIL",
    // MongoDB
    "mongoc", "E11000"};

void ExpectNoDriverText(const std::string& text, const std::string& method) {
  for (std::string_view word : kDriverWords) {
    EXPECT_EQ(text.find(word), std::string::npos)
        << method << " answered with driver text (" << word << "): " << text;
  }
}

void CheckAnswer(const std::string& method, const Status& status, const std::string& response) {
  if (status.ok()) return;
  EXPECT_TRUE(response.empty()) << method << ": an error with a response";
  EXPECT_FALSE(status.reason().empty()) << method << ": " << status.ToString();
  EXPECT_FALSE(status.message().empty()) << method << ": " << status.ToString();
  EXPECT_EQ(FindInvalidUtf8(status.message()), std::string::npos) << method;
  ExpectNoDriverText(status.message(), method);
  for (const auto& [key, value] : status.metadata()) {
    ExpectNoDriverText(value, method);
    EXPECT_EQ(FindInvalidUtf8(value), std::string::npos) << method << ": metadata " << key;
  }
  for (const Violation& violation : status.violations()) {
    ExpectNoDriverText(violation.description, method);
    EXPECT_EQ(FindInvalidUtf8(violation.field), std::string::npos) << method;
    EXPECT_EQ(FindInvalidUtf8(violation.description), std::string::npos) << method;
  }
}

}  // namespace

StreamReader::~StreamReader() {
  std::unique_lock lock(state_->mutex);
  const bool ended = state_->status.has_value();
  lock.unlock();
  if (!ended) Abandon();
}

service::Call StreamReader::MakeCall(std::string request) {
  service::Call call;
  call.method = &method_;
  call.request = std::move(request);
  call.settled = &state_->settled;
  call.send = [state = state_, name = method_.full_name](std::string message,
                                                         std::function<void(bool)> sent) {
    {
      std::lock_guard lock(state->mutex);
      EXPECT_FALSE(state->sent) << name << " sent two messages at a time";
      EXPECT_FALSE(state->status) << name << " sent a message after the end";
      if (!state->settled) {
        state->message = std::move(message);
        state->sent = std::move(sent);
        state->changed.notify_all();
        return;
      }
    }
    sent(false);
  };
  call.done = [state = state_, name = method_.full_name](const Status& status,
                                                         std::string response) {
    CheckAnswer(name, status, response);
    EXPECT_TRUE(response.empty()) << name << " ended with a response";
    std::lock_guard lock(state->mutex);
    EXPECT_FALSE(state->status) << name << " ended twice";
    EXPECT_FALSE(state->sent) << name << " ended while a message was on its way";
    state->status = status;
    state->changed.notify_all();
  };
  return call;
}

void StreamReader::Take() {
  std::function<void(bool)> sent;
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->message) sent = std::exchange(state_->sent, nullptr);
  }
  if (sent) sent(true);
}

MessagePtr StreamReader::Next() {
  Take();
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->message || state_->status; });
  if (!state_->message) return nullptr;
  MessagePtr message(method_.response->New());
  EXPECT_TRUE(message->ParseFromString(*state_->message))
      << method_.full_name << " sent bytes that are no "
      << method_.response->GetDescriptor()->full_name();
  state_->message.reset();
  return message;
}

void StreamReader::Abandon() {
  std::unique_lock lock(state_->mutex);
  state_->settled = true;
  const auto sent = std::exchange(state_->sent, nullptr);
  lock.unlock();
  if (sent) sent(false);
  lock.lock();
  state_->changed.wait(lock, [&] { return state_->status.has_value(); });
}

GatewayOptions::GatewayOptions() {
  // The least that libsodium takes: a test makes many records with passwords.
  service.password_memory_bytes = 8192;
  service.password_passes = 1;
  executor.write_threads = 0;
}

Gateway::Gateway(const BackendUnderTest& backend, const NamedSchema& schema,
                 GatewayOptions options)
    : schema_(schema),
      options_(std::move(options)),
      statements_(std::make_shared<std::atomic<int64_t>>(0)) {
  Result<std::unique_ptr<TestDatabase>> database = backend.create(*schema.schema);
  if (!database.ok()) Die("making a database", database.status());
  database_ = std::move(*database);
  if (options_.executor.write_threads == 0) {
    options_.executor.write_threads = backend.write_threads;
  }
  Open();
}

Gateway::~Gateway() { Close(); }

void Gateway::Open() {
  Result<std::unique_ptr<Backend>> backend = database_->Open();
  if (!backend.ok()) Die("opening a database", backend.status());
  backend_ = std::make_unique<CountingBackend>(std::move(*backend), statements_);
  if (options_.wrap) backend_ = options_.wrap(std::move(backend_));
  Result<std::string> key =
      backend_->KeepSecret("page_token_key", query::TokenSealer::NewKey());
  if (!key.ok()) Die("keeping the key of page tokens", key.status());
  executor_ = std::make_unique<repository::Executor>(backend_.get(), options_.executor);
  if (Status started = executor_->Start(); !started.ok()) Die("starting", started);
  service::Service::Routes routes;
  for (const schema::Entity& entity : schema_.schema->entities) {
    routes[&entity] = executor_.get();
  }
  service_ = std::make_unique<service::Service>(*schema_.schema, std::move(routes),
                                                query::TokenSealer(*key), options_.service);
}

void Gateway::Close() {
  if (executor_ != nullptr) executor_->Stop();
  service_.reset();
  executor_.reset();
  backend_.reset();
}

void Gateway::Reopen() {
  Close();
  Open();
}

std::future<Reply> Gateway::Start(const schema::Method& method, std::string request,
                                  std::chrono::milliseconds timeout) {
  auto promise = std::make_shared<std::promise<Reply>>();
  auto answered = std::make_shared<std::atomic<int>>(0);
  std::future<Reply> future = promise->get_future();
  service::Call call;
  call.method = &method;
  call.request = std::move(request);
  call.deadline = std::chrono::steady_clock::now() + timeout;
  call.done = [&method, promise, answered](const Status& status, std::string response) {
    if (answered->fetch_add(1) != 0) {
      ADD_FAILURE() << method.full_name << " was answered twice";
      return;
    }
    CheckAnswer(method.full_name, status, response);
    Reply reply{status, nullptr};
    if (status.ok()) {
      reply.response.reset(method.response->New());
      EXPECT_TRUE(reply.response->ParseFromString(response))
          << method.full_name << " answered with bytes that are no "
          << method.response->GetDescriptor()->full_name();
    }
    promise->set_value(std::move(reply));
  };
  service_->Handle(std::move(call));
  return future;
}

std::unique_ptr<StreamReader> Gateway::Stream(const schema::Method& method, std::string request,
                                              std::optional<std::chrono::milliseconds> timeout) {
  std::unique_ptr<StreamReader> reader(new StreamReader(method));
  service::Call call = reader->MakeCall(std::move(request));
  call.deadline =
      timeout ? std::chrono::steady_clock::now() + *timeout : Deadline::max();
  service_->Handle(std::move(call));
  return reader;
}

Reply Gateway::CallBytes(const schema::Method& method, std::string request,
                         std::chrono::milliseconds timeout) {
  return Start(method, std::move(request), timeout).get();
}

Reply Gateway::Call(const schema::Method& method, const Message& request,
                    std::chrono::milliseconds timeout) {
  return CallBytes(method, request.SerializeAsString(), timeout);
}

}  // namespace storegate::test
