#include "tests/support/mongodb_fake.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <set>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/mongodb_wire.h"

namespace storegate::test {
namespace {

constexpr char kSet[] = "fake";
constexpr size_t kConnectionsMax = 256;
constexpr size_t kCommandsKept = 100000;
constexpr uint32_t kJsonMax = 64 << 10;  // of the document

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "MongoDB's fake: %s\n", what.c_str());
  std::abort();
}

sockaddr_in Loopback(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

void NoDelay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

std::string Hex(const uint8_t* bytes, uint32_t size) {
  std::string text;
  char two[3];
  for (uint32_t i = 0; i < size; ++i) {
    std::snprintf(two, sizeof(two), "%02x", bytes[i]);
    text += two;
  }
  return text;
}

FakeCommand CommandOf(const bson_t& document, int connection) {
  FakeCommand command;
  command.document = &document;
  command.connection = connection;
  bson_iter_t at;
  if (!bson_iter_init(&at, &document)) return command;
  while (bson_iter_next(&at)) {
    const std::string key = bson_iter_key(&at);
    if (command.name.empty()) command.name = key;
    if (key == "$db" && BSON_ITER_HOLDS_UTF8(&at)) command.database = bson_iter_utf8(&at, nullptr);
    if (key == "txnNumber") command.txn_number = bson_iter_as_int64(&at);
    if (key == "startTransaction") command.start_transaction = bson_iter_as_bool(&at);
    if (key == "autocommit") command.autocommit = bson_iter_as_bool(&at);
    bson_iter_t id;
    if (key == "lsid" && BSON_ITER_HOLDS_DOCUMENT(&at) && bson_iter_recurse(&at, &id) &&
        bson_iter_find(&id, "id") && BSON_ITER_HOLDS_BINARY(&id)) {
      uint32_t size = 0;
      const uint8_t* bytes = nullptr;
      bson_iter_binary(&id, nullptr, &size, &bytes);
      command.lsid = Hex(bytes, size);
    }
  }
  char* json =
      document.len > kJsonMax ? nullptr : bson_as_relaxed_extended_json(&document, nullptr);
  if (json != nullptr) command.json = json;
  bson_free(json);
  return command;
}

void AppendJson(const std::string& json, bson_t* reply) {
  bson_error_t error;
  bson_t* parsed = bson_new_from_json(reinterpret_cast<const uint8_t*>(json.data()),
                                      static_cast<ssize_t>(json.size()), &error);
  if (parsed == nullptr) Die(json + ": " + error.message);
  bson_concat(reply, parsed);
  bson_destroy(parsed);
}

bool AsksWhoIsThere(const std::string& name) {
  return name == "hello" || name == "isMaster" || name == "ismaster";
}

}  // namespace

FakeAnswer FakeAnswer::Error(int code, const std::string& name,
                             const std::vector<std::string>& labels) {
  std::string all;
  for (const std::string& label : labels) all += (all.empty() ? "\"" : ", \"") + label + "\"";
  return Reply("{\"ok\": 0, \"code\": " + std::to_string(code) + ", \"codeName\": \"" + name +
               "\", \"errmsg\": \"as the test says: " + name + "\"" +
               (all.empty() ? "" : ", \"errorLabels\": [" + all + "]") + "}");
}

MongodbFake::MongodbFake(Options options, Handler handler)
    : options_(options), handler_(std::move(handler)) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener_, 128) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    Die("no port");
  }
  port_ = ntohs(address.sin_port);
  accepter_ = std::thread([this] { Accept(); });
}

MongodbFake::~MongodbFake() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
    Hang();
  }
  stopped_.notify_all();
  shutdown(listener_, SHUT_RDWR);
  accepter_.join();
  close(listener_);
  Reap(true);
}

std::string MongodbFake::Url(const std::string& database) const {
  return "mongodb://127.0.0.1:" + std::to_string(port_) + "/" + database +
         (options_.replica_set ? std::string("?replicaSet=") + kSet : "");
}

void MongodbFake::SetHandler(Handler handler) {
  std::lock_guard<std::mutex> lock(mutex_);
  handler_ = std::move(handler);
}

void MongodbFake::SetPrimary(bool primary) {
  std::lock_guard<std::mutex> lock(mutex_);
  primary_ = primary;
}

void MongodbFake::SetReachable(bool reachable) {
  std::lock_guard<std::mutex> lock(mutex_);
  reachable_ = reachable;
  if (!reachable) Hang();
}

void MongodbFake::Hang() {
  for (Connection& connection : connections_) {
    if (connection.done) continue;
    shutdown(connection.fd, SHUT_RDWR);
    if (connection.behind >= 0) shutdown(connection.behind, SHUT_RDWR);
  }
}

std::vector<FakeCommand> MongodbFake::Commands(const std::string& name) const {
  std::lock_guard<std::mutex> lock(mutex_);
  if (name.empty()) return commands_;
  std::vector<FakeCommand> found;
  for (const FakeCommand& command : commands_) {
    if (command.name == name) found.push_back(command);
  }
  return found;
}

void MongodbFake::ForgetCommands() {
  std::lock_guard<std::mutex> lock(mutex_);
  commands_.clear();
}

void MongodbFake::Accept() {
  while (true) {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    Reap(false);
    std::lock_guard<std::mutex> lock(mutex_);
    if (stop_ || fd < 0) {
      if (fd >= 0) close(fd);
      if (stop_) return;
      continue;
    }
    if (!reachable_ || connections_.size() >= kConnectionsMax) {
      close(fd);
      continue;
    }
    NoDelay(fd);
    Connection& connection = connections_.emplace_back();
    connection.number = ++connections_made_;
    connection.fd = fd;
    connection.thread = std::thread([this, &connection] { Serve(&connection); });
  }
}

void MongodbFake::Reap(bool all) {
  std::list<Connection> ended;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto at = connections_.begin(); at != connections_.end();) {
      const auto next = std::next(at);
      if (all || at->done) ended.splice(ended.end(), connections_, at);
      at = next;
    }
  }
  for (Connection& connection : ended) connection.thread.join();
}

void MongodbFake::Serve(Connection* connection) {
  while (true) {
    WireCommand came;
    if (!ReadWireCommand(connection->fd, &came)) break;
    const FakeCommand command = CommandOf(came.document, connection->number);
    bson_t reply = BSON_INITIALIZER;
    bool goes_on = Carry(connection, command, &reply);
    if (goes_on && !came.wants_no_reply) goes_on = WriteWireReply(connection->fd, came, reply);
    bson_destroy(&reply);
    if (!goes_on) break;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  close(connection->fd);
  if (connection->behind >= 0) close(connection->behind);
  connection->done = true;
}

bool MongodbFake::Carry(Connection* connection, const FakeCommand& command, bson_t* reply) {
  if (AsksWhoIsThere(command.name)) {
    AppendHello(reply);
    return true;
  }
  Handler handler;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (commands_.size() < kCommandsKept) {
      commands_.push_back(command);
      commands_.back().document = nullptr;
    }
    handler = handler_;
  }
  std::optional<FakeAnswer> answer;
  // Pools say that when they close, perhaps after what a handler refers to is gone.
  if (handler && command.name != "endSessions") answer = handler(command);
  if (!answer) {
    static const std::set<std::string> fine = {"ping", "endSessions", "commitTransaction",
                                               "abortTransaction", "killCursors"};
    if (fine.count(command.name) != 0) {
      answer = FakeAnswer();
    } else if (options_.behind != 0) {
      answer = FakeAnswer::Apply();
    } else {
      answer = FakeAnswer::Error(59, "CommandNotFound");
    }
  }
  if (answer->apply && !ApplyBehind(connection, *command.document, reply)) return false;
  {
    std::unique_lock<std::mutex> lock(mutex_);
    if (stopped_.wait_for(lock, answer->delay, [this] { return stop_; })) return false;
  }
  if (!answer->bytes.empty()) {
    static_cast<void>(
        send(connection->fd, answer->bytes.data(), answer->bytes.size(), MSG_NOSIGNAL));
    return false;
  }
  if (answer->drop) return false;
  if (!answer->reply.empty() || !answer->apply) {
    bson_reinit(reply);
    AppendJson(answer->reply.empty() ? R"({"ok": 1})" : answer->reply, reply);
  }
  return true;
}

bool MongodbFake::ApplyBehind(Connection* connection, const bson_t& command, bson_t* reply) {
  if (options_.behind == 0) Die("there is no server behind that could apply a command");
  if (connection->behind < 0) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = Loopback(options_.behind);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      close(fd);
      return false;
    }
    NoDelay(fd);
    std::lock_guard<std::mutex> lock(mutex_);
    connection->behind = fd;
    if (stop_) return false;
  }
  bson_t plain = BSON_INITIALIZER;
  bson_copy_to_excluding_noinit(&command, &plain, "lsid", "txnNumber", "startTransaction",
                                "autocommit", "$clusterTime", nullptr);
  bson_t said;
  const bool done = CallWire(connection->behind, plain, &said);
  bson_destroy(&plain);
  if (!done) return false;
  bson_reinit(reply);
  bson_concat(reply, &said);
  bson_destroy(&said);
  return true;
}

void MongodbFake::AppendHello(bson_t* reply) const {
  bool primary = true;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    primary = primary_;
  }
  const std::string me = "127.0.0.1:" + std::to_string(port_);
  BSON_APPEND_BOOL(reply, "helloOk", true);
  BSON_APPEND_BOOL(reply, "ismaster", primary);
  BSON_APPEND_BOOL(reply, "isWritablePrimary", primary);
  if (options_.replica_set) {
    bson_t hosts;
    BSON_APPEND_ARRAY_BEGIN(reply, "hosts", &hosts);
    BSON_APPEND_UTF8(&hosts, "0", me.c_str());
    bson_append_array_end(reply, &hosts);
    BSON_APPEND_UTF8(reply, "setName", kSet);
    BSON_APPEND_INT32(reply, "setVersion", 1);
    BSON_APPEND_BOOL(reply, "secondary", !primary);
    if (primary) BSON_APPEND_UTF8(reply, "primary", me.c_str());
    BSON_APPEND_UTF8(reply, "me", me.c_str());
    BSON_APPEND_INT32(reply, "logicalSessionTimeoutMinutes", 30);
  }
  BSON_APPEND_INT32(reply, "maxBsonObjectSize", 16777216);
  BSON_APPEND_INT32(reply, "maxMessageSizeBytes", 48000000);
  BSON_APPEND_INT32(reply, "maxWriteBatchSize", 100000);
  BSON_APPEND_INT32(reply, "minWireVersion", 0);
  BSON_APPEND_INT32(reply, "maxWireVersion", options_.wire_version);
  BSON_APPEND_BOOL(reply, "readOnly", false);
  BSON_APPEND_DOUBLE(reply, "ok", 1);
}

}  // namespace storegate::test
