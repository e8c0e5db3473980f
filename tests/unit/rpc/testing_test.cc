// storegate.v1.Testing: there only where it was asked for, one Reset at a time.
#include <atomic>
#include <future>
#include <thread>

#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "tests/unit/rpc/support.h"

namespace storegate::rpc {
namespace {

constexpr char kReset[] = "/storegate.v1.Testing/Reset";

std::vector<std::string> Listed(const Server& server) {
  using grpc::reflection::v1::ServerReflection;
  const auto stub = ServerReflection::NewStub(Connect(server));
  grpc::ClientContext context;
  const auto stream = stub->ServerReflectionInfo(&context);
  grpc::reflection::v1::ServerReflectionRequest request;
  request.set_list_services("");
  stream->Write(request);
  grpc::reflection::v1::ServerReflectionResponse response;
  EXPECT_TRUE(stream->Read(&response));
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  stream->WritesDone();
  stream->Finish();
  return names;
}

TEST(Testing, IsThereOnlyWhereItWasAskedFor) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const Reply reply = Invoke(Connect(server), kReset, {""});
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(reply.reason(), "UNKNOWN_METHOD");
  for (const std::string& name : Listed(server)) EXPECT_NE(name, "storegate.v1.Testing");
}

TEST(Testing, AnswersWithWhatTheResetCameTo) {
  Options options = TestOptions();
  std::atomic<int> calls{0};
  options.reset = [&calls] {
    return ++calls == 2 ? Status(Code::kUnavailable, "DATABASE_BUSY", "busy") : Status();
  };
  Server server(Library(), Echo, options);
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  const Reply first = Invoke(channel, kReset, {""});
  EXPECT_TRUE(first.status.ok()) << first.status.error_message();
  EXPECT_EQ(first.messages, std::vector<std::string>{""});
  const Reply second = Invoke(channel, kReset, {""});
  EXPECT_EQ(second.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(second.reason(), "DATABASE_BUSY");
  EXPECT_EQ(Invoke(channel, kReset, {"\xFF"}).reason(), "MALFORMED_REQUEST");
  EXPECT_EQ(Invoke(channel, kReset, {}).reason(), "MALFORMED_REQUEST");
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(Invoke(channel, "/storegate.v1.Testing/Other", {""}).reason(), "UNKNOWN_METHOD");
  const std::vector<std::string> names = Listed(server);
  EXPECT_NE(std::find(names.begin(), names.end(), "storegate.v1.Testing"), names.end());
}

TEST(Testing, OneAtATimeWhileOthersAreServedAndCallersMayGo) {
  Options options = TestOptions();
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::promise<void> begun;
  std::atomic<int> calls{0}, running{0}, most{0};
  options.reset = [&] {
    most = std::max<int>(most, ++running);
    if (++calls == 1) begun.set_value();
    released.wait();
    --running;
    return Status();
  };
  Server server(Library(), Echo, options);
  ASSERT_TRUE(server.Start().ok());
  const auto channel = Connect(server);
  std::deque<PendingCall> pending;
  for (int i = 0; i < 5; ++i) pending.emplace_back(channel, kReset, std::vector<std::string>{""});
  begun.get_future().wait();
  EXPECT_TRUE(Invoke(channel, kGetAuthor, {""}).status.ok());
  for (int i = 0; i < 3; ++i) {
    pending.front().Cancel();
    EXPECT_EQ(pending.front().Wait().status.error_code(), grpc::StatusCode::CANCELLED);
    pending.pop_front();
  }
  release.set_value();
  for (PendingCall& call : pending) EXPECT_TRUE(call.Wait().status.ok());
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(most, 1);
}

TEST(Testing, AServerStopsWhileOneRuns) {
  Options options = TestOptions();
  options.drain = std::chrono::milliseconds(100);
  std::promise<void> begun, release;
  options.reset = [&] {
    begun.set_value();
    release.get_future().wait();
    return Status();
  };
  auto server = std::make_unique<Server>(Library(), Echo, options);
  ASSERT_TRUE(server->Start().ok());
  PendingCall call(Connect(*server), kReset, {""});
  begun.get_future().wait();
  server->Stop();
  EXPECT_FALSE(call.Wait().status.ok());
  release.set_value();
  server.reset();
}

}  // namespace
}  // namespace storegate::rpc
