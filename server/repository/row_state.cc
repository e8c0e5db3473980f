#include "server/repository/row_state.h"

#include <algorithm>
#include <utility>

#include "server/query/predicate.h"
#include "server/repository/row_status.h"

namespace storegate::repository {
namespace {

bool Writes(const Mutation& mutation, const schema::Field* field) {
  return std::ranges::find(mutation.fields, field) != mutation.fields.end();
}

}  // namespace

Status CheckState(const RowState& state, const Mutation& mutation) {
  const schema::Entity& entity = *mutation.entity;
  if (!state.found) {
    // An upsert with an etag is about a row that was there: it never inserts.
    if (mutation.change == Change::kUpsert) return EtagMismatch(entity, mutation.id);
    return RecordNotFound(entity, mutation.id);
  }
  if (mutation.change == Change::kUndelete) {
    if (!state.deleted) return RecordNotDeleted(entity, mutation.id);
  } else if (mutation.change != Change::kPurge && state.deleted) {
    return RecordDeleted(entity, mutation.id);
  }
  if (mutation.expected_version && *mutation.expected_version != state.version) {
    return EtagMismatch(entity, mutation.id);
  }
  return {};
}

bool DeletesForGood(const Mutation& mutation) {
  return mutation.change == Change::kPurge || !mutation.entity->soft_delete();
}

std::vector<const schema::Field*> WrittenReferences(const Mutation& mutation) {
  std::vector<const schema::Field*> written;
  for (const schema::Field* field : mutation.check_references) {
    if (Writes(mutation, field)) written.push_back(field);
  }
  return written;
}

Result<KeyValues> KeyAfter(const Mutation& mutation, const schema::Key& key,
                           const RowState& state) {
  KeyValues values;
  for (size_t i = 0; i < key.fields.size(); ++i) {
    const schema::Field* field = key.fields[i];
    Value value;
    if (mutation.record != nullptr && (!state.found || Writes(mutation, field))) {
      Result<Value> written = query::ReadValue(*mutation.record, field->descriptor);
      if (!written.ok()) return written.status();
      value = *std::move(written);
    } else if (state.found) {
      value = state.values[i];
    }
    if (IsNull(value)) return KeyValues();
    values.push_back(std::move(value));
  }
  return values;
}

bool InTheWay(const Mutation& mutation, const schema::Key& key, const Value& id, bool deleted) {
  return id != mutation.id && (!deleted || key.unique != schema::Unique::kLive);
}

}  // namespace storegate::repository
