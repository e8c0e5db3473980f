#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/descriptor_database.h>

#include <thread>

#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "tests/unit/rpc/support.h"

namespace storegate::rpc {
namespace {

struct V1 {
  using Api = grpc::reflection::v1::ServerReflection;
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
};
struct V1Alpha {
  using Api = grpc::reflection::v1alpha::ServerReflection;
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;
};

template <typename Version>
class Reflection : public testing::Test {
 protected:
  using Request = typename Version::Request;
  using Response = typename Version::Response;

  void SetUp() override {
    ASSERT_TRUE(server_.Start().ok());
    stub_ = Version::Api::NewStub(Connect(server_));
    stream_ = stub_->ServerReflectionInfo(&context_);
  }
  void TearDown() override {
    stream_->WritesDone();
    EXPECT_TRUE(stream_->Finish().ok());
  }

  Response Ask(const Request& request) {
    Response response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    EXPECT_EQ(response.original_request().SerializeAsString(), request.SerializeAsString());
    return response;
  }
  Response AskSymbol(const std::string& symbol) {
    Request request;
    request.set_file_containing_symbol(symbol);
    return Ask(request);
  }
  // Names of the files of a response.
  static std::vector<std::string> Names(const Response& response) {
    std::vector<std::string> names;
    for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
      google::protobuf::FileDescriptorProto file;
      EXPECT_TRUE(file.ParseFromString(bytes));
      names.push_back(file.name());
    }
    return names;
  }

  Server server_{Library(), Echo, TestOptions()};
  std::unique_ptr<typename Version::Api::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> stream_;
};

using Versions = testing::Types<V1, V1Alpha>;
TYPED_TEST_SUITE(Reflection, Versions);

TYPED_TEST(Reflection, ListsTheStoresAndItself) {
  typename TypeParam::Request request;
  request.set_host("some.host");
  request.set_list_services("*");
  const auto response = this->Ask(request);
  EXPECT_EQ(response.valid_host(), "some.host");
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  EXPECT_EQ(names, (std::vector<std::string>{
                       "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                       "grpc.reflection.v1alpha.ServerReflection", "library.v1.AuthorStore",
                       "library.v1.NoteStore"}));
}

TYPED_TEST(Reflection, FindsAFileByAnythingInIt) {
  for (const char* symbol :
       {"library.v1.Author", "library.v1.Author.name", "library.v1.Author.Rank",
        "library.v1.Author.GREAT", "library.v1.Author.Rank.GREAT", "library.v1.Author.Address",
        "library.v1.Author.Address.city", "library.v1.AuthorStore",
        "library.v1.AuthorStore.GetAuthor", ".library.v1.Note"}) {
    const auto names = this->Names(this->AskSymbol(symbol));
    ASSERT_FALSE(names.empty()) << symbol;
    EXPECT_EQ(names[0], "library.proto") << symbol;
  }
  EXPECT_EQ(this->Names(this->AskSymbol("grpc.health.v1.Health.Watch"))[0],
            "grpc/health/v1/health.proto");
  EXPECT_EQ(this->Names(this->AskSymbol("grpc.reflection.v1.ServerReflection"))[0],
            "grpc/reflection/v1/reflection.proto");
  EXPECT_EQ(this->Names(this->AskSymbol("google.rpc.ErrorInfo"))[0],
            "google/rpc/error_details.proto");
  EXPECT_EQ(this->Names(this->AskSymbol("storegate.v1.field"))[0], "storegate/v1/schema.proto");
}

TYPED_TEST(Reflection, AFileComesWithAllThatItDependsOn) {
  typename TypeParam::Request request;
  request.set_file_by_filename("library.proto");
  const auto response = this->Ask(request);
  google::protobuf::SimpleDescriptorDatabase database;
  for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    EXPECT_FALSE(file.has_source_code_info());
    ASSERT_TRUE(database.Add(file)) << file.name();
  }
  google::protobuf::DescriptorPool pool(&database);
  const auto* author = pool.FindMessageTypeByName("library.v1.Author");
  ASSERT_NE(author, nullptr);
  // Options survive, so that clients can show them.
  EXPECT_GT(author->FindFieldByName("name")->options().ByteSizeLong(), 0u);
}

TYPED_TEST(Reflection, FindsExtensions) {
  typename TypeParam::Request request;
  request.mutable_file_containing_extension()->set_containing_type("google.protobuf.FieldOptions");
  request.mutable_file_containing_extension()->set_extension_number(51700);
  EXPECT_EQ(this->Names(this->Ask(request))[0], "storegate/v1/schema.proto");
  request.set_all_extension_numbers_of_type("google.protobuf.FieldOptions");
  const auto response = this->Ask(request);
  EXPECT_EQ(response.all_extension_numbers_response().base_type_name(),
            "google.protobuf.FieldOptions");
  const auto& numbers = response.all_extension_numbers_response().extension_number();
  EXPECT_EQ(std::vector<int>(numbers.begin(), numbers.end()), (std::vector<int>{51700, 51701}));
  request.set_all_extension_numbers_of_type("library.v1.Author");
  EXPECT_TRUE(this->Ask(request).has_all_extension_numbers_response());
}

TYPED_TEST(Reflection, WhatIsNotThereIsNotFoundAndTheStreamGoesOn) {
  typename TypeParam::Request request;
  const auto expect_error = [&](grpc::StatusCode code) {
    const auto response = this->Ask(request);
    EXPECT_EQ(response.error_response().error_code(), static_cast<int>(code))
        << response.ShortDebugString();
    EXPECT_LT(response.error_response().error_message().size(), 300u);
  };
  for (const char* name : {"", "/etc/passwd", "../library.proto", "none.proto"}) {
    request.set_file_by_filename(name);
    expect_error(grpc::StatusCode::NOT_FOUND);
  }
  for (const std::string& symbol :
       {std::string(), std::string("."), std::string("library"), std::string("library.v1.None"),
        std::string(1 << 20, 'x')}) {
    request.set_file_containing_symbol(symbol);
    expect_error(grpc::StatusCode::NOT_FOUND);
  }
  request.mutable_file_containing_extension()->set_containing_type("library.v1.Author");
  expect_error(grpc::StatusCode::NOT_FOUND);
  request.set_all_extension_numbers_of_type("library.v1.None");
  expect_error(grpc::StatusCode::NOT_FOUND);
  request.Clear();
  expect_error(grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(this->Names(this->AskSymbol("library.v1.Author")).empty());
}

TEST(ReflectionStop, AnOpenStreamEndsWithTheServer) {
  Server server(Library(), Echo, TestOptions());
  ASSERT_TRUE(server.Start().ok());
  const auto stub = grpc::reflection::v1::ServerReflection::NewStub(Connect(server));
  grpc::ClientContext contexts[2];
  const auto idle = stub->ServerReflectionInfo(&contexts[0]);
  const auto busy = stub->ServerReflectionInfo(&contexts[1]);
  // A client that asks and asks, and does not read.
  std::thread asking([&] {
    V1::Request request;
    request.set_file_containing_symbol("library.v1.Author");
    for (int i = 0; i < 5000 && busy->Write(request); ++i) {
    }
  });
  V1::Request request;
  request.set_list_services("");
  V1::Response response;
  ASSERT_TRUE(idle->Write(request));
  ASSERT_TRUE(idle->Read(&response));
  server.Stop();
  EXPECT_FALSE(idle->Read(&response));
  EXPECT_EQ(idle->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  asking.join();
  while (busy->Read(&response)) {
  }
  EXPECT_FALSE(busy->Finish().ok());
}

}  // namespace
}  // namespace storegate::rpc
