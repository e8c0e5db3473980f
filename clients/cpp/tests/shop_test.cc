// How a service tests itself against a gateway of its own: one server for all tests, put
// back before each.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "gateway.h"
#include "shop/v1/category_store.grpc.pb.h"
#include "test_server.h"

using namespace shop::v1;

namespace {

class ShopTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto seed = std::filesystem::temp_directory_path() /
                      ("storegate-" + std::to_string(getpid()) + ".jsonl");
    std::ofstream(seed) << R"({"entity": "Category", "record": {"name": "Hats", "slug": "hats"}})";
    server_ = new TestServer({"--seed", seed.string()});
    std::filesystem::remove(seed);
  }

  static void TearDownTestSuite() {
    delete server_;
    server_ = nullptr;
  }

  void SetUp() override { server_->Reset(); }

  grpc::Status Create(const std::string& slug) {
    CreateCategoryRequest request;
    request.mutable_category()->set_name(slug);
    request.mutable_category()->set_slug(slug);
    gateway::Context context;
    Category category;
    return categories_->CreateCategory(&context, request, &category);
  }

  // The slugs, by name, and how many pages of two they took.
  std::pair<std::vector<std::string>, int> Slugs() {
    std::vector<std::string> slugs;
    int pages = 0;
    ListCategoriesRequest request;
    request.set_page_size(2);
    request.set_order_by("name");
    do {
      gateway::Context context;
      ListCategoriesResponse page;
      const grpc::Status status = categories_->ListCategories(&context, request, &page);
      EXPECT_TRUE(status.ok()) << status.error_message();
      ++pages;
      for (const Category& category : page.categories()) slugs.push_back(category.slug());
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    return {slugs, pages};
  }

  const std::unique_ptr<CategoryStore::Stub> categories_ = CategoryStore::NewStub(
      gateway::Connect(server_->target(), {CategoryStore::service_full_name()}));

 private:
  static inline TestServer* server_ = nullptr;
};

TEST_F(ShopTest, PagesHoldEachRecordOnce) {
  for (const char* slug : {"bags", "shoes", "socks"}) ASSERT_TRUE(Create(slug).ok());
  EXPECT_EQ(Slugs(), std::pair(std::vector<std::string>({"hats", "bags", "shoes", "socks"}), 2));
}

TEST_F(ShopTest, ResetPutsBackWhatTheServerStartedWith) {
  ASSERT_TRUE(Create("shoes").ok());
  SetUp();
  EXPECT_EQ(Slugs(), std::pair(std::vector<std::string>({"hats"}), 1));
  EXPECT_TRUE(Create("shoes").ok());
}

TEST_F(ShopTest, ErrorsSayCodeReasonAndViolations) {
  ASSERT_TRUE(Create("shoes").ok());
  const grpc::Status taken = Create("shoes");
  EXPECT_EQ(taken.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(gateway::DetailsOf(taken).reason, "UNIQUE_VIOLATION");
  EXPECT_EQ(gateway::DetailsOf(taken).domain, "storegate");

  const grpc::Status invalid = Create("Not a slug");
  EXPECT_EQ(invalid.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  const gateway::Details details = gateway::DetailsOf(invalid);
  EXPECT_EQ(details.reason, "INVALID_FIELD");
  ASSERT_EQ(details.violations.size(), 1u);
  EXPECT_EQ(details.violations[0].first, "category.slug");
  EXPECT_NE(details.violations[0].second.find("Not a slug"), std::string::npos);

  const gateway::Details none = gateway::DetailsOf({grpc::StatusCode::INTERNAL, "of a proxy"});
  EXPECT_EQ(none.reason, "");
  EXPECT_TRUE(none.violations.empty());
}

TEST(TestServerTest, IsGoneWhenItIsStopped) {
  auto server = std::make_unique<TestServer>();
  const auto categories = CategoryStore::NewStub(
      gateway::Connect(server->target(), {CategoryStore::service_full_name()}));
  const auto list = [&] {
    gateway::Context context;
    ListCategoriesResponse response;
    return categories->ListCategories(&context, {}, &response);
  };
  EXPECT_TRUE(list().ok());
  server.reset();
  EXPECT_EQ(list().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
