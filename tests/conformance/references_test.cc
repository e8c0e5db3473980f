#include <gtest/gtest.h>

#include "tests/conformance/store_case.h"
#include "tests/support/exceptions.h"

namespace storegate::test {
namespace {

using schema::Entity;
using schema::Field;
using schema::Operation;

class ReferenceCase : public StoreCase {
 protected:
  std::vector<const Field*> References() {
    std::vector<const Field*> fields;
    for (const Field& field : entity().fields) {
      if (field.references) fields.push_back(&field);
    }
    return fields;
  }

  // A record with all references set, each to a living record of its own.
  MessagePtr Referring() {
    MessagePtr record = make().Make(entity(), {.all_fields = true});
    for (const Field* field : References()) {
      if (!IsNull(GetValue(*record, *field)) &&
          GetValue(*record, *field) != Value(std::string())) {
        continue;
      }
      MessagePtr parent = make().Created(*field->references->entity);
      SetValue(record.get(), *field, GetValue(*parent, *field->references->field));
    }
    return record;
  }

  // The record that `field` of `record` refers to, by id.
  Value ParentId(const Message& record, const Field& field) {
    const Entity& target = *field.references->entity;
    StoreClient parents = StoreOf(target);
    ListArgs args;
    args.show_deleted = true;
    args.page_size = 1000;
    for (const MessagePtr& parent : parents.ListAll(args)) {
      if (GetValue(*parent, *field.references->field) == GetValue(record, field)) {
        return IdOf(*parent, target);
      }
    }
    ADD_FAILURE() << "no record is referred to by " << field.name;
    return Value();
  }

  static testing::AssertionResult IsMissing(const Status& status, const Field& field) {
    testing::AssertionResult right =
        HasStatus(status, Code::kFailedPrecondition, "REFERENCE_NOT_FOUND");
    if (!right) return right;
    auto named = status.metadata().find("field");
    if (named != status.metadata().end() && named->second == field.name) return right;
    return testing::AssertionFailure() << "the error does not name " << field.name;
  }

  static testing::AssertionResult IsReferenced(const Status& status, const Field& field) {
    testing::AssertionResult right =
        HasStatus(status, Code::kFailedPrecondition, "RECORD_REFERENCED");
    if (!right) return right;
    auto named = status.metadata().find("referrer");
    const std::string full = field.entity->name + "." + field.name;
    if (named != status.metadata().end() && named->second == full) return right;
    return testing::AssertionFailure() << "the error does not name " << full;
  }

  void RemoveForGood(StoreClient store, const Value& id) {
    Reply reply = store.entity().soft_delete() ? store.Purge(id) : store.Delete(id);
    EXPECT_TRUE(HasStatus(reply.status, Code::kOk));
  }
};
STOREGATE_CASES(ReferenceCase, HasReference);

TEST_P(ReferenceCase, MustNameALivingRecordOnWrite) {
  // A create or update that refers to nothing, or to a deleted record, is REFERENCE_NOT_FOUND
  // naming the field; nothing is written.
  for (const Field* field : References()) {
    SCOPED_TRACE(field->name);
    const Entity& target = *field->references->entity;
    StoreClient parents = StoreOf(target);
    MessagePtr unborn = make().Make(target);
    MessagePtr deleted = make().Created(target);
    ASSERT_TRUE(parents.Delete(IdOf(*deleted, target)).ok());
    MessagePtr good = Referring();
    ASSERT_TRUE(HasStatus(store().Create(*good).status, Code::kOk));
    for (const Message* parent : {unborn.get(), deleted.get()}) {
      const Value value = GetValue(*parent, *field->references->field);
      MessagePtr record = Referring();
      SetValue(record.get(), *field, value);
      EXPECT_TRUE(IsMissing(store().Create(*record).status, *field));
      EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kNotFound));
      MessagePtr before = Read(Id(*good));
      MessagePtr other = Referring();
      if (HasTransactions(gateway().backend())) {
        EXPECT_TRUE(IsMissing(store().BatchCreate({other.get(), record.get()}).status, *field));
        EXPECT_TRUE(HasStatus(store().Get(Id(*other)).status, Code::kNotFound));
      }
      if (field->immutable) continue;
      MessagePtr change = Clone(*good);
      SetValue(change.get(), *field, value);
      EXPECT_TRUE(IsMissing(store().Update(*change, {field->name}).status, *field));
      // Other references, which the update does not name, need not be in it.
      MessagePtr bare(good->New());
      SetValue(bare.get(), *entity().id, Id(*good));
      SetValue(bare.get(), *field, value);
      EXPECT_TRUE(IsMissing(store().Update(*bare, {field->name}).status, *field));
      EXPECT_TRUE(SameRecord(*Read(Id(*good)), *before));
    }
  }
}

TEST_P(ReferenceCase, MayBeUnsetWhereItIsOptional) {
  // An optional reference that is not set refers to nothing and is no error.
  for (const Field* field : References()) {
    if (field->required || !field->nullable()) continue;
    MessagePtr record = Referring();
    record->GetReflection()->ClearField(record.get(), field->descriptor);
    EXPECT_TRUE(HasStatus(store().Create(*record).status, Code::kOk)) << field->name;
    MessagePtr other = Referring();
    ASSERT_TRUE(HasStatus(store().Create(*other).status, Code::kOk));
    other->GetReflection()->ClearField(other.get(), field->descriptor);
    EXPECT_TRUE(HasStatus(store().Update(*other, {field->name}).status, Code::kOk));
  }
}

TEST_P(ReferenceCase, ProtectsTheRecordReferredTo) {
  // A record that a living one refers to is not deleted, and not removed for good while any
  // one refers to it, deleted or not; the error says who refers.
  for (const Field* field : References()) {
    SCOPED_TRACE(field->name);
    MessagePtr record = Referring();
    ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
    StoreClient parents = StoreOf(*field->references->entity);
    const Value parent = ParentId(*record, *field);
    EXPECT_TRUE(IsReferenced(parents.Delete(parent).status, *field));
    EXPECT_TRUE(HasStatus(parents.Get(parent).status, Code::kOk));
    if (parents.Has(Operation::kPurge)) {
      EXPECT_TRUE(IsReferenced(parents.Purge(parent).status, *field));
    }
    ASSERT_TRUE(HasStatus(store().Delete(Id(*record)).status, Code::kOk));
    EXPECT_TRUE(HasStatus(parents.Delete(parent).status, Code::kOk));
    if (!entity().soft_delete() || !parents.Has(Operation::kPurge)) continue;
    EXPECT_TRUE(IsReferenced(parents.Purge(parent).status, *field));
    RemoveForGood(store(), Id(*record));
    EXPECT_TRUE(HasStatus(parents.Purge(parent).status, Code::kOk));
  }
}

TEST_P(ReferenceCase, IsCheckedAgainOnUndelete) {
  // A record whose reference was deleted meanwhile is not undeleted.
  if (!entity().soft_delete()) return;
  for (const Field* field : References()) {
    SCOPED_TRACE(field->name);
    MessagePtr record = Referring();
    ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
    StoreClient parents = StoreOf(*field->references->entity);
    const Value parent = ParentId(*record, *field);
    ASSERT_TRUE(store().Delete(Id(*record)).ok());
    if (!parents.entity().soft_delete()) continue;
    ASSERT_TRUE(parents.Delete(parent).ok());
    EXPECT_TRUE(IsMissing(store().Undelete(Id(*record)).status, *field));
    EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kNotFound, "RECORD_DELETED"));
    ASSERT_TRUE(parents.Undelete(parent).ok());
    EXPECT_TRUE(HasStatus(store().Undelete(Id(*record)).status, Code::kOk));
  }
}

TEST_P(ReferenceCase, HoldsWhileBothSidesAreWrittenAtOnce) {
  // Creates of referring records and a delete of what they refer to, at the same time: either
  // the delete fails, or no living record refers to it.
  if (!gateway().backend().capabilities().references) return;
  const Field* field = References().front();
  StoreClient parents = StoreOf(*field->references->entity);
  for (int round = 0; round < Count(30); ++round) {
    std::vector<MessagePtr> records;
    MessagePtr parent = make().Created(*field->references->entity);
    for (int i = 0; i < 4; ++i) {
      records.push_back(Referring());
      SetValue(records.back().get(), *field, GetValue(*parent, *field->references->field));
    }
    const schema::Method& remove = parents.method(Operation::kDelete);
    MessagePtr request(remove.request->New());
    SetValue(request.get(), remove.id, IdOf(*parent, *field->references->entity));
    std::vector<std::future<Reply>> creates;
    std::future<Reply> removed;
    for (size_t i = 0; i < records.size(); ++i) {
      if (i == 2) removed = gateway().Start(remove, request->SerializeAsString());
      creates.push_back(gateway().Start(store().method(Operation::kCreate),
                                        store().CreateRequest(*records[i])->SerializeAsString()));
    }
    int created = 0;
    for (std::future<Reply>& future : creates) {
      Reply reply = future.get();
      created += reply.ok() ? 1 : 0;
      if (!reply.ok()) {
        EXPECT_TRUE(IsMissing(reply.status, *field));
      }
    }
    Reply reply = removed.get();
    EXPECT_EQ(reply.ok(), created == 0) << reply.status.ToString() << ", created " << created;
  }
}

class SelfReferenceCase : public ReferenceCase {};
STOREGATE_CASES(SelfReferenceCase, HasSelfReference);

TEST_P(SelfReferenceCase, MayPointToItselfAndThenGo) {
  // A record may refer to itself once it is there, and that does not keep it from going.
  for (const Field* field : References()) {
    if (field->references->entity != &entity() || field->references->field != entity().id) continue;
    MessagePtr record = Created();
    SetValue(record.get(), *field, Id(*record));
    if (entity().etag != nullptr) SetValue(record.get(), *entity().etag, Value());
    ASSERT_TRUE(HasStatus(store().Update(*record, {field->name}).status, Code::kOk));
    EXPECT_EQ(GetValue(*Read(Id(*record)), *field), Id(*record));
    EXPECT_TRUE(HasStatus(store().Delete(Id(*record)).status, Code::kOk));
    if (entity().soft_delete()) RemoveForGood(store(), Id(*record));
  }
}

TEST_P(SelfReferenceCase, ChainsGoFromTheirEnds) {
  // In a chain only the record that nobody refers to can be deleted.
  for (const Field* field : References()) {
    if (field->references->entity != &entity()) continue;
    std::vector<MessagePtr> chain;
    for (int i = 0; i < 4; ++i) {
      chain.push_back(Make());
      if (i > 0) {
        SetValue(chain[static_cast<size_t>(i)].get(), *field,
                 GetValue(*chain[static_cast<size_t>(i) - 1], *field->references->field));
      }
      ASSERT_TRUE(HasStatus(store().Create(*chain.back()).status, Code::kOk));
    }
    EXPECT_TRUE(IsReferenced(store().Delete(Id(*chain[0])).status, *field));
    EXPECT_TRUE(IsReferenced(store().Delete(Id(*chain[2])).status, *field));
    for (int i = 3; i >= 0; --i) {
      EXPECT_TRUE(HasStatus(store().Delete(Id(*chain[static_cast<size_t>(i)])).status, Code::kOk));
    }
  }
}

TEST_P(SelfReferenceCase, WithinABatchSeesTheRecordsBefore) {
  // In a batch that is all or none each record sees the ones before it.
  if (!HasTransactions(gateway().backend())) return;
  for (const Field* field : References()) {
    if (field->references->entity != &entity()) continue;
    MessagePtr first = Make();
    MessagePtr second = Make();
    SetValue(second.get(), *field, GetValue(*first, *field->references->field));
    EXPECT_TRUE(HasStatus(store().BatchCreate({first.get(), second.get()}).status, Code::kOk));
  }
}

TEST_P(SelfReferenceCase, WithinAPartialBatchDoesNotSeeTheRecordsBehind) {
  // With allow_partial requests are looked at in their order: who refers to a later one finds
  // nobody, and what refers to a record that is there by then is created.
  for (const Field* field : References()) {
    if (field->references->entity != &entity()) continue;
    std::vector<MessagePtr> records = make().MakeMany(entity(), 3);
    const auto target = [&](size_t i) { return GetValue(*records[i], *field->references->field); };
    SetValue(records[0].get(), *field, target(1));
    SetValue(records[2].get(), *field, target(1));
    Reply reply = store().BatchCreate({records[0].get(), records[1].get(), records[2].get()},
                                      /*allow_partial=*/true);
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    std::vector<const Message*> created = store().Records(reply, Operation::kBatchCreate);
    ASSERT_EQ(created.size(), 2u) << reply.response->ShortDebugString();
    EXPECT_EQ(Id(*created[0]), Id(*records[1]));
    EXPECT_EQ(Id(*created[1]), Id(*records[2]));
  }
}

}  // namespace
}  // namespace storegate::test
