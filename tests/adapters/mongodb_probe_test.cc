// What a server can do is found by trying: servers that are wrong, refuse, or fall silent.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/backend.h"
#include "tests/adapters/library.h"
#include "tests/support/mongodb_fake.h"

namespace storegate::test {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string Found(const std::string& documents) {
  return R"({"ok": 1, "cursor": {"id": {"$numberLong": "0"}, "ns": "a.b", "firstBatch": [)" +
         documents + "]}}";
}
const char kSums[] = R"({"_id": null, "count": 2, "sum": 2})";
// 2^53 twice, and 2.
const char kGroup[] = R"({"_id": "1969", "sum": {"$numberDecimal": "18014398509481986"},
    "greatest": {"$numberLong": "9007199254740994"}, "different": [], "count": 2})";

class MongodbProbe : public testing::Test {
 protected:
  // Opens a server that answers each $group with the next of these.
  Result<std::unique_ptr<repository::Backend>> Open(std::vector<FakeAnswer> groups) {
    auto next = std::make_shared<std::atomic<size_t>>(0);
    fake_.SetHandler([this, next, groups = std::move(groups)](
                         const FakeCommand& command) -> std::optional<FakeAnswer> {
      if (command.name == "find") return FakeAnswer::Reply(Found(""));
      if (command.name == "insert") return insert_;
      if (command.name == "drop") return FakeAnswer();
      if (command.name != "aggregate") return std::nullopt;
      const size_t at = next->fetch_add(1);
      return at < groups.size() ? groups[at] : FakeAnswer::DropBefore();
    });
    mongodb::Options options;
    options.url = fake_.Url("probed");
    options.server_selection_timeout = options.connect_timeout =
        std::chrono::milliseconds(700);
    return mongodb::Open(options);
  }

  // Whether it opens and is thought to compute aggregates.
  bool Aggregates(std::vector<FakeAnswer> groups) {
    const auto backend = Open(std::move(groups));
    EXPECT_TRUE(backend.ok()) << backend.status().ToString();
    return backend.ok() && (*backend)->capabilities().aggregates;
  }

  FakeAnswer insert_ = FakeAnswer::Reply(R"({"ok": 1, "n": 2})");
  MongodbFake fake_{{.replica_set = false}};
};

TEST_F(MongodbProbe, AggregatesAreThereWhereTheirNumbersAreRight) {
  EXPECT_TRUE(Aggregates({FakeAnswer::Reply(Found(kSums)), FakeAnswer::Reply(Found(kGroup))}));
  // What was made to try it is gone.
  ASSERT_THAT(fake_.Commands("insert"), SizeIs(1));
  ASSERT_THAT(fake_.Commands("drop"), SizeIs(1));
  EXPECT_THAT(fake_.Commands("drop")[0].json, HasSubstr("\"_storegate_probe_"));
}

TEST_F(MongodbProbe, AServerThatForgetsASecondSumIsAskedForNoMore) {
  EXPECT_FALSE(Aggregates({FakeAnswer::Reply(Found(R"({"_id": null, "count": 2, "sum": 0})"))}));
  EXPECT_EQ(fake_.Count("aggregate"), 1);
  EXPECT_EQ(fake_.Count("drop"), 1);
}

TEST_F(MongodbProbe, WhatIsWrongOrRefusedIsNotThere) {
  const FakeAnswer sums = FakeAnswer::Reply(Found(kSums));
  for (const char* group :
       {"", R"({"_id": null, "sum": 1, "greatest": 1, "count": 2})",
        // A sum of doubles, and a time zone that was not heeded.
        R"({"_id": "1969", "sum": 18014398509481984.0,
            "greatest": {"$numberLong": "9007199254740994"}, "count": 2})",
        R"({"_id": "1970", "sum": {"$numberDecimal": "18014398509481986"},
            "greatest": {"$numberLong": "9007199254740994"}, "count": 2})"}) {
    EXPECT_FALSE(Aggregates({sums, FakeAnswer::Reply(Found(group))})) << group;
  }
  EXPECT_FALSE(Aggregates({sums, FakeAnswer::Reply(Found(std::string(kGroup) + ", " + kGroup))}));
  EXPECT_FALSE(Aggregates({sums, FakeAnswer::Error(168, "InvalidPipelineOperator")}));
  EXPECT_FALSE(Aggregates({FakeAnswer::Error(238, "NotImplemented")}));
  // One who may read alone cannot try it.
  insert_ = FakeAnswer::Error(13, "Unauthorized");
  EXPECT_FALSE(Aggregates({}));
}

TEST_F(MongodbProbe, AServerThatDoesNotAnswerIsNotThere) {
  // Rather than taken for one that cannot, as long as the gateway runs.
  const Status lost = Open({FakeAnswer::Reply(Found(kSums))}).status();
  EXPECT_THAT(lost, HasReason("DATABASE_UNAVAILABLE"));
  EXPECT_EQ(lost.code(), Code::kUnavailable);
  const Status interrupted = Open({FakeAnswer::Error(11600, "InterruptedAtShutdown")}).status();
  EXPECT_THAT(interrupted, HasReason("DATABASE_UNAVAILABLE"));
}

}  // namespace
}  // namespace storegate::test
