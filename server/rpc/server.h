// Server: the gRPC edge. Serves every method of a schema from its descriptor
// through gRPC's AsyncGenericService; reflection v1 and v1alpha and
// grpc.health.v1 beside it, which never call a database.
//
// It answers by itself, each with google.rpc.ErrorInfo in the details:
//   UNIMPLEMENTED       UNKNOWN_METHOD           no such method
//   UNIMPLEMENTED       WRONG_MESSAGE_COUNT      not exactly one request message
//   RESOURCE_EXHAUSTED  REQUEST_TOO_LARGE        up to 4 MiB past the limit; gRPC's own
//                                                RESOURCE_EXHAUSTED, without details, beyond
//   RESOURCE_EXHAUSTED  TOO_MANY_CALLS           calls under way, with retry delay
//   DEADLINE_EXCEEDED   DEADLINE_EXCEEDED        on time, whatever the handler does
//   CANCELLED           SHUTTING_DOWN            the drain of Stop is over
// A connection past max_connections is closed as soon as it is accepted.
// Compressed requests are UNIMPLEMENTED (gRPC says so, and clients are told by
// grpc-accept-encoding): 4 MiB of nothing compress to 4 KiB.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/base/status.h"
#include "server/schema/schema.h"
#include "server/service/service.h"

namespace storegate::rpc {

struct Options {
  std::string host = "127.0.0.1";  // a name or an address, IPv6 with or without brackets
  int port = 7600;  // 0: any free one
  // Each drains its own completion queue. gRPC lets each poll for the others, so that
  // more of them wake each other; two use two cores (measured: three are no faster).
  int threads = 2;
  size_t max_request_bytes = 4 << 20;
  // Lowered to what the limit on descriptors allows (a warning says so): some are
  // left for databases and for gRPC.
  int max_connections = 1000;
  int max_streams = 100;  // a connection
  // Calls under way in all. A client that resets its streams as fast as it opens
  // them is not held by max_streams.
  int max_calls = 50000;
  // For a call that brings no deadline, and the most that a call can ask for. A method
  // that streams takes as long as its client allows.
  std::chrono::milliseconds default_deadline{30000};
  std::chrono::milliseconds max_deadline{600000};
  // Stop: NOT_SERVING, keep listening `lead`, then drain at most `drain`.
  std::chrono::milliseconds lead{2000};
  std::chrono::milliseconds drain{10000};
  // Where set, storegate.v1.Testing is served, and its Reset calls this, on a thread of its
  // own, one at a time.
  std::function<Status()> reset;
};

class Server {
 public:
  // Takes one call; never blocks. Called from the server's threads, several at
  // once. Whatever becomes of the call, its `done` may be called once, from any
  // thread, at any time, also after the server is gone: late answers are dropped.
  using Handler = std::function<void(service::Call)>;

  // `schema`, and what `handler` refers to, outlive the server.
  Server(const schema::Schema& schema, Handler handler, Options options);
  ~Server();  // Stops

  // Binds, listens, serves. Health is NOT_SERVING until SetServing. UNAVAILABLE,
  // reason LISTEN_FAILED, naming the address, when it cannot be bound. Once.
  Status Start();
  // The port that it listens on. REQUIRES: Start was OK.
  int port() const;

  // Health of one store by full name, or of all and of "" at once. Any thread;
  // without effect after Stop began.
  void SetServing(bool serving);
  void SetServing(const std::string& store, bool serving);

  // Why it does not serve yet, for those who ask health meanwhile (health.h). Any thread.
  void SetReason(std::string_view reason);

  // NOT_SERVING everywhere, `lead` (unless it never was SERVING) of further listening, refuse new connections,
  // at most `drain` for the calls under way (then CANCELLED), stop: in all at
  // most lead + drain and a second. Once; later calls wait for it. Calls still at
  // the handler may answer later: their `done` does nothing then.
  void Stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace storegate::rpc
