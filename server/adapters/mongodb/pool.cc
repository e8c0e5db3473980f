#include "server/adapters/mongodb/pool.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "server/adapters/mongodb/errors.h"
#include "server/base/log.h"

namespace storegate::mongodb {
namespace {

thread_local Bound* sending = nullptr;

void LogFromDriver(mongoc_log_level_t level, const char* domain, const char* text, void*) {
  const bool bad = level == MONGOC_LOG_LEVEL_ERROR || level == MONGOC_LOG_LEVEL_CRITICAL;
  Log(bad ? Level::kError : level == MONGOC_LOG_LEVEL_WARNING ? Level::kWarn : Level::kDebug,
      "libmongoc says", {{"domain", domain}, {"text", text}});
}

// Once a process. mongoc_cleanup is never called: nothing may be used after it, and
// other parts of the process may still end their pools.
void InitDriver() {
  static const bool done = [] {
    mongoc_log_set_handler(LogFromDriver, nullptr);
    mongoc_init();
    return true;
  }();
  static_cast<void>(done);
}

void SetDefault(mongoc_uri_t* uri, const char* option, int64_t value) {
  if (!mongoc_uri_has_option(uri, option)) {
    mongoc_uri_set_option_as_int32(uri, option, static_cast<int32_t>(value));
  }
}

std::chrono::milliseconds MillisOf(const mongoc_uri_t* uri, const char* option) {
  return std::chrono::milliseconds(mongoc_uri_get_option_as_int32(uri, option, 0));
}

std::string TextOrEmpty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

void SetSending(Bound* bound) { sending = bound; }

Status Pool::Configure(mongoc_uri_t* uri, Options* options) {
  if (TextOrEmpty(mongoc_uri_get_database(uri)).empty()) {
    return InvalidUrl("the URL names no database; it is "
                      "mongodb://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS");
  }
  if (mongoc_read_prefs_get_mode(mongoc_uri_get_read_prefs_t(uri)) != MONGOC_READ_PRIMARY) {
    return InvalidUrl("the URL has a readPreference other than primary: reads would not see "
                      "writes that were acknowledged");
  }
  const mongoc_write_concern_t* given = mongoc_uri_get_write_concern(uri);
  if (given != nullptr && !mongoc_write_concern_is_acknowledged(given)) {
    return InvalidUrl("the URL has w=0: nobody would know whether a write happened");
  }
  // Only streams of libmongoc's own can be told.
  for (const char* option : {MONGOC_URI_TLSDISABLECERTIFICATEREVOCATIONCHECK,
                             MONGOC_URI_TLSDISABLEOCSPENDPOINTCHECK}) {
    if (mongoc_uri_get_option_as_bool(uri, option, false)) {
      return InvalidUrl("the URL has " + std::string(option) +
                        ", which storegate cannot do; a certificate's revocation is always asked "
                        "for");
    }
  }
  mongoc_write_concern_t* concern =
      given == nullptr ? mongoc_write_concern_new() : mongoc_write_concern_copy(given);
  if (mongoc_write_concern_get_w(concern) == MONGOC_WRITE_CONCERN_W_DEFAULT) {
    mongoc_write_concern_set_wmajority(concern, -1);
  }
  if (!mongoc_write_concern_journal_is_set(concern)) mongoc_write_concern_set_journal(concern, true);
  mongoc_uri_set_write_concern(uri, concern);
  mongoc_write_concern_destroy(concern);

  SetDefault(uri, MONGOC_URI_CONNECTTIMEOUTMS, options->connect_timeout.count());
  SetDefault(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, options->server_selection_timeout.count());
  SetDefault(uri, MONGOC_URI_SOCKETTIMEOUTMS, options->socket_timeout.count());
  SetDefault(uri, MONGOC_URI_MAXPOOLSIZE, options->pool_size);
  if (!mongoc_uri_has_option(uri, MONGOC_URI_APPNAME)) mongoc_uri_set_appname(uri, "storegate");
  options->connect_timeout = MillisOf(uri, MONGOC_URI_CONNECTTIMEOUTMS);
  options->server_selection_timeout = MillisOf(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS);
  options->socket_timeout = MillisOf(uri, MONGOC_URI_SOCKETTIMEOUTMS);
  options->pool_size = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, 0);
  if (options->pool_size < 1) return InvalidUrl("the URL has a maxPoolSize below 1");
  return {};
}

Result<std::shared_ptr<Pool>> Pool::Make(const Options& options) {
  InitDriver();
  bson_error_t error;
  Uri uri(mongoc_uri_new_with_error(options.url.c_str(), &error));
  if (uri == nullptr) {
    // The text may quote the URL, and with it a password.
    return InvalidUrl(
        "the URL cannot be read; it is mongodb://USER:PASSWORD@HOST:PORT/DATABASE?OPTIONS, with "
        "what has a meaning in a URL percent-encoded");
  }
  Options settled = options;
  if (Status status = Configure(uri.get(), &settled); !status.ok()) return status;
  std::shared_ptr<Pool> pool(new Pool(settled, std::move(uri)));
  if (pool->pool_ == nullptr) {
    return InvalidUrl("the URL's hosts cannot be looked up, or its TLS options cannot be used");
  }
  if (!pool->tls_.Usable()) {
    return InvalidUrl("the file that the URL's tlsCAFile or tlsCertificateKeyFile names cannot be "
                      "used for TLS; the log says why");
  }
  return pool;
}

Pool::Pool(const Options& options, Uri uri)
    : options_(options),
      uri_(std::move(uri)),
      tls_(uri_.get()),
      user_(TextOrEmpty(mongoc_uri_get_username(uri_.get()))),
      database_(TextOrEmpty(mongoc_uri_get_database(uri_.get()))) {
  bson_error_t error;
  pool_ = mongoc_client_pool_new_with_error(uri_.get(), &error);
  if (pool_ == nullptr) return;
  mongoc_client_pool_set_error_api(pool_, MONGOC_ERROR_API_VERSION_2);
  mongoc_apm_callbacks_t* callbacks = mongoc_apm_callbacks_new();
  mongoc_apm_set_topology_changed_cb(callbacks, TopologyChanged);
  mongoc_apm_set_server_heartbeat_failed_cb(callbacks, HeartbeatFailed);
  mongoc_apm_set_command_started_cb(callbacks, [](const mongoc_apm_command_started_t*) {
    if (sending != nullptr) sending->in_command = true;
  });
  mongoc_apm_set_command_succeeded_cb(callbacks, [](const mongoc_apm_command_succeeded_t*) {
    if (sending != nullptr) sending->in_command = false;
  });
  mongoc_apm_set_command_failed_cb(callbacks, [](const mongoc_apm_command_failed_t* event) {
    if (sending == nullptr) return;
    sending->in_command = false;
    bson_error_t error;
    mongoc_apm_command_failed_get_error(event, &error);
    if (error.domain != MONGOC_ERROR_SERVER && sending->written > 0) sending->unanswered = true;
  });
  mongoc_client_pool_set_apm_callbacks(pool_, callbacks, this);
  mongoc_apm_callbacks_destroy(callbacks);
}

Pool::~Pool() {
  if (pool_ != nullptr) mongoc_client_pool_destroy(pool_);
}

Client* Pool::TryPop() {
  mongoc_client_t* handle = mongoc_client_pool_try_pop(pool_);
  if (handle == nullptr) return nullptr;
  std::lock_guard lock(mutex_);
  std::unique_ptr<Client>& client = clients_[handle];
  if (client == nullptr) {
    client = std::make_unique<Client>();
    client->handle = handle;
    client->source = {&client->bound, &tls_};
  }
  mongoc_client_set_stream_initiator(handle, OpenStream, &client->source);
  return client.get();
}

void Pool::TopologyChanged(const mongoc_apm_topology_changed_t* event) {
  auto* self = static_cast<Pool*>(mongoc_apm_topology_changed_get_context(event));
  const mongoc_topology_description_t* now =
      mongoc_apm_topology_changed_get_new_description(event);
  // libmongoc does not take a constant one, but changes nothing.
  const bool available = mongoc_topology_description_has_writable_server(
      const_cast<mongoc_topology_description_t*>(now));
  self->SetAvailable(available, mongoc_topology_description_type(now));
}

void Pool::HeartbeatFailed(const mongoc_apm_server_heartbeat_failed_t* event) {
  bson_error_t error;
  mongoc_apm_server_heartbeat_failed_get_error(event, &error);
  LogFailure("mongodb server does not answer", error,
             mongoc_apm_server_heartbeat_failed_get_host(event)->host_and_port);
  auto* self = static_cast<Pool*>(mongoc_apm_server_heartbeat_failed_get_context(event));
  std::lock_guard lock(self->mutex_);
  self->last_error_ = error;
}

void Pool::SetAvailable(bool available, std::string_view kind) {
  {
    std::lock_guard lock(mutex_);
    if (available_ == available) return;
    available_ = available;
  }
  changed_.notify_all();
  Log(available ? Level::kInfo : Level::kWarn,
      available ? "mongodb has a server that takes writes"
                : "mongodb has no server that takes writes",
      {{"topology", kind}});
}

bson_error_t Pool::last_error() {
  std::lock_guard lock(mutex_);
  return last_error_;
}

bool Pool::AwaitServer(Deadline until) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, until, [this] { return available_; });
  return available_;
}

}  // namespace storegate::mongodb
