// A MongoDB server for tests: that of $MONGODB_URI; else, started by the test program,
// `mongod` where there is one on PATH, as a replica set of one; else mongo-java-server
// as tests/servers/mongo_java builds it (into $STOREGATE_MONGO_JAVA, else
// build/mongo_java). What is missing ends the test program with a word about it: no
// case that needs MongoDB passes or is left out without one.
#pragma once

#include <memory>
#include <string>

#include <bson/bson.h>

#include "tests/support/server_process.h"

namespace storegate::test {

struct MongodbServerOptions {
  // Started by this program, also where MONGODB_URI names one: for those who kill it.
  bool own = false;
};

// Used by one thread. What does not work aborts, with the server's log. Databases are
// whole again after Kill9: with all that was acknowledged.
class MongodbServer {
 public:
  using Options = MongodbServerOptions;
  enum class Kind { kGiven, kMongod, kMongoJava };

  explicit MongodbServer(Options options = {});

  Kind kind() const { return kind_; }
  // It is MongoDB: nothing is excepted, and there are transactions.
  bool real() const { return kind_ != Kind::kMongoJava; }

  // Of a database in it, through 127.0.0.1 and `port`, or its own. REQUIRES: no port
  // where the server is given.
  std::string Url(const std::string& database, int port = 0) const;
  int port() const { return port_; }  // 0 where it is given

  // REQUIRES, of all these: it is not given.
  void Kill9() { Process().Kill(); }
  void Stop() { Process().Stop(); }
  // On the same data and port, and until it takes writes.
  void Start();
  void Freeze() { Process().Freeze(); }
  void Thaw() { Process().Thaw(); }

 private:
  ServerProcess& Process() const;
  bool TryStart();
  // Makes it a replica set where it is none, and waits until it is primary.
  void AwaitPrimary();

  Kind kind_;
  std::string given_, program_;
  int port_ = 0;
  std::unique_ptr<ServerProcess> process_;
};

// The server where the cases of this program make their databases, started when first
// asked for.
const MongodbServer& SharedMongodb();

// A connection to where a URL leads, for tests that look inside. Used by one thread.
class MongodbClient {
 public:
  explicit MongodbClient(const std::string& url);
  ~MongodbClient();
  MongodbClient(const MongodbClient&) = delete;
  MongodbClient& operator=(const MongodbClient&) = delete;

  // Runs a command, {"ping": 1}, in the database that the URL names. False, with
  // `failed` what MongoDB or libmongoc said, when it fails; aborts then where `failed`
  // is null. `reply`, where not null, is to be destroyed by who asked, whatever comes
  // of it.
  bool Run(const bson_t& command, bson_t* reply = nullptr, std::string* failed = nullptr);
  // The same, of extended JSON.
  bool Run(const std::string& command, bson_t* reply = nullptr, std::string* failed = nullptr);

 private:
  struct Driver;
  std::unique_ptr<Driver> driver_;
};

// The same through a connection of its own.
bool RunMongodbCommand(const std::string& url, const std::string& command,
                       bson_t* reply = nullptr, std::string* failed = nullptr);

}  // namespace storegate::test
