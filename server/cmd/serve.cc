#include "server/cmd/serve.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <iostream>
#include <map>
#include <set>

#include <sys/resource.h>
#include <unistd.h>

#include "server/base/log.h"
#include "server/cmd/ephemeral.h"
#include "server/cmd/gateway.h"
#include "server/cmd/starting.h"
#include "server/rpc/server.h"

namespace storegate::cmd {
namespace {

// The usual soft limit of 1,024 descriptors is below what max_connections allows by
// default; a process may raise its own up to the hard one.
void RaiseDescriptorLimit() {
  constexpr rlim_t kEnough = 65536;
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(kEnough, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Of `serve --ephemeral`, null until it serves.
Status Reset(sqlite::Snapshot* begun_with) {
  if (begun_with != nullptr) return begun_with->Restore();
  return Status(Code::kUnavailable, "STARTING", "The server is starting.");
}

// The first ending signal within a second; 0 when there was none.
int WaitForSignal() {
  sigset_t signals = EndingSignals();
  timespec second{1, 0};
  int signal = sigtimedwait(&signals, nullptr, &second);
  return signal > 0 ? signal : 0;
}

// From here on an ending signal ends the process at once. A handler rather than
// the default action, which the first process of a container does not have.
void EndAtNextSignal() {
  struct sigaction action {};
  action.sa_handler = [](int signal) { _exit(128 + signal); };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

// Keeps each store's health what its database's is. The overall health latches:
// a database that fails over must not make every replica unready at once.
class HealthMonitor {
 public:
  HealthMonitor(Databases* databases, rpc::Server* server)
      : databases_(databases), server_(server) {}

  void Tick() {
    for (const std::unique_ptr<Database>& database : databases_->all()) {
      database->Probe();
      bool healthy = database->Healthy();
      bool& known = healthy_.emplace(database.get(), true).first->second;
      if (healthy == known) continue;
      known = healthy;
      for (const schema::Store* store : database->stores) {
        server_->SetServing(store->full_name, healthy);
      }
      if (healthy) {
        Log(Level::kInfo, "a database answers again", {{"database", database->name}});
      } else {
        Log(Level::kError, "a database does not answer", {{"database", database->name}});
      }
    }
  }

 private:
  Databases* databases_;
  rpc::Server* server_;
  std::map<const Database*, bool> healthy_;
};

std::string Packages(const schema::Schema& schema) {
  std::set<std::string> packages;
  for (const schema::Store& store : schema.stores) {
    packages.insert(store.descriptor->file()->package());
  }
  std::string out;
  for (const std::string& package : packages) {
    out += (out.empty() ? "" : ", ") + (package.empty() ? "(no package)" : package);
  }
  return out;
}

}  // namespace

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

void HoldSignals() {
  sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int Serve(const Config& config) {
  ApplyLogLevel(config);
  RaiseDescriptorLimit();
  const std::shared_ptr<const schema::Schema> schema = LoadSchema(config, std::cerr);
  if (schema == nullptr) return 1;

  // What handles its calls outlives the server.
  Starting starting;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<sqlite::Snapshot> begun_with;  // of an ephemeral one
  std::atomic<sqlite::Snapshot*> resettable{nullptr};
  rpc::Options options = config.rpc;
  if (config.ephemeral) options.reset = [&resettable] { return Reset(resettable.load()); };
  rpc::Server server(
      *schema, [&starting](service::Call call) { starting.Handle(std::move(call)); }, options);
  Status started = server.Start();
  if (!started.ok()) {
    PrintStatus(started, std::cerr);
    return 1;
  }
  Config bound = config;
  bound.rpc.port = server.port();
  Log(Level::kInfo, "listening", {{"listen", bound.Listen()}});
  {
    EndAtSignal end_at_signal;
    gateway = Gateway::Open(
        config, schema,
        [&starting, &server](const std::string& doing, const std::string& detail) {
          starting.Report(&server, doing, detail);
        },
        std::cerr);
    if (gateway != nullptr && config.ephemeral) {
      begun_with = SeedAndKeep(config, gateway.get(), std::cerr);
    }
  }
  if (gateway == nullptr || (config.ephemeral && begun_with == nullptr)) return 1;
  resettable = begun_with.get();
  starting.Serve(&gateway->service());
  server.SetServing(true);

  const size_t stores = schema->stores.size();
  if (config.ephemeral) {
    std::cout << EphemeralLine(bound.Listen()) << std::endl;
  } else {
    std::cout << "storegate serving " << Packages(*schema) << " (" << stores
              << (stores == 1 ? " store" : " stores") << ") on " << bound.Listen() << std::endl;
  }
  for (const std::unique_ptr<Database>& database : gateway->databases().all()) {
    Log(Level::kInfo, "serving from a database",
        {{"database", database->name}, {"url", database->url}});
  }
  Log(Level::kInfo, "serving", {{"listen", bound.Listen()}, {"stores", stores}});

  HealthMonitor monitor(&gateway->databases(), &server);
  int signal = 0;
  while ((signal = WaitForSignal()) == 0 && !(config.ephemeral && InputEnded())) monitor.Tick();
  EndAtNextSignal();
  Log(Level::kInfo, "stopping", {{"signal", signal}});
  server.Stop();
  gateway->Stop();
  Log(Level::kInfo, "stopped");
  return 0;
}

}  // namespace storegate::cmd
