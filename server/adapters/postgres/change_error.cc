// Writer: what a change that failed means to its caller. The database names one thing
// of several that are wrong; callers are told the first one, in an order that is the
// same on every backend: the id, unique values in the order of the schema, references.
#include <algorithm>
#include <utility>

#include "server/adapters/postgres/session.h"
#include "server/repository/row_status.h"

namespace storegate::postgres {

using repository::Change;
using repository::Mutation;
using schema::Field;

// REQUIRES: the transaction is over.
Status Writer::Explained(const Failure& failure, const Mutation& mutation) {
  switch (failure.what) {
    case Failure::What::kUnique: return UniqueStatus(failure, mutation);
    case Failure::What::kForeignKey: return ForeignKeyStatus(mutation);
    case Failure::What::kStale:
      connection_.ForgetStatements();
      again_ = true;
      return failure.status;
    case Failure::What::kAgain:
      again_ = true;
      return failure.status;
    default: return failure.status;
  }
}

Status Writer::UniqueStatus(const Failure& failure, const Mutation& mutation) {
  const schema::Entity& entity = *mutation.entity;
  const Fields fields = FieldsOfIndex(entity, failure.constraint);
  const bool of_id = fields == Fields{entity.id};
  if (of_id && IsNull(mutation.id)) {
    // A row has an id that was not counted, from another program.
    Sql sql;
    plans_.Of(entity).CountFrom({}, &sql);
    Result<Rows> counted = Ask(sql, mutation);
    if (!counted.ok()) return counted.status();
    again_ = true;
    return Status(Code::kAborted, "CONFLICT", "The next id was taken.");
  }
  if (of_id && mutation.change == Change::kUpsert) {
    again_ = true;  // made by another a moment ago: now it is an update
    return repository::RecordExists(entity, mutation.id);
  }
  if (of_id) return repository::RecordExists(entity, mutation.id);
  // One index of those that fail was named, and the id comes before others.
  if (mutation.change == Change::kInsert && !IsNull(mutation.id)) {
    Result<State> state = ReadState(mutation, {}, false);
    if (!state.ok()) return state.status();
    if (state->found) return repository::RecordExists(entity, mutation.id);
  }
  Result<Fields> first = FirstTaken(mutation);
  if (!first.ok()) return first.status();
  return repository::UniqueViolation(entity, first->empty() ? fields : *first);
}

// The fields of the first key, in their order, whose values another row has: the
// database names any one of them. Empty when there is none any more.
Result<Writer::Fields> Writer::FirstTaken(const Mutation& mutation) {
  const schema::Entity& entity = *mutation.entity;
  Plan& plan = plans_.Of(entity);
  for (size_t i = 1; i < entity.keys.size(); ++i) {
    const schema::Key& key = entity.keys[i];
    Result<State> state = ReadState(mutation, key.fields, false);
    if (!state.ok()) return state.status();
    Result<repository::KeyValues> values = repository::KeyAfter(mutation, key, *state);
    if (!values.ok()) return values.status();
    if (values->empty()) continue;
    const repository::GetRequest request{&entity, &key, {*std::move(values)}, true, {}};
    Sql sql;
    plan.Get(request, &sql);
    Result<Rows> rows = Ask(sql, mutation);
    if (!rows.ok()) return rows.status();
    if (TakenIn(rows->get(), mutation, key)) return key.fields;
  }
  return Fields();
}

// Whether one of the rows, which have the key's values, is in the mutation's way.
bool Writer::TakenIn(const PGresult* rows, const Mutation& mutation, const schema::Key& key) {
  const schema::Entity& entity = *mutation.entity;
  const Fields& fields = plans_.Of(entity).columns(true).fields;
  const auto column = [&](const Field* field) {
    return static_cast<int>(std::ranges::find(fields, field) - fields.begin());
  };
  for (int row = 0; row < PQntuples(rows); ++row) {
    const Result<Value> id = ReadValue(rows, row, column(entity.id), *entity.id);
    const bool deleted =
        entity.soft_delete() && PQgetisnull(rows, row, column(entity.delete_time)) == 0;
    if (!id.ok() || repository::InTheWay(mutation, key, *id, deleted)) return true;
  }
  return false;
}

Writer::Fields Writer::FieldsOfIndex(const schema::Entity& entity, const std::string& index) {
  Fields fields;
  for (const schema::Index& declared : entity.indexes) {
    if (declared.name != index) continue;
    for (const schema::IndexField& part : declared.fields) fields.push_back(part.field);
    return fields;
  }
  // Of another name: the primary key, or another tool made the table.
  Sql sql;
  plans_.Of(entity).IndexColumns(index, &sql);
  const Result<Rows> rows = connection_.Ask(sql, deadline_);
  if (!rows.ok()) return fields;
  for (int row = 0; row < PQntuples(rows->get()); ++row) {
    const std::string_view column = PQgetvalue(rows->get(), row, 0);
    for (const Field* field : entity.stored) {
      if (field->column == column) fields.push_back(field);
    }
  }
  return fields;
}

// The database's own foreign keys are behind the checks made here, for rows that
// another program wrote.
Status Writer::ForeignKeyStatus(const Mutation& mutation) {
  const schema::Entity& entity = *mutation.entity;
  if (mutation.change == Change::kDelete || mutation.change == Change::kPurge) {
    for (const Field* referrer : entity.referrers) {
      Status status = CheckReferrers(mutation, {referrer});
      if (status.code() == Code::kFailedPrecondition) return status;
    }
    return repository::SomewhereReferenced(entity);
  }
  // An update has no more of the record than it writes.
  bool there = mutation.change == Change::kUpdate;
  if (mutation.change == Change::kUpsert && !IsNull(mutation.id)) {
    Result<State> state = ReadState(mutation, {}, false);
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

}  // namespace storegate::postgres
