// What callers cannot do to the server.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <deque>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/unit/rpc/support.h"

namespace storegate::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// A connection that says nothing. -1 where there is none to be had. Calls nothing
// but system calls, so that it may run in a forked child.
int ConnectSilently(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

// Waits until the server closed it, or `false` when it said something instead
// (HTTP/2 settings: the connection was taken).
bool ClosedByServer(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_PEEK) <= 0;
}

bool Serving(const Server& server) {
  const auto stub = grpc::health::v1::Health::NewStub(Connect(server));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, HealthCheckRequest(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return status.ok() && response.status() == HealthCheckResponse::SERVING;
}

TEST(Limits, ARequestAtTheLimitIsTakenAndOnePastItNamed) {
  Options options = TestOptions();
  options.max_request_bytes = 1000;
  std::atomic<int> handled{0};
  Server server(
      Library(),
      [&](service::Call call) {
        ++handled;
        call.done(Status(), {});
      },
      options);
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  EXPECT_TRUE(Invoke(channel, kGetAuthor, {std::string(1000, 'x')}).status.ok());
  EXPECT_EQ(handled, 1);
  for (const size_t size : {1001, 5000, 4 << 20}) {
    const Reply reply = Invoke(channel, kGetAuthor, {std::string(size, 'x')});
    EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_EQ(reply.reason(), "REQUEST_TOO_LARGE");
    EXPECT_EQ(reply.info().metadata().at("limit"), "1000");
    EXPECT_EQ(reply.info().metadata().at("actual"), std::to_string(size));
  }
  // Far beyond it gRPC itself refuses, before it reads the bytes.
  EXPECT_EQ(Invoke(channel, kGetAuthor, {std::string(16 << 20, 'x')}).status.error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(handled, 1);
  EXPECT_TRUE(Invoke(channel, kGetAuthor, {"x"}).status.ok());
}

TEST(Limits, ACompressedRequestIsRefused) {
  std::atomic<int> handled{0};
  Server server(
      Library(),
      [&](service::Call call) {
        ++handled;
        call.done(Status(), {});
      },
      TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    grpc::ClientContext context;
    context.set_compression_algorithm(algorithm);
    const Reply reply = Invoke(channel, kGetAuthor, {std::string(4 << 20, '\0')}, &context);
    EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNIMPLEMENTED)
        << reply.status.error_message();
  }
  EXPECT_EQ(handled, 0);
}

TEST(Limits, LargeMetadataIsRefused) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  grpc::ClientContext context;
  context.AddMetadata("x-large", std::string(100'000, 'x'));
  EXPECT_FALSE(Invoke(Connect(server), kGetAuthor, {"x"}, &context).status.ok());
  // It may cost the caller its connection, but nobody else theirs.
  EXPECT_TRUE(Invoke(Connect(server), kGetAuthor, {"x"}).status.ok());
}

TEST(Limits, CallsUnderWayAreBoundedInAll) {
  HeldCalls held;
  std::atomic<bool> hold{true};
  Options options = TestOptions();
  options.threads = 1;
  options.max_calls = 3;
  Server server(
      Library(),
      [&](service::Call call) { hold ? held.handler()(std::move(call)) : Echo(std::move(call)); },
      options);
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  std::deque<PendingCall> pending;
  Begin(channel, 3, &pending);
  std::vector<service::Call> calls = held.Take(3);
  const Reply refused = Invoke(channel, kGetAuthor, {"x"});
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.reason(), "TOO_MANY_CALLS");
  EXPECT_EQ(refused.info().metadata().at("limit"), "3");
  for (service::Call& call : calls) call.done(Status(), {});
  for (PendingCall& each : pending) EXPECT_TRUE(each.Wait().status.ok());
  // A client may have its answer a moment before the server is done with the call.
  hold = false;
  Reply taken;
  do {
    taken = Invoke(channel, kGetAuthor, {"x"});
  } while (taken.reason() == "TOO_MANY_CALLS");
  EXPECT_TRUE(taken.status.ok());
}

TEST(Limits, StreamsOfAConnectionAreBoundedAndTheNextWait) {
  HeldCalls held;
  Options options = TestOptions();
  options.max_streams = 5;
  Server server(Library(), held.handler(), options);
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  grpc::ClientContext first;
  EXPECT_EQ(Invoke(channel, "/none", {}, &first).reason(), "UNKNOWN_METHOD");
  std::deque<grpc::ClientContext> contexts(20);
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (grpc::ClientContext& context : contexts) {
    threads.emplace_back([&] { good += Invoke(channel, kGetAuthor, {"x"}, &context).status.ok(); });
  }
  for (int i = 0; i < 4; ++i) {
    std::vector<service::Call> calls = held.Take(5);
    EXPECT_EQ(calls.size(), 5u);
    for (service::Call& call : calls) call.done(Status(), {});
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 20);
}

TEST(Limits, AConnectionPastTheBoundIsClosedAndRoomIsFoundAgain) {
  Options options = TestOptions();
  options.max_connections = 4;
  Server server(Library(), Echo, options);
  ASSERT_TRUE(server.Start().ok());
  server.SetServing(true);
  for (int round = 0; round < 5; ++round) {
    std::vector<int> taken;
    while (taken.size() < 4) {
      const int fd = ConnectSilently(server.port());
      ASSERT_GE(fd, 0);
      // Those of the round before may take a moment to be gone.
      if (ClosedByServer(fd)) {
        close(fd);
      } else {
        taken.push_back(fd);
      }
    }
    const int past = ConnectSilently(server.port());
    EXPECT_TRUE(ClosedByServer(past));
    close(past);
    for (const int fd : taken) close(fd);
    EXPECT_TRUE(Serving(server));
  }
}

// Lowers the soft limit on descriptors while it lives.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t count) {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = count;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  ~FewDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

// Runs in a child, whose descriptors are its own: opens `count` connections, says
// so, and closes them all when told to. Nothing but system calls after the fork.
class Crowd {
 public:
  Crowd(int port, int count) {
    if (pipe2(ready_, O_CLOEXEC) != 0 || pipe2(go_, O_CLOEXEC) != 0) abort();
    child_ = fork();
    if (child_ == 0) {
      rlimit limit{};
      getrlimit(RLIMIT_NOFILE, &limit);
      limit.rlim_cur = limit.rlim_max;
      setrlimit(RLIMIT_NOFILE, &limit);
      char byte = 'r';
      for (int i = 0; i < count; ++i) {
        if (ConnectSilently(port) < 0) byte = 'f';
      }
      [[maybe_unused]] ssize_t n = write(ready_[1], &byte, 1);
      n = read(go_[0], &byte, 1);
      _exit(0);
    }
    char byte = 0;
    connected_ = read(ready_[0], &byte, 1) == 1 && byte == 'r';
  }
  ~Crowd() { Leave(); }

  bool connected() const { return connected_; }
  void Leave() {
    if (child_ == 0) return;
    [[maybe_unused]] const ssize_t n = write(go_[1], "g", 1);
    waitpid(child_, nullptr, 0);
    child_ = 0;
    for (const int fd : {ready_[0], ready_[1], go_[0], go_[1]}) close(fd);
  }

 private:
  int ready_[2];
  int go_[2];
  pid_t child_ = 0;
  bool connected_ = false;
};

TEST(Limits, TwoHundredIdleConnectionsWithSixtyFourDescriptorsDoNoHarm) {
  ASSERT_LT(OpenDescriptors(), 40);
  const FewDescriptors few(64);
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  server.SetServing(true);
  for (int round = 0; round < 3; ++round) {
    Crowd crowd(server.port(), 200);
    ASSERT_TRUE(crowd.connected());
    crowd.Leave();
    EXPECT_TRUE(Serving(server));
    EXPECT_TRUE(Invoke(Connect(server), kGetAuthor, {"x"}).status.ok());
  }
}

TEST(Limits, TheListenerSurvivesThatThereIsNoDescriptorAtAll) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  server.SetServing(true);
  {
    const FewDescriptors few(static_cast<rlim_t>(OpenDescriptors()) + 20);
    Crowd first(server.port(), 10);  // the child needs pipes of ours
    std::vector<int> hoard;
    for (int fd; (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;) hoard.push_back(fd);
    ASSERT_EQ(errno, EMFILE);
    // A newcomer is turned away rather than left hanging.
    const int spare = hoard.back();
    hoard.pop_back();
    close(spare);
    const int fd = ConnectSilently(server.port());
    if (fd >= 0) {
      EXPECT_TRUE(ClosedByServer(fd));
      close(fd);
    }
    for (const int each : hoard) close(each);
  }
  EXPECT_TRUE(Serving(server));
}

TEST(Limits, GarbageOnAConnectionHarmsNobodyElse) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  EXPECT_TRUE(Invoke(channel, kGetAuthor, {"x"}).status.ok());
  const std::string texts[] = {
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      std::string(10'000, '\0'),
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(1000, '\xff'),
      "\x16\x03\x01\x02",
  };
  for (const std::string& text : texts) {
    const int fd = ConnectSilently(server.port());
    ASSERT_GE(fd, 0);
    send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    close(fd);
    EXPECT_TRUE(Invoke(channel, kGetAuthor, {"x"}).status.ok());
  }
}

}  // namespace
}  // namespace storegate::rpc
