#include "server/rpc/server.h"

#include <absl/synchronization/mutex.h>
#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include "server/rpc/acceptor.h"
#include "server/rpc/edge.h"
#include "server/rpc/grpc_log.h"
#include "server/rpc/health.h"
#include "server/rpc/reflection.h"
#include "server/rpc/testing.h"

namespace storegate::rpc {
namespace {

using ExternalAcceptor = grpc::experimental::ExternalConnectionAcceptor;

// Up to here past the limit a request is read, to be refused by a proper error.
constexpr size_t kOversizeBytes = 4 << 20;
constexpr int kMetadataBytesMax = 16 << 10;
// From accept to the client's HTTP/2 settings.
constexpr int kHandshakeMillis = 10'000;
// A peer that is gone without a word gives its connection back after these two.
constexpr int kKeepaliveMillis = 60'000;
constexpr int kKeepaliveTimeoutMillis = 20'000;
// Clients that ping an idle connection more often, several times over, are sent away.
constexpr int kPingIntervalMinMillis = 5'000;
// Past the drain, for the answers of the calls that it cut off to be sent.
constexpr std::chrono::milliseconds kFlush{250};

// Holds gRPC's library for the life of the process. The last to let go of it would
// wait for its threads, and one of them polls for up to ten seconds after a write
// that had to wait for its peer: Stop, or an exit, would take that long (measured).
void KeepLibrary() {
  static const bool once = [] {
    // Debian's build of Abseil looks for deadlocks among gRPC's mutexes whenever one
    // is locked: GraphCycles stands high in a profile of calls.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    grpc_init();
    return true;
  }();
  static_cast<void>(once);
}

std::vector<std::string> StoreNames(const schema::Schema& schema) {
  std::vector<std::string> names;
  for (const schema::Store& store : schema.stores) names.push_back(store.full_name);
  return names;
}

// What every connection is served with.
std::shared_ptr<grpc::ServerCredentials> Credentials() { return grpc::InsecureServerCredentials(); }

void Configure(const Options& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(
      static_cast<int>(std::min<size_t>(options.max_request_bytes + kOversizeBytes, INT32_MAX)));
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder->SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMillis);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              kPingIntervalMinMillis);
}

}  // namespace

struct Server::Impl {
  Impl(const schema::Schema& schema, Handler handler, Options options)
      : options(std::move(options)),
        handler(std::move(handler)),
        health(StoreNames(schema)),
        testing(this->options.reset ? std::make_unique<Testing>(this->options.reset) : nullptr),
        reflection(schema, testing != nullptr),
        edge(schema, this->handler, this->options, Talks(), corks),
        acceptor(this->options.max_connections,
                 [this](int fd, int listener) { Take(fd, listener); }) {}

  void Take(int fd, int listener) {
    corks.Add(fd);
    ExternalAcceptor::NewConnectionParameters connection;
    connection.fd = fd;
    connection.listener_fd = listener;
    connections->HandleNewConnection(&connection);
  }

  std::vector<TalkService*> Talks() {
    std::vector<TalkService*> talks = {&health, &reflection};
    if (testing != nullptr) talks.push_back(testing.get());
    return talks;
  }

  void Stop();

  const Options options;
  const Handler handler;
  Health health;
  const std::unique_ptr<Testing> testing;  // null: not served
  Reflection reflection;
  Corks corks;
  // What it serves lives longer than the server; the queues it uses do too.
  Edge edge;
  std::unique_ptr<ExternalAcceptor> connections;
  std::unique_ptr<grpc::Server> server;
  Acceptor acceptor;
  std::atomic<bool> served{false};
  std::once_flag stopped;
};

Server::Server(const schema::Schema& schema, Handler handler, Options options)
    : impl_(new Impl(schema, std::move(handler), std::move(options))) {}

Server::~Server() { Stop(); }

Status Server::Start() {
  KeepLibrary();
  CaptureGrpcLogs();
  if (const Status listening = impl_->acceptor.Listen(impl_->options.host, impl_->options.port);
      !listening.ok()) {
    return listening;
  }
  grpc::ServerBuilder builder;
  Configure(impl_->options, &builder);
  impl_->connections = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, Credentials());
  impl_->edge.Register(&builder);
  impl_->server = builder.BuildAndStart();
  if (impl_->server == nullptr) {
    return Status(Code::kInternal, "SERVER_FAILED", "gRPC could not build a server; see the log");
  }
  impl_->edge.Start();
  impl_->acceptor.Start();
  return Status();
}

int Server::port() const { return impl_->acceptor.port(); }

void Server::SetServing(bool serving) {
  if (serving) impl_->served.store(true, std::memory_order_relaxed);
  impl_->health.Set(serving);
}

void Server::SetReason(std::string_view reason) { impl_->health.SetReason(reason); }

void Server::SetServing(const std::string& store, bool serving) {
  impl_->health.Set(store, serving);
}

void Server::Stop() {
  std::call_once(impl_->stopped, [this] { impl_->Stop(); });
}

void Server::Impl::Stop() {
  health.Stop();
  if (server == nullptr) {
    edge.Stop();
    return;
  }
  // Callers who watch health, and load balancers who ask for it, go elsewhere
  // meanwhile; those who don't know yet are still served.
  if (served.load(std::memory_order_relaxed)) std::this_thread::sleep_for(options.lead);
  acceptor.Stop();
  health.Close();
  reflection.Close();
  edge.Drain(std::chrono::steady_clock::now() + options.drain);
  server->Shutdown(std::chrono::system_clock::now() + options.drain + kFlush);
  edge.Stop();
}

}  // namespace storegate::rpc
