#include "server/rpc/status.h"

#include "server/base/text.h"
#include "tests/unit/rpc/support.h"

namespace storegate::rpc {
namespace {

Reply Send(const Status& status) {
  Server server(
      Library(), [&](service::Call call) { call.done(status, {}); }, TestOptions());
  EXPECT_TRUE(server.Start().ok());
  return Invoke(Connect(server), kCreateAuthor, {"x"});
}

TEST(GrpcStatus, OkIsOk) {
  EXPECT_TRUE(ToGrpc(Status()).ok());
  EXPECT_TRUE(ToGrpc(Status()).error_details().empty());
}

TEST(GrpcStatus, EveryCodeKeepsItsNumber) {
  for (int code = 1; code <= 16; ++code) {
    const grpc::Status status = ToGrpc(Status(static_cast<Code>(code), "REASON", "text"));
    EXPECT_EQ(static_cast<int>(status.error_code()), code);
    EXPECT_EQ(status.error_message(), "text");
  }
}

TEST(GrpcStatus, ManyViolationsReachTheCaller) {
  Status status(Code::kInvalidArgument, "INVALID_FIELD", "10000 fields are wrong");
  for (int i = 0; i < 10000; ++i) {
    status.WithViolation("requests[" + std::to_string(i) + "].author.name", "must be set");
  }
  const Reply reply = Send(status);
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(reply.reason(), "INVALID_FIELD");
  EXPECT_LE(reply.status.error_details().size(), 4096u);
  google::rpc::BadRequest bad;
  for (const auto& detail : reply.details.details()) {
    if (detail.Is<google::rpc::BadRequest>()) detail.UnpackTo(&bad);
  }
  ASSERT_GT(bad.field_violations_size(), 10);
  EXPECT_EQ(bad.field_violations(0).field(), "requests[0].author.name");
}

TEST(GrpcStatus, ALongMessageIsCutAtACharacterAndReachesTheCaller) {
  for (const std::string unit : {"a", "%", "é", "漢", "\n", "😀", "\xff"}) {
    std::string text;
    while (text.size() < 100'000) text += unit;
    const Reply reply = Send(Status(Code::kFailedPrecondition, "LONG", text));
    EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << unit;
    EXPECT_EQ(reply.reason(), "LONG");
    const std::string message = reply.status.error_message();
    EXPECT_LE(message.size(), 1024u);
    EXPECT_GE(message.size(), 300u);
    EXPECT_EQ(FindInvalidUtf8(message), std::string::npos);
    EXPECT_TRUE(message.ends_with("…")) << message;
  }
}

TEST(GrpcStatus, TheLargestOfEverythingReachesTheCaller) {
  Status status(Code::kInvalidArgument, "INVALID_FIELD", std::string(5000, '%'));
  for (int i = 0; i < 500; ++i) {
    status.WithViolation(std::string(300, 'f'), std::string(300, '\xc3'));
    status.With("key" + std::to_string(i), std::string(100, 'v'));
  }
  status.WithRetryDelay(std::chrono::milliseconds(1500));
  const Reply reply = Send(status);
  EXPECT_EQ(reply.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(reply.reason(), "INVALID_FIELD");
}

}  // namespace
}  // namespace storegate::rpc
