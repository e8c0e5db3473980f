// Lockstep: the operations that write.
#include <set>

#include <gtest/gtest.h>

#include "tests/model/lockstep.h"
#include "tests/support/expected.h"

namespace storegate::test {

using schema::Field;
using schema::Operation;

EtagChoice Lockstep::RandomEtag(const Value& id) {
  if (entity_.etag == nullptr || random().Chance(50)) return {};
  if (model().Find(id) != nullptr && random().Chance(60)) return {EtagChoice::Kind::kCurrent};
  const auto old = static_cast<int64_t>(sides_.front()->old_etags.size());
  if (old == 0) return {};
  return {EtagChoice::Kind::kOld, static_cast<size_t>(random().Between(int64_t{0}, old - 1))};
}

MessagePtr Lockstep::RandomRecord() {
  MessagePtr record =
      factory_->Make(entity_, {.with_id = false, .parents = &parents_});
  for (const Field& field : entity_.fields) {
    if (SelfReference(field)) record->GetReflection()->ClearField(record.get(), field.descriptor);
    if (field.references && !SelfReference(field) && random().Chance(4)) {
      SetValue(record.get(), field,
               factory_->ScalarFor(*field.references->field));  // refers to nothing
    }
  }
  if (!model().rows().empty() && random().Chance(30)) {
    const Row* row = model().Find(RandomId());
    for (const schema::Index& index : entity_.indexes) {
      if (row == nullptr || index.unique == schema::Unique::kNo || !index.where.empty()) continue;
      for (const schema::IndexField& part : index.fields) {
        SetValue(record.get(), *part.field, GetValue(*row->record, *part.field));
      }
    }
  }
  return record;
}

void Lockstep::Create() {
  MessagePtr record = RandomRecord();
  SetValue(record.get(), *entity_.id, RandomId());
  Note("create " + record->ShortDebugString());
  Each([&](Side& side) {
    const Reply reply = side.store.Create(*record);
    if (!Expect(side, reply.status, side.model.Create(*record))) return;
    side.Take(*reply.response, *Stored(*record, entity_), false);
  });
}

void Lockstep::CreateWithoutId() {
  if (entity_.soft_delete() && !store().Has(Operation::kPurge)) return;
  MessagePtr record = RandomRecord();
  Note("create without id, and take away " + record->ShortDebugString());
  Each([&](Side& side) {
    const Reply reply = side.store.Create(*record);
    if (!Expect(side, reply.status, side.model.Create(*record))) return;
    const Value id = IdOf(*reply.response, entity_);
    EXPECT_EQ(side.model.Find(id), nullptr) << side.name << " gave an id twice: " << ToText(id);
    MessagePtr expected = Stored(*record, entity_);
    SetValue(expected.get(), *entity_.id, id);
    EXPECT_TRUE(SameData(*reply.response, *expected, entity_)) << side.name;
    const Reply gone = entity_.soft_delete() ? side.store.Purge(id) : side.store.Delete(id);
    Expect(side, gone.status, {});
  });
}

void Lockstep::BatchCreate() {
  std::vector<MessagePtr> records;
  const int64_t count = random().Between(int64_t{1}, int64_t{4});
  const bool partial = random().Chance(40) || (count > 1 && !BatchesCanBeWhole());
  Note(partial ? "batch create, partial" : "batch create");
  for (int64_t i = count; i > 0; --i) {
    records.push_back(RandomRecord());
    SetValue(records.back().get(), *entity_.id, RandomId());
    Note("    " + records.back()->ShortDebugString());
  }
  Each([&](Side& side) { BatchCreateOn(side, records, partial); });
}

void Lockstep::BatchCreateOn(Side& side, const std::vector<MessagePtr>& records, bool partial) {
  // One after the other, on a copy.
  Model after = side.model;
  std::vector<const Message*> sent;
  std::vector<bool> right;
  Errors errors;
  bool one_mistake_each = true;
  std::set<Value> ids;
  for (const MessagePtr& record : records) {
    sent.push_back(record.get());
    const Errors these = after.Create(*record);
    right.push_back(these.empty());
    // One id twice: which of the two is looked at first is left open, too.
    one_mistake_each = one_mistake_each && these.size() <= 1 &&
                       ids.insert(IdOf(*record, entity_)).second;
    errors.insert(these.begin(), these.end());
    if (these.empty()) after.Put(*Stored(*record, entity_), false);
  }
  const Reply reply = side.store.BatchCreate(sent, partial);
  if (partial) errors.clear();
  if (!Expect(side, reply.status, errors)) return;
  const schema::Method& batch = side.store.method(Operation::kBatchCreate);
  if (one_mistake_each) {
    side.SayRest(*reply.response, batch);
  } else if (batch.failed_requests != nullptr) {
    side.Say(std::to_string(
        reply.response->GetReflection()->FieldSize(*reply.response, batch.failed_requests)));
  }
  std::vector<const Message*> created = side.store.Records(reply, Operation::kBatchCreate);
  size_t next = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!right[i]) continue;
    if (next == created.size()) {
      ADD_FAILURE() << side.name << ": item " << i << " is missing";
      return;
    }
    side.Take(*created[next++], *Stored(*records[i], entity_), false);
  }
  EXPECT_EQ(next, created.size()) << side.name << ": more were created than there should be";
}

void Lockstep::Update() {
  MessagePtr record = RandomRecord();
  const Value id = RandomId();
  SetValue(record.get(), *entity_.id, id);
  const EtagChoice choice = RandomEtag(id);
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
                             store().method(Operation::kUpdate).allow_missing != nullptr &&
                             model().rows().size() < kRowsMax;
  std::string line = "update [";
  for (const std::string& path : mask) line += path + " ";
  Each([&](Side& side) {
    const std::string etag = side.EtagOfChoice(choice, id);
    if (entity_.etag != nullptr) SetValue(record.get(), *entity_.etag, etag);
    Note(line + (allow_missing ? "] or insert " : "] ") + record->ShortDebugString());
    const Reply reply = side.store.Update(*record, mask, allow_missing);
    if (!Expect(side, reply.status, side.model.Update(*record, etag, fields, allow_missing))) {
      return;
    }
    side.Take(*reply.response, *side.model.Updated(*record, fields), false);
  });
}

void Lockstep::Delete() {
  const Value id = RandomId();
  DeleteArgs args;
  args.allow_missing = random().Chance(25);
  EtagChoice etag;
  if (!args.allow_missing && store().method(Operation::kDelete).etag != nullptr) {
    etag = RandomEtag(id);
  }
  Each([&](Side& side) {
    args.etag = side.EtagOfChoice(etag, id);
    DeleteOn(side, id, args);
  });
}

void Lockstep::DeleteOn(Side& side, const Value& id, const DeleteArgs& args) {
  Note("delete " + ToText(id) + " " + args.etag + (args.allow_missing ? " if there" : ""));
  const Reply reply = side.store.Delete(id, args);
  const bool there = side.model.Get(id, false).empty();
  const Errors errors = side.model.Delete(id, args.etag, args.allow_missing);
  if (!Expect(side, reply.status, errors) || !there) return;
  if (!entity_.soft_delete()) {
    side.Forget(*side.model.Find(id));
    return side.model.Remove(id);
  }
  const Reply shown = side.store.Get(id, true);
  ASSERT_TRUE(HasStatus(shown.status, Code::kOk)) << side.name;
  EXPECT_FALSE(IsNull(GetValue(*shown.response, *entity_.delete_time))) << side.name;
  side.Take(*shown.response, *Clone(*side.model.Find(id)->record), true);
}

void Lockstep::Undelete() {
  if (!store().Has(Operation::kUndelete)) return;
  const Value id = RandomId();
  const EtagChoice choice = RandomEtag(id);
  Each([&](Side& side) {
    const std::string etag = side.EtagOfChoice(choice, id);
    Note("undelete " + ToText(id) + " " + etag);
    const Reply reply = side.store.Undelete(id, etag);
    if (!Expect(side, reply.status, side.model.Undelete(id, etag))) return;
    EXPECT_TRUE(IsNull(GetValue(*reply.response, *entity_.delete_time))) << side.name;
    side.Take(*reply.response, *Clone(*side.model.Find(id)->record), false);
  });
}

void Lockstep::Purge() {
  if (!store().Has(Operation::kPurge)) return;
  const Value id = RandomId();
  DeleteArgs args;
  args.allow_missing = random().Chance(25);
  const EtagChoice choice = args.allow_missing ? EtagChoice{} : RandomEtag(id);
  Each([&](Side& side) {
    args.etag = side.EtagOfChoice(choice, id);
    Note("purge " + ToText(id) + " " + args.etag + (args.allow_missing ? " if there" : ""));
    const Reply reply = side.store.Purge(id, args);
    if (!Expect(side, reply.status, side.model.Purge(id, args.etag, args.allow_missing))) return;
    if (const Row* row = side.model.Find(id); row != nullptr) side.Forget(*row);
    side.model.Remove(id);
  });
}

}  // namespace storegate::test
