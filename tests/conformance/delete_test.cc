#include <gtest/gtest.h>

#include "tests/conformance/store_case.h"

namespace storegate::test {
namespace {

using schema::Operation;

class SoftDeleteCase : public StoreCase {
 protected:
  bool Listed(const Value& id, bool show_deleted) {
    ListArgs args;
    args.show_deleted = show_deleted;
    args.page_size = 1000;
    for (const MessagePtr& record : store().ListAll(args)) {
      if (Id(*record) == id) return true;
    }
    return false;
  }

  int64_t Total(bool show_deleted) {
    ListArgs args;
    args.show_deleted = show_deleted;
    args.include_total_size = true;
    Reply reply = store().List(args);
    EXPECT_TRUE(HasStatus(reply.status, Code::kOk));
    return std::get<int64_t>(
        GetValue(*reply.response, store().method(Operation::kList).total_size));
  }
};
STOREGATE_CASES(SoftDeleteCase, HasSoftDelete);

TEST_P(SoftDeleteCase, HidesTheRecordEverywhereUnlessShown) {
  // Get, BatchGet, List and counts do not see a deleted record, and do with show_deleted.
  MessagePtr created = Created();
  const Value id = Id(*created);
  const int64_t before = Total(false);
  const int64_t start = NowMillis();
  Reply deleted = store().Delete(id);
  ASSERT_TRUE(HasStatus(deleted.status, Code::kOk));

  EXPECT_TRUE(HasStatus(store().Get(id).status, Code::kNotFound, "RECORD_DELETED"));
  MessagePtr shown = Read(id, /*show_deleted=*/true);
  EXPECT_TRUE(SameData(*shown, *created, entity()));
  const Value time = GetValue(*shown, *entity().delete_time);
  ASSERT_FALSE(IsNull(time));
  EXPECT_GE(std::get<int64_t>(time), start);
  if (store().method(Operation::kDelete).returns_record) {
    EXPECT_TRUE(SameRecord(*deleted.response, *shown));
  }
  if (entity().create_time != nullptr) {
    EXPECT_EQ(GetValue(*shown, *entity().create_time), GetValue(*created, *entity().create_time));
  }
  EXPECT_TRUE(store().Records(store().BatchGet({id}), Operation::kBatchGet).empty());
  EXPECT_EQ(store().Records(store().BatchGet({id}, true), Operation::kBatchGet).size(), 1u);
  EXPECT_FALSE(Listed(id, false));
  EXPECT_TRUE(Listed(id, true));
  EXPECT_EQ(Total(false), before - 1);
  EXPECT_EQ(Total(true), before);
}

TEST_P(SoftDeleteCase, ChangesEtagAndUpdateTime) {
  // Delete and undelete are writes: each changes the etag, and update_time never goes back.
  MessagePtr created = Created();
  ASSERT_TRUE(store().Delete(Id(*created)).ok());
  MessagePtr deleted = Read(Id(*created), true);
  Reply undeleted = store().Undelete(Id(*created));
  ASSERT_TRUE(HasStatus(undeleted.status, Code::kOk));
  if (entity().etag != nullptr) {
    EXPECT_NE(Etag(*created), Etag(*deleted));
    EXPECT_NE(Etag(*undeleted.response), Etag(*deleted));
    EXPECT_NE(Etag(*undeleted.response), Etag(*created));
  }
  if (entity().update_time == nullptr) return;
  EXPECT_LE(GetValue(*created, *entity().update_time), GetValue(*deleted, *entity().update_time));
  EXPECT_LE(GetValue(*deleted, *entity().update_time),
            GetValue(*undeleted.response, *entity().update_time));
}

TEST_P(SoftDeleteCase, KeepsTheIdTaken) {
  // A deleted record is not updated, not even with allow_missing; its id is taken; deleting it
  // again is NOT_FOUND unless allow_missing.
  MessagePtr created = Created();
  const Value id = Id(*created);
  ASSERT_TRUE(store().Delete(id).ok());
  MessagePtr shown = Read(id, true);
  MessagePtr change = Clone(*created);
  if (entity().etag != nullptr) SetValue(change.get(), *entity().etag, Value());
  Change(change.get(), AnyField());
  for (bool allow_missing : {false, true}) {
    EXPECT_TRUE(HasStatus(store().Update(*change, {AnyField().name}, allow_missing).status,
                          Code::kNotFound, "RECORD_DELETED"));
  }
  MessagePtr again = Make();
  SetValue(again.get(), *entity().id, id);
  EXPECT_TRUE(HasStatus(store().Create(*again).status, Code::kAlreadyExists, "RECORD_EXISTS"));
  EXPECT_TRUE(HasStatus(store().Delete(id).status, Code::kNotFound, "RECORD_DELETED"));
  EXPECT_TRUE(HasStatus(store().Delete(id, {.allow_missing = true}).status, Code::kOk));
  EXPECT_TRUE(SameRecord(*Read(id, true), *shown));
}

TEST_P(SoftDeleteCase, IsUndoneByUndelete) {
  // Undelete brings the record back as it was; a living one is ALREADY_EXISTS, none NOT_FOUND.
  MessagePtr created = Created();
  const Value id = Id(*created);
  EXPECT_TRUE(
      HasStatus(store().Undelete(id).status, Code::kAlreadyExists, "RECORD_NOT_DELETED"));
  ASSERT_TRUE(store().Delete(id).ok());
  Reply undeleted = store().Undelete(id);
  ASSERT_TRUE(HasStatus(undeleted.status, Code::kOk));
  EXPECT_TRUE(IsNull(GetValue(*undeleted.response, *entity().delete_time)));
  EXPECT_TRUE(SameData(*undeleted.response, *created, entity()));
  EXPECT_TRUE(SameRecord(*Read(id), *undeleted.response));
  EXPECT_TRUE(HasStatus(store().Undelete(make().NewId(entity())).status, Code::kNotFound,
                        "RECORD_NOT_FOUND"));
}

TEST_P(SoftDeleteCase, EndsWithPurge) {
  // Purge removes a record for good, deleted before or not; its id is free again.
  for (bool deleted_before : {false, true}) {
    MessagePtr created = Created();
    const Value id = Id(*created);
    if (deleted_before) {
      ASSERT_TRUE(store().Delete(id).ok());
    }
    ASSERT_TRUE(HasStatus(store().Purge(id).status, Code::kOk));
    EXPECT_TRUE(HasStatus(store().Get(id, true).status, Code::kNotFound, "RECORD_NOT_FOUND"));
    EXPECT_TRUE(HasStatus(store().Purge(id).status, Code::kNotFound, "RECORD_NOT_FOUND"));
    EXPECT_TRUE(HasStatus(store().Purge(id, {.allow_missing = true}).status, Code::kOk));
    EXPECT_TRUE(HasStatus(store().Undelete(id).status, Code::kNotFound));
    EXPECT_FALSE(Listed(id, true));
    MessagePtr again = Make();
    SetValue(again.get(), *entity().id, id);
    EXPECT_TRUE(HasStatus(store().Create(*again).status, Code::kOk));
  }
}

class HardDeleteCase : public StoreCase {};
STOREGATE_CASES(HardDeleteCase, HasHardDelete);

TEST_P(HardDeleteCase, RemovesTheRecordForGood) {
  // Without delete_time a record is gone at once: create, delete, create, delete.
  MessagePtr record = Make();
  const Value id = Id(*record);
  for (int life = 0; life < 3; ++life) {
    ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
    ASSERT_TRUE(HasStatus(store().Delete(id).status, Code::kOk));
    EXPECT_TRUE(HasStatus(store().Get(id).status, Code::kNotFound, "RECORD_NOT_FOUND"));
    EXPECT_TRUE(HasStatus(store().Delete(id).status, Code::kNotFound, "RECORD_NOT_FOUND"));
    EXPECT_TRUE(store().ListAll({}).empty());
  }
}

class DeleteCase : public StoreCase {};
STOREGATE_CASES(DeleteCase, Any);

TEST_P(DeleteCase, OfNothingIsNotFoundUnlessAllowed) {
  // Deleting what never was is NOT_FOUND; with allow_missing it is OK.
  const Value id = make().NewId(entity());
  EXPECT_TRUE(HasStatus(store().Delete(id).status, Code::kNotFound, "RECORD_NOT_FOUND"));
  EXPECT_TRUE(HasStatus(store().Delete(id, {.allow_missing = true}).status, Code::kOk));
  EXPECT_TRUE(HasStatus(store().Get(id).status, Code::kNotFound));
}

TEST_P(DeleteCase, OfManyAtOnceExactlyOneWins) {
  // Of N deletes of one record at the same time one is OK, the others NOT_FOUND.
  const schema::Method& method = store().method(Operation::kDelete);
  for (int round = 0; round < Count(20); ++round) {
    MessagePtr created = Created();
    MessagePtr request(method.request->New());
    SetValue(request.get(), method.id, Id(*created));
    std::vector<std::future<Reply>> replies;
    for (int i = 0; i < 16; ++i) {
      replies.push_back(gateway().Start(method, request->SerializeAsString()));
    }
    int won = 0;
    for (std::future<Reply>& future : replies) {
      Reply reply = future.get();
      won += reply.ok() ? 1 : 0;
      if (!reply.ok()) {
        EXPECT_TRUE(HasStatus(reply.status, Code::kNotFound));
      }
    }
    EXPECT_EQ(won, 1);
  }
}

}  // namespace
}  // namespace storegate::test
