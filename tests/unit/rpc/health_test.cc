#include <thread>

#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/unit/rpc/support.h"

namespace storegate::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class Client {
 public:
  explicit Client(const Server& server)
      : stub_(grpc::health::v1::Health::NewStub(Connect(server))) {}

  // The status, or the code of the error, as text.
  std::string Check(const std::string& service) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    HealthCheckResponse response;
    const grpc::Status status = stub_->Check(&context, request, &response);
    return status.ok() ? HealthCheckResponse::ServingStatus_Name(response.status())
                       : std::string(CodeName(static_cast<Code>(status.error_code())));
  }

  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader;

    // The next status, or the code of the end.
    std::string Next() {
      HealthCheckResponse response;
      if (reader->Read(&response)) {
        return HealthCheckResponse::ServingStatus_Name(response.status());
      }
      return std::string(CodeName(static_cast<Code>(reader->Finish().error_code())));
    }
  };
  std::unique_ptr<Watch> Watch(const std::string& service) {
    auto watch = std::make_unique<struct Watch>();
    HealthCheckRequest request;
    request.set_service(service);
    watch->reader = stub_->Watch(&watch->context, request);
    return watch;
  }

 private:
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
};

TEST(Health, NothingServesUntilTold) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  Client client(server);
  EXPECT_EQ(client.Check(""), "NOT_SERVING");
  EXPECT_EQ(client.Check("library.v1.AuthorStore"), "NOT_SERVING");
  server.SetServing(true);
  EXPECT_EQ(client.Check(""), "SERVING");
  EXPECT_EQ(client.Check("library.v1.AuthorStore"), "SERVING");
  EXPECT_EQ(client.Check("library.v1.NoteStore"), "SERVING");
}

// The value under `key`; "" for none.
std::string Find(const std::multimap<grpc::string_ref, grpc::string_ref>& metadata,
                 const char* key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? ""
                                 : std::string(found->second.data(), found->second.size());
}

TEST(Health, SaysWhyNothingServesYet) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  server.SetReason("making tea \xc3\xa9\n" + std::string(2000, 'x'));
  const auto stub = grpc::health::v1::Health::NewStub(Connect(server));
  const auto check = [&stub](grpc::ClientContext* context) {
    HealthCheckResponse response;
    return stub->Check(context, HealthCheckRequest(), &response).ok();
  };
  grpc::ClientContext before, after, watching;
  ASSERT_TRUE(check(&before));
  const std::string why = Find(before.GetServerTrailingMetadata(), "storegate-reason");
  EXPECT_EQ(why.substr(0, 15), "making tea ???x");
  EXPECT_EQ(why.size(), 1024u);
  const auto watch = stub->Watch(&watching, HealthCheckRequest());
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(Find(watching.GetServerInitialMetadata(), "storegate-reason"), why);
  server.SetServing(true);
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  ASSERT_TRUE(check(&after));
  EXPECT_EQ(Find(after.GetServerTrailingMetadata(), "storegate-reason"), "");
  watching.TryCancel();
}

TEST(Health, StoresAreApart) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  server.SetServing(true);
  server.SetServing("library.v1.NoteStore", false);
  server.SetServing("library.v1.NoSuchStore", true);
  Client client(server);
  EXPECT_EQ(client.Check(""), "SERVING");
  EXPECT_EQ(client.Check("library.v1.AuthorStore"), "SERVING");
  EXPECT_EQ(client.Check("library.v1.NoteStore"), "NOT_SERVING");
  EXPECT_EQ(client.Check("library.v1.NoSuchStore"), "NOT_FOUND");
  EXPECT_EQ(client.Check("library.v1.Author"), "NOT_FOUND");
}

TEST(Health, AWatchHearsOfEachChangeUntilTheEnd) {
  Options options = TestOptions();
  options.lead = std::chrono::milliseconds(200);
  Server server(Library(), Echo, options);
  ASSERT_TRUE(server.Start().ok());
  Client client(server);
  const auto all = client.Watch("");
  const auto notes = client.Watch("library.v1.NoteStore");
  const auto unknown = client.Watch("library.v1.NoSuchStore");
  EXPECT_EQ(all->Next(), "NOT_SERVING");
  EXPECT_EQ(notes->Next(), "NOT_SERVING");
  EXPECT_EQ(unknown->Next(), "SERVICE_UNKNOWN");
  server.SetServing(true);
  EXPECT_EQ(all->Next(), "SERVING");
  EXPECT_EQ(notes->Next(), "SERVING");
  server.SetServing("library.v1.NoteStore", false);
  EXPECT_EQ(notes->Next(), "NOT_SERVING");
  std::thread stop([&] { server.Stop(); });
  EXPECT_EQ(all->Next(), "NOT_SERVING");
  // Still listening, so that those who don't know yet are served.
  EXPECT_EQ(Client(server).Check(""), "NOT_SERVING");
  EXPECT_EQ(all->Next(), "UNAVAILABLE");
  EXPECT_EQ(notes->Next(), "UNAVAILABLE");
  EXPECT_EQ(unknown->Next(), "UNAVAILABLE");
  stop.join();
}

TEST(Health, OnceStoppingItDoesNotServeAgain) {
  Options options = TestOptions();
  options.lead = std::chrono::milliseconds(200);
  Server server(Library(), Echo, options);
  ASSERT_TRUE(server.Start().ok());
  server.SetServing(true);
  Client client(server);
  const auto watch = client.Watch("");
  EXPECT_EQ(watch->Next(), "SERVING");
  std::thread stop([&] { server.Stop(); });
  EXPECT_EQ(watch->Next(), "NOT_SERVING");
  server.SetServing(true);
  server.SetServing("library.v1.NoteStore", true);
  EXPECT_EQ(watch->Next(), "UNAVAILABLE");
  stop.join();
}

TEST(Health, WatchersThatLeaveOrNeverReadDoNoHarm) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  Client client(server);
  std::vector<std::unique_ptr<struct Client::Watch>> watches;
  for (int i = 0; i < 50; ++i) watches.push_back(client.Watch(i % 2 == 0 ? "" : "none"));
  for (int i = 0; i < 1000; ++i) server.SetServing(i % 2 == 0);
  for (int i = 0; i < 50; i += 3) watches[i]->context.TryCancel();
  for (int i = 0; i < 50; i += 3) watches[i].reset();
  EXPECT_EQ(client.Check(""), "NOT_SERVING");
  server.Stop();
}

}  // namespace
}  // namespace storegate::rpc
