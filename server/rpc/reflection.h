// Reflection: grpc.reflection.v1 and v1alpha over a schema, so that grpcurl and
// its kin need no protos. Never calls a database.
// A stream holds one request and one response at a time.
#pragma once

#include <memory>
#include <string_view>

#include "server/rpc/talk.h"
#include "server/schema/schema.h"

namespace storegate::rpc {

class Reflection : public TalkService {
 public:
  // `schema` is read here only. With storegate.v1.Testing, where that is served.
  explicit Reflection(const schema::Schema& schema, bool testing = false);
  ~Reflection() override;

  std::unique_ptr<Talk> Open(std::string_view path, Line* line) override;

  // Ends the open streams with UNAVAILABLE, and those that come. Any thread.
  void Close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::rpc
