// Writer: one write as a transaction of its own, each change seeing those before it.
// A row that a check relies on is held until the commit, so that what was checked
// stays true. An error ends the transaction; why it came is asked for after that.
#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "server/adapters/postgres/session.h"
#include "server/repository/row_status.h"

namespace storegate::postgres {

using repository::Change;
using repository::Mutation;
using repository::Write;
using schema::Field;

namespace {

// How often a write is tried when others are in the way.
constexpr int kAttemptsMax = 5;

}  // namespace

void Writer::RunAlone(Write* write) {
  deadline_ = write->deadline;
  for (int attempt = 1;; ++attempt) {
    write->failed.reset();
    write->outcomes.assign(write->mutations.size(), {});
    again_ = false;
    if (Expired(deadline_)) {
      write->outcomes[0].status = repository::TooLate();
      write->failed = 0;
      return;
    }
    if (!AttemptAlone(write) || attempt == kAttemptsMax) return;
  }
}

bool Writer::AttemptAlone(Write* write) {
  mode_ = Mode::kBegin;
  bool done = false;
  if (write->mutations.size() > 1) {
    Status status = RunInserts(write, &done);
    if (!status.ok()) {
      write->outcomes[0].status = std::move(status);
      write->failed = 0;
      return again_;
    }
    if (done) return false;
    mode_ = Mode::kBegin;
  }
  changed_.clear();
  for (size_t i = 0; i < write->mutations.size(); ++i) {
    Status status = Change(write->mutations[i]);
    if (status.ok()) continue;
    Rollback();
    write->outcomes[i].status = std::move(status);
    write->failed = i;
    return again_;
  }
  Status status = Commit();
  // Only what is there to stay is written: the sink cannot take back what an attempt
  // before this one had made.
  for (size_t i = 0; status.ok() && write->sink != nullptr && i < changed_.size(); ++i) {
    const auto& [entity, rows] = changed_[i];
    bool more;
    status = reader_.Read(rows.get(), 0, plans_.Of(*entity).columns(true), write->sink,
                          &more);
  }
  if (!status.ok()) {
    write->outcomes[0].status = std::move(status);
    write->failed = 0;
  }
  return again_ && write->failed.has_value();
}

// New rows of one entity, as few statements. Not `done`: some did not come to be,
// and nothing was kept; which and why is found out one by one.
Status Writer::RunInserts(Write* write, bool* done) {
  const Mutation& first = write->mutations[0];
  const bool counted = first.entity->id->type == schema::Type::kInt64;
  std::set<Value> ids;
  Value greatest;
  for (const Mutation& mutation : write->mutations) {
    if (mutation.change != Change::kInsert || mutation.entity != first.entity ||
        IsNull(mutation.id) != IsNull(first.id) ||
        mutation.check_references != first.check_references ||
        (!IsNull(mutation.id) && !ids.insert(mutation.id).second)) {
      return {};
    }
    greatest = std::max(greatest, mutation.id);
  }
  Plan& plan = plans_.Of(*first.entity);
  std::vector<Sql> statements;
  for (size_t begin = 0; begin < write->mutations.size(); begin += kInsertRowsMax) {
    std::vector<const Mutation*> rows;
    const size_t end = std::min(begin + kInsertRowsMax, write->mutations.size());
    for (size_t i = begin; i < end; ++i) rows.push_back(&write->mutations[i]);
    if (!plan.Insert(rows, &statements.emplace_back()).ok()) return {};
  }
  if (counted && !IsNull(first.id)) plan.CountFrom(greatest, &statements.emplace_back());
  connection_.Begin(deadline_);
  connection_.SendBracket("BEGIN");
  connection_.SendBracket("SELECT set_config('lock_timeout', '0', true)");
  mode_ = Mode::kWithin;
  for (const Sql& sql : statements) connection_.Send(sql);
  connection_.Sync();
  std::vector<Rows> answers;
  std::unordered_map<int64_t, std::pair<const PGresult*, int>> by_version;
  Rows failed;
  for (size_t i = 0; i < statements.size(); ++i) {
    Rows rows = connection_.Next();
    if (rows == nullptr) return ConnectionLost();
    if (Failed(rows.get())) {
      failed = std::move(rows);
      break;
    }
    const int version = PQnfields(rows.get()) - 1;
    for (int row = 0; version > 0 && row < PQntuples(rows.get()); ++row) {
      const auto at = static_cast<int64_t>(Big64(PQgetvalue(rows.get(), row, version)));
      by_version.emplace(at, std::pair(rows.get(), row));
    }
    answers.push_back(std::move(rows));
  }
  connection_.Finish();
  if (failed != nullptr) {
    const Failure failure = Explain(failed.get());
    Rollback();
    if (failure.fatal) connection_.Lose();
    if (failure.what == Failure::What::kDatabase) return failure.status;
    if (failure.what == Failure::What::kStale) connection_.ForgetStatements();
    return {};
  }
  if (connection_.lost()) return ConnectionLost();
  if (by_version.size() != write->mutations.size()) {
    Rollback();
    return {};
  }
  if (Status status = Commit(); !status.ok()) return status;
  *done = true;
  bool more;
  for (const Mutation& mutation : write->mutations) {
    const auto [rows, row] = by_version.at(mutation.new_version);
    if (write->sink == nullptr) break;
    Status status = reader_.Read(rows, row, plan.columns(true), write->sink, &more);
    if (!status.ok()) return status;
  }
  return {};
}

Result<Rows> Writer::Ask(const Sql& sql, const Mutation& mutation) {
  connection_.Begin(deadline_);
  if (mode_ == Mode::kBegin) {
    connection_.SendBracket("BEGIN");
    connection_.SendBracket("SELECT set_config('lock_timeout', '0', true)");
    mode_ = Mode::kWithin;
  }
  connection_.Send(sql);
  connection_.Sync();
  Rows rows = connection_.Next();
  connection_.Finish();
  if (rows == nullptr) return ConnectionLost();
  if (!Failed(rows.get())) return rows;
  const Failure failure = Explain(rows.get());
  if (failure.fatal) connection_.Lose();
  Rollback();
  return Explained(failure, mutation);
}

void Writer::Rollback() {
  if (mode_ == Mode::kWithin && !connection_.lost()) {
    connection_.Begin(deadline_);
    connection_.SendBracket("ROLLBACK");
    connection_.Sync();
    // A connection that stays within a transaction is of no more use.
    if (connection_.Finish() != nullptr) connection_.Lose();
    connection_.ForgetSettings();
  }
  mode_ = Mode::kSingle;
}

Status Writer::Commit() {
  if (mode_ != Mode::kWithin) return {};
  connection_.Begin(deadline_);
  connection_.SendBracket("COMMIT");
  connection_.Sync();
  const Rows failed = connection_.Finish();
  mode_ = Mode::kSingle;
  if (failed == nullptr && !connection_.lost()) return {};
  if (failed == nullptr) return connection_.sent() ? CommitUnknown() : ConnectionLost();
  const Failure failure = Explain(failed.get());
  connection_.ForgetSettings();
  if (failure.fatal || connection_.lost()) {
    connection_.Lose();
    return CommitUnknown();
  }
  again_ = failure.what == Failure::What::kAgain;
  return failure.status;
}

Status Writer::Change(const Mutation& mutation) {
  switch (mutation.change) {
    case Change::kInsert: return Insert(mutation);
    case Change::kUpdate:
    case Change::kUpsert: return Update(mutation);
    case Change::kDelete:
    case Change::kPurge: return Delete(mutation);
    case Change::kUndelete: return Undelete(mutation);
  }
  return Status(Code::kInternal, "UNKNOWN_CHANGE", "A mutation of no known kind.");
}

// Runs a statement that answers with the row, which is kept for when all is well.
// `matched`: there was one.
Status Writer::Execute(const Sql& sql, const Mutation& mutation, bool* matched) {
  Result<Rows> rows = Ask(sql, mutation);
  *matched = rows.ok() && PQntuples(rows->get()) > 0;
  if (!rows.ok()) return rows.status();
  if (*matched) changed_.emplace_back(mutation.entity, *std::move(rows));
  return {};
}

Status Writer::Insert(const Mutation& mutation) {
  Plan& plan = plans_.Of(*mutation.entity);
  Sql sql;
  if (Status status = plan.InsertOrFail(mutation, &sql); !status.ok()) return status;
  bool matched;
  if (Status status = Execute(sql, mutation, &matched); !status.ok()) return status;
  if (!IsNull(mutation.id) && mutation.entity->id->type == schema::Type::kInt64) {
    plan.CountFrom(mutation.id, &sql);
    Result<Rows> counted = Ask(sql, mutation);
    if (!counted.ok()) return counted.status();
  }
  // Behind the insert: a row may refer to itself, and an id that is taken is
  // reported first.
  return CheckReferences(mutation, mutation.check_references);
}

Status Writer::Update(const Mutation& mutation) {
  const bool upsert = mutation.change == Change::kUpsert;
  if (upsert && IsNull(mutation.id)) return Insert(mutation);
  Plan& plan = plans_.Of(*mutation.entity);
  Sql sql;
  if (Status status = plan.Update(mutation, false, &sql); !status.ok()) return status;
  // Twice: the row is held from when it is asked why there was none.
  bool matched = false;
  for (int attempt = 0; attempt < 2 && !matched; ++attempt) {
    Status status = Execute(sql, mutation, &matched);
    if (!status.ok()) return status;
    if (matched) break;
    Result<State> state = ReadState(mutation, {}, true);
    if (!state.ok()) return state.status();
    if (upsert && !state->found && !mutation.expected_version) return Insert(mutation);
    if (status = CheckState(*state, mutation); !status.ok()) return status;
  }
  if (!matched) {
    return Status(Code::kInternal, "DATABASE_ERROR", "A row that is there was not found.");
  }
  return CheckReferences(mutation, repository::WrittenReferences(mutation));
}

Status Writer::Delete(const Mutation& mutation) {
  if (!mutation.check_referrers.empty()) {
    Status status = CheckReferrers(mutation, mutation.check_referrers);
    if (!status.ok()) return status;
  }
  const Plan& plan = plans_.Of(*mutation.entity);
  Sql sql;
  DeletesForGood(mutation) ? plan.Delete(mutation, &sql) : plan.SetDeleted(mutation, true, &sql);
  for (int attempt = 0; attempt < 2; ++attempt) {
    bool matched;
    Status status = Execute(sql, mutation, &matched);
    if (!status.ok() || matched) return status;
    Result<State> state = ReadState(mutation, {}, true);
    if (!state.ok()) return state.status();
    if (status = CheckState(*state, mutation); !status.ok()) return status;
  }
  return Status(Code::kInternal, "DATABASE_ERROR", "A row that is there was not found.");
}

Status Writer::Undelete(const Mutation& mutation) {
  if (!mutation.entity->soft_delete()) {
    return Status(Code::kInternal, "UNKNOWN_CHANGE", "An undelete of what is deleted for good.");
  }
  Result<State> state = ReadState(mutation, mutation.check_references, true);
  if (!state.ok()) return state.status();
  if (Status status = CheckState(*state, mutation); !status.ok()) return status;
  Sql sql;
  plans_.Of(*mutation.entity).SetDeleted(mutation, false, &sql);
  bool matched;
  if (Status status = Execute(sql, mutation, &matched); !status.ok()) return status;
  if (!matched) {
    return Status(Code::kInternal, "DATABASE_ERROR", "A row that is there was not found.");
  }
  // Behind the change: a row may refer to itself.
  for (size_t i = 0; i < state->values.size(); ++i) {
    if (IsNull(state->values[i])) continue;
    const Field& field = *mutation.check_references[i];
    LivingTarget(field, state->values[i], &sql);
    Result<bool> living = Exists(sql, mutation);
    if (!living.ok()) return living.status();
    if (!*living) return repository::ReferenceNotFound(field);
  }
  return {};
}

Result<Writer::State> Writer::ReadState(const Mutation& mutation, const Fields& more, bool lock) {
  Sql sql;
  plans_.Of(*mutation.entity).State(mutation.id, more, lock, &sql);
  Result<Rows> rows = Ask(sql, mutation);
  if (!rows.ok()) return rows.status();
  State state;
  const PGresult* row = rows->get();
  if (PQntuples(row) == 0) return state;
  state.found = true;
  state.version = static_cast<int64_t>(Big64(PQgetvalue(row, 0, 0)));
  state.deleted = PQgetvalue(row, 0, 1)[0] != 0;
  int column = 2;
  for (const Field* field : more) {
    Result<Value> value = ReadValue(row, 0, column++, *field);
    if (!value.ok()) return value.status();
    state.values.push_back(*std::move(value));
  }
  return state;
}

Status Writer::CheckReferences(const Mutation& mutation, const Fields& fields) {
  for (const Field* field : fields) {
    if (mutation.record == nullptr) break;
    Result<Value> value = FieldValue(*mutation.record, *field);
    if (!value.ok()) return value.status();
    if (IsNull(*value)) continue;
    Sql sql;
    LivingTarget(*field, *value, &sql);
    Result<bool> living = Exists(sql, mutation);
    if (!living.ok()) return living.status();
    if (!*living) return repository::ReferenceNotFound(*field);
  }
  return {};
}

// The row's own state comes first. It is held: whoever refers to it from here on
// waits, and then finds it deleted.
Status Writer::CheckReferrers(const Mutation& mutation, const Fields& referrers) {
  Fields referenced;
  for (const Field* referrer : referrers) referenced.push_back(referrer->references->field);
  Result<State> state = ReadState(mutation, referenced, mode_ != Mode::kSingle);
  if (!state.ok()) return state.status();
  if (Status status = CheckState(*state, mutation); !status.ok()) return status;
  const bool living = !DeletesForGood(mutation);
  for (size_t i = 0; i < referrers.size(); ++i) {
    if (IsNull(state->values[i])) continue;
    Sql sql;
    Referring(*referrers[i], state->values[i], living, *mutation.entity, mutation.id, &sql);
    Result<bool> refers = Exists(sql, mutation);
    if (!refers.ok()) return refers.status();
    if (*refers) {
      return repository::RecordReferenced(*mutation.entity, mutation.id, *referrers[i]);
    }
  }
  return {};
}

Result<bool> Writer::Exists(const Sql& sql, const Mutation& mutation) {
  Result<Rows> rows = Ask(sql, mutation);
  if (!rows.ok()) return rows.status();
  return PQntuples(rows->get()) > 0;
}

}  // namespace storegate::postgres
