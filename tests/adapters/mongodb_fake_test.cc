// The scripted server is one that libmongoc takes for the primary of a replica set.
#include "tests/support/mongodb_fake.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mongoc/mongoc.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/mongodb_server.h"

namespace storegate::test {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

// A client of libmongoc's with one collection; what it says as text.
class Client {
 public:
  explicit Client(const std::string& url) {
    mongoc_init();
    client_ = mongoc_client_new((url + (url.find('?') == std::string::npos ? "?" : "&") +
                                 "serverSelectionTimeoutMS=300&socketTimeoutMS=5000")
                                    .c_str());
    mongoc_client_set_error_api(client_, 2);
    collection_ = mongoc_client_get_collection(client_, "things", "c");
  }
  ~Client() {
    mongoc_collection_destroy(collection_);
    mongoc_client_destroy(client_);
  }

  // "" or what went wrong: "17/11000". `session` may be null.
  std::string Insert(int id, mongoc_client_session_t* session = nullptr) {
    bson_t document = BSON_INITIALIZER, options = BSON_INITIALIZER;
    bson_error_t error;
    BSON_APPEND_INT32(&document, "_id", id);
    if (session != nullptr) {
      EXPECT_TRUE(mongoc_client_session_append(session, &options, &error));
    }
    const bool done =
        mongoc_collection_insert_one(collection_, &document, &options, nullptr, &error);
    bson_destroy(&document);
    bson_destroy(&options);
    return done ? "" : std::to_string(error.domain) + "/" + std::to_string(error.code);
  }

  int64_t CountAll() {
    const bson_t all = BSON_INITIALIZER;
    bson_error_t error;
    return mongoc_collection_count_documents(collection_, &all, nullptr, nullptr, nullptr, &error);
  }

  mongoc_client_t* get() { return client_; }

 private:
  mongoc_client_t* client_;
  mongoc_collection_t* collection_;
};

TEST(MongodbFakeTest, WritesAreNumberedAndSentAgainWhenTheAnswerIsLost) {
  std::atomic<int> asked{0};
  MongodbFake fake({}, [&](const FakeCommand& command) -> std::optional<FakeAnswer> {
    if (command.name != "insert") return std::nullopt;
    if (++asked == 1) return FakeAnswer::DropBefore();
    return FakeAnswer::Reply(R"({"ok": 1, "n": 1})");
  });
  Client client(fake.Url("things"));
  EXPECT_EQ(client.Insert(7), "");
  const std::vector<FakeCommand> inserts = fake.Commands("insert");
  ASSERT_THAT(inserts, SizeIs(2));
  EXPECT_EQ(inserts[0].database, "things");
  EXPECT_THAT(inserts[0].json, HasSubstr(R"("documents" : [ { "_id" : 7 } ])"));
  EXPECT_THAT(inserts[0].lsid, SizeIs(32));
  EXPECT_TRUE(inserts[0].txn_number.has_value());
  EXPECT_EQ(inserts[1].txn_number, inserts[0].txn_number);
  EXPECT_EQ(inserts[1].lsid, inserts[0].lsid);
  EXPECT_NE(inserts[1].connection, inserts[0].connection);
}

TEST(MongodbFakeTest, TransactionsSayWhereTheyBeginAndEndAsTheTestSays) {
  std::atomic<int> commits{0};
  MongodbFake fake({}, [&](const FakeCommand& command) -> std::optional<FakeAnswer> {
    if (command.name == "insert") return FakeAnswer::Reply(R"({"ok": 1, "n": 1})");
    if (command.name == "commitTransaction" && ++commits == 1) {
      return FakeAnswer::Error(251, "NoSuchTransaction", {"TransientTransactionError"});
    }
    return std::nullopt;
  });
  Client client(fake.Url("things"));
  bson_error_t error;
  mongoc_client_session_t* session = mongoc_client_start_session(client.get(), nullptr, &error);
  ASSERT_NE(session, nullptr) << error.message;
  ASSERT_TRUE(mongoc_client_session_start_transaction(session, nullptr, &error)) << error.message;
  EXPECT_EQ(client.Insert(1, session), "");
  EXPECT_EQ(client.Insert(2, session), "");
  bson_t reply;
  EXPECT_FALSE(mongoc_client_session_commit_transaction(session, &reply, &error));
  EXPECT_EQ(error.code, 251u);
  EXPECT_TRUE(mongoc_error_has_label(&reply, "TransientTransactionError"));
  bson_destroy(&reply);
  mongoc_client_session_destroy(session);

  const std::vector<FakeCommand> inserts = fake.Commands("insert");
  ASSERT_THAT(inserts, SizeIs(2));
  EXPECT_TRUE(inserts[0].start_transaction);
  EXPECT_FALSE(inserts[1].start_transaction);
  EXPECT_EQ(inserts[1].autocommit, false);
  EXPECT_EQ(inserts[1].txn_number, inserts[0].txn_number);
  ASSERT_THAT(fake.Commands("commitTransaction"), SizeIs(1));
  EXPECT_EQ(fake.Commands("commitTransaction")[0].txn_number, inserts[0].txn_number);
}

TEST(MongodbFakeTest, APrimaryIsGoneUntilThereIsOne) {
  MongodbFake fake({}, [](const FakeCommand& command) -> std::optional<FakeAnswer> {
    if (command.name == "insert") return FakeAnswer::Reply(R"({"ok": 1, "n": 1})");
    return std::nullopt;
  });
  fake.SetPrimary(false);
  Client client(fake.Url("things"));
  EXPECT_EQ(client.Insert(1), "15/13053");
  EXPECT_EQ(fake.Count("insert"), 0);
  fake.SetPrimary(true);
  Client other(fake.Url("things"));
  EXPECT_EQ(other.Insert(1), "");
  fake.SetReachable(false);
  EXPECT_NE(other.Insert(1), "");
  fake.SetReachable(true);
  Client third(fake.Url("things"));
  EXPECT_EQ(third.Insert(1), "");
}

TEST(MongodbFakeTest, CommandsReachTheServerBehindAndTheirAnswersGetLost) {
  MongodbServer server({.own = true});
  std::atomic<bool> drop{false};
  MongodbFake fake({.behind = server.port()},
                   [&](const FakeCommand& command) -> std::optional<FakeAnswer> {
                     if (command.name == "insert" && drop.exchange(false)) {
                       return FakeAnswer::DropAfter();
                     }
                     return std::nullopt;
                   });
  Client client(fake.Url("things"));
  EXPECT_EQ(client.Insert(1), "");
  EXPECT_EQ(client.Insert(1), "17/11000");
  drop = true;
  // The first one was applied; what libmongoc sent again found it.
  EXPECT_EQ(client.Insert(2), "17/11000");
  EXPECT_EQ(client.CountAll(), 2);
}

TEST(MongodbFakeTest, AServerOnItsOwnHasNoSessions) {
  MongodbFake fake({.replica_set = false});
  Client client(fake.Url("things"));
  EXPECT_EQ(client.Insert(1), "17/59");
  ASSERT_THAT(fake.Commands("insert"), SizeIs(1));
  EXPECT_EQ(fake.Commands("insert")[0].lsid, "");
  EXPECT_FALSE(fake.Commands("insert")[0].txn_number.has_value());
}

TEST(MongodbFakeTest, ManyConnectionsAreServedAtOnceAndEndWithIt) {
  auto fake = std::make_unique<MongodbFake>(
      MongodbFakeOptions{}, [](const FakeCommand& command) -> std::optional<FakeAnswer> {
        if (command.name != "insert") return std::nullopt;
        return FakeAnswer{.delay = std::chrono::milliseconds(20), .reply = R"({"ok": 1, "n": 1})"};
      });
  std::vector<std::thread> threads;
  std::atomic<int> done{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      Client client(fake->Url("things"));
      for (int id = 0; id < 5; ++id) done += client.Insert(id).empty();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 40);
  EXPECT_EQ(fake->Count("insert"), 40);

  // Who waits for an answer that takes for ever does not keep it.
  fake->SetHandler([](const FakeCommand&) -> std::optional<FakeAnswer> {
    return FakeAnswer{.delay = std::chrono::hours(1)};
  });
  std::thread waiting([url = fake->Url("things")] { EXPECT_NE(Client(url).Insert(1), ""); });
  while (fake->Count("insert") < 41) std::this_thread::yield();
  fake.reset();
  waiting.join();
}

TEST(MongodbFakeTest, WhatIsNoMessageEndsItsConnectionOnly) {
  MongodbFake fake;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(fake.port()));
  const std::string header("\x30\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0", 16);
  for (const std::string& bytes :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(64, '\xff'), std::string(64, '\0'),
        header + std::string(32, '\xff'), header + std::string(32, '\0'),
        header + std::string("\0\0\0\0\1\xff\xff\xff\x7f", 9) + std::string(23, 'a')}) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ASSERT_EQ(send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    shutdown(fd, SHUT_WR);
    char byte = 0;
    EXPECT_LE(recv(fd, &byte, 1, 0), 0);
    close(fd);
  }
  RunMongodbCommand(fake.Url("things"), R"({"ping": 1})");
}

}  // namespace
}  // namespace storegate::test
