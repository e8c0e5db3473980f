#include "tests/fault/postgres_fault.h"

#include <utility>

namespace storegate::test {

PostgresServer& PostgresFault::SharedServer() {
  static auto* server = new PostgresServer({.durable = true});
  server->Start();
  return *server;
}

void PostgresFault::Open(PostgresServer* server, const std::string& schema,
                         const std::function<void(postgres::Options*)>& change,
                         const std::function<std::string(const std::string&)>& url_of) {
  TearDown();
  server_ = server;
  auto proxy = std::make_unique<Proxy>(server->port());
  PostgresPlace place;
  place.admin_url_of = [server](const std::string& database) { return server->Url(database); };
  place.url_of = [server, url_of, port = proxy->port()](const std::string& database) {
    return url_of ? url_of(database) : server->Url(database, port);
  };
  // A test has less time than an operator.
  place.change = [change](postgres::Options* options) {
    options->connect_timeout = std::chrono::seconds(2);
    options->grace = std::chrono::milliseconds(500);
    if (change) change(options);
  };
  OpenThrough(std::move(proxy), PostgresAt(std::move(place)), schema);
}

}  // namespace storegate::test
