// Start and Stop, whatever is going on.
#include <atomic>
#include <deque>
#include <thread>

#include "tests/unit/rpc/support.h"

namespace storegate::rpc {
namespace {

using std::chrono::milliseconds;

TEST(Start, APortThatIsTakenIsNamed) {
  Server first(Library(), Echo, TestOptions());
  ASSERT_TRUE(first.Start().ok());
  Options options = TestOptions();
  options.port = first.port();
  Server second(Library(), Echo, options);
  const Status status = second.Start();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.reason(), "LISTEN_FAILED");
  EXPECT_NE(status.message().find(std::to_string(options.port)), std::string::npos);
  EXPECT_NE(status.message().find("127.0.0.1"), std::string::npos);
  EXPECT_TRUE(Invoke(Connect(first), kGetAuthor, {"x"}).status.ok());
}

TEST(Start, AHostThatIsNoneIsNamed) {
  for (const char* host : {"", "256.0.0.1", "no such host", "192.0.2.1"}) {
    Options options = TestOptions();
    options.host = host;
    Server server(Library(), Echo, options);
    const Status status = server.Start();
    EXPECT_EQ(status.reason(), "LISTEN_FAILED") << host;
    EXPECT_NE(status.message().find(host), std::string::npos) << status.message();
  }
}

TEST(Start, AHostNameListensToo) {
  for (const char* host : {"localhost", "[127.0.0.1]"}) {
    Options options = TestOptions();
    options.host = host;
    Server server(Library(), Echo, options);
    ASSERT_TRUE(server.Start().ok());
    EXPECT_TRUE(Invoke(Connect(server), kGetAuthor, {"x"}).status.ok());
  }
}

TEST(Stop, AServerThatNeverStartedStops) {
  Server server(Library(), Echo, TestOptions());
  server.Stop();
}

TEST(Stop, AServerThatServedNobodyStops) {
  for (int i = 0; i < 5; ++i) {
    Server server(Library(), Echo, TestOptions());
    ASSERT_TRUE(server.Start().ok());
  }
}

TEST(Stop, TwiceAndFromSeveralThreadsIsOnce) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back([&] { server.Stop(); });
  for (std::thread& thread : threads) thread.join();
  server.Stop();
}

TEST(Stop, CallsUnderWayAreAnsweredFirst) {
  HeldCalls held;
  Options options = TestOptions();
  options.drain = std::chrono::seconds(60);
  Server server(Library(), held.handler(), options);
  ASSERT_TRUE(server.Start().ok());
  PendingCall pending(Connect(server), kGetAuthor, {"x"});
  std::vector<service::Call> calls = held.Take(1);
  std::thread stop([&] { server.Stop(); });
  std::this_thread::sleep_for(milliseconds(100));
  calls[0].done(Status(), "in time");
  EXPECT_EQ(pending.Wait().messages, std::vector<std::string>{"in time"});
  stop.join();
}

TEST(Stop, CallsThatAreNeverAnsweredEndAsCancelledAndLateAnswersAreDropped) {
  std::vector<service::Call> calls;
  {
    HeldCalls held;
    Server server(Library(), held.handler(), TestOptions());
    ASSERT_TRUE(server.Start().ok());
    const auto channel = Connect(server);
    std::deque<PendingCall> pending;
    Begin(channel, 50, &pending);
    calls = held.Take(50);
    server.Stop();
    for (PendingCall& each : pending) {
      const Reply reply = each.Wait();
      EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::CANCELLED);
      EXPECT_EQ(reply.reason(), "SHUTTING_DOWN");
    }
    for (int i = 0; i < 25; ++i) calls[i].done(Status(), "after Stop");
  }
  for (int i = 25; i < 50; ++i) calls[i].done(Status(), "after the server");
}

TEST(Stop, AnswersThatComeDuringItAreSafe) {
  for (int round = 0; round < 5; ++round) {
    HeldCalls held;
    Options options = TestOptions();
    options.drain = milliseconds(20);
    Server server(Library(), held.handler(), options);
    ASSERT_TRUE(server.Start().ok());
    const auto channel = Connect(server);
    std::deque<PendingCall> pending;
    Begin(channel, 100, &pending);
    std::vector<service::Call> calls = held.Take(100);
    std::thread answers([&] {
      for (service::Call& call : calls) {
        call.done(Status(), std::string(5000, 'y'));
        std::this_thread::sleep_for(milliseconds(1));
      }
    });
    server.Stop();
    answers.join();
    for (PendingCall& each : pending) each.Wait();
  }
}

TEST(Stop, ClientsThatNeverSendTheirRequestDoNotHoldIt) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  PendingCall silent(channel, kGetAuthor, {}, false);
  server.Stop();
  EXPECT_FALSE(silent.Wait().status.ok());
}

TEST(Stop, ClientsThatKeepCallingDoNotHoldIt) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  std::atomic<bool> stop{false};
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const auto channel = Connect(server);
      while (!stop) {
        if (Invoke(channel, kGetAuthor, {"x"}).status.ok()) ++answered;
      }
    });
  }
  while (answered < 100) std::this_thread::yield();
  server.Stop();
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

TEST(Stop, AClientThatDoesNotReadItsResponseDoesNotHoldIt) {
  HeldCalls held;
  Server server(Library(), held.handler(), TestOptions());
  ASSERT_TRUE(server.Start().ok());
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  PendingCall pending(Connect(server, arguments), kGetAuthor, {"x"});
  held.Take(1)[0].done(Status(), std::string(64 << 20, 'x'));
  server.Stop();
}

TEST(Stop, NewConnectionsAreRefusedAfterwards) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  server.Stop();
  EXPECT_EQ(Invoke(Connect(server), kGetAuthor, {"x"}).status.error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST(Stop, NoDescriptorIsLeftBehind) {
  const auto serve = [] {
    Server server(Library(), Echo, TestOptions());
    ASSERT_TRUE(server.Start().ok());
    EXPECT_TRUE(Invoke(Connect(server), kGetAuthor, {"x"}).status.ok());
  };
  serve();  // gRPC's own first
  const int before = OpenDescriptors();
  for (int i = 0; i < 5; ++i) serve();
  // The client's side is closed by gRPC's threads when they come to it.
  while (OpenDescriptors() > before) std::this_thread::yield();
}

}  // namespace
}  // namespace storegate::rpc
