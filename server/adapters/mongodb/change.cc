// Writer: one change. What it needs others to be (references) is looked at first, what
// it needs its own row to be is part of the command.
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

// How often a change is tried when others are in the way.
constexpr int kAttemptsMax = 5;

Status NotFoundAfterAll() {
  return Status(Code::kInternal, "DATABASE_ERROR", "A row that is there was not found.");
}

}  // namespace

Result<Bson> Writer::Change(const Mutation& mutation) {
  for (int attempt = 1;; ++attempt) {
    again_ = false;
    Result<Bson> row = ChangeOnce(mutation);
    if (row.ok() || !again_ || attempt == kAttemptsMax) return row;
  }
}

Result<Bson> Writer::ChangeOnce(const Mutation& mutation) {
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

// Runs a findAndModify. `matched`: there was a row in the state that it wants.
Result<Bson> Writer::Modify(const Bson& command, const Mutation& mutation, bool* matched) {
  *matched = false;
  const Answer answer = connection_.Write(command);
  if (!answer.ok()) return Explained(*answer.failure, mutation);
  bson_iter_t at;
  const bool has_value = bson_iter_init_find(&at, answer.reply.get(), "value");
  if (has_value && BSON_ITER_HOLDS_NULL(&at)) {
    // It may have been there the first time.
    if (connection_.repeated()) return WriteUnknown();
    return Bson();
  }
  const uint8_t* data = nullptr;
  uint32_t length = 0;
  bson_t row;
  if (has_value && BSON_ITER_HOLDS_DOCUMENT(&at)) bson_iter_document(&at, &length, &data);
  if (data == nullptr || !bson_init_static(&row, data, length)) {
    static_cast<void>(MalformedAnswer());
    return WriteUnknown();
  }
  *matched = true;
  return Bson::CopyOf(&row);
}

Result<Bson> Writer::Insert(const Mutation& mutation) {
  Item item{&mutation, mutation.id, Bson(), {}, {}};
  InsertAll({&item, 1});
  if (!item.status.ok()) return item.status;
  return std::move(item.document);
}

Result<Bson> Writer::Update(const Mutation& mutation) {
  const bool upsert = mutation.change == Change::kUpsert;
  if (upsert && IsNull(mutation.id)) return Insert(mutation);
  for (const Field* field : repository::WrittenReferences(mutation)) {
    Result<Value> value = query::ReadValue(*mutation.record, field->descriptor);
    if (!value.ok()) return value.status();
    if (IsNull(*value)) continue;
    Result<bool> living = Living(*field, *value);
    if (!living.ok()) return living.status();
    if (*living) continue;
    // A row may refer to itself, when it lives.
    if (field->references->field == mutation.entity->id && *value == mutation.id && upsert) {
      continue;
    }
    return BrokenReference(mutation, *field);
  }
  const Result<Bson> command = plans_.Of(*mutation.entity).Update(mutation);
  if (!command.ok()) return command.status();
  for (int attempt = 0; attempt < 2; ++attempt) {
    bool matched;
    Result<Bson> row = Modify(*command, mutation, &matched);
    if (!row.ok() || matched) return row;
    Result<State> state = ReadState(mutation, {});
    if (!state.ok()) return state.status();
    if (upsert && !state->found && !mutation.expected_version) return Insert(mutation);
    if (Status status = CheckState(*state, mutation); !status.ok()) return status;
  }
  return NotFoundAfterAll();
}

Result<Bson> Writer::Delete(const Mutation& mutation) {
  if (!mutation.check_referrers.empty()) {
    if (Status status = CheckReferrers(mutation); !status.ok()) return status;
  }
  const Plan& plan = plans_.Of(*mutation.entity);
  const Bson command =
      DeletesForGood(mutation) ? plan.Delete(mutation) : plan.SetDeleted(mutation, true);
  for (int attempt = 0; attempt < 2; ++attempt) {
    bool matched;
    Result<Bson> row = Modify(command, mutation, &matched);
    if (!row.ok() || matched) return row;
    Result<State> state = ReadState(mutation, {});
    if (!state.ok()) return state.status();
    if (Status status = CheckState(*state, mutation); !status.ok()) return status;
  }
  return NotFoundAfterAll();
}

Result<Bson> Writer::Undelete(const Mutation& mutation) {
  if (!mutation.entity->soft_delete()) {
    return Status(Code::kInternal, "UNKNOWN_CHANGE", "An undelete of what is deleted for good.");
  }
  const Bson command = plans_.Of(*mutation.entity).SetDeleted(mutation, false);
  for (int attempt = 0; attempt < 2; ++attempt) {
    Result<State> state = ReadState(mutation, mutation.check_references);
    if (!state.ok()) return state.status();
    if (Status status = CheckState(*state, mutation); !status.ok()) return status;
    for (size_t i = 0; i < state->values.size(); ++i) {
      const Field& field = *mutation.check_references[i];
      if (IsNull(state->values[i])) continue;
      // Back again, it may refer to itself.
      if (field.references->field == mutation.entity->id && state->values[i] == mutation.id) {
        continue;
      }
      Result<bool> living = Living(field, state->values[i]);
      if (!living.ok()) return living.status();
      if (!*living) return BrokenReference(mutation, field);
    }
    bool matched;
    Result<Bson> row = Modify(command, mutation, &matched);
    if (!row.ok() || matched) return row;
  }
  return NotFoundAfterAll();
}

// The row's own state comes first.
Status Writer::CheckReferrers(const Mutation& mutation) {
  Fields referenced;
  for (const Field* referrer : mutation.check_referrers) {
    referenced.push_back(referrer->references->field);
  }
  Result<State> state = ReadState(mutation, referenced);
  if (!state.ok()) return state.status();
  if (Status status = CheckState(*state, mutation); !status.ok()) return status;
  const bool living = !DeletesForGood(mutation);
  for (size_t i = 0; i < referenced.size(); ++i) {
    if (IsNull(state->values[i])) continue;
    const Field& referrer = *mutation.check_referrers[i];
    Result<bool> refers =
        Exists(Referring(referrer, state->values[i], living, *mutation.entity, mutation.id));
    if (!refers.ok()) return refers.status();
    if (*refers) return repository::RecordReferenced(*mutation.entity, mutation.id, referrer);
  }
  return {};
}

Result<Writer::State> Writer::ReadState(const Mutation& mutation, const Fields& more) {
  const Plan& plan = plans_.Of(*mutation.entity);
  Cursor cursor(&connection_, plan.State(mutation.id, more));
  const bson_t* document = cursor.Next();
  if (cursor.failure()) return cursor.status();
  if (document == nullptr) return State();
  return plan.ReadState(document, more);
}

Result<bool> Writer::Living(const Field& reference, const Value& value) {
  BsonArray values;
  AppendValue(values.NextKey(), value, *reference.references->field, values.bson().get());
  return Exists(LivingTargets(reference, values.bson()));
}

Result<bool> Writer::Exists(const Bson& find) {
  Cursor cursor(&connection_, find);
  const bool there = cursor.Next() != nullptr;
  if (cursor.failure()) return cursor.status();
  return there;
}

}  // namespace storegate::mongodb
