// Connection::Open: host by host, each within its share of the time.
#include <algorithm>
#include <map>
#include <thread>

#include <poll.h>

#include "server/adapters/postgres/connection.h"
#include "server/adapters/postgres/errors.h"
#include "server/base/log.h"
#include "server/base/time.h"

namespace storegate::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kServerVersionMin = 140000;

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

std::vector<std::string> Split(const std::string& list) {
  std::vector<std::string> parts;
  size_t begin = 0, comma;
  while ((comma = list.find(',', begin)) != std::string::npos) {
    parts.push_back(list.substr(begin, comma - begin));
    begin = comma + 1;
  }
  parts.push_back(list.substr(begin));
  return parts;
}

// One host of the URL: what is to be set beyond it. Empty: the URL as it is.
using Settings = std::map<std::string, std::string>;

// The hosts that the URL names, in order.
Result<std::vector<Settings>> HostsOf(const std::string& url) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, FreeOptions> parsed(
      PQconninfoParse(url.c_str(), &error));
  // What libpq says repeats the URL, and the password in it.
  PQfreemem(error);
  if (parsed == nullptr) return InvalidUrl();
  std::map<std::string, std::vector<std::string>> lists;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    const std::string name = option->keyword;
    if (option->val == nullptr) continue;
    if (name == "host" || name == "hostaddr" || name == "port") lists[name] = Split(option->val);
  }
  const size_t count = std::max<size_t>({lists["host"].size(), lists["hostaddr"].size(), 1});
  std::vector<Settings> hosts(count);
  if (count == 1) return hosts;
  for (const auto& [name, parts] : lists) {
    if (parts.empty()) continue;
    if (parts.size() != count && !(name == "port" && parts.size() == 1)) return InvalidUrl();
    for (size_t i = 0; i < count; ++i) hosts[i][name] = parts[parts.size() == 1 ? 0 : i];
  }
  return hosts;
}

Handle Start(const Options& options, const Settings& host) {
  // Of several hosts the one that takes writes, for reads too: what was written is
  // to be seen.
  const char* attributes = host.empty() ? "any" : "read-write";
  // What comes later wins: ours, what the URL says, the host.
  std::vector<std::pair<std::string, std::string>> settings = {
      {"fallback_application_name", "storegate"}, {"keepalives_idle", "30"},
      {"keepalives_interval", "10"},              {"keepalives_count", "3"},
      {"tcp_user_timeout", "30000"},              {"target_session_attrs", attributes},
      {"dbname", options.url},                    {"client_encoding", "UTF8"}};
  for (const auto& [name, value] : host) settings.emplace_back(name, value);
  std::vector<const char*> names, values;
  for (const auto& [name, value] : settings) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  return Handle(PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/1));
}

// Sees the connection through. False: it failed, or took too long.
bool Complete(PGconn* handle, Deadline until) {
  if (handle == nullptr || PQstatus(handle) == CONNECTION_BAD) return false;
  // With the SQLSTATE in the text: there is no other way to know it here.
  PQsetErrorVerbosity(handle, PQERRORS_VERBOSE);
  PQsetNoticeProcessor(handle, [](void*, const char*) {}, nullptr);
  PostgresPollingStatusType state = PGRES_POLLING_WRITING;
  while (state != PGRES_POLLING_OK && state != PGRES_POLLING_FAILED) {
    pollfd waiting{PQsocket(handle),
                   static_cast<short>(state == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady_clock::now());
    if (left.count() <= 0) return false;
    const int ready = poll(&waiting, 1, static_cast<int>(std::min<int64_t>(left.count(), 1000)));
    if (ready > 0) state = PQconnectPoll(handle);
  }
  return state == PGRES_POLLING_OK;
}

}  // namespace

Connection::Connection(const Options& options, Use use, Handle handle)
    : options_(options), use_(use), handle_(std::move(handle)) {
  const milliseconds life = std::max(options.max_lifetime, milliseconds(1));
  used_at_ = steady_clock::now();
  replace_at_ = used_at_ + RandomPause(life - life / 10, life + life / 10);
}

// What every statement counts on. Behind a pooler nothing can be set for longer
// than a transaction; there it is what the role or the database has.
Status Connection::Configure() {
  PGconn* handle = handle_.get();
  const char* encoding = PQparameterStatus(handle, "server_encoding");
  const bool utf8 = encoding == nullptr || std::string_view(encoding) == "UTF8";
  if (PQserverVersion(handle) < kServerVersionMin || !utf8) return UnsupportedDatabase(handle);
  if (PQsetnonblocking(handle, 1) != 0 || PQenterPipelineMode(handle) != 1) {
    return Unavailable(handle);
  }
  if (options_.transaction_pooler) return {};
  deadline_ = steady_clock::now() + options_.connect_timeout;
  sent_ = false;
  // Compiling a plan, and starting workers for it, takes longer than what is asked
  // here. A transaction that is left open by a gateway that is stuck ends by itself.
  const std::string lock_timeout[] = {
      use_ == Use::kWrite ? std::to_string(kLockTimeout.count()) : "0"};
  SendText("SELECT set_config('jit', 'off', false),"
           " set_config('max_parallel_workers_per_gather', '0', false),"
           " set_config('idle_in_transaction_session_timeout', '60000', false),"
           " set_config('lock_timeout', $1, false)",
           lock_timeout);
  Sync();
  const Rows failed = Finish();
  if (failed != nullptr || lost_) return Unavailable(handle);
  return {};
}

Result<std::unique_ptr<Connection>> Connection::Open(const Options& options, Use use) {
  Result<std::vector<Settings>> hosts = HostsOf(options.url);
  if (!hosts.ok()) return hosts.status();
  const auto share = options.connect_timeout / static_cast<int64_t>(hosts->size());
  Status failure;
  for (const Settings& host : *hosts) {
    Handle handle = Start(options, host);
    Status status;
    if (!Complete(handle.get(), steady_clock::now() + share)) {
      status = ConnectFailure(handle.get());
    } else {
      std::unique_ptr<Connection> connection(new Connection(options, use, std::move(handle)));
      status = connection->Configure();
      if (status.ok()) return connection;
    }
    // A refusal says more than that another host does not answer.
    if (failure.ok() || failure.code() == Code::kUnavailable) failure = status;
  }
  return failure;
}

}  // namespace storegate::postgres
