// The operations of one entity's store, for tests that do not care how its
// requests are spelled. Each blocks until the answer is there. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/gateway.h"

namespace storegate::test {

// What a List may ask for; the fields that a request lacks are passed over.
struct ListArgs {
  int page_size = 0;
  std::string page_token = {};
  int64_t skip = 0;
  int page = 0;
  std::string order_by = {};
  bool show_deleted = false;
  bool include_total_size = false;
  std::string search = {};
  std::function<void(Message*)> fill = {};  // predicates
};

struct DeleteArgs {
  std::string etag = {};
  bool allow_missing = false;
};

class StoreClient {
 public:
  // Both outlive the client.
  StoreClient(Gateway* gateway, const schema::Entity* entity);

  const schema::Entity& entity() const { return *entity_; }
  bool Has(schema::Operation operation) const;
  // Aborts when the store has none; cases ask Has before they are listed.
  const schema::Method& method(schema::Operation operation) const;
  MessagePtr NewRequest(schema::Operation operation) const;

  MessagePtr CreateRequest(const Message& record) const;
  Reply Create(const Message& record);
  Reply BatchCreate(const std::vector<const Message*>& records, bool allow_partial = false);
  // As BatchCreate of records that can all be created: where the database has no
  // transactions, with allow_partial.
  Reply CreateMany(const std::vector<const Message*>& records);
  Reply Get(const Value& id, bool show_deleted = false);
  // One value for each field of the key.
  Reply GetBy(const schema::Method::RequestKey& key, const std::vector<Value>& values,
              bool show_deleted = false);
  Reply BatchGet(const std::vector<Value>& ids, bool show_deleted = false);
  Reply Update(const Message& record, const std::vector<std::string>& mask,
               bool allow_missing = false);
  Reply Delete(const Value& id, const DeleteArgs& args = {});
  Reply Undelete(const Value& id, const std::string& etag = "");
  Reply Purge(const Value& id, const DeleteArgs& args = {});

  MessagePtr ListRequest(const ListArgs& args) const;
  Reply List(const ListArgs& args);
  // Pages until the end by token; fails the test on an error, on a page without
  // progress that goes on for ever, and on a record that comes twice.
  std::vector<MessagePtr> ListAll(ListArgs args);

  MessagePtr StreamRequest(const ListArgs& args) const;
  std::unique_ptr<StreamReader> Stream(const ListArgs& args);
  // All records of a stream; fails the test on an error, on a message with a token that
  // is the last or without one that is not, and on a record that comes twice.
  std::vector<MessagePtr> StreamAll(const ListArgs& args);
  // Of one message of a stream.
  std::vector<const Message*> Streamed(const Message& message) const;
  std::string StreamToken(const Message& message) const;

  // Of a list's or batch's answer.
  std::vector<const Message*> Records(const Reply& reply, schema::Operation operation) const;
  std::string NextPageToken(const Reply& reply) const;

  Gateway& gateway() { return *gateway_; }

 private:
  Reply Call(schema::Operation operation, const Message& request);
  MessagePtr PageRequest(schema::Operation operation, const ListArgs& args) const;
  Reply ById(schema::Operation operation, const Value& id, const DeleteArgs& args);

  Gateway* gateway_;
  const schema::Entity* entity_;
};

}  // namespace storegate::test
