#include <gtest/gtest.h>

#include "tests/conformance/store_case.h"

namespace storegate::test {
namespace {

using schema::Index;
using schema::Operation;
using schema::Unique;

class UniqueCase : public StoreCase {
 protected:
  std::vector<const Index*> UniqueIndexes() {
    std::vector<const Index*> indexes;
    for (const Index& index : entity().indexes) {
      if (index.unique != Unique::kNo && index.where.empty()) indexes.push_back(&index);
    }
    EXPECT_FALSE(indexes.empty());
    return indexes;
  }

  // A record with all fields set, so that what is unique in it is.
  MessagePtr Full() { return make().Make(entity(), {.all_fields = true}); }

  static void CopyFields(const Message& from, const Index& index, Message* to) {
    for (const schema::IndexField& part : index.fields) {
      SetValue(to, *part.field, GetValue(from, *part.field));
    }
  }

  static std::string Names(const Index& index) {
    std::string names;
    for (const schema::IndexField& part : index.fields) {
      names += (names.empty() ? "" : ",") + part.field->name;
    }
    return names;
  }

  static testing::AssertionResult IsViolation(const Status& status, const Index& index) {
    testing::AssertionResult right = HasStatus(status, Code::kAlreadyExists, "UNIQUE_VIOLATION");
    if (!right) return right;
    auto found = status.metadata().find("fields");
    if (found != status.metadata().end() && found->second == Names(index)) return right;
    return testing::AssertionFailure() << "the error does not name the fields " << Names(index);
  }
};
STOREGATE_CASES(UniqueCase, HasUnique);

TEST_P(UniqueCase, RefusesASecondRecordAndNamesTheFields) {
  // A value that is taken is ALREADY_EXISTS naming the fields; nothing is written.
  for (const Index* index : UniqueIndexes()) {
    SCOPED_TRACE(index->name);
    MessagePtr first = Full();
    ASSERT_TRUE(HasStatus(store().Create(*first).status, Code::kOk));
    MessagePtr second = Full();
    CopyFields(*first, *index, second.get());
    EXPECT_TRUE(IsViolation(store().Create(*second).status, *index));
    EXPECT_TRUE(HasStatus(store().Get(Id(*second)).status, Code::kNotFound));
  }
}

TEST_P(UniqueCase, IsHadByTheFirstRequestOfAPartialBatch) {
  // Of several records with one value the first has it, also where they differ in which of
  // their references are set.
  for (const Index* index : UniqueIndexes()) {
    SCOPED_TRACE(index->name);
    for (const schema::Field& field : entity().fields) {
      const bool optional = field.references && field.nullable() && !field.required;
      if (!optional && &field != entity().id) continue;
      std::vector<MessagePtr> records;
      std::vector<const Message*> pointers;
      for (int i = 0; i < 4; ++i) {
        records.push_back(Full());
        if (i > 0) CopyFields(*records[0], *index, records[i].get());
        if (optional && i % 2 == 0) {
          MessagePtr parent = make().Created(*field.references->entity);
          SetValue(records[i].get(), field, GetValue(*parent, *field.references->field));
        } else if (optional) {
          records[i]->GetReflection()->ClearField(records[i].get(), field.descriptor);
        }
        pointers.push_back(records[i].get());
      }
      Reply reply = store().BatchCreate(pointers, /*allow_partial=*/true);
      ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
      std::vector<const Message*> created = store().Records(reply, Operation::kBatchCreate);
      ASSERT_EQ(created.size(), 1u) << reply.response->ShortDebugString();
      EXPECT_EQ(Id(*created[0]), Id(*records[0])) << field.name;
    }
  }
}

TEST_P(UniqueCase, IsLookedAtBeforeALaterRequestOfAPartialBatchHasTheId) {
  // Of two requests with one id of which the first takes a value that is taken, the first is
  // told of the value, and the second is created.
  for (const Index* index : UniqueIndexes()) {
    SCOPED_TRACE(index->name);
    MessagePtr there = Full();
    ASSERT_TRUE(HasStatus(store().Create(*there).status, Code::kOk));
    MessagePtr first = Full();
    CopyFields(*there, *index, first.get());
    MessagePtr second = Full();
    SetValue(second.get(), *entity().id, Id(*first));
    Reply reply = store().BatchCreate({first.get(), second.get()}, /*allow_partial=*/true);
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    ASSERT_EQ(store().Records(reply, Operation::kBatchCreate).size(), 1u)
        << reply.response->ShortDebugString();
    const std::string text = reply.response->DebugString();
    EXPECT_NE(text.find("has the same"), std::string::npos) << text;
  }
}

TEST_P(UniqueCase, RefusesAnUpdateToATakenValue) {
  // An update cannot take another record's value; its own it may write again.
  for (const Index* index : UniqueIndexes()) {
    SCOPED_TRACE(index->name);
    bool immutable = false;
    std::vector<std::string> mask;
    for (const schema::IndexField& part : index->fields) {
      immutable |= part.field->immutable;
      if (!part.field->immutable) mask.push_back(part.field->name);
    }
    if (mask.empty()) continue;
    MessagePtr first = Full();
    MessagePtr second = Full();
    if (immutable) {  // the same where it can never be changed
      for (const schema::IndexField& part : index->fields) {
        if (part.field->immutable) {
          SetValue(second.get(), *part.field, GetValue(*first, *part.field));
        }
      }
    }
    ASSERT_TRUE(HasStatus(store().Create(*first).status, Code::kOk));
    Reply created = store().Create(*second);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk));
    MessagePtr taken = Clone(*second);
    CopyFields(*first, *index, taken.get());
    EXPECT_TRUE(IsViolation(store().Update(*taken, mask).status, *index));
    EXPECT_TRUE(SameRecord(*Read(Id(*second)), *created.response));
    EXPECT_TRUE(HasStatus(store().Update(*second, mask).status, Code::kOk));
  }
}

TEST_P(UniqueCase, IsFreeAgainWhenTheRecordIsGone) {
  // A value of a deleted record stays taken, unless the index is among the living or the
  // record is gone for good.
  for (const Index* index : UniqueIndexes()) {
    SCOPED_TRACE(index->name);
    MessagePtr first = Full();
    ASSERT_TRUE(HasStatus(store().Create(*first).status, Code::kOk));
    ASSERT_TRUE(HasStatus(store().Delete(Id(*first)).status, Code::kOk));
    MessagePtr second = Full();
    CopyFields(*first, *index, second.get());
    Reply created = store().Create(*second);
    if (!entity().soft_delete() || index->unique == Unique::kLive) {
      ASSERT_TRUE(HasStatus(created.status, Code::kOk));
    } else {
      EXPECT_TRUE(IsViolation(created.status, *index));
      ASSERT_TRUE(HasStatus(store().Purge(Id(*first)).status, Code::kOk));
      ASSERT_TRUE(HasStatus(store().Create(*second).status, Code::kOk));
      continue;
    }
    if (!entity().soft_delete()) continue;
    // Undelete would make two living ones.
    EXPECT_TRUE(IsViolation(store().Undelete(Id(*first)).status, *index));
    ASSERT_TRUE(HasStatus(store().Delete(Id(*second)).status, Code::kOk));
    EXPECT_TRUE(HasStatus(store().Undelete(Id(*first)).status, Code::kOk));
  }
}

TEST_P(UniqueCase, OfManyAtOnceExactlyOneWins) {
  // Of N creates with one unique value at the same time one is OK; the errors of the others
  // touch nobody else.
  for (const Index* index : UniqueIndexes()) {
    SCOPED_TRACE(index->name);
    std::vector<MessagePtr> records = make().MakeMany(entity(), 32, {.all_fields = true});
    // Every second one wants the same value; the others want nothing of it.
    for (size_t i = 2; i < records.size(); i += 2) {
      CopyFields(*records[0], *index, records[i].get());
    }
    std::vector<std::future<Reply>> replies;
    for (const MessagePtr& record : records) {
      replies.push_back(gateway().Start(store().method(Operation::kCreate),
                                        store().CreateRequest(*record)->SerializeAsString()));
    }
    int won = 0;
    for (size_t i = 0; i < replies.size(); ++i) {
      Reply reply = replies[i].get();
      if (i % 2 == 1) {
        EXPECT_TRUE(HasStatus(reply.status, Code::kOk));
      } else if (reply.ok()) {
        ++won;
      } else {
        EXPECT_TRUE(IsViolation(reply.status, *index));
      }
    }
    EXPECT_EQ(won, 1);
  }
}

TEST_P(UniqueCase, DoesNotHoldForUnsetValues) {
  // Any number of records may lack an optional unique value.
  for (const Index* index : UniqueIndexes()) {
    if (index->fields.size() != 1 || !index->fields[0].field->nullable()) continue;
    if (index->fields[0].field->required) continue;
    for (int i = 0; i < 3; ++i) {
      MessagePtr record = Full();
      record->GetReflection()->ClearField(record.get(), index->fields[0].field->descriptor);
      EXPECT_TRUE(HasStatus(store().Create(*record).status, Code::kOk)) << index->name;
    }
  }
}

class KeyCase : public UniqueCase {};
STOREGATE_CASES(KeyCase, HasSecondKey);

TEST_P(KeyCase, GetsByEachUniqueKey) {
  // A record is found by its id and by every other unique key, in one statement.
  for (const schema::Method::RequestKey& key : store().method(Operation::kGet).keys) {
    MessagePtr record = Full();
    Reply created = store().Create(*record);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk));
    std::vector<Value> values;
    std::vector<Value> others;
    MessagePtr other = Full();
    for (const schema::Field* field : key.key->fields) {
      values.push_back(GetValue(*created.response, *field));
      others.push_back(GetValue(*other, *field));
    }
    const int64_t before = gateway().statements();
    Reply got = store().GetBy(key, values);
    EXPECT_EQ(gateway().statements(), before + 1);
    ASSERT_TRUE(HasStatus(got.status, Code::kOk)) << key.key->fields[0]->name;
    EXPECT_TRUE(SameRecord(*got.response, *created.response));
    EXPECT_TRUE(HasStatus(store().GetBy(key, others).status, Code::kNotFound, "RECORD_NOT_FOUND"));
    // A deleted one is not found by any key, unless asked for.
    if (!entity().soft_delete()) continue;
    ASSERT_TRUE(store().Delete(Id(*record)).ok());
    EXPECT_TRUE(HasStatus(store().GetBy(key, values).status, Code::kNotFound));
    if (key.key->unique == Unique::kLive) continue;
    EXPECT_TRUE(HasStatus(store().GetBy(key, values, /*show_deleted=*/true).status, Code::kOk));
  }
}

TEST_P(KeyCase, OfSeveralDeletedRecordsTheFirstByIdIsFound) {
  // Where a value is unique among the living, several deleted ones may have it: with
  // show_deleted a living one is found, else the first by id, on every database.
  if (!entity().soft_delete()) return;
  for (const schema::Method::RequestKey& key : store().method(Operation::kGet).keys) {
    if (key.key->unique != Unique::kLive) continue;
    MessagePtr first = Full();
    std::vector<Value> values;
    for (const schema::Field* field : key.key->fields) values.push_back(GetValue(*first, *field));
    std::set<Value> ids;
    for (int i = 0; i < 4; ++i) {
      MessagePtr record = Full();
      for (size_t k = 0; k < values.size(); ++k) {
        SetValue(record.get(), *key.key->fields[k], values[k]);
      }
      ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
      if (i == 3) {
        Reply living = store().GetBy(key, values, /*show_deleted=*/true);
        ASSERT_TRUE(HasStatus(living.status, Code::kOk));
        EXPECT_EQ(Id(*living.response), Id(*record));
      }
      ASSERT_TRUE(store().Delete(Id(*record)).ok());
      ids.insert(Id(*record));
      Reply got = store().GetBy(key, values, /*show_deleted=*/true);
      ASSERT_TRUE(HasStatus(got.status, Code::kOk));
      EXPECT_EQ(Id(*got.response), *ids.begin());
    }
  }
}

TEST_P(KeyCase, WantsExactlyOneKey) {
  // No key, a part of one, or two keys are INVALID_ARGUMENT.
  const schema::Method& get = store().method(Operation::kGet);
  EXPECT_TRUE(HasStatus(gateway().CallBytes(get, "").status, Code::kInvalidArgument));
  MessagePtr record = Full();
  ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
  auto set = [&](Message* request, const schema::Method::RequestKey& key, size_t fields) {
    for (size_t i = 0; i < fields; ++i) {
      SetValue(request, key.fields[i], GetValue(*record, *key.key->fields[i]));
    }
  };
  for (size_t i = 1; i < get.keys.size(); ++i) {
    MessagePtr both(get.request->New());
    set(both.get(), get.keys[0], get.keys[0].fields.size());
    set(both.get(), get.keys[i], get.keys[i].fields.size());
    EXPECT_TRUE(HasStatus(gateway().Call(get, *both).status, Code::kInvalidArgument));
    if (get.keys[i].fields.size() > 1) {
      MessagePtr part(get.request->New());
      set(part.get(), get.keys[i], 1);
      EXPECT_TRUE(HasStatus(gateway().Call(get, *part).status, Code::kInvalidArgument));
    }
  }
}

class LowerCaseKeyCase : public UniqueCase {};
STOREGATE_CASES(LowerCaseKeyCase, [](const schema::Schema& schema, const schema::Entity& entity) {
  if (!HasSecondKey(schema, entity)) return false;
  for (const auto& key : FindMethod(schema, entity, Operation::kGet)->keys) {
    if (key.key->fields.size() == 1 && key.key->fields[0]->lower_case) return true;
  }
  return false;
});

TEST_P(LowerCaseKeyCase, IsFoundInAnyCase) {
  // A lower_case key is looked up in lower case, and taken in any.
  for (const schema::Method::RequestKey& key : store().method(Operation::kGet).keys) {
    if (key.key->fields.size() != 1 || !key.key->fields[0]->lower_case) continue;
    const schema::Field& field = *key.key->fields[0];
    MessagePtr record = Full();
    ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
    std::string upper = std::get<std::string>(GetValue(*record, field));
    for (char& c : upper) c = static_cast<char>(std::toupper(c));
    // A pattern may refuse capitals; then there is nothing to fold.
    Reply got = store().GetBy(key, {upper});
    if (field.pattern == nullptr || got.ok()) {
      ASSERT_TRUE(HasStatus(got.status, Code::kOk));
      EXPECT_EQ(Id(*got.response), Id(*record));
      MessagePtr again = Full();
      SetValue(again.get(), field, upper);
      EXPECT_TRUE(HasStatus(store().Create(*again).status, Code::kAlreadyExists));
    }
  }
}

}  // namespace
}  // namespace storegate::test
