// Connecting, deadlines, retries and errors: what a service adds to its stubs. Copy it and
// adapt it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace gateway {

// A plaintext channel to "host:port" for the stubs of these services, named as in
// shop::v1::ProductStore::service_full_name(). Connects with the first call, and again
// whenever the connection was lost. Threads may share it.
std::shared_ptr<grpc::Channel> Connect(const std::string& target,
                                       const std::vector<std::string>& services);

// The context of a unary call, with a deadline. (A timeout in the service config would not
// do: with this gRPC the server does not hear of it.) set_deadline gives it another; a
// stream takes a grpc::ClientContext, which has none.
struct Context : grpc::ClientContext {
  Context() { set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10)); }
};

// The gRPC service config that Connect uses. What is named Get…, BatchGet…, List… or
// Stream…, or declared NO_SIDE_EFFECTS, is repeated on UNAVAILABLE, within its deadline; a
// write that was not answered may have been done, and is not. Throws
// std::invalid_argument on a service whose stubs are not linked.
std::string ServiceConfig(const std::vector<std::string>& services);

// What a status says beyond its code and message. All of it is empty where the error is
// not the gateway's.
struct Details {
  std::string reason;  // "ETAG_MISMATCH"
  std::string domain;
  std::map<std::string, std::string> metadata;
  std::vector<std::pair<std::string, std::string>> violations;  // field, description
  std::optional<std::chrono::milliseconds> retry_delay;
};

Details DetailsOf(const grpc::Status& status);

}  // namespace gateway
