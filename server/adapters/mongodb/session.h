// One session: reads in session.cc, what a query computes in computed.cc; writes in
// write.cc (which go together), inserts.cc
// (new documents), insert_outcome.cc (what became of them), change.cc (one change) and
// change_error.cc (why one failed).
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/adapters/mongodb/connection.h"
#include "server/adapters/mongodb/probe.h"
#include "server/adapters/mongodb/statements.h"
#include "server/repository/backend.h"
#include "server/repository/row_state.h"

namespace storegate::mongodb {

class MongodbSession : public repository::Session {
 public:
  MongodbSession(std::unique_ptr<Connection> connection, Abilities abilities)
      : connection_(std::move(connection)), abilities_(abilities) {}

  Status Get(const repository::GetRequest& request, repository::WireSink* sink,
             std::vector<repository::Found>* found) override;
  bool Fresh() override { return connection_->Fresh(); }
  Status List(const repository::Query& query, repository::Sink* sink) override;
  Result<int64_t> Count(const repository::Query& query) override;
  Status Aggregate(const repository::AggregateQuery& query, repository::Sink* sink) override;
  Status Native(const repository::NativeQuery& query, repository::Sink* sink) override;
  Result<std::string> Explain(const repository::Query& query) override;
  Status Apply(std::span<repository::Write* const> writes) override;
  int64_t statements() const override { return connection_->statements(); }

 private:
  Status ListEach(const repository::Query& query, repository::Sink* sink);

  std::unique_ptr<Connection> connection_;
  const Abilities abilities_;
  Plans plans_;
};

// Makes the changes of writes. A write of one change is one command on one document,
// which MongoDB makes all or not at all; what it must not break (references) is looked
// at before. A write of several is a transaction. Lives for one Apply.
class Writer {
 public:
  Writer(Connection* connection, Plans* plans, bool transactions)
      : connection_(*connection), plans_(*plans), transactions_(transactions) {}

  Status Run(std::span<repository::Write* const> writes);

 private:
  using Fields = std::vector<const schema::Field*>;
  using State = repository::RowState;

  // A document that is to be inserted, and what became of it.
  struct Item {
    const repository::Mutation* mutation;
    Value id;
    Bson document;
    Status status;
    // It is not tried again, and looked at for why it failed.
    std::optional<Failure> failure;
    // Put off: it may refer to one before it.
    bool waits = false;
    // Refers to nothing that lives.
    const schema::Field* broken = nullptr;
  };

  // write.cc
  void RunInserts(std::span<repository::Write* const> writes);
  void RunOne(repository::Write* write);
  void RunTransaction(repository::Write* write);
  Status Attempt(repository::Write* write, std::vector<Bson>* rows, size_t* failed);
  void Finish(repository::Write* write, size_t index, Status status);
  void Emit(repository::Write* write, size_t index, const Bson& row);

  // inserts.cc
  void InsertAll(std::span<Item> items);
  void InsertFrom(std::span<Item> items);
  void Prepare(std::span<Item> items);
  Status CheckReferences(std::span<Item> items);
  Status CheckReference(const schema::Field& field, std::span<Item> items);
  void Send(std::span<Item* const> items);
  Result<int64_t> NextIds(const schema::Entity& entity, size_t count);
  Status CountFrom(const schema::Entity& entity, const Value& id);
  Status CountFromGreatest(const schema::Entity& entity);

  // insert_outcome.cc
  bool NoteRefused(std::span<Item* const> items, const Answer& answer);
  void CheckCount(std::span<Item* const> items, const Answer& answer, bool understood);
  void LookForSome(std::span<Item* const> items, const Failure& failure);
  Result<bool> Made(const Item& item);

  // change.cc: each answers with the row as it is then.
  Result<Bson> Change(const repository::Mutation& mutation);
  Result<Bson> ChangeOnce(const repository::Mutation& mutation);
  Result<Bson> Insert(const repository::Mutation& mutation);
  Result<Bson> Update(const repository::Mutation& mutation);
  Result<Bson> Delete(const repository::Mutation& mutation);
  Result<Bson> Undelete(const repository::Mutation& mutation);
  Result<Bson> Modify(const Bson& command, const repository::Mutation& mutation, bool* matched);
  Status CheckReferrers(const repository::Mutation& mutation);
  Result<State> ReadState(const repository::Mutation& mutation, const Fields& more);
  Result<bool> Living(const schema::Field& reference, const Value& value);
  Result<bool> Exists(const Bson& find);

  // change_error.cc
  Status Explained(const Failure& failure, const repository::Mutation& mutation);
  Status BrokenReference(const repository::Mutation& mutation, const schema::Field& field);
  Status UniqueStatus(const Failure& failure, const repository::Mutation& mutation);
  Result<Fields> FirstTaken(const repository::Mutation& mutation);
  Result<bool> Taken(const repository::Mutation& mutation, const schema::Key& key,
                     repository::KeyValues values);

  Connection& connection_;
  Plans& plans_;
  const bool transactions_;
  // The change failed for a reason that may be gone by now.
  bool again_ = false;
};

}  // namespace storegate::mongodb
