// Reflection: grpc.reflection.v1 and v1alpha over a schema, so that grpcurl and
// its kin need no protos. On gRPC's callback threads; never calls a database.
// A stream holds one request and one response at a time.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <vector>

#include "server/schema/schema.h"

namespace storegate::rpc {

class Reflection {
 public:
  // `schema` is read here only.
  explicit Reflection(const schema::Schema& schema);
  ~Reflection();

  // To be registered; they live as long as this.
  std::vector<grpc::Service*> services();

  // Ends the open streams with UNAVAILABLE, and those that come. Any thread.
  void Close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::rpc
