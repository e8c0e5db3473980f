#include "server/service/error_details.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "server/base/text.h"

namespace storegate::service {
namespace {

template <typename Detail>
std::optional<Detail> Find(const google::rpc::Status& status) {
  for (const auto& any : status.details()) {
    Detail detail;
    if (any.UnpackTo(&detail)) return detail;
  }
  return std::nullopt;
}

TEST(ErrorDetails, CarryReasonDomainMetadataAndDelay) {
  Status status(Code::kResourceExhausted, "QUEUE_FULL", "too much waits");
  status.With("limit", "10").WithRetryDelay(std::chrono::milliseconds(1500));
  const google::rpc::Status rpc = ToRpcStatus(status);
  EXPECT_EQ(rpc.code(), 8);
  EXPECT_EQ(rpc.message(), "too much waits");
  const auto info = Find<google::rpc::ErrorInfo>(rpc);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->reason(), "QUEUE_FULL");
  EXPECT_EQ(info->domain(), "storegate");
  EXPECT_EQ(info->metadata().at("limit"), "10");
  EXPECT_FALSE(info->metadata().contains("violations_total"));
  const auto retry = Find<google::rpc::RetryInfo>(rpc);
  ASSERT_TRUE(retry);
  EXPECT_EQ(retry->retry_delay().seconds(), 1);
  EXPECT_EQ(retry->retry_delay().nanos(), 500'000'000);
  EXPECT_FALSE(Find<google::rpc::BadRequest>(rpc));
}

TEST(ErrorDetails, OfOkAreNone) {
  EXPECT_EQ(ToRpcStatus(Status()).code(), 0);
  EXPECT_EQ(ToRpcStatus(Status()).details_size(), 0);
}

TEST(ErrorDetails, ShowAsManyViolationsAsFitInOrderAndCountAll) {
  Status status(Code::kInvalidArgument, "INVALID_FIELD", "many");
  for (int i = 0; i < 10'000; ++i) {
    status.WithViolation("book.pages[" + std::to_string(i) + "]", "must not be empty");
  }
  const google::rpc::Status rpc = ToRpcStatus(status);
  EXPECT_LE(rpc.ByteSizeLong(), kMaxStatusBytes);
  const auto bad = Find<google::rpc::BadRequest>(rpc);
  ASSERT_TRUE(bad);
  EXPECT_GT(bad->field_violations_size(), 50);
  for (int i = 0; i < bad->field_violations_size(); ++i) {
    EXPECT_EQ(bad->field_violations(i).field(), "book.pages[" + std::to_string(i) + "]");
  }
  const auto info = Find<google::rpc::ErrorInfo>(rpc);
  EXPECT_EQ(info->metadata().at("violations_total"), "10000");
  EXPECT_EQ(info->metadata().at("violations_shown"), std::to_string(bad->field_violations_size()));
}

TEST(ErrorDetails, BelieveTheTotalOfWhoKeptFewer) {
  Status status(Code::kInvalidArgument, "INVALID_FIELD", "many");
  status.WithViolation("a", "b").With("violations_total", "777");
  const auto info = Find<google::rpc::ErrorInfo>(ToRpcStatus(status));
  EXPECT_EQ(info->metadata().at("violations_total"), "777");
  EXPECT_EQ(info->metadata().at("violations_shown"), "1");
}

TEST(ErrorDetails, StayWithinTheirBoundWhateverComes) {
  for (size_t bound : {size_t{256}, size_t{1000}, kMaxStatusBytes}) {
    Status status(Code::kInvalidArgument, "INVALID_FIELD", std::string(100'000, 'm'));
    for (int i = 0; i < 300; ++i) {
      status.With("key" + std::to_string(i) + std::string(1000, 'k'), std::string(10'000, 'v'));
      status.WithViolation(std::string(5000, 'f'), std::string(5000, 'd'));
    }
    const google::rpc::Status rpc = ToRpcStatus(status, bound);
    EXPECT_LE(rpc.ByteSizeLong(), std::max<size_t>(bound, 700)) << bound;
    EXPECT_EQ(Find<google::rpc::ErrorInfo>(rpc)->reason(), "INVALID_FIELD");
  }
}

TEST(ErrorDetails, AreUtf8WhateverTheTextWas) {
  Status status(Code::kInternal, "INTERNAL", std::string("bad \xff byte ") + std::string(498, 'x') +
                "é");
  status.With("k\xc3", "v\xed\xa0\x80");
  std::string cut = "\xf0\x9f\x98\x80";  // one character of four bytes, again and again
  for (int i = 0; i < 8; ++i) cut += cut;
  status.WithViolation(cut, cut);
  const google::rpc::Status rpc = ToRpcStatus(status);
  EXPECT_EQ(FindInvalidUtf8(rpc.message()), std::string::npos);
  const auto bad = Find<google::rpc::BadRequest>(rpc);
  ASSERT_TRUE(bad);
  EXPECT_EQ(FindInvalidUtf8(bad->field_violations(0).field()), std::string::npos);
  EXPECT_TRUE(bad->field_violations(0).field().ends_with("…"));
  google::rpc::Status again;
  EXPECT_TRUE(again.ParseFromString(rpc.SerializeAsString()));
}

}  // namespace
}  // namespace storegate::service
