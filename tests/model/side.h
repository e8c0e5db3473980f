// One of the gateways that run side by side, with the model of what it holds.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "server/base/status.h"
#include "tests/model/model.h"
#include "tests/support/backend_under_test.h"
#include "tests/support/store_client.h"

namespace storegate::test {

// Which etag an operation sends; each side has its own of that kind.
struct EtagChoice {
  enum class Kind { kNone, kCurrent, kOld } kind = Kind::kNone;
  size_t old = 0;
};

struct Side {
  Side(const BackendUnderTest& backend, const NamedSchema& schema, const schema::Entity* entity,
       const std::map<const schema::Field*, std::vector<Value>>* parents)
      : name(backend.name),
        gateway(backend, schema),
        store(&gateway, entity),
        model(entity, parents) {}

  // What was answered in this step, as far as every backend must say the same:
  // times and etags are a side's own.
  void Say(std::string line) { said.push_back(std::move(line)); }
  void Say(const Status& status);
  // A response but for its records and page token, which are said by themselves.
  void SayRest(const Message& response, const schema::Method& method);

  std::string EtagOfChoice(const EtagChoice& choice, const Value& id) const;
  // Keeps the etag of a state that is no more, to be sent as a wrong one.
  void Forget(const Row& row);
  // The row as it is after a write that was OK.
  void Take(const Message& answered, const Message& expected, bool deleted);
  // As StoreClient::ListAll, and says where pages end.
  std::vector<MessagePtr> Walk(ListArgs args);

  const std::string name;
  Gateway gateway;
  StoreClient store;
  Model model;
  std::vector<std::string> old_etags;
  std::set<std::string> all_etags;
  std::vector<std::string> said;
};

}  // namespace storegate::test
