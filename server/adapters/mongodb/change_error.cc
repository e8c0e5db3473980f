// Writer: what a change that failed means to its caller. The database names one thing
// of several that are wrong; callers are told the first one, in an order that is the
// same on every backend: the row's own state, the id, unique values in the order of the
// schema, references.
#include <algorithm>
#include <utility>

#include "server/adapters/mongodb/session.h"
#include "server/adapters/mongodb/types.h"
#include "server/repository/row_status.h"

namespace storegate::mongodb {

using repository::Change;
using repository::Mutation;
using schema::Field;

namespace {

// The fields of the index of that name; empty when the schema has none.
std::vector<const Field*> FieldsOfIndex(const schema::Entity& entity, const std::string& index) {
  std::vector<const Field*> fields;
  for (const schema::Index& declared : entity.indexes) {
    if (declared.name != index) continue;
    for (const schema::IndexField& part : declared.fields) fields.push_back(part.field);
  }
  return fields;
}

}  // namespace

Status Writer::Explained(const Failure& failure, const Mutation& mutation) {
  // What is asked from here on is no part of a transaction that failed.
  connection_.Abort();
  switch (failure.what) {
    case Failure::What::kDuplicate: return UniqueStatus(failure, mutation);
    case Failure::What::kAgain: again_ = true; return failure.status;
    default: return failure.status;
  }
}

Status Writer::UniqueStatus(const Failure& failure, const Mutation& mutation) {
  const schema::Entity& entity = *mutation.entity;
  const bool inserts =
      mutation.change == Change::kInsert || mutation.change == Change::kUpsert;
  if (inserts && IsNull(mutation.id)) {
    if (failure.index == "_id_") {
      // Another program made a row of an id that was not counted.
      if (Status status = CountFromGreatest(entity); !status.ok()) return status;
      again_ = true;
      return Status(Code::kAborted, "CONFLICT", "The next id was taken.");
    }
  } else if (inserts) {
    Result<State> state = ReadState(mutation, {});
    if (!state.ok()) return state.status();
    // Made by another a moment ago: what was an insert is an update.
    again_ = state->found && mutation.change == Change::kUpsert;
    if (state->found && !again_) return repository::RecordExists(entity, mutation.id);
  }
  Result<Fields> first = FirstTaken(mutation);
  if (!first.ok()) return first.status();
  if (!first->empty()) return repository::UniqueViolation(entity, *first);
  // It is gone again, or a change before this one in the same write has it.
  if (failure.index == "_id_") return repository::RecordExists(entity, mutation.id);
  return repository::UniqueViolation(entity, FieldsOfIndex(entity, failure.index));
}

// The fields of the first key, in their order, whose values another row has. Empty when
// there is none any more.
Result<Writer::Fields> Writer::FirstTaken(const Mutation& mutation) {
  const schema::Entity& entity = *mutation.entity;
  for (size_t i = 1; i < entity.keys.size(); ++i) {
    const schema::Key& key = entity.keys[i];
    State state;
    if (!IsNull(mutation.id)) {
      Result<State> read = ReadState(mutation, key.fields);
      if (!read.ok()) return read.status();
      state = *std::move(read);
    }
    Result<repository::KeyValues> values = repository::KeyAfter(mutation, key, state);
    if (!values.ok()) return values.status();
    if (values->empty()) continue;
    Result<bool> taken = Taken(mutation, key, *std::move(values));
    if (!taken.ok()) return taken.status();
    if (*taken) return key.fields;
  }
  return Fields();
}

// Whether a row that has the key's values is in the mutation's way.
Result<bool> Writer::Taken(const Mutation& mutation, const schema::Key& key,
                           repository::KeyValues values) {
  const schema::Entity& entity = *mutation.entity;
  const Plan& plan = plans_.Of(entity);
  Cursor cursor(&connection_, plan.Get({&entity, &key, {std::move(values)}, true, {}}));
  while (const bson_t* document = cursor.Next()) {
    bson_iter_t at;
    if (!bson_iter_init_find(&at, document, std::string(NameOf(*entity.id)).c_str())) continue;
    const Result<Value> id = ReadValue(at, *entity.id);
    if (!id.ok() || repository::InTheWay(mutation, key, *id, plan.IsDeleted(document))) {
      return true;
    }
  }
  if (cursor.failure()) return cursor.status();
  return false;
}

// The reference names no living row; what is wrong besides that is named first.
Status Writer::BrokenReference(const Mutation& mutation, const Field& field) {
  connection_.Abort();
  const schema::Entity& entity = *mutation.entity;
  if (!IsNull(mutation.id)) {
    Result<State> state = ReadState(mutation, {});
    if (!state.ok()) return state.status();
    const bool makes = mutation.change == Change::kInsert ||
                       (mutation.change == Change::kUpsert && !state->found);
    if (makes) {
      if (state->found) return repository::RecordExists(entity, mutation.id);
      if (mutation.expected_version) return CheckState(*state, mutation);
    } else if (Status status = CheckState(*state, mutation); !status.ok()) {
      return status;
    }
  }
  Result<Fields> first = FirstTaken(mutation);
  if (!first.ok()) return first.status();
  if (!first->empty()) return repository::UniqueViolation(entity, *first);
  return repository::ReferenceNotFound(field);
}

}  // namespace storegate::mongodb
