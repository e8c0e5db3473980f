// libmongoc's pool of clients, with what the gateway wants of it: its URL checked, its
// logs and what it notices about servers in our log, and whether there is a server to
// write to known without asking.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include <mongoc/mongoc.h>

#include "server/adapters/mongodb/options.h"
#include "server/adapters/mongodb/stream.h"
#include "server/base/status.h"
#include "server/base/time.h"

namespace storegate::mongodb {

// A client of the pool. Used by one thread at a time. It keeps its connections from one
// use to the next, and so what they keep to.
struct Client {
  mongoc_client_t* handle = nullptr;
  Bound bound;
  StreamSource source;
};

// Any thread. Outlives the use of its clients.
class Pool {
 public:
  // Connects to nothing yet. INVALID_ARGUMENT, reason INVALID_OPTION, when the URL
  // cannot be read, names no database or files for TLS that cannot be used, or asks for
  // what would break a promise: writes that nobody acknowledges, reads from elsewhere
  // than the primary.
  static Result<std::shared_ptr<Pool>> Make(const Options& options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // A client, or null when all are in use. The first one starts the threads that watch
  // the servers.
  Client* TryPop();
  void Push(Client* client) { mongoc_client_pool_push(pool_, client->handle); }

  // Waits until a server that takes writes is known, until `until` at most.
  bool AwaitServer(Deadline until);

  // Why a server was not reached, lately; of no domain when all were.
  bson_error_t last_error();

  // When one who connects now gives up.
  Deadline ConnectUntil() const {
    return std::chrono::steady_clock::now() +
           std::max(options_.server_selection_timeout, options_.connect_timeout);
  }

  const Options& options() const { return options_; }
  const Tls& tls() const { return tls_; }
  const std::string& user() const { return user_; }          // "" for none
  const std::string& database() const { return database_; }

 private:
  struct DestroyUri {
    void operator()(mongoc_uri_t* uri) const { mongoc_uri_destroy(uri); }
  };
  using Uri = std::unique_ptr<mongoc_uri_t, DestroyUri>;

  Pool(const Options& options, Uri uri);
  static Status Configure(mongoc_uri_t* uri, Options* options);
  static void TopologyChanged(const mongoc_apm_topology_changed_t* event);
  static void HeartbeatFailed(const mongoc_apm_server_heartbeat_failed_t* event);
  void SetAvailable(bool available, std::string_view kind);

  const Options options_;
  const Uri uri_;
  const Tls tls_;
  const std::string user_, database_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool available_ = false;  // guarded by mutex_, as the next ones
  bson_error_t last_error_{};
  std::unordered_map<mongoc_client_t*, std::unique_ptr<Client>> clients_;

  mongoc_client_pool_t* pool_ = nullptr;
};

// On this thread commands are sent for whoever keeps to `bound`; null: for nobody.
void SetSending(Bound* bound);

}  // namespace storegate::mongodb
