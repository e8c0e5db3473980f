// One session: reads in session.cc, writes in write.cc.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "server/adapters/sqlite/connection.h"
#include "server/adapters/sqlite/native.h"
#include "server/adapters/sqlite/statements.h"
#include "server/repository/backend.h"
#include "server/repository/row_state.h"

namespace storegate::sqlite {

class SqliteSession : public repository::Session {
 public:
  SqliteSession(std::unique_ptr<Connection> connection, Connection::Use use)
      : connection_(std::move(connection)), use_(use) {}

  Status Get(const repository::GetRequest& request, repository::WireSink* sink,
             std::vector<repository::Found>* found) override;
  Status List(const repository::Query& query, repository::Sink* sink) override;
  Result<int64_t> Count(const repository::Query& query) override;
  Status Aggregate(const repository::AggregateQuery& query, repository::Sink* sink) override;
  Status Native(const repository::NativeQuery& query, repository::Sink* sink) override;
  // What EXPLAIN QUERY PLAN says, a line a node, those below another indented.
  Result<std::string> Explain(const repository::Query& query) override;
  // INTERNAL, reason READ_SESSION, of a session for reads.
  Status Apply(std::span<repository::Write* const> writes) override;
  int64_t statements() const override { return connection_->statements(); }

  Connection& connection() { return *connection_; }

 private:
  Status RunQuery(const Sql& sql, Deadline deadline,
                  const std::function<Status(sqlite3_stmt*, bool*)>& take);

  std::unique_ptr<Connection> connection_;
  const Connection::Use use_;
  Plans plans_;
  Natives natives_;
};

// Makes the changes of writes, in one transaction. Lives for one Apply.
class Writer {
 public:
  Writer(Connection* connection, Plans* plans) : connection_(*connection), plans_(*plans) {}

  Status Run(std::span<repository::Write* const> writes);

 private:
  using Fields = std::vector<const schema::Field*>;
  using State = repository::RowState;

  void RunWrite(repository::Write* write);
  Status Change(const repository::Mutation& mutation, repository::Sink* sink);
  Status Insert(const repository::Mutation& mutation, repository::Sink* sink);
  Status Update(const repository::Mutation& mutation, repository::Sink* sink);
  Status Delete(const repository::Mutation& mutation, repository::Sink* sink);
  Status Undelete(const repository::Mutation& mutation, repository::Sink* sink);

  Status Execute(const Sql& sql, const repository::Mutation& mutation, repository::Sink* sink,
                 bool* matched);
  Status Explained(int code, const repository::Mutation& mutation);
  Status UniqueStatus(const repository::Mutation& mutation, const Fields& named);
  Result<bool> Taken(const Sql& sql, const repository::Mutation& mutation,
                     const schema::Key& key);
  Status ForeignKeyStatus(const repository::Mutation& mutation);
  Result<State> ReadState(const repository::Mutation& mutation, const Fields& more);
  Status CheckReferences(const repository::Mutation& mutation, const Fields& fields);
  Status CheckReferrers(const repository::Mutation& mutation, const Fields& referrers);
  Status NotMatched(const repository::Mutation& mutation);
  void Rollback();
  Result<bool> Exists(const Sql& sql);
  void Lose(const Status& status);
  int Bracket(std::string_view sql) { return connection_.Bracket(sql); }

  Connection& connection_;
  Plans& plans_;
  // Nothing of the transaction can be kept, and why.
  Status lost_;
};

}  // namespace storegate::sqlite
