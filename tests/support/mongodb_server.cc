#include "tests/support/mongodb_server.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include <mongoc/mongoc.h>
#include <unistd.h>

namespace storegate::test {
namespace {

namespace fs = std::filesystem;

constexpr char kReplicaSet[] = "storegate";

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "MongoDB for tests: %s\n", what.c_str());
  std::abort();
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string OnPath(const std::string& program) {
  std::istringstream folders(Variable("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path found = fs::path(folder) / program;
    if (!folder.empty() && access(found.c_str(), X_OK) == 0) return found;
  }
  return "";
}

std::string MongoJava() {
  const std::string given = Variable("STOREGATE_MONGO_JAVA");
  const fs::path folder = given.empty() ? fs::path(STOREGATE_SOURCE_DIR) / "build/mongo_java"
                                        : fs::path(given);
  if (access((folder / "run").c_str(), X_OK) != 0) {
    Die("there is no server. Name one in MONGODB_URI, or install mongod, or build "
        "mongo-java-server: tests/servers/mongo_java/build.sh build/mongo_java");
  }
  if (OnPath("java").empty()) Die("mongo-java-server needs java: install default-jdk-headless");
  return folder / "run";
}

// The URL with another database; who logs in does so where the URL said.
std::string WithDatabase(const std::string& uri, const std::string& database) {
  const size_t scheme = uri.find("://");
  if (scheme == std::string::npos) Die("MONGODB_URI is no URL");
  const size_t query = std::min(uri.find('?', scheme + 3), uri.size());
  const size_t path = std::min(uri.find('/', scheme + 3), query);
  std::string options = uri.substr(query);
  const bool logs_in = uri.substr(0, path).find('@') != std::string::npos;
  if (logs_in && options.find("authSource=") == std::string::npos) {
    const std::string before = path + 1 < query ? uri.substr(path + 1, query - path - 1) : "admin";
    options += (options.empty() ? "?" : "&") + ("authSource=" + before);
  }
  return uri.substr(0, path) + "/" + database + options;
}

bool Bool(const bson_t& reply, const char* field) {
  bson_iter_t at;
  return bson_iter_init_find(&at, &reply, field) && bson_iter_as_bool(&at);
}

}  // namespace

MongodbServer::MongodbServer(Options options) {
  given_ = options.own ? "" : Variable("MONGODB_URI");
  if (!given_.empty()) {
    kind_ = Kind::kGiven;
    return;
  }
  program_ = OnPath("mongod");
  kind_ = program_.empty() ? Kind::kMongoJava : Kind::kMongod;
  if (program_.empty()) program_ = MongoJava();
  process_ = std::make_unique<ServerProcess>("mongodb");
  fs::create_directory(process_->folder() / "data");
  for (int tries = 0; tries < 5; ++tries) {
    port_ = FreeServerPort();
    if (TryStart()) return;
  }
  process_->Die("does not start:\n" + process_->Log());
}

ServerProcess& MongodbServer::Process() const {
  if (process_ == nullptr) Die("the server of MONGODB_URI is not this program's");
  return *process_;
}

bool MongodbServer::TryStart() {
  const std::string port = std::to_string(port_);
  if (kind_ == Kind::kMongoJava) {
    process_->Start({program_, port, "data/store.mv"});
  } else {
    process_->Start({program_, "--dbpath", "data", "--port", port, "--bind_ip", "127.0.0.1",
                     "--replSet", kReplicaSet, "--oplogSize", "64", "--wiredTigerCacheSizeGB",
                     "0.25", "--nounixsocket", "--quiet"});
  }
  if (!process_->AwaitPort(port_)) return false;
  if (kind_ == Kind::kMongod) AwaitPrimary();
  return true;
}

void MongodbServer::Start() {
  if (Process().Runs()) return;
  // Whoever knows the port expects it there again.
  for (int tries = 0; tries < 3; ++tries) {
    if (TryStart()) return;
  }
  process_->Die("does not start again:\n" + process_->Log());
}

void MongodbServer::AwaitPrimary() {
  const std::string url =
      "mongodb://127.0.0.1:" + std::to_string(port_) + "/admin?directConnection=true";
  const std::string initiate = std::string(R"({"replSetInitiate": {"_id": ")") + kReplicaSet +
                               R"(", "members": [{"_id": 0, "host": "127.0.0.1:)" +
                               std::to_string(port_) + R"("}]}})";
  for (int tries = 0; tries < 60 * 20; ++tries) {
    bson_t reply;
    std::string failed;
    const bool answered = RunMongodbCommand(url, R"({"isMaster": 1})", &reply, &failed);
    const bool primary = answered && Bool(reply, "ismaster");
    const bool no_set = answered && !bson_has_field(&reply, "setName");
    bson_destroy(&reply);
    if (primary) return;
    // It says no name as well while it reads its configuration, and refuses this then.
    if (no_set) RunMongodbCommand(url, initiate, nullptr, &failed);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  process_->Die("does not become primary:\n" + process_->Log());
}

std::string MongodbServer::Url(const std::string& database, int port) const {
  if (kind_ == Kind::kGiven) return WithDatabase(given_, database);
  const std::string url = "mongodb://127.0.0.1:" + std::to_string(port != 0 ? port : port_) + "/" +
                          database;
  if (kind_ == Kind::kMongoJava) return url;
  // What the replica set says of its members would lead past another port.
  return url + (port != 0 ? "?directConnection=true" : std::string("?replicaSet=") + kReplicaSet);
}

const MongodbServer& SharedMongodb() {
  // Never destroyed: backends that are static ask for it at the very end.
  static const auto* server = new MongodbServer();
  return *server;
}

struct MongodbClient::Driver {
  ~Driver() {
    if (client != nullptr) mongoc_client_destroy(client);
    if (uri != nullptr) mongoc_uri_destroy(uri);
  }
  mongoc_uri_t* uri = nullptr;
  mongoc_client_t* client = nullptr;
};

MongodbClient::MongodbClient(const std::string& url) : driver_(std::make_unique<Driver>()) {
  mongoc_init();
  bson_error_t error;
  driver_->uri = mongoc_uri_new_with_error(url.c_str(), &error);
  if (driver_->uri == nullptr) Die(url + ": " + error.message);
  driver_->client = mongoc_client_new_from_uri(driver_->uri);
  if (driver_->client == nullptr) Die(url + " makes no client");
  mongoc_client_set_error_api(driver_->client, MONGOC_ERROR_API_VERSION_2);
}

MongodbClient::~MongodbClient() = default;

bool MongodbClient::Run(const bson_t& command, bson_t* reply, std::string* failed) {
  bson_t unwanted;
  bson_error_t error = {};
  const char* database = mongoc_uri_get_database(driver_->uri);
  const bool done =
      mongoc_client_command_simple(driver_->client, database != nullptr ? database : "admin",
                                   &command, nullptr, reply != nullptr ? reply : &unwanted, &error);
  if (reply == nullptr) bson_destroy(&unwanted);
  if (!done && failed == nullptr) {
    const char* text = bson_as_relaxed_extended_json(&command, nullptr);
    Die(std::string(text) + ": " + error.message);
  }
  if (!done) *failed = error.message;
  return done;
}

bool MongodbClient::Run(const std::string& command, bson_t* reply, std::string* failed) {
  bson_error_t error;
  bson_t* document = bson_new_from_json(reinterpret_cast<const uint8_t*>(command.data()),
                                        static_cast<ssize_t>(command.size()), &error);
  if (document == nullptr) Die(command + ": " + error.message);
  const bool done = Run(*document, reply, failed);
  bson_destroy(document);
  return done;
}

bool RunMongodbCommand(const std::string& url, const std::string& command, bson_t* reply,
                       std::string* failed) {
  return MongodbClient(url).Run(command, reply, failed);
}

}  // namespace storegate::test
