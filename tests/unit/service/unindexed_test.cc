// Queries that no index serves: what is counted as one, what is logged, what is refused.
#include "server/service/unindexed.h"

#include <algorithm>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/service/harness.h"

namespace storegate::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What is in memory, by the name of a database whose indexes are known.
class NamedBackend : public MemoryBackend {
 public:
  NamedBackend(MemoryDatabase* database, std::string_view kind)
      : MemoryBackend(database), kind_(kind) {}
  std::string_view kind() const override { return kind_; }

 private:
  std::string_view kind_;
};

class UnindexedTest : public testing::Test {
 protected:
  void Start(Options::Unindexed policy, std::string_view kind = "sqlite") {
    Stop();
    backend_ = std::make_unique<NamedBackend>(&database_, kind);
    executor_ = std::make_unique<repository::Executor>(backend_.get(),
                                                       repository::ExecutorOptions());
    ASSERT_TRUE(executor_->Start().ok());
    Service::Routes routes;
    for (const schema::Entity& entity : Library().entities) routes[&entity] = executor_.get();
    Options options;
    options.unindexed_queries = policy;
    service_ = std::make_unique<Service>(Library(), routes,
                                         query::TokenSealer(std::string(32, 'k')), options);
  }
  void Stop() {
    if (executor_ != nullptr) executor_->Stop();
    service_.reset();
    executor_.reset();
  }
  ~UnindexedTest() override { Stop(); }

  Status List(const std::string& request) {
    std::promise<Status> answered;
    Call call;
    call.method = &MethodOf("AuthorStore", "ListAuthors");
    call.request = Make(*call.method->request, request)->SerializeAsString();
    call.deadline = Deadline::max();
    call.done = [&](const Status& status, const std::string&) { answered.set_value(status); };
    service_->Handle(std::move(call));
    return answered.get_future().get();
  }

  // How many lines about unindexed queries calling that writes.
  template <typename Work>
  int Logged(Work work) {
    testing::internal::CaptureStderr();
    work();
    log_ = testing::internal::GetCapturedStderr();
    int lines = 0;
    for (size_t at = 0; (at = log_.find("unindexed", at)) != std::string::npos;) {
      at = log_.find('\n', at);
      ++lines;
    }
    return lines;
  }

  MemoryDatabase database_;
  std::unique_ptr<NamedBackend> backend_;
  std::unique_ptr<repository::Executor> executor_;
  std::unique_ptr<Service> service_;
  std::string log_;
};

TEST_F(UnindexedTest, IsAnsweredAndLoggedOnceByDefault) {
  Start(Options().unindexed_queries);
  EXPECT_EQ(Logged([&] {
              for (int i = 0; i < 5; ++i) {
                EXPECT_TRUE(List("name: 'secret" + std::to_string(i) + "'").ok());
              }
            }),
            1);
  EXPECT_THAT(log_, HasSubstr("\"method\":\"library.v1.AuthorStore.ListAuthors\""));
  EXPECT_THAT(log_, HasSubstr("\"query\":\"name = ? ordered by id\""));
  EXPECT_THAT(log_, HasSubstr("\"plan\":\"reads all, in order of the id\""));
  EXPECT_THAT(log_, HasSubstr("index: { fields: \\\"name\\\" }"));
  EXPECT_THAT(log_, Not(HasSubstr("secret")));
  // Of another shape.
  EXPECT_EQ(Logged([&] { EXPECT_TRUE(List("name: 'x' order_by: 'age desc'").ok()); }), 1);
  EXPECT_EQ(Logged([&] { EXPECT_TRUE(List("search: 'x'").ok()); }), 1);
  EXPECT_EQ(Logged([&] { EXPECT_TRUE(List("search: 'y'").ok()); }), 0);
}

TEST_F(UnindexedTest, ShapesThatAreLoggedAreBounded) {
  Start(Options::Unindexed::kAllow);
  std::vector<std::string> fields = {"name", "age", "rating", "mood", "born", "create_time"};
  std::vector<std::string> orders;
  for (const std::string& a : fields) {
    for (const std::string& b : fields) {
      for (const std::string& c : fields) {
        if (a == b || b == c || a == c) continue;
        for (int way = 0; way < 10; ++way) {
          orders.push_back(a + (way & 1 ? " desc, " : ", ") + b + (way & 2 ? " desc, " : ", ") + c +
                           (way & 4 ? " desc" : "") + (way & 8 ? ", nap" : ""));
        }
      }
    }
  }
  ASSERT_GT(orders.size(), 1100u);
  const int lines = Logged([&] {
    for (const std::string& order : orders) EXPECT_TRUE(List("order_by: '" + order + "'").ok());
  });
  EXPECT_EQ(lines, 1001);
  EXPECT_THAT(log_, HasSubstr("further shapes are not logged"));
}

TEST_F(UnindexedTest, IsRefusedWhenToldTo) {
  Start(Options::Unindexed::kRefuse);
  Status status;
  EXPECT_EQ(Logged([&] {
              for (int i = 0; i < 3; ++i) status = List("name: 'secret'");
            }),
            1);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "UNINDEXED_QUERY");
  EXPECT_EQ(status.message(),
            "no index serves name = ? ordered by id, and this gateway does not read all records "
            "of Author for it. An index of Author would serve it: index: { fields: \"name\" }.");
  EXPECT_EQ(status.metadata().at("entity"), "library.v1.Author");
  EXPECT_EQ(status.metadata().at("query"), "name = ? ordered by id");
  EXPECT_EQ(List("order_by: 'age'").reason(), "UNINDEXED_QUERY");
  EXPECT_EQ(List("search: 'ada'").reason(), "UNINDEXED_QUERY");
}

TEST_F(UnindexedTest, WhatAnIndexServesIsNotRefused) {
  Start(Options::Unindexed::kRefuse);
  for (const char* request :
       {"", "order_by: 'id desc'", "order_by: 'slug'", "include_total_size: true",
        "show_deleted: true", "page: 2"}) {
    EXPECT_TRUE(List(request).ok()) << request;
  }
}

// The order by a unique index and then by the id is none that MongoDB has an index for.
TEST_F(UnindexedTest, GoesByTheKindOfTheDatabase) {
  Start(Options::Unindexed::kRefuse, "mongodb");
  EXPECT_EQ(List("order_by: 'slug'").reason(), "UNINDEXED_QUERY");
  Start(Options::Unindexed::kRefuse, "memory");  // of which nothing is known
  EXPECT_TRUE(List("name: 'x'").ok());
}

}  // namespace
}  // namespace storegate::service
