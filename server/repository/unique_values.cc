#include "server/repository/unique_values.h"

#include <algorithm>

namespace storegate::repository {
namespace {

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
  return repeats;
}

}  // namespace storegate::repository
