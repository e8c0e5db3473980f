// A gateway on a real database behind a proxy, for faults of the network and of the
// server itself.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/expected.h"
#include "tests/support/proxy.h"
#include "tests/support/record_factory.h"
#include "tests/support/store_client.h"

namespace storegate::test {

// What a write was answered: with it, what must be there is known.
struct Attempt {
  std::vector<Value> ids;
  Status status;
};

class DatabaseFault : public testing::Test {
 protected:
  static constexpr int kConnectionsMax = 2 + 3 + 2;  // of the lanes

  void TearDown() override;

  // A gateway over a fresh database of what the factory makes, which is reached through
  // the proxy.
  void OpenThrough(std::unique_ptr<Proxy> proxy, BackendUnderTest backend,
                   const std::string& schema);

  Proxy& proxy() { return *proxy_; }
  Gateway& gateway() { return *gateway_; }
  StoreClient& store() { return *store_; }
  RecordFactory& make() { return *factory_; }
  const schema::Entity& entity() const { return *entity_; }

  std::future<Reply> StartGet(const Message& record, std::chrono::milliseconds timeout);
  std::future<Reply> StartCreate(const Message& record, std::chrono::milliseconds timeout);
  std::future<Reply> StartList(std::chrono::milliseconds timeout);
  // The answer, which must come within a minute, whatever the database does.
  Reply Await(std::future<Reply> future);

  // Creates them as one batch: one attempt of all, or one of each where the database has
  // no transactions.
  std::vector<Attempt> CreateTogether(const std::vector<const Message*>& records);

  // Whether a call may be answered so while the database is in trouble.
  testing::AssertionResult Allowed(const Status& status);

  // Calls of all lanes, until all have been OK for some time; without anybody's
  // help that is soon. Fails the test after a minute.
  void ExpectRecovery();

  // Creates of one record and of three, gets, and lists, by `threads` at once, until
  // `records` run out or Stop. Answers are checked as they come.
  class Load {
   public:
    Load(DatabaseFault* fault, int threads, int records,
         std::chrono::milliseconds timeout = std::chrono::seconds(60));
    ~Load() { Stop(); }
    bool running() const { return running_.load() > 0; }
    int acknowledged() const { return acknowledged_.load(); }
    void Stop();
    std::vector<Attempt> Attempts();  // after Stop

   private:
    void Run(int thread);
    void Create(const std::vector<const Message*>& records);

    DatabaseFault* const fault_;
    const std::chrono::milliseconds timeout_;
    std::vector<MessagePtr> records_;
    std::atomic<size_t> next_{0};
    std::atomic<bool> stop_{false};
    std::atomic<int> running_{0};
    std::atomic<int> acknowledged_{0};
    std::mutex mutex_;
    std::vector<Attempt> attempts_;
    std::vector<std::thread> threads_;
  };

  // What was acknowledged is there, what was refused is not, and nothing is half
  // there. To be called when the database is well.
  void ExpectAsAnswered(const std::vector<Attempt>& attempts);

 private:
  std::unique_ptr<Proxy> proxy_;
  BackendUnderTest backend_;
  const schema::Entity* entity_ = nullptr;
  std::unique_ptr<Gateway> gateway_;
  std::unique_ptr<StoreClient> store_;
  std::unique_ptr<RecordFactory> factory_;
};

}  // namespace storegate::test
