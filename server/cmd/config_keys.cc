#include "server/cmd/config_keys.h"

#include <charconv>
#include <type_traits>

namespace storegate::cmd {
namespace {

constexpr int64_t kHourMs = 3600 * 1000;
constexpr int64_t kMiB = 1 << 20;

bool ParseNumber(std::string_view text, int64_t min, int64_t max, int64_t* value) {
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, *value);
  return error == std::errc() && stop == end && *value >= min && *value <= max;
}

int64_t ToNumber(std::chrono::milliseconds value) { return value.count(); }
template <typename T>
int64_t ToNumber(T value) {
  return static_cast<int64_t>(value);
}

// `field` takes a Config& and gives the number or duration that the key sets.
template <typename Field>
ConfigKey Number(std::string name, int64_t min, int64_t max, std::string help, Field field) {
  Config defaults;
  ConfigKey key;
  key.name = std::move(name);
  key.value_name = "N";
  key.allowed =
      "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
  key.help = std::move(help);
  key.default_text = std::to_string(ToNumber(field(defaults)));
  key.set = [min, max, field](std::string_view text, Config* config) {
    int64_t value = 0;
    if (!ParseNumber(text, min, max, &value)) return false;
    auto& target = field(*config);
    target = static_cast<std::remove_reference_t<decltype(target)>>(value);
    return true;
  };
  return key;
}

template <typename Field>
ConfigKey Switch(std::string name, std::string help, Field field) {
  ConfigKey key;
  key.name = std::move(name);
  key.allowed = "true or false";
  key.help = std::move(help);
  key.set = [field](std::string_view text, Config* config) {
    if (text != "true" && text != "false") return false;
    field(*config) = text == "true";
    return true;
  };
  return key;
}

template <typename Field>
ConfigKey Text(std::string name, std::string value_name, size_t min_bytes, std::string allowed,
               std::string help, Field field) {
  Config defaults;
  ConfigKey key;
  key.name = std::move(name);
  key.value_name = std::move(value_name);
  key.allowed = std::move(allowed);
  key.help = std::move(help);
  key.default_text = field(defaults);
  key.set = [min_bytes, field](std::string_view text, Config* config) {
    if (text.size() < min_bytes) return false;
    field(*config) = std::string(text);
    return true;
  };
  return key;
}

// "127.0.0.1:7600", "[::1]:7600", "localhost:0".
bool SetListen(std::string_view text, Config* config) {
  size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    if (host.find(':') == std::string_view::npos) return false;
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return false;
  }
  for (char c : host) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != ':' && c != '-' &&
        c != '%' && c != '_') {
      return false;
    }
  }
  int64_t port = 0;
  if (host.empty() || !ParseNumber(text.substr(colon + 1), 0, 65535, &port)) return false;
  config->rpc.host = std::string(host);
  config->rpc.port = static_cast<int>(port);
  return true;
}

ConfigKey ListenKey() {
  ConfigKey key;
  key.name = "listen";
  key.value_name = "HOST:PORT";
  key.allowed =
      "HOST:PORT: an IPv4 address or a name, or an IPv6 address in brackets, and a port "
      "from 0 (any free one) to 65535";
  key.help = "Address to serve on";
  key.default_text = Config{}.Listen();
  key.set = SetListen;
  return key;
}

ConfigKey LogLevelKey() {
  ConfigKey key;
  key.name = "log_level";
  key.value_name = "LEVEL";
  key.allowed = "debug, info, warn or error";
  key.help = "The least severe log line to write";
  key.default_text = Config{}.log_level;
  key.set = [](std::string_view text, Config* config) {
    for (std::string_view level : {"debug", "info", "warn", "error"}) {
      if (text != level) continue;
      config->log_level = std::string(text);
      return true;
    }
    return false;
  };
  return key;
}

ConfigKey MigrateKey() {
  using Migrate = Config::Migrate;
  ConfigKey key;
  key.name = "migrate";
  key.value_name = "WHAT";
  key.allowed = "up, check or off";
  key.help =
      "At the start of `serve`: apply the migrations that are pending, only check that there are "
      "none, or neither";
  key.default_text = "up";
  key.set = [](std::string_view text, Config* config) {
    for (auto [name, what] : {std::pair<std::string_view, Migrate>{"up", Migrate::kUp},
                              {"check", Migrate::kCheck},
                              {"off", Migrate::kOff}}) {
      if (text != name) continue;
      config->migrate = what;
      return true;
    }
    return false;
  };
  return key;
}

ConfigKey UnindexedKey() {
  using Unindexed = service::Options::Unindexed;
  ConfigKey key;
  key.name = "unindexed_queries";
  key.value_name = "WHAT";
  key.allowed = "allow or refuse";
  key.help =
      "Lists, streams and aggregates for which a database reads all records, as no index serves "
      "them: answer, and log each kind once, or refuse";
  key.default_text = "allow";
  key.set = [](std::string_view text, Config* config) {
    if (text != "allow" && text != "refuse") return false;
    config->service.unindexed_queries = text == "allow" ? Unindexed::kAllow : Unindexed::kRefuse;
    return true;
  };
  return key;
}

ConfigKey SecretKey() {
  ConfigKey key = Text("page_token_secret", "TEXT", 16, "a text of at least 16 bytes",
                       "Seals page tokens; the same on every replica. Without it a key is made "
                       "once and kept in the default database",
                       [](Config& c) -> std::string& { return c.page_token_secret; });
  key.secret = true;
  return key;
}

std::vector<ConfigKey> MakeKeys() {
  std::vector<ConfigKey> keys;
  keys.push_back(ListenKey());
  keys.push_back(Switch("insecure", "Serve plaintext on other addresses than loopback",
                        [](Config& c) -> bool& { return c.insecure; }));
  keys.push_back(Text("proto", "DIR", 1, "a directory of .proto files",
                      "Serve the stores of the .proto files under DIR",
                      [](Config& c) -> std::string& { return c.proto_dir; }));
  keys.push_back(Text("descriptor_set", "FILE", 1, "a serialized FileDescriptorSet",
                      "Serve the stores of a serialized FileDescriptorSet with its imports",
                      [](Config& c) -> std::string& { return c.descriptor_set; }));
  keys.push_back(Switch("create_tables", "Make the tables that are missing, with --proto or "
                        "--descriptor-set",
                        [](Config& c) -> bool& { return c.create_tables; }));
  ConfigKey migrations =
      Text("migrations", "DIR", 1, "a folder of numbered migrations",
           "The folder of the numbered migrations. Where it is not given: ./migrations if its "
           "schema.textproto has an entity of the schema, else those in the binary, for the "
           "schema in the binary",
           [](Config& c) -> std::string& { return c.migrations; });
  migrations.default_text = "migrations";
  keys.push_back(std::move(migrations));
  keys.push_back(MigrateKey());
  keys.push_back(Number("migrate_lock_timeout_ms", 0, 24 * kHourMs,
                        "How long a migration that another process runs is waited for",
                        [](Config& c) -> auto& { return c.migrate_lock_timeout; }));
  keys.push_back(LogLevelKey());
  keys.push_back(SecretKey());
  keys.push_back(Number("slow_query_ms", 1, kHourMs, "Log database calls slower than this",
                        [](Config& c) -> auto& { return c.slow_query; }));
  keys.push_back(UnindexedKey());
  keys.push_back(Number("default_deadline_ms", 1, kHourMs,
                        "Deadline of calls that come without one; of a stream, for each message",
                        [](Config& c) -> auto& { return c.rpc.default_deadline; }));
  keys.push_back(Number("max_deadline_ms", 1, 24 * kHourMs, "The most that a call can ask for",
                        [](Config& c) -> auto& { return c.rpc.max_deadline; }));
  keys.push_back(Number("lead_ms", 0, kHourMs,
                        "At shutdown: time to listen on while health says NOT_SERVING",
                        [](Config& c) -> auto& { return c.rpc.lead; }));
  keys.push_back(Number("drain_ms", 0, kHourMs,
                        "At shutdown: time for the calls under way",
                        [](Config& c) -> auto& { return c.rpc.drain; }));
  keys.push_back(Number("edge_threads", 1, 256, "Threads that speak gRPC",
                        [](Config& c) -> auto& { return c.rpc.threads; }));
  keys.push_back(Number("point_threads", 1, 256,
                        "Threads, each with a connection, a database for reads by key; a server "
                        "database has edge_threads more, without threads",
                        [](Config& c) -> auto& { return c.point_threads; }));
  keys.push_back(Number("write_threads", 1, 256,
                        "Threads, each with a connection, a database for writes; SQLite has one",
                        [](Config& c) -> auto& { return c.write_threads; }));
  keys.push_back(Number("scan_threads", 1, 256,
                        "Threads, each with a connection, a database for lists",
                        [](Config& c) -> auto& { return c.scan_threads; }));
  keys.push_back(Number("pool.connect_timeout_ms", 100, kHourMs,
                        "How long connecting to a server database may take",
                        [](Config& c) -> auto& { return c.pool.connect_timeout; }));
  keys.push_back(Number("pool.idle_timeout_ms", 0, 24 * kHourMs,
                        "Connections idle for longer are closed, one of each kind apart; 0: never",
                        [](Config& c) -> auto& { return c.pool.idle_timeout; }));
  keys.push_back(Number("pool.max_lifetime_ms", 1000, 24 * kHourMs,
                        "Connections older than this, give or take a tenth, are replaced",
                        [](Config& c) -> auto& { return c.pool.max_lifetime; }));
  keys.push_back(Switch("postgres.transaction_pooler",
                        "PostgreSQL is behind a pooler in transaction mode, such as PgBouncer",
                        [](Config& c) -> bool& { return c.transaction_pooler; }));
  keys.push_back(Number("mongodb.server_selection_timeout_ms", 100, kHourMs,
                        "How long a call waits for a MongoDB server that takes writes to be "
                        "known; a URL's own serverSelectionTimeoutMS wins",
                        [](Config& c) -> auto& { return c.mongodb_server_selection_timeout; }));
  keys.push_back(Number("mongodb.socket_timeout_ms", 100, kHourMs,
                        "How long a call without a deadline waits for MongoDB's answer; a URL's "
                        "own socketTimeoutMS wins",
                        [](Config& c) -> auto& { return c.mongodb_socket_timeout; }));
  keys.push_back(Number("limits.max_request_bytes", 1024, 1024 * kMiB, "Size of a request",
                        [](Config& c) -> auto& { return c.rpc.max_request_bytes; }));
  keys.push_back(Number("limits.max_record_bytes", 1024, 64 * kMiB, "Size of a record",
                        [](Config& c) -> auto& { return c.service.max_record_bytes; }));
  keys.push_back(Number("limits.max_batch", 1, 100000, "Items of a batch",
                        [](Config& c) -> auto& { return c.service.max_batch; }));
  keys.push_back(Number("limits.max_page_size", 1, 100000, "Records of a page",
                        [](Config& c) -> auto& { return c.service.max_page_size; }));
  keys.push_back(Number("limits.max_page_bytes", 1024, 1024 * kMiB,
                        "Size at which a page ends early",
                        [](Config& c) -> auto& { return c.service.max_page_bytes; }));
  keys.push_back(Number("limits.max_connections", 1, 1000000, "Connections at a time",
                        [](Config& c) -> auto& { return c.rpc.max_connections; }));
  keys.push_back(Number("limits.max_streams", 1, 1000000, "Calls at a time on a connection",
                        [](Config& c) -> auto& { return c.rpc.max_streams; }));
  keys.push_back(Number("limits.query_ms", 1, kHourMs,
                        "Milliseconds that a list, an aggregate or a message of a stream may "
                        "take, whatever its caller's deadline",
                        [](Config& c) -> auto& { return c.service.query_time; }));
  keys.push_back(Number("limits.max_stream_calls", 1, 1000000,
                        "Calls at a time that stream; each may hold a message of 1 MiB",
                        [](Config& c) -> auto& { return c.service.max_stream_calls; }));
  keys.push_back(Number("limits.max_calls", 1, 10000000, "Calls under way in all",
                        [](Config& c) -> auto& { return c.rpc.max_calls; }));
  keys.push_back(Number("limits.max_queue", 1, 10000000, "Calls that wait for a database",
                        [](Config& c) -> auto& { return c.queue_max; }));
  return keys;
}

std::string Spelled(std::string_view name, bool upper, char separator) {
  std::string out;
  for (char c : name) {
    if (c == '.' || c == '_') {
      out += separator;
    } else {
      out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    }
  }
  return out;
}

}  // namespace

std::string ConfigKey::EnvironmentName() const { return "STOREGATE_" + Spelled(name, true, '_'); }
std::string ConfigKey::FlagName() const { return "--" + Spelled(name, false, '-'); }

const std::vector<ConfigKey>& ConfigKeys() {
  static const auto* keys = new std::vector<ConfigKey>(MakeKeys());
  return *keys;
}

const ConfigKey* FindConfigKey(std::string_view name) {
  for (const ConfigKey& key : ConfigKeys()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

}  // namespace storegate::cmd
