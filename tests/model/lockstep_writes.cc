// Lockstep: the operations that write.
#include <gtest/gtest.h>

#include "tests/model/lockstep.h"
#include "tests/support/expected.h"

namespace storegate::test {

using schema::Field;
using schema::Operation;

std::string Lockstep::RandomEtag(const Value& id) {
  if (entity_.etag == nullptr || random().Chance(50)) return "";
  const Row* row = model_.Find(id);
  if (row != nullptr && random().Chance(60)) return EtagOf(*row->record, entity_);
  if (old_etags_.empty()) return "";
  return random().Pick(old_etags_);
}

MessagePtr Lockstep::RandomRecord() {
  MessagePtr record =
      factory_.Make(entity_, {.with_id = false, .parents = &parents_});
  for (const Field& field : entity_.fields) {
    if (SelfReference(field)) record->GetReflection()->ClearField(record.get(), field.descriptor);
    if (field.references && !SelfReference(field) && random().Chance(4)) {
      SetValue(record.get(), field,
               factory_.ScalarFor(*field.references->field));  // refers to nothing
    }
  }
  if (!model_.rows().empty() && random().Chance(30)) {
    const Row* row = model_.Find(RandomId());
    for (const schema::Index& index : entity_.indexes) {
      if (row == nullptr || index.unique == schema::Unique::kNo || !index.where.empty()) continue;
      for (const schema::IndexField& part : index.fields) {
        SetValue(record.get(), *part.field, GetValue(*row->record, *part.field));
      }
    }
  }
  return record;
}

void Lockstep::Take(const Message& answered, const Message& expected, bool deleted) {
  EXPECT_TRUE(SameData(answered, expected, entity_));
  if (entity_.etag != nullptr) {
    const std::string etag = EtagOf(answered, entity_);
    EXPECT_TRUE(all_etags_.insert(etag).second) << "an etag came again: " << etag;
  }
  if (const Row* before = model_.Find(IdOf(answered, entity_)); before != nullptr) {
    Forget(*before);
  }
  model_.Put(answered, deleted);
}

void Lockstep::Forget(const Row& row) {
  if (entity_.etag == nullptr) return;
  old_etags_.push_back(EtagOf(*row.record, entity_));
  if (old_etags_.size() > 20) old_etags_.erase(old_etags_.begin());
}

void Lockstep::Create() {
  MessagePtr record = RandomRecord();
  if (random().Chance(80)) SetValue(record.get(), *entity_.id, RandomId());
  Note("create " + record->ShortDebugString());
  Reply reply = store_.Create(*record);
  if (!Expect(reply.status, model_.Create(*record))) return;
  MessagePtr expected = Stored(*record, entity_);
  SetValue(expected.get(), *entity_.id, IdOf(*reply.response, entity_));
  Take(*reply.response, *expected, false);
}

void Lockstep::BatchCreate() {
  std::vector<MessagePtr> records;
  std::vector<const Message*> sent;
  const bool partial = random().Chance(40);
  Note(partial ? "batch create, partial" : "batch create");
  for (int64_t i = random().Between(int64_t{1}, int64_t{4}); i > 0; --i) {
    records.push_back(RandomRecord());
    SetValue(records.back().get(), *entity_.id, RandomId());
    Note("    " + records.back()->ShortDebugString());
    sent.push_back(records.back().get());
  }
  // One after the other, on a copy.
  Model after = model_;
  std::vector<bool> right;
  Errors errors;
  for (const MessagePtr& record : records) {
    const Errors these = after.Create(*record);
    right.push_back(these.empty());
    errors.insert(these.begin(), these.end());
    if (these.empty()) after.Put(*Stored(*record, entity_), false);
  }
  Reply reply = store_.BatchCreate(sent, partial);
  if (partial) errors.clear();
  if (!Expect(reply.status, errors)) return;
  std::vector<const Message*> created = store_.Records(reply, Operation::kBatchCreate);
  size_t next = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!right[i]) continue;
    if (next == created.size()) {
      ADD_FAILURE() << "item " << i << " is missing";
      return;
    }
    Take(*created[next++], *Stored(*records[i], entity_), false);
  }
  EXPECT_EQ(next, created.size()) << "more were created than there should be";
}

void Lockstep::Update() {
  MessagePtr record = RandomRecord();
  const Value id = RandomId();
  SetValue(record.get(), *entity_.id, id);
  const std::string etag = RandomEtag(id);
  if (!etag.empty()) SetValue(record.get(), *entity_.etag, etag);
  std::vector<const Field*> fields;
  std::vector<std::string> mask;
  if (random().Chance(20)) {
    mask = {"*"};
    for (const Field* field : updatable_) {
      if (!field->input_only) fields.push_back(field);
    }
    // What RandomRecord leaves unset, a self-reference, is cleared, as it was.
  } else {
    for (const Field* field : updatable_) {
      if (random().Chance(static_cast<int>(100 / updatable_.size()) + 5)) fields.push_back(field);
    }
    if (fields.empty()) fields.push_back(random().Pick(updatable_));
    for (const Field* field : fields) mask.push_back(field->name);
    // Two members of a oneof in one mask would be a question of order.
    std::set<std::string> oneofs;
    for (const Field* field : fields) {
      if (!field->oneof.empty() && !oneofs.insert(field->oneof).second) return;
    }
  }
  const bool allow_missing = random().Chance(20) &&
                             store_.method(Operation::kUpdate).allow_missing != nullptr &&
                             model_.rows().size() < kRowsMax;
  std::string line = "update [";
  for (const std::string& path : mask) line += path + " ";
  Note(line + (allow_missing ? "] or insert " : "] ") + record->ShortDebugString());
  Reply reply = store_.Update(*record, mask, allow_missing);
  if (!Expect(reply.status, model_.Update(*record, etag, fields, allow_missing))) return;
  Take(*reply.response, *model_.Updated(*record, fields), false);
}

void Lockstep::Delete() {
  const Value id = RandomId();
  DeleteArgs args;
  args.allow_missing = random().Chance(25);
  if (!args.allow_missing && store_.method(Operation::kDelete).etag != nullptr) {
    args.etag = RandomEtag(id);
  }
  Note("delete " + ToText(id) + " " + args.etag + (args.allow_missing ? " if there" : ""));
  Reply reply = store_.Delete(id, args);
  const bool there = model_.Get(id, false).empty();
  if (!Expect(reply.status, model_.Delete(id, args.etag, args.allow_missing)) || !there) return;
  if (!entity_.soft_delete()) {
    Forget(*model_.Find(id));
    return model_.Remove(id);
  }
  Reply shown = store_.Get(id, true);
  ASSERT_TRUE(HasStatus(shown.status, Code::kOk));
  EXPECT_FALSE(IsNull(GetValue(*shown.response, *entity_.delete_time)));
  Take(*shown.response, *Clone(*model_.Find(id)->record), true);
}

void Lockstep::Undelete() {
  if (!store_.Has(Operation::kUndelete)) return;
  const Value id = RandomId();
  const std::string etag = RandomEtag(id);
  Note("undelete " + ToText(id) + " " + etag);
  Reply reply = store_.Undelete(id, etag);
  if (!Expect(reply.status, model_.Undelete(id, etag))) return;
  EXPECT_TRUE(IsNull(GetValue(*reply.response, *entity_.delete_time)));
  Take(*reply.response, *Clone(*model_.Find(id)->record), false);
}

void Lockstep::Purge() {
  if (!store_.Has(Operation::kPurge)) return;
  const Value id = RandomId();
  DeleteArgs args;
  args.allow_missing = random().Chance(25);
  if (!args.allow_missing) args.etag = RandomEtag(id);
  Note("purge " + ToText(id) + " " + args.etag + (args.allow_missing ? " if there" : ""));
  Reply reply = store_.Purge(id, args);
  if (!Expect(reply.status, model_.Purge(id, args.etag, args.allow_missing))) return;
  if (const Row* row = model_.Find(id); row != nullptr) Forget(*row);
  model_.Remove(id);
}

}  // namespace storegate::test
