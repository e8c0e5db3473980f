// One session: reads in session.cc. Writes that go together are in write.cc, one
// that is alone in change.cc.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/adapters/postgres/connection.h"
#include "server/adapters/postgres/errors.h"
#include "server/adapters/postgres/statements.h"
#include "server/adapters/postgres/types.h"
#include "server/repository/backend.h"
#include "server/repository/row_state.h"

namespace storegate::postgres {

// Which of the values asked for a row has.
class KeyIndex {
 public:
  // `sql` is the statement that asks for them, and outlives the index.
  void Build(const repository::GetRequest& request, const Sql& sql);
  // Past the end: none of them.
  size_t Find(const PGresult* rows, int row, const std::vector<int>& columns);

 private:
  struct Entry {
    std::string_view bytes;
    size_t which;
  };
  const repository::GetRequest* request_ = nullptr;
  std::vector<Entry> entries_;      // in order of bytes
  std::deque<std::string> compound_;  // what entries of several fields point to
  std::string scratch_;
};

class PostgresSession : public repository::Session {
 public:
  explicit PostgresSession(std::unique_ptr<Connection> connection)
      : connection_(std::move(connection)) {}

  Status Get(const repository::GetRequest& request, repository::WireSink* sink,
             std::vector<repository::Found>* found) override;
  Status StartGet(const repository::GetRequest& request) override;
  std::optional<Status> FinishGet(Deadline until, repository::WireSink* sink,
                                  std::vector<repository::Found>* found) override;
  bool Fresh() override { return connection_->Fresh(); }
  bool Aged() override { return connection_->Aged(); }
  Status List(const repository::Query& query, repository::Sink* sink) override;
  Result<int64_t> Count(const repository::Query& query) override;
  Status Aggregate(const repository::AggregateQuery& query, repository::Sink* sink) override;
  Status Native(const repository::NativeQuery& query, repository::Sink* sink) override;
  // What EXPLAIN ANALYZE says: the statement is run, and each node tells how many rows it
  // gave and removed.
  Result<std::string> Explain(const repository::Query& query) override;
  // INTERNAL, reason READ_SESSION, of a session for reads.
  Status Apply(std::span<repository::Write* const> writes) override;
  int64_t statements() const override { return connection_->statements(); }

  Connection& connection() { return *connection_; }

 private:
  Status SendGet();
  // What came of the rows in `rows`; false: the sink is full.
  Status TakeRows(const PGresult* rows, repository::WireSink* sink,
                  std::vector<repository::Found>* found, bool* more);
  struct Run {
    Deadline deadline = Deadline::max();
    bool stream = false;
    // Whose text it is where it is not the gateway's: then it may only read.
    const schema::Entity* native = nullptr;
  };
  Status RunQuery(const Run& run, const std::function<Status(const PGresult*, bool*)>& take);

  const std::unique_ptr<Connection> connection_;
  Plans plans_;
  RowReader reader_;
  Sql sql_;
  // The Get that runs.
  const repository::GetRequest* get_ = nullptr;
  Plan* get_plan_ = nullptr;
  const Plan::Got* got_ = nullptr;
  bool get_again_ = false;
  KeyIndex index_;
};

// Makes the changes of writes. Lives for one Apply.
class Writer {
 public:
  Writer(Connection* connection, Plans* plans) : connection_(*connection), plans_(*plans) {}

  Status Run(std::span<repository::Write* const> writes);

 private:
  using Fields = std::vector<const schema::Field*>;
  using Writes = std::vector<repository::Write*>;

  // --- Writes that go together (write.cc) ---
  struct Part {
    Writes writes;  // several of an INSERT, else one
    Sql sql;
  };
  // Sorts into parts what can go together; the rest into `alone`.
  std::vector<Part> MakeParts(std::span<repository::Write* const> writes, Writes* alone);
  // Runs the parts as one transaction. Those whose rows did not come to be what was
  // wanted go to `alone`, where it is found out why.
  Status RunParts(std::vector<Part> parts, Deadline deadline, Writes* alone);
  enum class Went { kWell, kAgain, kWithoutOne, kBadly };
  Went Attempt(std::vector<Part>* parts, Deadline deadline, std::vector<Rows>* answers,
               size_t* culprit, Status* status);
  void TakeAnswer(Part& part, const PGresult* rows, Writes* alone);
  void TakeRow(const PGresult* rows, int row, repository::Write* write);

  // --- One write, as a transaction of its own (change.cc) ---
  using State = repository::RowState;
  void RunAlone(repository::Write* write);
  // True: what went wrong was that others were in the way.
  bool AttemptAlone(repository::Write* write);
  Status RunInserts(repository::Write* write, bool* done);
  Status Change(const repository::Mutation& mutation);
  Status Insert(const repository::Mutation& mutation);
  Status Update(const repository::Mutation& mutation);
  Status Delete(const repository::Mutation& mutation);
  Status Undelete(const repository::Mutation& mutation);

  // Runs a statement; within the transaction, where there is one. An error ends the
  // transaction, and is Explained.
  Result<Rows> Ask(const Sql& sql, const repository::Mutation& mutation);
  Status Execute(const Sql& sql, const repository::Mutation& mutation, bool* matched);
  Status Explained(const Failure& failure, const repository::Mutation& mutation);
  Status UniqueStatus(const Failure& failure, const repository::Mutation& mutation);
  Result<Fields> FirstTaken(const repository::Mutation& mutation);
  bool TakenIn(const PGresult* rows, const repository::Mutation& mutation,
               const schema::Key& key);
  Status ForeignKeyStatus(const repository::Mutation& mutation);
  Fields FieldsOfIndex(const schema::Entity& entity, const std::string& index);
  Result<State> ReadState(const repository::Mutation& mutation, const Fields& more, bool lock);
  Status CheckReferences(const repository::Mutation& mutation, const Fields& fields);
  Status CheckReferrers(const repository::Mutation& mutation, const Fields& referrers);
  Result<bool> Exists(const Sql& sql, const repository::Mutation& mutation);
  Status Commit();
  void Rollback();

  Connection& connection_;
  Plans& plans_;
  RowReader reader_;
  // Of the write that is alone:
  Deadline deadline_ = Deadline::max();
  enum class Mode { kBegin, kWithin, kSingle };
  Mode mode_ = Mode::kSingle;
  std::vector<std::pair<const schema::Entity*, Rows>> changed_;
  bool again_ = false;  // others were in the way: the same once more may do
};

}  // namespace storegate::postgres
