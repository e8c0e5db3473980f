#include <algorithm>

#include <gtest/gtest.h>

#include "tests/conformance/store_case.h"

namespace storegate::test {
namespace {

using schema::Operation;

class BatchGetCase : public StoreCase {
 protected:
  std::vector<Value> Missing(const Reply& reply) {
    std::vector<Value> ids;
    const FieldDescriptor* field = store().method(Operation::kBatchGet).missing_ids;
    if (field == nullptr || reply.response == nullptr) return ids;
    const auto* reflection = reply.response->GetReflection();
    for (int i = 0; i < reflection->FieldSize(*reply.response, field); ++i) {
      if (entity().id->type == schema::Type::kInt64) {
        ids.push_back(reflection->GetRepeatedInt64(*reply.response, field, i));
      } else {
        ids.push_back(reflection->GetRepeatedString(*reply.response, field, i));
      }
    }
    return ids;
  }

  std::vector<Value> Found(const Reply& reply) {
    std::vector<Value> ids;
    for (const Message* record : store().Records(reply, Operation::kBatchGet)) {
      ids.push_back(Id(*record));
    }
    return ids;
  }
};
STOREGATE_CASES(BatchGetCase, Any);

TEST_P(BatchGetCase, AnswersInTheOrderAsked) {
  // Records come in the order of the ids, repeats repeated, missing ids listed, deleted ones
  // missing unless shown.
  std::vector<MessagePtr> records = make().CreatedMany(entity(), 5);
  std::vector<Value> ids;
  for (const MessagePtr& record : records) ids.push_back(Id(*record));
  const Value nobody = make().NewId(entity());
  ASSERT_TRUE(store().Delete(ids[1]).ok());

  Reply reply = store().BatchGet({ids[3], ids[0], nobody, ids[3], ids[1], ids[2]});
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  EXPECT_EQ(Found(reply), (std::vector<Value>{ids[3], ids[0], ids[3], ids[2]}));
  EXPECT_EQ(Missing(reply), (std::vector<Value>{nobody, ids[1]}));
  for (const Message* record : store().Records(reply, Operation::kBatchGet)) {
    const auto which = std::find(ids.begin(), ids.end(), Id(*record)) - ids.begin();
    EXPECT_TRUE(SameRecord(*record, *records[static_cast<size_t>(which)]));
  }
  if (!entity().soft_delete()) return;
  reply = store().BatchGet({ids[1], ids[0]}, /*show_deleted=*/true);
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  EXPECT_EQ(Found(reply), (std::vector<Value>{ids[1], ids[0]}));
}

TEST_P(BatchGetCase, OfNothingIsEmpty) {
  // No ids: an empty answer.
  Reply reply = store().BatchGet({});
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  EXPECT_TRUE(Found(reply).empty());
}

TEST_P(BatchGetCase, OfAHundredIsOneStatement) {
  // A batch is one statement, however many ids it has.
  std::vector<Value> ids;
  for (const MessagePtr& record : make().CreatedMany(entity(), 100)) ids.push_back(Id(*record));
  const int64_t before = gateway().statements();
  Reply reply = store().BatchGet(ids);
  EXPECT_EQ(gateway().statements(), before + 1);
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  EXPECT_EQ(Found(reply), ids);
}

TEST_P(BatchGetCase, TakesAtMostAThousand) {
  // 1,000 ids are answered; 1,001 are refused naming limit and number.
  std::vector<Value> ids;
  const std::vector<MessagePtr> records = make().CreatedMany(entity(), 20);
  for (int i = 0; i < 1000; ++i) {
    ids.push_back(i % 50 == 0 ? Id(*records[static_cast<size_t>(i / 50)]) : make().NewId(entity()));
  }
  const int64_t before = gateway().statements();
  Reply reply = store().BatchGet(ids);
  EXPECT_EQ(gateway().statements(), before + 1);
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  EXPECT_EQ(Found(reply).size(), 20u);
  EXPECT_EQ(Missing(reply).size(), 980u);
  ids.push_back(make().NewId(entity()));
  reply = store().BatchGet(ids);
  EXPECT_TRUE(HasStatus(reply.status, Code::kInvalidArgument, "BATCH_TOO_LARGE"));
  EXPECT_NE(reply.status.ToString().find("1001"), std::string::npos) << reply.status.ToString();
}

TEST_P(BatchGetCase, ReadsASnapshotOfManyGetsTogether) {
  // Gets that wait together are put together, and each gets its own record.
  std::vector<MessagePtr> records = make().CreatedMany(entity(), 50);
  const schema::Method& get = store().method(Operation::kGet);
  std::vector<std::future<Reply>> replies;
  for (const MessagePtr& record : records) {
    MessagePtr request(get.request->New());
    SetValue(request.get(), get.keys.front().fields[0], Id(*record));
    replies.push_back(gateway().Start(get, request->SerializeAsString()));
    // In between one that is not there.
    SetValue(request.get(), get.keys.front().fields[0], make().NewId(entity()));
    replies.push_back(gateway().Start(get, request->SerializeAsString()));
  }
  for (size_t i = 0; i < records.size(); ++i) {
    Reply found = replies[2 * i].get();
    ASSERT_TRUE(HasStatus(found.status, Code::kOk));
    EXPECT_TRUE(SameRecord(*found.response, *records[i]));
    EXPECT_TRUE(HasStatus(replies[2 * i + 1].get().status, Code::kNotFound));
  }
}

}  // namespace
}  // namespace storegate::test
