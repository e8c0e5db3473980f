#include "tests/fault/mongodb_fault.h"

#include <utility>

namespace storegate::test {

MongodbServer& MongodbFault::SharedServer() {
  static auto* server = new MongodbServer({.own = true});
  return *server;
}

void MongodbFault::Open(MongodbServer* server, const std::string& schema,
                        const std::function<void(mongodb::Options*)>& change) {
  TearDown();
  server_ = server;
  auto proxy = std::make_unique<Proxy>(server->port());
  MongodbPlace place;
  place.admin_url_of = [server](const std::string& database) { return server->Url(database); };
  place.url_of = [server, port = proxy->port()](const std::string& database) {
    return server->Url(database, port);
  };
  // A test has less time than an operator.
  place.change = [change](mongodb::Options* options) {
    options->connect_timeout = std::chrono::seconds(2);
    options->server_selection_timeout = std::chrono::seconds(2);
    options->grace = std::chrono::milliseconds(500);
    if (change) change(options);
  };
  OpenThrough(std::move(proxy), MongodbAt(std::move(place)), schema);
}

}  // namespace storegate::test
