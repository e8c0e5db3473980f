#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "google/rpc/status.pb.h"
#include "tests/conformance/store_case.h"
#include "tests/support/exceptions.h"
#include "tests/support/valid.h"

namespace storegate::test {
namespace {

using schema::Operation;

class BatchCreateCase : public StoreCase {
 protected:
  const schema::Method& batch() { return store().method(Operation::kBatchCreate); }
  // Where the database has no transactions, a batch of several is refused, and says so.
  bool Transactions() { return HasTransactions(gateway().backend()); }

  static std::vector<const Message*> Pointers(const std::vector<MessagePtr>& records) {
    std::vector<const Message*> pointers;
    for (const MessagePtr& record : records) pointers.push_back(record.get());
    return pointers;
  }

  // A record that breaks a rule.
  void Spoil(Message* record) {
    for (const schema::Field& field : entity().fields) {
      if (!Writable(field) || !field.oneof.empty()) continue;
      const std::vector<WrongValue> wrong = WrongValues(field);
      if (wrong.empty()) continue;
      wrong.front().apply(record);
      return;
    }
  }

  std::map<int, google::rpc::Status> Failed(const Reply& reply) {
    std::map<int, google::rpc::Status> failed;
    for (const Message* entry : Elements(*reply.response, batch().failed_requests)) {
      const FieldDescriptor* value = entry->GetDescriptor()->FindFieldByNumber(2);
      const Value key = GetValue(*entry, entry->GetDescriptor()->FindFieldByNumber(1));
      const Message& status = entry->GetReflection()->GetMessage(*entry, value);
      failed[static_cast<int>(std::get<int64_t>(key))].ParseFromString(status.SerializeAsString());
    }
    return failed;
  }
};
STOREGATE_CASES(BatchCreateCase, Any);

TEST_P(BatchCreateCase, CreatesAllInOrder) {
  // The records come back in the order of the requests, each as it is stored.
  for (int count : {1, 2, 37}) {
    std::vector<MessagePtr> records = make().MakeMany(entity(), count);
    Reply reply = store().BatchCreate(Pointers(records));
    if (!Transactions() && count > 1) {
      EXPECT_TRUE(HasStatus(reply.status, Code::kUnimplemented, "TRANSACTIONS_UNAVAILABLE"));
      continue;
    }
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    std::vector<const Message*> created = store().Records(reply, Operation::kBatchCreate);
    ASSERT_EQ(created.size(), records.size());
    for (size_t i = 0; i < records.size(); ++i) {
      EXPECT_TRUE(SameData(*created[i], *Stored(*records[i], entity()), entity()));
      EXPECT_TRUE(SameRecord(*Read(Id(*records[i])), *created[i]));
    }
  }
}

TEST_P(BatchCreateCase, IsAllOrNone) {
  // One record that cannot be created, and none is; the error names its index.
  if (!Transactions()) return;
  MessagePtr there = Created();
  for (size_t bad : {size_t{0}, size_t{3}, size_t{6}}) {
    std::vector<MessagePtr> records = make().MakeMany(entity(), 7);
    SetValue(records[bad].get(), *entity().id, Id(*there));
    Reply reply = store().BatchCreate(Pointers(records));
    EXPECT_TRUE(HasStatus(reply.status, Code::kAlreadyExists, "RECORD_EXISTS"));
    const std::string at = batch().requests->name() + "[" + std::to_string(bad) + "]";
    EXPECT_NE(reply.status.ToString().find(at), std::string::npos) << reply.status.ToString();
    for (size_t i = 0; i < records.size(); ++i) {
      if (i != bad) {
        EXPECT_TRUE(HasStatus(store().Get(Id(*records[i])).status, Code::kNotFound));
      }
    }
  }
  EXPECT_TRUE(SameRecord(*Read(Id(*there)), *there));
}

TEST_P(BatchCreateCase, RefusesOneIdTwice) {
  // Two requests of a batch with one id cannot both be.
  if (!Transactions()) return;
  std::vector<MessagePtr> records = make().MakeMany(entity(), 3);
  SetValue(records[2].get(), *entity().id, Id(*records[0]));
  EXPECT_TRUE(HasStatus(store().BatchCreate(Pointers(records)).status, Code::kAlreadyExists));
  EXPECT_TRUE(HasStatus(store().Get(Id(*records[0])).status, Code::kNotFound));
}

TEST_P(BatchCreateCase, AnswersEachRecordOnceWhereAnotherBatchWasInTheWay) {
  // Two batches take the same ids in opposite order, and one of them cannot be: a database
  // that has each wait for the other gives the good one up, and it is tried again.
  if (!Transactions()) return;
  MessagePtr there = Created();
  for (int round = 0; round < Count(100); ++round) {
    std::vector<MessagePtr> records = make().MakeMany(entity(), 2);
    MessagePtr last = make().Make(entity());
    SetValue(last.get(), *entity().id, Id(*there));
    Reply bad;
    std::thread other([&] {
      bad = store().BatchCreate({records[0].get(), records[1].get(), last.get()});
    });
    Reply good = store().BatchCreate({records[1].get(), records[0].get()});
    other.join();
    EXPECT_TRUE(HasStatus(bad.status, Code::kAlreadyExists));
    // It may have found the other's records just before they were taken back.
    if (good.status.code() == Code::kAlreadyExists) continue;
    ASSERT_TRUE(HasStatus(good.status, Code::kOk));
    EXPECT_EQ(store().Records(good, Operation::kBatchCreate).size(), 2u);
  }
}

TEST_P(BatchCreateCase, PartialGivesEachItsOwnStatus) {
  // With allow_partial the good ones are created and the others are named by index, each with
  // its own error: a broken rule, a taken id.
  ASSERT_NE(batch().failed_requests, nullptr);
  MessagePtr there = Created();
  std::vector<MessagePtr> records = make().MakeMany(entity(), 6);
  SetValue(records[1].get(), *entity().id, Id(*there));
  Spoil(records[4].get());
  Reply reply = store().BatchCreate(Pointers(records), /*allow_partial=*/true);
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  std::vector<const Message*> created = store().Records(reply, Operation::kBatchCreate);
  ASSERT_EQ(created.size(), 4u);
  size_t next = 0;
  for (size_t i : {size_t{0}, size_t{2}, size_t{3}, size_t{5}}) {
    EXPECT_EQ(Id(*created[next]), Id(*records[i]));
    EXPECT_TRUE(SameRecord(*Read(Id(*records[i])), *created[next++]));
  }
  std::map<int, google::rpc::Status> failed = Failed(reply);
  ASSERT_EQ(failed.size(), 2u);
  EXPECT_EQ(failed[1].code(), static_cast<int>(Code::kAlreadyExists));
  EXPECT_EQ(failed[4].code(), static_cast<int>(Code::kInvalidArgument));
  for (const auto& [index, status] : failed) {
    EXPECT_FALSE(status.message().empty());
    EXPECT_GT(status.details_size(), 0);
  }
}

TEST_P(BatchCreateCase, PartialLooksAtTheFirstOfOneIdFirst) {
  // Of two records with one id of which the first refers to nothing, the first one is told so, and
  // the second is created.
  for (const schema::Field& field : entity().fields) {
    if (!field.references || !Writable(field)) continue;
    std::vector<MessagePtr> records = make().MakeMany(entity(), 2, {.required_only = true});
    SetValue(records[1].get(), *entity().id, Id(*records[0]));
    SetValue(records[0].get(), field, make().ScalarFor(*field.references->field));
    Reply reply = store().BatchCreate(Pointers(records), /*allow_partial=*/true);
    ASSERT_TRUE(reply.ok()) << reply.status.ToString();
    std::map<int, google::rpc::Status> failed = Failed(reply);
    ASSERT_EQ(failed.size(), 1u) << reply.response->ShortDebugString();
    EXPECT_EQ(failed[0].code(), static_cast<int>(Code::kFailedPrecondition))
        << failed[0].ShortDebugString();
    return;
  }
}

TEST_P(BatchCreateCase, PartialSaysOfTheSecondOfOneIdThatItIsTaken) {
  // Of two records with one id of which the second refers to nothing, the first is created, and
  // the second is told of the id, which comes before references.
  for (const schema::Field& field : entity().fields) {
    if (!field.references || !Writable(field)) continue;
    std::vector<MessagePtr> records = make().MakeMany(entity(), 2, {.required_only = true});
    SetValue(records[1].get(), *entity().id, Id(*records[0]));
    SetValue(records[1].get(), field, make().ScalarFor(*field.references->field));
    Reply reply = store().BatchCreate(Pointers(records), /*allow_partial=*/true);
    ASSERT_TRUE(reply.ok()) << reply.status.ToString();
    std::map<int, google::rpc::Status> failed = Failed(reply);
    ASSERT_EQ(failed.size(), 1u) << reply.response->ShortDebugString();
    EXPECT_EQ(failed[1].code(), static_cast<int>(Code::kAlreadyExists))
        << failed[1].ShortDebugString();
    return;
  }
}

TEST_P(BatchCreateCase, TakesAtMostAThousand) {
  // 1,000 are taken; 1,001 are refused naming limit and number, partial or not.
  std::vector<MessagePtr> records = make().MakeMany(entity(), 1001, {.required_only = true});
  for (bool partial : {false, true}) {
    Reply reply = store().BatchCreate(Pointers(records), partial);
    EXPECT_TRUE(HasStatus(reply.status, Code::kInvalidArgument, "BATCH_TOO_LARGE"));
    EXPECT_NE(reply.status.ToString().find("1001"), std::string::npos);
  }
  EXPECT_TRUE(store().ListAll({}).empty());
  records.pop_back();
  ASSERT_TRUE(HasStatus(store().BatchCreate(Pointers(records), true).status, Code::kOk));
  ListArgs args;
  args.page_size = 1000;
  EXPECT_EQ(store().ListAll(args).size(), 1000u);
}

TEST_P(BatchCreateCase, OfNothingCreatesNothing) {
  // An empty batch is OK and empty.
  Reply reply = store().BatchCreate({});
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  EXPECT_TRUE(store().Records(reply, Operation::kBatchCreate).empty());
}

}  // namespace
}  // namespace storegate::test
