// Methods that stream, whatever their clients do and however their handler answers.
#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <thread>

#include "tests/unit/rpc/support.h"

namespace storegate::rpc {
namespace {

using std::chrono::milliseconds;

const Status kBroken = Status(Code::kUnavailable, "CONNECTION_LOST", "The connection was lost.");

// Larger than what gRPC takes from a connection before its client reads.
constexpr size_t kMoreThanAWindow = 16 << 20;

// Sends one message and waits until the next may follow; false when it may not.
bool Send(const service::Call& call, std::string message) {
  auto sent = std::make_shared<std::promise<bool>>();
  call.send(std::move(message), [sent](bool taken) { sent->set_value(taken); });
  return sent->get_future().get();
}

// A connection whose client's gRPC reads little ahead, and messages of any size.
std::shared_ptr<grpc::Channel> ConnectNarrowly(const Server& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 1024);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetMaxReceiveMessageSize(-1);
  return Connect(server, arguments);
}

class Streams : public testing::Test {
 protected:
  void Start(Options options = TestOptions()) {
    server_ = std::make_unique<Server>(
        Library(),
        [this](service::Call call) {
          call.method->operation == schema::Operation::kStream ? held_.handler()(std::move(call))
                                                               : Echo(std::move(call));
        },
        options);
    ASSERT_TRUE(server_->Start().ok());
  }
  service::Call Take() { return std::move(held_.Take(1)[0]); }

  HeldCalls held_;
  std::unique_ptr<Server> server_;
};

TEST_F(Streams, MessagesArriveInOrderAndTheStatusBehindThem) {
  Start();
  PendingCall pending(Connect(*server_), kStreamAuthors, {"request bytes"});
  const service::Call call = Take();
  EXPECT_EQ(call.request, "request bytes");
  std::future<Reply> reply = std::async(std::launch::async, [&] { return pending.Wait(); });
  std::vector<std::string> messages;
  for (const size_t size : {1, 0, 1024, 1025, 100'000, 3 << 20}) {
    messages.push_back(std::string(size, static_cast<char>('a' + messages.size())));
    EXPECT_TRUE(Send(call, messages.back()));
  }
  call.done(Status(), {});
  EXPECT_TRUE(reply.get().messages == messages);
  EXPECT_TRUE(*call.settled);
}

TEST_F(Streams, AStreamWithoutMessagesEndsWithItsStatus) {
  Start();
  const auto channel = Connect(*server_);
  PendingCall empty(channel, kStreamAuthors, {"x"});
  Take().done(Status(), {});
  const Reply reply = empty.Wait();
  EXPECT_TRUE(reply.status.ok());
  EXPECT_TRUE(reply.messages.empty());
  PendingCall refused(channel, kStreamAuthors, {"x"});
  Take().done(kBroken, {});
  EXPECT_EQ(refused.Wait().reason(), "CONNECTION_LOST");
}

TEST_F(Streams, AnErrorInTheMiddleKeepsWhatWasSentAndItsDetails) {
  Start();
  PendingCall pending(Connect(*server_), kStreamAuthors, {"x"});
  const service::Call call = Take();
  ASSERT_TRUE(Send(call, "one"));
  ASSERT_TRUE(Send(call, "two"));
  call.done(kBroken, {});
  const Reply reply = pending.Wait();
  EXPECT_EQ(reply.messages, (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(reply.reason(), "CONNECTION_LOST");
}

TEST_F(Streams, TheEndMayBeAskedForWhileAMessageIsOnItsWay) {
  Start();
  PendingCall pending(ConnectNarrowly(*server_), kStreamAuthors, {"x"});
  const service::Call call = Take();
  std::promise<bool> sent;
  call.send(std::string(kMoreThanAWindow, 'x'), [&](bool taken) { sent.set_value(taken); });
  call.done(kBroken, {});
  const Reply reply = pending.Wait();
  ASSERT_EQ(reply.messages.size(), 1u);
  EXPECT_EQ(reply.messages[0].size(), kMoreThanAWindow);
  EXPECT_EQ(reply.reason(), "CONNECTION_LOST");
  EXPECT_FALSE(sent.get_future().get()) << "nothing may follow the end";
}

TEST_F(Streams, TheNextMessageIsAskedForWhenTheClientHasReadTheOneBefore) {
  Start();
  const auto channel = ConnectNarrowly(*server_);
  PendingCall pending(channel, kStreamAuthors, {"x"});
  const service::Call call = Take();
  std::atomic<bool> asked{false};
  std::promise<bool> sent;
  call.send(std::string(kMoreThanAWindow, 'x'), [&](bool taken) {
    asked = true;
    sent.set_value(taken);
  });
  // The connection is not held up for others.
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Invoke(channel, kGetAuthor, {"x"}).status.ok());
  EXPECT_FALSE(asked);
  std::string message;
  ASSERT_TRUE(pending.Read(&message));
  EXPECT_EQ(message.size(), kMoreThanAWindow);
  EXPECT_TRUE(sent.get_future().get());
  call.done(Status(), {});
  EXPECT_TRUE(pending.Wait().status.ok());
}

TEST_F(Streams, AHandlerIsToldThatItsClientWentAway) {
  Start();
  const auto channel = ConnectNarrowly(*server_);
  // Between two messages, and in the middle of one.
  for (const bool in_the_middle : {false, true}) {
    PendingCall pending(channel, kStreamAuthors, {"x"});
    const service::Call call = Take();
    ASSERT_TRUE(Send(call, "one"));
    EXPECT_FALSE(*call.settled);
    std::promise<bool> sent;
    if (in_the_middle) {
      call.send(std::string(kMoreThanAWindow, 'x'), [&](bool taken) { sent.set_value(taken); });
    }
    pending.Cancel();
    EXPECT_EQ(pending.Wait().status.error_code(), grpc::StatusCode::CANCELLED);
    EXPECT_FALSE(in_the_middle && sent.get_future().get());
    while (!*call.settled) std::this_thread::yield();
    EXPECT_FALSE(Send(call, "nobody reads it"));
    call.done(Status(), {});
  }
}

TEST_F(Streams, WithoutADeadlineOfItsClientAStreamHasNone) {
  Options options = TestOptions();
  options.default_deadline = milliseconds(50);
  Start(options);
  PendingCall pending(Connect(*server_), kStreamAuthors, {"x"});
  const service::Call call = Take();
  EXPECT_EQ(call.deadline, Deadline::max());
  ASSERT_TRUE(Send(call, "one"));
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_TRUE(Send(call, "two"));
  EXPECT_FALSE(*call.settled);
  call.done(Status(), {});
  const Reply reply = pending.Wait();
  EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
  EXPECT_EQ(reply.messages.size(), 2u);
}

TEST_F(Streams, ADeadlineOfItsClientIsKeptHoweverFarAway) {
  Options options = TestOptions();
  options.max_deadline = milliseconds(50);
  Start(options);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::hours(100));
  PendingCall pending(Connect(*server_), kStreamAuthors, {"x"}, true, &context);
  const service::Call call = Take();
  EXPECT_GT(call.deadline, std::chrono::steady_clock::now() + std::chrono::hours(99));
  EXPECT_LT(call.deadline, std::chrono::steady_clock::now() + std::chrono::hours(101));
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_TRUE(Send(call, "one"));
  call.done(Status(), {});
  EXPECT_TRUE(pending.Wait().status.ok());
}

TEST_F(Streams, AtItsClientsDeadlineAStreamEnds) {
  Start();
  const auto channel = ConnectNarrowly(*server_);
  for (const bool in_the_middle : {false, true}) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + milliseconds(300));
    PendingCall pending(channel, kStreamAuthors, {"x"}, true, &context);
    const service::Call call = Take();
    std::promise<bool> sent;
    if (in_the_middle) {
      call.send(std::string(kMoreThanAWindow, 'x'), [&](bool taken) { sent.set_value(taken); });
      EXPECT_FALSE(sent.get_future().get());
    }
    while (!*call.settled) std::this_thread::yield();
    EXPECT_EQ(pending.Wait().status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
    EXPECT_FALSE(Send(call, "late"));
    call.done(Status(), {});
  }
}

TEST_F(Streams, AClientThatNeverSendsItsRequestIsAnsweredAtTheDefaultDeadline) {
  Options options = TestOptions();
  options.default_deadline = milliseconds(100);
  Start(options);
  const Reply reply = PendingCall(Connect(*server_), kStreamAuthors, {}, false).Wait();
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(reply.reason(), "DEADLINE_EXCEEDED");
  EXPECT_EQ(Invoke(Connect(*server_), kStreamAuthors, {}).reason(), "WRONG_MESSAGE_COUNT");
}

TEST_F(Streams, OneThatRunsWhenTheDrainEndsIsCancelled) {
  Start();
  const auto channel = Connect(*server_);
  PendingCall between(channel, kStreamAuthors, {"x"});
  const service::Call call = Take();
  ASSERT_TRUE(Send(call, "one"));
  PendingCall silent(channel, kStreamAuthors, {"x"});
  const service::Call other = Take();
  server_->Stop();
  const Reply reply = between.Wait();
  EXPECT_EQ(reply.messages, std::vector<std::string>{"one"});
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(reply.reason(), "SHUTTING_DOWN");
  EXPECT_EQ(silent.Wait().reason(), "SHUTTING_DOWN");
  EXPECT_TRUE(*call.settled);
  EXPECT_FALSE(Send(call, "late"));
  server_.reset();
  EXPECT_FALSE(Send(other, "after the server"));
  call.done(Status(), {});
  other.done(kBroken, {});
}

TEST_F(Streams, OneThatEndsWithinTheDrainIsWhole) {
  Options options = TestOptions();
  options.drain = std::chrono::seconds(60);
  Start(options);
  PendingCall pending(Connect(*server_), kStreamAuthors, {"x"});
  const service::Call call = Take();
  ASSERT_TRUE(Send(call, "one"));
  std::thread stop([&] { server_->Stop(); });
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_TRUE(Send(call, "two"));
  call.done(Status(), {});
  const Reply reply = pending.Wait();
  EXPECT_TRUE(reply.status.ok());
  EXPECT_EQ(reply.messages, (std::vector<std::string>{"one", "two"}));
  stop.join();
}

TEST_F(Streams, AClientThatDoesNotReadHoldsUpNeitherTheServerNorItsStop) {
  Start();
  const auto channel = ConnectNarrowly(*server_);
  std::deque<PendingCall> stuck;
  std::vector<service::Call> calls;
  std::atomic<int> untaken{0};
  for (int i = 0; i < 10; ++i) {
    stuck.emplace_back(channel, kStreamAuthors, std::vector<std::string>{"x"});
    calls.push_back(Take());
    calls.back().send(std::string(kMoreThanAWindow, 'x'), [&](bool taken) { untaken += !taken; });
  }
  EXPECT_TRUE(Invoke(Connect(*server_), kGetAuthor, {"x"}).status.ok());
  server_->Stop();
  EXPECT_EQ(untaken, 10);
  for (const service::Call& call : calls) call.done(Status(), {});
}

TEST_F(Streams, OneWhoseMessageIsOnItsWayWhenTheDrainEndsIsCancelledToo) {
  Start();
  PendingCall pending(ConnectNarrowly(*server_), kStreamAuthors, {"x"});
  const service::Call call = Take();
  std::promise<bool> sent;
  call.send(std::string(kMoreThanAWindow, 'x'), [&](bool taken) { sent.set_value(taken); });
  std::thread stop([&] { server_->Stop(); });
  while (!*call.settled) std::this_thread::yield();
  const Reply reply = pending.Wait();
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_FALSE(sent.get_future().get());
  stop.join();
  call.done(Status(), {});
}

TEST_F(Streams, ManyAtOnceEachGetTheirOwn) {
  constexpr size_t kStreams = 300;
  constexpr int kMessages = 50;
  Options options = TestOptions();
  options.max_streams = kStreams;
  Start(options);
  const auto channel = Connect(*server_);
  std::deque<PendingCall> pending;
  for (size_t i = 0; i < kStreams; ++i) {
    pending.emplace_back(channel, kStreamAuthors, std::vector<std::string>{std::to_string(i)});
  }
  std::vector<service::Call> calls = held_.Take(kStreams);
  // Each message is sent by whoever is told that the one before was taken.
  std::function<void(const service::Call*, int)> next = [&](const service::Call* call, int i) {
    if (i == kMessages) return call->done(Status(), {});
    call->send(call->request + ":" + std::to_string(i), [&, call, i](bool taken) {
      EXPECT_TRUE(taken);
      next(call, i + 1);
    });
  };
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < kStreams; i += 4) next(&calls[i], 0);
    });
  }
  for (size_t i = 0; i < kStreams; ++i) {
    const Reply reply = pending[i].Wait();
    EXPECT_TRUE(reply.status.ok());
    ASSERT_EQ(reply.messages.size(), static_cast<size_t>(kMessages));
    for (int m = 0; m < kMessages; ++m) {
      EXPECT_EQ(reply.messages[m], std::to_string(i) + ":" + std::to_string(m));
    }
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(Streams, ManyThatAreCancelledAnywhereLeaveTheServerWell) {
  constexpr size_t kStreams = 300;
  Options options = TestOptions();
  options.max_streams = kStreams;
  Start(options);
  const auto channel = Connect(*server_);
  std::deque<PendingCall> pending;
  for (size_t i = 0; i < kStreams; ++i) {
    pending.emplace_back(channel, kStreamAuthors, std::vector<std::string>{"x"});
  }
  const std::vector<service::Call> calls = held_.Take(kStreams);
  std::atomic<size_t> ended{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = t; i < kStreams; i += 4) {
        while (Send(calls[i], std::string(1000, 'x'))) {
        }
        calls[i].done(Status(), {});
        ++ended;
      }
    });
  }
  for (PendingCall& each : pending) {
    std::string message;
    each.Read(&message);
    each.Cancel();
    each.Wait();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ended, kStreams);
  EXPECT_TRUE(Invoke(channel, kGetAuthor, {"x"}).status.ok());
}

TEST_F(Streams, StoppingInTheMiddleOfManyIsSafe) {
  for (int round = 0; round < 3; ++round) {
    Options options = TestOptions();
    options.drain = milliseconds(30);
    Start(options);
    const auto channel = Connect(*server_);
    std::deque<PendingCall> pending;
    for (int i = 0; i < 50; ++i) {
      pending.emplace_back(channel, kStreamAuthors, std::vector<std::string>{"x"});
    }
    const std::vector<service::Call> calls = held_.Take(50);
    std::vector<std::thread> threads;
    for (size_t t = 0; t < 50; ++t) {
      threads.emplace_back([&, t] {
        while (Send(calls[t], std::string(5000, 'y'))) {
        }
        calls[t].done(Status(), {});
      });
    }
    std::vector<std::thread> readers;
    for (PendingCall& each : pending) {
      readers.emplace_back([&each] { EXPECT_FALSE(each.Wait().status.ok()); });
    }
    server_->Stop();
    for (std::thread& thread : threads) thread.join();
    for (std::thread& thread : readers) thread.join();
    server_.reset();
  }
}

}  // namespace
}  // namespace storegate::rpc
