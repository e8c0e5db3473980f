// Health: grpc.health.v1 for the server ("") and for each store by full name.
// On gRPC's callback threads; never calls a database. Any thread.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <string>
#include <vector>

namespace storegate::rpc {

class Health {
 public:
  // All are NOT_SERVING at first.
  explicit Health(const std::vector<std::string>& stores);
  ~Health();

  // To be registered; lives as long as this.
  grpc::Service* service();

  // One store, or all and "". Unknown names, and all after Stop, are ignored.
  void Set(bool serving);
  void Set(const std::string& store, bool serving);

  // NOT_SERVING everywhere, for good.
  void Stop();
  // Ends the open watches with UNAVAILABLE, and those that come.
  void Close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::rpc
