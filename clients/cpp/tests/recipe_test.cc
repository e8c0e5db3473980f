// Deadlines, retries and streams that break off, against a server that does what a gateway
// does on a bad day.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>

#include "gateway.h"
#include "shop/v1/category_store.grpc.pb.h"

using namespace shop::v1;

namespace {

const grpc::Status kUnavailable(grpc::StatusCode::UNAVAILABLE, "back in a moment");

// Answers the third call. Its streams send a record and break off, until three are sent.
class Flaky : public CategoryStore::Service {
 public:
  std::atomic<int> calls = 0;
  std::atomic<bool> has_deadline = false;

 private:
  grpc::Status Answer(const grpc::ServerContext& context) {
    has_deadline = context.deadline() != std::chrono::system_clock::time_point::max();
    return ++calls < 3 ? kUnavailable : grpc::Status::OK;
  }

  grpc::Status GetCategory(grpc::ServerContext* context, const GetCategoryRequest*,
                           Category*) override {
    return Answer(*context);
  }

  grpc::Status CreateCategory(grpc::ServerContext* context, const CreateCategoryRequest*,
                              Category*) override {
    return Answer(*context);
  }

  grpc::Status StreamCategories(grpc::ServerContext* context,
                                const StreamCategoriesRequest* request,
                                grpc::ServerWriter<StreamCategoriesResponse>* writer) override {
    has_deadline = context->deadline() != std::chrono::system_clock::time_point::max();
    ++calls;
    const int sent = request->page_token().empty() ? 0 : std::stoi(request->page_token());
    StreamCategoriesResponse message;
    message.add_categories()->set_slug(std::to_string(sent));
    const bool last = sent == 2;
    if (!last) message.set_next_page_token(std::to_string(sent + 1));
    writer->Write(message);
    return last ? grpc::Status::OK : kUnavailable;
  }
};

class RecipeTest : public testing::Test {
 protected:
  RecipeTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    categories_ = CategoryStore::NewStub(gateway::Connect(
        "127.0.0.1:" + std::to_string(port), {CategoryStore::service_full_name()}));
  }

  ~RecipeTest() override { server_->Shutdown(std::chrono::system_clock::now()); }

  Flaky service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<CategoryStore::Stub> categories_;
  gateway::Context context_;
};

TEST_F(RecipeTest, AReadIsRepeated) {
  Category category;
  const grpc::Status status = categories_->GetCategory(&context_, {}, &category);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(service_.calls, 3);
  EXPECT_TRUE(service_.has_deadline);
}

TEST_F(RecipeTest, AWriteIsNotRepeated) {
  Category category;
  const grpc::Status status = categories_->CreateCategory(&context_, {}, &category);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(service_.calls, 1);
  EXPECT_TRUE(service_.has_deadline);
}

TEST_F(RecipeTest, AStreamGoesOnWhereItBrokeOff) {
  std::vector<std::string> slugs;
  StreamCategoriesRequest request;
  grpc::Status status;
  do {
    grpc::ClientContext context;
    const auto stream = categories_->StreamCategories(&context, request);
    StreamCategoriesResponse message;
    while (stream->Read(&message)) {
      for (const Category& category : message.categories()) slugs.push_back(category.slug());
      request.set_page_token(message.next_page_token());
    }
    status = stream->Finish();
  } while (status.error_code() == grpc::StatusCode::UNAVAILABLE && !request.page_token().empty());
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(slugs, std::vector<std::string>({"0", "1", "2"}));
  EXPECT_EQ(service_.calls, 3);
  EXPECT_FALSE(service_.has_deadline);
}

TEST(ServiceConfigTest, AServiceThatIsNotLinkedIsRefused) {
  EXPECT_THROW(gateway::ServiceConfig({"shop.v1.Nothing"}), std::invalid_argument);
}

}  // namespace
