// SqliteSession::Apply. All writes given together are one transaction, begun
// IMMEDIATE: from there on nobody else writes, so what is checked stays true until
// the commit. Each write is a savepoint of it, taken back alone when it fails.
#include <algorithm>
#include <optional>
#include <utility>

#include "server/adapters/sqlite/errors.h"
#include "server/adapters/sqlite/session.h"
#include "server/adapters/sqlite/types.h"
#include "server/repository/row_status.h"

namespace storegate::sqlite {

using repository::Change;
using repository::Mutation;
using repository::Sink;
using repository::Write;
using schema::Field;

Status Writer::Run(std::span<Write* const> writes) {
  for (Write* write : writes) {
    write->outcomes.clear();
    write->failed.reset();
  }
  int code = Bracket("BEGIN IMMEDIATE");
  if (code != SQLITE_OK) return ToStatus(connection_.handle(), code);
  // A write that is alone needs no savepoint: the transaction is its own.
  const bool savepoints = writes.size() > 1;
  bool any = false;
  for (Write* write : writes) {
    if (savepoints) code = Bracket("SAVEPOINT one_write");
    if (code == SQLITE_OK) RunWrite(write);
    if (code == SQLITE_OK && lost_.ok() && savepoints) {
      if (write->failed) code = Bracket("ROLLBACK TO one_write");
      if (code == SQLITE_OK) code = Bracket("RELEASE one_write");
    }
    if (code != SQLITE_OK) Lose(ToStatus(connection_.handle(), code));
    if (!lost_.ok()) break;
    any = any || !write->failed;
  }
  if (lost_.ok() && any) {
    code = Bracket("COMMIT");
    if (code != SQLITE_OK) Lose(CommitFailure(connection_.handle(), code));
  }
  Rollback();
  if (lost_.ok()) return {};
  for (Write* write : writes) {
    write->outcomes.clear();
    write->failed.reset();
  }
  return lost_;
}

// Also where SQLite did so itself, and after a commit: then there is nothing to do.
void Writer::Rollback() {
  if (connection_.InTransaction()) Bracket("ROLLBACK");
}

void Writer::Lose(const Status& status) {
  if (lost_.ok()) lost_ = status;
}

void Writer::RunWrite(Write* write) {
  write->outcomes.resize(write->mutations.size());
  for (size_t i = 0; i < write->mutations.size(); ++i) {
    Status status = Change(write->mutations[i], write->sink);
    if (status.ok()) continue;
    write->outcomes[i].status = std::move(status);
    write->failed = i;
    return;
  }
}

Status Writer::Change(const Mutation& mutation, Sink* sink) {
  switch (mutation.change) {
    case Change::kInsert: return Insert(mutation, sink);
    case Change::kUpdate:
    case Change::kUpsert: return Update(mutation, sink);
    case Change::kDelete:
    case Change::kPurge: return Delete(mutation, sink);
    case Change::kUndelete: return Undelete(mutation, sink);
  }
  return Status(Code::kInternal, "UNKNOWN_CHANGE", "A mutation of no known kind.");
}

// Runs a statement that answers with the row. `matched`: there was one.
Status Writer::Execute(const Sql& sql, const Mutation& mutation, Sink* sink, bool* matched) {
  *matched = false;
  std::optional<Cursor> cursor;
  int code = connection_.Start(sql, &cursor);
  if (code != SQLITE_OK) return Explained(code, mutation);
  const Columns& columns = plans_.Of(*mutation.entity).columns(true);
  while ((code = cursor->Step()) == SQLITE_ROW) {
    *matched = true;
    if (sink == nullptr) continue;
    bool more;
    if (Status status = ReadRow(cursor->row(), columns, sink, &more); !status.ok()) return status;
  }
  // Foreign keys are checked behind the last row.
  return code == SQLITE_DONE ? Status() : Explained(code, mutation);
}

Status Writer::Explained(int code, const Mutation& mutation) {
  const schema::Entity& entity = *mutation.entity;
  Failure failure = Explain(connection_.handle(), code, entity);
  switch (failure.what) {
    case Failure::What::kUnique:
      if (failure.fields == std::vector<const Field*>{entity.id}) {
        return repository::RecordExists(entity, mutation.id);
      }
      // SQLite names one index of those that fail, and the id comes before others.
      if (mutation.change == Change::kInsert && !IsNull(mutation.id)) {
        Result<State> state = ReadState(mutation, {});
        if (!state.ok()) return state.status();
        if (state->found) return repository::RecordExists(entity, mutation.id);
      }
      return UniqueStatus(mutation, failure.fields);
    case Failure::What::kForeignKey: return ForeignKeyStatus(mutation);
    case Failure::What::kStatement: return failure.status;
    case Failure::What::kTransaction: break;
  }
  if ((code & 0xFF) != SQLITE_FULL) {
    Lose(failure.status);
    return failure.status;
  }
  // SQLite says "full" also when AUTOINCREMENT has no number left.
  if (IsNull(mutation.id) && connection_.InTransaction()) {
    Result<bool> exhausted = Exists(plans_.Of(entity).IdsExhausted());
    if (exhausted.ok() && *exhausted) {
      return Status(Code::kResourceExhausted, "IDS_EXHAUSTED",
                    "No " + entity.name + " can be counted any more: the greatest id is taken.");
    }
  }
  Lose(ToStatus(nullptr, code));
  return lost_;
}

// Names the first key, in their order, whose values another row has: SQLite names any
// one of them, `named`.
Status Writer::UniqueStatus(const Mutation& mutation, const Fields& named) {
  const schema::Entity& entity = *mutation.entity;
  for (size_t i = 1; i < entity.keys.size(); ++i) {
    const schema::Key& key = entity.keys[i];
    Result<State> state = ReadState(mutation, key.fields);
    if (!state.ok()) return state.status();
    Result<repository::KeyValues> values = repository::KeyAfter(mutation, key, *state);
    if (!values.ok()) return values.status();
    if (values->empty()) continue;
    const repository::GetRequest request{&entity, &key, {*std::move(values)}, true, {}};
    const Plan& plan = plans_.Of(entity);
    Result<bool> taken = Taken(plan.Get(request, plan.columns(true)), mutation, key);
    if (!taken.ok()) return taken.status();
    if (*taken) return repository::UniqueViolation(entity, key.fields);
  }
  return repository::UniqueViolation(entity, named);
}

// Whether one of the rows that `sql` gives, which have the key's values, is in the
// mutation's way.
Result<bool> Writer::Taken(const Sql& sql, const Mutation& mutation, const schema::Key& key) {
  const schema::Entity& entity = *mutation.entity;
  const Fields& fields = plans_.Of(entity).columns(true).fields;
  const auto column = [&](const Field* field) {
    return static_cast<int>(std::ranges::find(fields, field) - fields.begin());
  };
  Result<Cursor> cursor = connection_.Run(sql);
  if (!cursor.ok()) return cursor.status();
  int code;
  while ((code = cursor->Step()) == SQLITE_ROW) {
    const Value id = ReadColumn(cursor->row(), column(entity.id), *entity.id);
    const bool deleted =
        entity.soft_delete() &&
        sqlite3_column_type(cursor->row(), column(entity.delete_time)) != SQLITE_NULL;
    if (repository::InTheWay(mutation, key, id, deleted)) return true;
  }
  if (code == SQLITE_DONE) return false;
  return ToStatus(connection_.handle(), code);
}

// The database's own foreign keys are behind the checks made here, for rows that
// another program wrote. SQLite does not say which key it was.
Status Writer::ForeignKeyStatus(const Mutation& mutation) {
  const schema::Entity& entity = *mutation.entity;
  if (mutation.change == Change::kDelete || mutation.change == Change::kPurge) {
    for (const Field* referrer : entity.referrers) {
      if (Status status = CheckReferrers(mutation, {referrer});
          status.code() == Code::kFailedPrecondition) {
        return status;
      }
    }
    return repository::SomewhereReferenced(entity);
  }
  // An update has no more of the record than it writes.
  bool there = mutation.change == Change::kUpdate;
  if (mutation.change == Change::kUpsert && !IsNull(mutation.id)) {
    Result<State> state = ReadState(mutation, {});
    if (!state.ok()) return state.status();
    there = state->found;
  }
  for (const Field* field :
       there ? repository::WrittenReferences(mutation) : mutation.check_references) {
    Status status = CheckReferences(mutation, {field});
    if (status.code() == Code::kFailedPrecondition) return status;
  }
  return repository::SomeReferenceNotFound(entity);
}

Status Writer::Insert(const Mutation& mutation, Sink* sink) {
  Result<Sql> sql = plans_.Of(*mutation.entity).Insert(mutation);
  if (!sql.ok()) return sql.status();
  bool matched;
  if (Status status = Execute(*sql, mutation, sink, &matched); !status.ok()) return status;
  // Behind the insert: a row may refer to itself, and an id that is taken is
  // reported first.
  return CheckReferences(mutation, mutation.check_references);
}

Status Writer::Update(const Mutation& mutation, Sink* sink) {
  const bool upsert = mutation.change == Change::kUpsert;
  if (upsert && IsNull(mutation.id)) return Insert(mutation, sink);
  Result<Sql> sql = plans_.Of(*mutation.entity).Update(mutation);
  if (!sql.ok()) return sql.status();
  bool matched;
  if (Status status = Execute(*sql, mutation, sink, &matched); !status.ok()) return status;
  if (!matched) {
    if (!upsert) return NotMatched(mutation);
    Result<State> state = ReadState(mutation, {});
    if (!state.ok()) return state.status();
    if (state->found || mutation.expected_version) return CheckState(*state, mutation);
    return Insert(mutation, sink);
  }
  return CheckReferences(mutation, repository::WrittenReferences(mutation));
}

Status Writer::Delete(const Mutation& mutation, Sink* sink) {
  if (!mutation.check_referrers.empty()) {
    Status status = CheckReferrers(mutation, mutation.check_referrers);
    if (!status.ok()) return status;
  }
  const Plan& plan = plans_.Of(*mutation.entity);
  const Sql sql = DeletesForGood(mutation) ? plan.Delete(mutation) : plan.SoftDelete(mutation);
  bool matched;
  if (Status status = Execute(sql, mutation, sink, &matched); !status.ok()) return status;
  return matched ? Status() : NotMatched(mutation);
}

Status Writer::Undelete(const Mutation& mutation, Sink* sink) {
  if (!mutation.entity->soft_delete()) {
    return Status(Code::kInternal, "UNKNOWN_CHANGE", "An undelete of what is deleted for good.");
  }
  bool matched;
  Status status =
      Execute(plans_.Of(*mutation.entity).Undelete(mutation), mutation, sink, &matched);
  if (!status.ok()) return status;
  if (!matched) return NotMatched(mutation);
  if (mutation.check_references.empty()) return {};
  Result<State> state = ReadState(mutation, mutation.check_references);
  if (!state.ok()) return state.status();
  for (size_t i = 0; i < state->values.size(); ++i) {
    if (IsNull(state->values[i])) continue;
    const Field& field = *mutation.check_references[i];
    Result<bool> living = Exists(LivingTarget(field, state->values[i]));
    if (!living.ok()) return living.status();
    if (!*living) return repository::ReferenceNotFound(field);
  }
  return {};
}

// Why a statement that names the row by id, state and version found none.
Status Writer::NotMatched(const Mutation& mutation) {
  Result<State> state = ReadState(mutation, {});
  if (!state.ok()) return state.status();
  Status status = CheckState(*state, mutation);
  if (!status.ok()) return status;
  return Status(Code::kInternal, "DATABASE_ERROR", "A row that is there was not found.");
}

Result<Writer::State> Writer::ReadState(const Mutation& mutation, const Fields& more) {
  const Sql sql = plans_.Of(*mutation.entity).State(mutation.id, more);
  std::optional<Cursor> cursor;
  int code = connection_.Start(sql, &cursor);
  if (code != SQLITE_OK) return Explained(code, mutation);
  State state;
  code = cursor->Step();
  if (code == SQLITE_DONE) return state;
  if (code != SQLITE_ROW) return Explained(code, mutation);
  state.found = true;
  state.version = sqlite3_column_int64(cursor->row(), 0);
  state.deleted = sqlite3_column_int(cursor->row(), 1) != 0;
  int index = 2;
  for (const Field* field : more) {
    state.values.push_back(ReadColumn(cursor->row(), index++, *field));
  }
  return state;
}

Status Writer::CheckReferences(const Mutation& mutation, const Fields& fields) {
  for (const Field* field : fields) {
    if (mutation.record == nullptr) break;
    Result<Value> value = ColumnValue(*mutation.record, *field);
    if (!value.ok()) return value.status();
    if (IsNull(*value)) continue;
    Result<bool> living = Exists(LivingTarget(*field, *value));
    if (!living.ok()) return living.status();
    if (!*living) return repository::ReferenceNotFound(*field);
  }
  return {};
}

// The row's own state comes first.
Status Writer::CheckReferrers(const Mutation& mutation, const Fields& referrers) {
  std::vector<const Field*> referenced;
  for (const Field* referrer : referrers) referenced.push_back(referrer->references->field);
  Result<State> state = ReadState(mutation, referenced);
  if (!state.ok()) return state.status();
  if (Status status = CheckState(*state, mutation); !status.ok()) return status;
  const bool living = !DeletesForGood(mutation);
  for (size_t i = 0; i < referrers.size(); ++i) {
    if (IsNull(state->values[i])) continue;
    Result<bool> refers = Exists(
        Referring(*referrers[i], state->values[i], living, *mutation.entity, mutation.id));
    if (!refers.ok()) return refers.status();
    if (*refers) return repository::RecordReferenced(*mutation.entity, mutation.id, *referrers[i]);
  }
  return {};
}

Result<bool> Writer::Exists(const Sql& sql) {
  Result<Cursor> cursor = connection_.Run(sql);
  if (!cursor.ok()) return cursor.status();
  const int code = cursor->Step();
  if (code == SQLITE_ROW || code == SQLITE_DONE) return code == SQLITE_ROW;
  Status status = ToStatus(connection_.handle(), code);
  // What a read cannot get over, the transaction cannot either.
  if (code != SQLITE_ERROR) Lose(status);
  return status;
}

}  // namespace storegate::sqlite
