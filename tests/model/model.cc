#include "tests/model/model.h"

#include <algorithm>

#include "server/query/evaluate.h"
#include "tests/support/expected.h"

namespace storegate::test {
namespace {

using schema::Unique;

const Errors kNotFound = {{Code::kNotFound, "RECORD_NOT_FOUND", ""}};
const Errors kDeleted = {{Code::kNotFound, "RECORD_DELETED", ""}};
const Errors kMismatch = {{Code::kAborted, "ETAG_MISMATCH", ""}};

// Copies one field, set or not.
void Copy(const Message& from, const FieldDescriptor* field, Message* to) {
  MessagePtr only = Clone(from);
  std::vector<const FieldDescriptor*> set;
  only->GetReflection()->ListFields(*only, &set);
  for (const FieldDescriptor* other : set) {
    if (other != field) only->GetReflection()->ClearField(only.get(), other);
  }
  to->GetReflection()->ClearField(to, field);
  to->MergeFrom(*only);
}

// "slug", "a,b"
std::string NamesOf(const schema::Index& index) {
  std::string names;
  for (const schema::IndexField& part : index.fields) {
    names += (names.empty() ? "" : ",") + part.field->name;
  }
  return names;
}

}  // namespace

Model::Model(const Model& other) : entity_(other.entity_), parents_(other.parents_) {
  for (const auto& [id, row] : other.rows_) rows_[id] = {Clone(*row.record), row.deleted};
}

const Row* Model::Find(const Value& id) const {
  auto found = rows_.find(id);
  return found == rows_.end() ? nullptr : &found->second;
}

void Model::Check(const Message& record, const Value& id, Errors* errors) const {
  for (const schema::Index& index : entity_->indexes) {
    if (index.unique == Unique::kNo || !index.where.empty()) continue;
    for (const auto& [other_id, row] : rows_) {
      if (other_id == id || (row.deleted && index.unique == Unique::kLive)) continue;
      const Message& other = *row.record;
      const bool same = std::all_of(
          index.fields.begin(), index.fields.end(), [&](const schema::IndexField& part) {
            const Value value = GetValue(record, *part.field);
            return !IsNull(value) && value == GetValue(other, *part.field);
          });
      if (same) errors->insert({Code::kAlreadyExists, "UNIQUE_VIOLATION", NamesOf(index)});
    }
  }
  for (const schema::Field& field : entity_->fields) {
    if (!field.references) continue;
    const Value value = GetValue(record, field);
    if (IsNull(value) || value == Value(std::string())) continue;
    const std::vector<Value>& living = parents_->at(&field);
    if (std::find(living.begin(), living.end(), value) == living.end()) {
      errors->insert({Code::kFailedPrecondition, "REFERENCE_NOT_FOUND", field.name});
    }
  }
}

std::optional<Errors> Model::Version(const Row& row, const std::string& etag) const {
  if (etag.empty() || etag == EtagOf(*row.record, *entity_)) return std::nullopt;
  return kMismatch;
}

Errors Model::Create(const Message& sent) const {
  Errors errors;
  const Value id = IdOf(sent, *entity_);
  if (Find(id) != nullptr) errors.insert({Code::kAlreadyExists, "RECORD_EXISTS", ""});
  // The row that has the id counts too: it may have the unique value as well.
  Check(*Stored(sent, *entity_), Value(), &errors);
  return errors;
}

Errors Model::Update(const Message& sent, const std::string& etag,
                     const std::vector<const schema::Field*>& mask, bool allow_missing) const {
  const Row* row = Find(IdOf(sent, *entity_));
  if (row == nullptr) {
    if (!allow_missing) return kNotFound;
    return etag.empty() ? Create(sent) : kMismatch;
  }
  if (row->deleted) return kDeleted;
  if (std::optional<Errors> wrong = Version(*row, etag)) return *wrong;
  Errors errors;
  Check(*Updated(sent, mask), IdOf(sent, *entity_), &errors);
  return errors;
}

MessagePtr Model::Updated(const Message& sent,
                          const std::vector<const schema::Field*>& mask) const {
  const Row* row = Find(IdOf(sent, *entity_));
  MessagePtr stored = Stored(sent, *entity_);
  if (row == nullptr) return stored;
  MessagePtr updated = Clone(*row->record);
  for (const schema::Field* field : mask) {
    // A default is for a create.
    const bool set = field->descriptor->is_repeated() ||
                     sent.GetReflection()->HasField(sent, field->descriptor);
    if (set) {
      Copy(*stored, field->descriptor, updated.get());
    } else {
      updated->GetReflection()->ClearField(updated.get(), field->descriptor);
    }
  }
  return updated;
}

Errors Model::Delete(const Value& id, const std::string& etag, bool allow_missing) const {
  const Row* row = Find(id);
  if (row == nullptr) return allow_missing ? Errors() : kNotFound;
  if (row->deleted) return allow_missing ? Errors() : kDeleted;
  return Version(*row, etag).value_or(Errors());
}

Errors Model::Undelete(const Value& id, const std::string& etag) const {
  const Row* row = Find(id);
  if (row == nullptr) return kNotFound;
  if (!row->deleted) return {{Code::kAlreadyExists, "RECORD_NOT_DELETED", ""}};
  if (std::optional<Errors> wrong = Version(*row, etag)) return *wrong;
  Errors errors;
  Check(*row->record, id, &errors);
  return errors;
}

Errors Model::Purge(const Value& id, const std::string& etag, bool allow_missing) const {
  const Row* row = Find(id);
  if (row == nullptr) return allow_missing ? Errors() : kNotFound;
  return Version(*row, etag).value_or(Errors());
}

Errors Model::Get(const Value& id, bool show_deleted) const {
  const Row* row = Find(id);
  if (row == nullptr) return kNotFound;
  return row->deleted && !show_deleted ? kDeleted : Errors();
}

std::vector<const Message*> Model::List(const query::Predicate& where, const query::Order& order,
                                        bool show_deleted) const {
  std::vector<const Message*> records;
  for (const auto& [id, row] : rows_) {
    if (row.deleted && !show_deleted) continue;
    if (query::Matches(where, *row.record)) records.push_back(row.record.get());
  }
  std::sort(records.begin(), records.end(), [&](const Message* a, const Message* b) {
    return query::CompareRecords(order, *a, *b) < 0;
  });
  return records;
}

void Model::Put(const Message& record, bool deleted) {
  rows_[IdOf(record, *entity_)] = {Clone(record), deleted};
}

}  // namespace storegate::test
