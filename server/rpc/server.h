// Server: the gRPC edge. Serves every method of a schema from its descriptor
// through gRPC's AsyncGenericService; reflection v1 and v1alpha and
// grpc.health.v1 beside it, on threads of their own that never call a database.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "server/schema/schema.h"
#include "server/service/service.h"

namespace storegate::rpc {

struct Options {
  std::string host = "127.0.0.1";
  int port = 7600;  // 0: any free one
  int threads = 2;  // each drains its own completion queue
  size_t max_request_bytes = 4 << 20;
  int max_connections = 1000;
  int max_streams = 100;  // a connection
  std::chrono::milliseconds default_deadline{30000};
  // Stop: NOT_SERVING, keep listening `lead`, then drain at most `drain`.
  std::chrono::milliseconds lead{2000};
  std::chrono::milliseconds drain{10000};
};

class Server {
 public:
  // `schema` and `service` outlive the server.
  Server(const schema::Schema& schema, service::Service* service, Options options);
  ~Server();  // Stops

  // Binds, listens, serves. Health is NOT_SERVING until SetServing. UNAVAILABLE,
  // reason LISTEN_FAILED, naming the address, when it cannot be bound.
  Status Start();
  int port() const;

  // Health of one store by full name, or of all and of "" at once.
  void SetServing(bool serving);
  void SetServing(const std::string& store, bool serving);

  // NOT_SERVING everywhere, `lead` of further listening, refuse new connections,
  // at most `drain` for the calls under way (then CANCELLED), stop. Once; later
  // calls wait for it. Calls still at the service may answer later: their `done`
  // does nothing then.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::rpc
