#include "server/base/status.h"

#include <gtest/gtest.h>

namespace storegate {
namespace {

TEST(StatusTest, OkHasNothingToSay) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), Code::kOk);
  EXPECT_EQ(status.reason(), "");
  EXPECT_EQ(status.message(), "");
  EXPECT_TRUE(status.metadata().empty());
  EXPECT_TRUE(status.violations().empty());
  EXPECT_FALSE(status.retry_delay().has_value());
  EXPECT_EQ(status.ToString(), "OK");
  EXPECT_TRUE(Status(Code::kOk, "IGNORED", "ignored").ok());
}

TEST(StatusTest, ErrorKeepsAllThatItWasGiven) {
  Status status(Code::kNotFound, "RECORD_NOT_FOUND", "no such record");
  status.With("id", "7").WithViolation("id", "unknown").WithRetryDelay(std::chrono::seconds(2));
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_EQ(status.ToString(), "NOT_FOUND RECORD_NOT_FOUND: no such record");
  EXPECT_EQ(status.metadata().at("id"), "7");
  ASSERT_EQ(status.violations().size(), 1u);
  EXPECT_EQ(status.violations()[0].field, "id");
  EXPECT_EQ(status.retry_delay(), std::chrono::milliseconds(2000));
}

TEST(StatusTest, ChangingACopyLeavesTheOriginal) {
  const Status original(Code::kAborted, "ETAG_MISMATCH", "changed");
  Status copy = original;
  copy.With("key", "value").WithViolation("etag", "stale");
  EXPECT_TRUE(original.metadata().empty());
  EXPECT_TRUE(original.violations().empty());
  EXPECT_EQ(copy.message(), original.message());
}

TEST(StatusTest, UnderMovesViolationsBelowAPath) {
  Status status = InvalidField("title", "must be set");
  status.WithViolation("", "must be set").WithViolation("[3].title", "too long");
  const Status moved = status.Under("book");
  ASSERT_EQ(moved.violations().size(), 3u);
  EXPECT_EQ(moved.violations()[0].field, "book.title");
  EXPECT_EQ(moved.violations()[1].field, "book");
  EXPECT_EQ(moved.violations()[2].field, "book[3].title");
  EXPECT_EQ(status.violations()[0].field, "title");
  EXPECT_TRUE(Status().Under("book").ok());
}

TEST(StatusTest, EveryCodeHasTheNameThatGrpcGivesIt) {
  EXPECT_EQ(CodeName(Code::kOk), "OK");
  EXPECT_EQ(CodeName(Code::kUnauthenticated), "UNAUTHENTICATED");
  EXPECT_EQ(CodeName(Code::kFailedPrecondition), "FAILED_PRECONDITION");
  EXPECT_EQ(CodeName(static_cast<Code>(99)), "UNKNOWN");
}

TEST(ResultTest, HoldsAValueOrTheReasonForNone) {
  Result<std::string> good(std::string("x"));
  ASSERT_TRUE(good.ok());
  EXPECT_EQ(*good, "x");
  EXPECT_EQ(good->size(), 1u);
  const Result<std::string> bad(InvalidField("f", "wrong"));
  EXPECT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().reason(), "INVALID_FIELD");
}

}  // namespace
}  // namespace storegate
