#include "gateway.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>

#include <stdexcept>

namespace gateway {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;
using google::protobuf::MethodOptions;

constexpr char kRetryPolicy[] = R"("retryPolicy": {
    "maxAttempts": 4, "initialBackoff": "0.1s", "maxBackoff": "2s", "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"]})";

bool IsSafeToRepeat(const MethodDescriptor& method) {
  if (method.client_streaming()) return false;
  if (method.options().idempotency_level() == MethodOptions::NO_SIDE_EFFECTS) return true;
  for (const char* prefix : {"Get", "BatchGet", "List", "Stream"}) {
    if (method.name().starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const std::string& target,
                                       const std::vector<std::string>& services) {
  grpc::ChannelArguments arguments;
  // Finds out that the other side is gone without a word, within half a minute.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetServiceConfigJSON(ServiceConfig(services));
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

std::string ServiceConfig(const std::vector<std::string>& services) {
  std::string names;
  for (const std::string& name : services) {
    const auto* service = DescriptorPool::generated_pool()->FindServiceByName(name);
    if (service == nullptr) throw std::invalid_argument("no stubs are linked of " + name);
    for (int i = 0; i < service->method_count(); ++i) {
      const MethodDescriptor& method = *service->method(i);
      if (!IsSafeToRepeat(method)) continue;
      names += names.empty() ? "" : ", ";
      names += R"({"service": ")" + name + R"(", "method": ")" + method.name() + R"("})";
    }
  }
  return R"({"methodConfig": [{"name": [)" + names + "], " + kRetryPolicy + "}]}";
}

Details DetailsOf(const grpc::Status& status) {
  Details details;
  google::rpc::Status parsed;
  if (!parsed.ParseFromString(status.error_details())) return details;
  for (const google::protobuf::Any& detail : parsed.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad_request;
    google::rpc::RetryInfo retry;
    if (detail.UnpackTo(&info)) {
      details.reason = info.reason();
      details.domain = info.domain();
      details.metadata = {info.metadata().begin(), info.metadata().end()};
    } else if (detail.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        details.violations.emplace_back(violation.field(), violation.description());
      }
    } else if (detail.UnpackTo(&retry)) {
      const auto& delay = retry.retry_delay();
      details.retry_delay =
          std::chrono::milliseconds(delay.seconds() * 1000 + delay.nanos() / 1'000'000);
    }
  }
  return details;
}

}  // namespace gateway
