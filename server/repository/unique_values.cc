#include "server/repository/unique_values.h"

#include <algorithm>

namespace storegate::repository {
namespace {

Value ValueOf(const Mutation& insert, const schema::Field& field) {
  Result<Value> value = query::ReadValue(*insert.record, field.descriptor);
  return value.ok() ? *std::move(value) : Value();
}

// Empty when one is null, and so nobody's.
KeyValues ValuesOf(const Mutation& insert, const schema::Index& index) {
  KeyValues values;
  for (const schema::IndexField& part : index.fields) {
    Result<Value> value = query::ReadValue(*insert.record, part.field->descriptor);
    // What no column takes is found out, and said, when it is written.
    if (!value.ok() || IsNull(*value)) return KeyValues();
    values.push_back(*std::move(value));
  }
  return values;
}

}  // namespace

bool UniqueValues::Repeats(const Mutation& mutation) {
  bool repeats = !IsNull(mutation.id) && !ids_.emplace(mutation.entity, mutation.id).second;
  if (mutation.change != Change::kInsert || mutation.record == nullptr) return repeats;
  for (const schema::Index& index : mutation.entity->indexes) {
    if (index.unique == schema::Unique::kNo) continue;
    KeyValues values = ValuesOf(mutation, index);
    if (values.empty()) continue;
    if (!values_.emplace(&index, std::move(values)).second) repeats = true;
  }
  // One INSERT is of one entity: only references within it depend on what is behind.
  Targets own, referred;
  for (const schema::Field* field : mutation.entity->stored) {
    if (!field->references || field->references->entity != mutation.entity) continue;
    const schema::Field* target = field->references->field;
    Value mine = target == mutation.entity->id ? mutation.id : ValueOf(mutation, *target);
    Value other = ValueOf(mutation, *field);
    if (!IsNull(mine)) own.emplace(target, std::move(mine));
    if (!IsNull(other)) referred.emplace(target, std::move(other));
  }
  for (const auto& each : own) repeats = repeats || referred_.contains(each);
  for (const auto& each : referred) repeats = repeats || behind_.contains(each);
  referred_.merge(referred);
  if (repeats) behind_.merge(own);
  return repeats;
}

}  // namespace storegate::repository
