// What a caller gets, whatever it sends and whatever the handler does.
#include <atomic>
#include <deque>
#include <latch>
#include <thread>

#include "tests/unit/rpc/support.h"

namespace storegate::rpc {
namespace {

using std::chrono::milliseconds;

TEST(Calls, ARequestReachesTheHandlerAndItsResponseTheCaller) {
  HeldCalls held;
  Server server(Library(), held.handler(), TestOptions());
  ASSERT_TRUE(server.Start().ok());
  PendingCall pending(Connect(server), kGetAuthor, {"request bytes"});
  std::vector<service::Call> calls = held.Take(1);
  EXPECT_EQ(calls[0].request, "request bytes");
  EXPECT_EQ(calls[0].method->name, "GetAuthor");
  EXPECT_FALSE(calls[0].keep_times);
  calls[0].done(Status(), "response bytes");
  const Reply reply = pending.Wait();
  EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
  EXPECT_EQ(reply.messages, std::vector<std::string>{"response bytes"});
}

TEST(Calls, ResponsesOfAnySizeArriveWhole) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  const auto channel = Connect(server, arguments);
  for (const size_t size : {0, 1, 1023, 1024, 1025, 70'000, 4 << 20}) {
    std::string bytes(size, 'x');
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 31);
    const Reply reply = Invoke(channel, kCreateAuthor, {bytes});
    ASSERT_TRUE(reply.status.ok()) << size << ": " << reply.status.error_message();
    ASSERT_EQ(reply.messages.size(), 1u);
    EXPECT_TRUE(reply.messages[0] == bytes) << size;
  }
}

TEST(Calls, AnErrorCarriesCodeMessageAndDetails) {
  Server server(
      Library(),
      [](service::Call call) {
        call.done(Status(Code::kNotFound, "RECORD_NOT_FOUND", "no Author \"é\"").With("id", "7"),
                  {});
      },
      TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const Reply reply = Invoke(Connect(server), kGetAuthor, {""});
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(reply.status.error_message(), "no Author \"é\"");
  EXPECT_EQ(reply.details.code(), 5);
  EXPECT_EQ(reply.details.message(), reply.status.error_message());
  EXPECT_EQ(reply.reason(), "RECORD_NOT_FOUND");
  EXPECT_EQ(reply.info().domain(), "storegate");
  EXPECT_EQ(reply.info().metadata().at("id"), "7");
  EXPECT_TRUE(reply.messages.empty());
}

TEST(Calls, AnUnknownMethodIsNamed) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  for (const char* path : {"/library.v1.AuthorStore/Burn", "/other.Store/Get", "/", "/a",
                           "//", "/library.v1.AuthorStore/GetAuthor/", "/%00/\x01"}) {
    const Reply reply = Invoke(channel, path, {"x"});
    EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << path;
    EXPECT_EQ(reply.reason(), "UNKNOWN_METHOD") << path;
  }
  EXPECT_NE(Invoke(channel, "/library.v1.AuthorStore/Burn", {})
                .status.error_message()
                .find("/library.v1.AuthorStore/Burn"),
            std::string::npos);
}

TEST(Calls, NoMessageIsAnError) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const Reply reply = Invoke(Connect(server), kGetAuthor, {});
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(reply.reason(), "WRONG_MESSAGE_COUNT");
}

TEST(Calls, WhatFollowsTheFirstMessageIsNotWaitedForNorHandled) {
  std::atomic<int> handled{0};
  Server server(
      Library(),
      [&](service::Call call) {
        ++handled;
        EXPECT_EQ(call.request, "x");
        call.done(Status(), {});
      },
      TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  for (const size_t count : {2, 3, 50}) {
    std::vector<std::string> messages(count, "y");
    messages[0] = "x";
    Invoke(channel, kGetAuthor, messages);
  }
  EXPECT_TRUE(PendingCall(channel, kGetAuthor, {"x"}, false).Wait().status.ok());
  EXPECT_EQ(handled, 4);
}

TEST(Calls, WhoStillWorksOnACallIsToldThatItsClientWentAway) {
  HeldCalls held;
  Server server(Library(), held.handler(), TestOptions());
  ASSERT_TRUE(server.Start().ok());
  grpc::ClientContext context;
  std::thread canceller;
  std::vector<service::Call> calls;
  canceller = std::thread([&] {
    calls = held.Take(1);
    EXPECT_FALSE(*calls[0].settled);
    context.TryCancel();
  });
  EXPECT_EQ(Invoke(Connect(server), kGetAuthor, {"x"}, &context).status.error_code(),
            grpc::StatusCode::CANCELLED);
  canceller.join();
  while (!*calls[0].settled) std::this_thread::yield();
  calls[0].done(Status(), "too late");
}

TEST(Calls, WithoutADeadlineTheDefaultAnswersForASilentHandler) {
  HeldCalls held;
  Options options = TestOptions();
  options.default_deadline = milliseconds(150);
  Server server(Library(), held.handler(), options);
  ASSERT_TRUE(server.Start().ok());
  const Reply reply = Invoke(Connect(server), kGetAuthor, {"x"});
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(reply.reason(), "DEADLINE_EXCEEDED");
  // The handler's answer comes too late, and is dropped.
  held.Take(1)[0].done(Status(), "late");
}

TEST(Calls, TheHandlerIsToldTheCallersDeadline) {
  HeldCalls held;
  Server server(Library(), held.handler(), TestOptions());
  ASSERT_TRUE(server.Start().ok());
  grpc::ClientContext context;
  const auto deadline = std::chrono::seconds(100);
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  const Deadline latest = std::chrono::steady_clock::now() + deadline;
  PendingCall pending(Connect(server), kGetAuthor, {"x"}, true, &context);
  std::vector<service::Call> calls = held.Take(1);
  EXPECT_GT(calls[0].deadline, latest - std::chrono::seconds(60));
  // gRPC rounds it up as it sends it.
  EXPECT_LE(calls[0].deadline, latest + std::chrono::seconds(10));
  calls[0].done(Status(), {});
  EXPECT_TRUE(pending.Wait().status.ok());
}

TEST(Calls, ADeadlineFarAwayIsCut) {
  HeldCalls held;
  Options options = TestOptions();
  options.max_deadline = milliseconds(150);
  Server server(Library(), held.handler(), options);
  ASSERT_TRUE(server.Start().ok());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::hours(24 * 365));
  const Reply reply = Invoke(Connect(server), kGetAuthor, {"x"}, &context);
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(reply.reason(), "DEADLINE_EXCEEDED");
}

TEST(Calls, AShortDeadlineOfTheCallerEndsTheCall) {
  HeldCalls held;
  Server server(Library(), held.handler(), TestOptions());
  ASSERT_TRUE(server.Start().ok());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + milliseconds(100));
  EXPECT_EQ(Invoke(Connect(server), kGetAuthor, {"x"}, &context).status.error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST(Calls, AClientThatNeverSendsItsRequestIsAnsweredAtTheDeadline) {
  Options options = TestOptions();
  options.default_deadline = milliseconds(150);
  Server server(Library(), Echo, options);
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  const Reply reply = PendingCall(channel, kGetAuthor, {}, false).Wait();
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST(Calls, OnlyTheFirstAnswerCounts) {
  HeldCalls held;
  Server server(Library(), held.handler(), TestOptions());
  ASSERT_TRUE(server.Start().ok());
  PendingCall pending(Connect(server), kGetAuthor, {"x"});
  service::Call call = std::move(held.Take(1)[0]);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { call.done(Status(), "one of them"); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pending.Wait().messages, std::vector<std::string>{"one of them"});
}

TEST(Calls, ManyCancelledCallsLeaveTheServerWell) {
  constexpr size_t kCalls = 1000;
  HeldCalls held;
  Options options = TestOptions();
  options.max_streams = kCalls;
  Server server(Library(), held.handler(), options);
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  grpc::GenericStub stub(channel);
  std::deque<grpc::ClientContext> contexts(kCalls);
  std::deque<grpc::ByteBuffer> responses(kCalls);
  const grpc::ByteBuffer request = ToBuffer("x");
  std::latch ended(kCalls);
  for (size_t i = 0; i < kCalls; ++i) {
    stub.UnaryCall(&contexts[i], kGetAuthor, {}, &request, &responses[i],
                   [&](grpc::Status) { ended.count_down(); });
  }
  std::vector<service::Call> calls = held.Take(kCalls);
  // Half are answered while they are being cancelled, half after.
  std::thread answers([&] {
    for (size_t i = 0; i < kCalls; i += 2) calls[i].done(Status(), "y");
  });
  for (grpc::ClientContext& context : contexts) context.TryCancel();
  ended.wait();
  answers.join();
  for (size_t i = 1; i < kCalls; i += 2) calls[i].done(Status(), "y");
  PendingCall after(channel, kGetAuthor, {"x"});
  held.Take(1)[0].done(Status(), "well");
  EXPECT_EQ(after.Wait().messages, std::vector<std::string>{"well"});
}

TEST(Calls, ManyThreadsAreAnsweredEachTheirOwn) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const auto channel = Connect(server);
      for (int i = 0; i < 200; ++i) {
        const std::string bytes = std::to_string(t) + ":" + std::to_string(i);
        const Reply reply = Invoke(channel, kGetAuthor, {bytes});
        if (!reply.status.ok() || reply.messages != std::vector<std::string>{bytes}) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace storegate::rpc
