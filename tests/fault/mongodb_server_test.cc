// Faults of MongoDB itself.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/adapters/mongodb/backend.h"
#include "tests/fault/mongodb_fault.h"
#include "tests/support/counts.h"

namespace storegate::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using schema::Operation;
using testing::HasSubstr;
using testing::Not;

class MongodbFaults : public MongodbFault {};

// A number that any update may change, of an entity that refers to nothing.
const schema::Field* NumberOf(const schema::Entity& entity) {
  const schema::Field* number = nullptr;
  for (const schema::Field& field : entity.fields) {
    if (field.references) return nullptr;
    if (field.type == schema::Type::kInt64 && field.presence != schema::Presence::kRepeated &&
        !field.nested() && Writable(field) && !field.immutable && &field != entity.id) {
      number = &field;
    }
  }
  return number;
}

TEST_F(MongodbFaults, KilledInTheMiddleOfWritesLosesNothingAcknowledged) {
  // kill -9 under load, and a start: service returns by itself, what was acknowledged is there,
  // and what was refused is not.
  MongodbServer own({.own = true});
  Open(&own);
  for (int round = 0; round < Count(10); ++round) {
    Load load(this, 6, 6000);
    while (load.running() && load.acknowledged() < 60) std::this_thread::sleep_for(milliseconds(1));
    own.Kill9();
    EXPECT_FALSE(Await(StartCreate(*make().Make(entity()), milliseconds(2000))).ok());
    own.Start();
    // Some of it under a server that is there again.
    const int before = load.acknowledged();
    while (load.running() && load.acknowledged() < before + 60) {
      std::this_thread::sleep_for(milliseconds(1));
    }
    load.Stop();
    ExpectRecovery();
    ExpectAsAnswered(load.Attempts());
  }
  TearDown();
}

TEST_F(MongodbFaults, FrozenInTheMiddleOfBulkWritesIsAnsweredAndGoesOnByItself) {
  // A server that hangs, connections and all, while batches are written: calls are answered,
  // the ones after the first few without asking it, and when it goes on, so does service.
  MongodbServer own({.own = true});
  Open(&own, "shop", [](mongodb::Options* options) { options->socket_timeout = seconds(1); });
  for (int round = 0; round < Count(10); ++round) {
    Load load(this, 6, 6000, milliseconds(300));
    while (load.running() && load.acknowledged() < 60) std::this_thread::sleep_for(milliseconds(1));
    own.Freeze();
    MessagePtr record = make().Make(entity());
    while (gateway().executor().healthy()) {
      EXPECT_TRUE(Allowed(Await(StartCreate(*record, milliseconds(200))).status));
      EXPECT_TRUE(Allowed(Await(StartGet(*record, milliseconds(200))).status));
      EXPECT_TRUE(Allowed(Await(StartList(milliseconds(200))).status));
    }
    const int64_t accepted = proxy().accepted();
    const int64_t statements = gateway().statements();
    for (int i = 0; i < 500; ++i) EXPECT_FALSE(Await(StartGet(*record, seconds(30))).ok());
    EXPECT_LT(proxy().accepted() - accepted, 100);
    EXPECT_LT(gateway().statements() - statements, 300);
    own.Thaw();
    load.Stop();
    ExpectRecovery();
    ExpectAsAnswered(load.Attempts());
  }
  TearDown();
}

TEST_F(MongodbFaults, BackWithinACallIsNoFailureOfIt) {
  // Down when a read or a write begins, and there again before its deadline: both are done.
  MongodbServer own({.own = true});
  Open(&own, "shop", [](mongodb::Options* options) {
    options->server_selection_timeout = seconds(30);
  });
  MessagePtr record = make().Created(entity());
  for (const bool writes : {false, true}) {
    Result<std::unique_ptr<repository::Session>> session =
        gateway().backend().Connect(repository::Backend::Use::kWrite);
    ASSERT_TRUE(session.ok());
    own.Kill9();
    std::thread starts([&] {
      std::this_thread::sleep_for(milliseconds(300));
      own.Start();
    });
    const Deadline deadline = std::chrono::steady_clock::now() + seconds(60);
    if (writes) {
      repository::Write write;
      write.deadline = deadline;
      repository::Mutation& mutation = write.mutations.emplace_back();
      mutation.change =
          entity().soft_delete() ? repository::Change::kPurge : repository::Change::kDelete;
      mutation.entity = &entity();
      mutation.id = IdOf(*record, entity());
      repository::Write* const all[] = {&write};
      EXPECT_TRUE(HasStatus((*session)->Apply(all), Code::kOk));
      ASSERT_EQ(write.outcomes.size(), 1u);
      EXPECT_TRUE(HasStatus(write.outcomes[0].status, Code::kOk));
    } else {
      repository::Query query;
      query.entity = &entity();
      query.deadline = deadline;
      const Result<int64_t> count = (*session)->Count(query);
      ASSERT_TRUE(HasStatus(count.status(), Code::kOk));
      EXPECT_EQ(*count, 1);
    }
    starts.join();
  }
  ExpectRecovery();
  TearDown();
}

TEST_F(MongodbFaults, KilledWhileManyChangeTheSameRecordsLosesNoUpdate) {
  // Eight threads count in the same records, with etags, while the server is killed and started
  // again and again: each acknowledged step is in the final value, no step is in it twice.
  MongodbServer own({.own = true});
  Open(&own, "types");
  const auto entity = std::ranges::find_if(gateway().schema().entities, [&](const auto& each) {
    return Served(gateway().schema(), each) && NumberOf(each) != nullptr;
  });
  ASSERT_NE(entity, gateway().schema().entities.end());
  const schema::Field& number = *NumberOf(*entity);
  StoreClient store(&gateway(), &*entity);
  struct Counter {
    MessagePtr record;
    std::atomic<int64_t> acknowledged{0};
    std::atomic<int64_t> unknown{0};
  };
  Counter counters[3];
  for (Counter& counter : counters) {
    counter.record = make().Make(*entity);
    SetValue(counter.record.get(), number, Value(int64_t{1}));
    const Reply created = store.Create(*counter.record);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk));
  }
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&, thread] {
      for (size_t turn = static_cast<size_t>(thread); !stop; ++turn) {
        Counter& counter = counters[turn % std::size(counters)];
        Reply got = store.Get(IdOf(*counter.record, *entity));
        EXPECT_TRUE(Allowed(got.status));
        if (!got.ok()) {
          std::this_thread::sleep_for(milliseconds(5));
          continue;
        }
        const int64_t value = std::get<int64_t>(GetValue(*got.response, number));
        SetValue(got.response.get(), number, Value(value + 1));
        const Status status = store.Update(*got.response, {number.name}).status;
        if (status.ok()) {
          counter.acknowledged.fetch_add(1);
        } else if (status.code() == Code::kUnknown || status.code() == Code::kDeadlineExceeded) {
          counter.unknown.fetch_add(1);
        } else if (status.code() != Code::kAborted) {
          EXPECT_TRUE(Allowed(status));
        }
      }
    });
  }
  const auto end = std::chrono::steady_clock::now() + seconds(Count(60));
  int kills = 0;
  while (std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds(700));
    own.Kill9();
    std::this_thread::sleep_for(milliseconds(50));
    own.Start();
    ++kills;
  }
  ExpectRecovery();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  int64_t all = 0;
  for (Counter& counter : counters) {
    const Reply got = store.Get(IdOf(*counter.record, *entity));
    ASSERT_TRUE(HasStatus(got.status, Code::kOk));
    const int64_t steps = std::get<int64_t>(GetValue(*got.response, number)) - 1;
    EXPECT_GE(steps, counter.acknowledged) << "an update is lost";
    EXPECT_LE(steps, counter.acknowledged + counter.unknown) << "an update happened twice";
    all += counter.acknowledged;
  }
  EXPECT_GT(all, kills);
  std::printf("%lld updates acknowledged, %d kills\n", static_cast<long long>(all), kills);
  TearDown();
}

TEST_F(MongodbFaults, AllConnectionsInUseIsSaidAndPasses) {
  // A pool that others have emptied: who connects is told so; the gateway's threads go on with
  // what they have, also when that is cut, and when some is given back there is service for all.
  const auto connect = [&] { return gateway().backend().Connect(repository::Backend::Use::kRead); };
  std::vector<std::unique_ptr<repository::Session>> held;
  Status status;
  while (status.ok()) {
    Result<std::unique_ptr<repository::Session>> session = connect();
    status = session.status();
    if (session.ok()) held.push_back(*std::move(session));
    ASSERT_LE(held.size(), 10u);
  }
  EXPECT_TRUE(HasStatus(status, Code::kResourceExhausted, "POOL_EXHAUSTED"));
  EXPECT_THAT(status.message(), HasSubstr("maxPoolSize"));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 20; ++i) {
      EXPECT_TRUE(Allowed(Await(StartList(milliseconds(500))).status));
      EXPECT_TRUE(Allowed(Await(StartCreate(*make().Make(entity()), milliseconds(500))).status));
    }
    proxy().Cut();
  }
  held.clear();
  ExpectRecovery();
}

// What opening says, in words that hold nothing of the URL's secrets.
Status OpenStatus(const std::string& url) {
  mongodb::Options options;
  options.url = url;
  options.connect_timeout = milliseconds(500);
  options.server_selection_timeout = milliseconds(500);
  const Status status = mongodb::Open(options).status();
  EXPECT_THAT(status.ToString(), Not(HasSubstr("s3cret")));
  return status;
}

TEST(MongodbOpening, SaysWhatIsWrongWithTheUrl) {
  for (const char* url :
       {"", "mongodb://", "mongodb://:s3cret@/x", "postgresql://127.0.0.1/x", "mongodb://127.0.0.1",
        "mongodb://127.0.0.1/", "mongodb://u:s3cret@127.0.0.1:99999/x",
        "mongodb://127.0.0.1/x?w=0", "mongodb://127.0.0.1/x?readPreference=secondary",
        "mongodb://127.0.0.1/x?maxPoolSize=0"}) {
    EXPECT_TRUE(HasStatus(OpenStatus(url), Code::kInvalidArgument, "INVALID_OPTION")) << url;
  }
}

TEST(MongodbOpening, ServersThatAreNotThereAreUnavailable) {
  // Nobody listens; the name does not exist; who listens says nothing, or no MongoDB.
  const int nobody = FreeServerPort();
  for (const std::string& host :
       {"127.0.0.1:" + std::to_string(nobody), std::string("storegate.invalid:27017")}) {
    EXPECT_TRUE(HasStatus(OpenStatus("mongodb://u:s3cret@" + host + "/x"), Code::kUnavailable,
                          "DATABASE_UNAVAILABLE"))
        << host;
  }
  Proxy silent(nobody);
  silent.BlackHole();
  EXPECT_TRUE(HasStatus(OpenStatus("mongodb://127.0.0.1:" + std::to_string(silent.port()) + "/x"),
                        Code::kUnavailable, "DATABASE_UNAVAILABLE"));
}

TEST(MongodbOpening, CredentialsThatAreNotAcceptedAreSaid) {
  const std::string url = SharedMongodb().Url("storegate_open");
  const size_t host = url.find("://") + 3;
  const size_t at = url.find('@', host);
  const std::string other =
      url.substr(0, host) + "nobody:s3cret@" + url.substr(at == std::string::npos ? host : at + 1);
  EXPECT_TRUE(HasStatus(OpenStatus(other), Code::kFailedPrecondition, "CANNOT_OPEN_DATABASE"));
}

}  // namespace
}  // namespace storegate::test
