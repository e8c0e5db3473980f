#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/conformance/list_case.h"

namespace storegate::test {
namespace {

using schema::Field;
using schema::Operation;

class DurabilityCase : public ListCase {};
STOREGATE_CASES(DurabilityCase, Any);

TEST_P(DurabilityCase, KeepsAllThatWasAnsweredAcrossARestart) {
  // What was written, updated and deleted before is there after the gateway starts again.
  make().CreatedMany(entity(), 20, {.all_fields = true});
  std::vector<MessagePtr> records = Everything();
  ASSERT_TRUE(store().Delete(Id(*records.back())).ok());
  MessagePtr change = Clone(*records.front());
  Change(change.get(), AnyField());
  if (entity().etag != nullptr) SetValue(change.get(), *entity().etag, Value());
  ASSERT_TRUE(HasStatus(store().Update(*change, {AnyField().name}).status, Code::kOk));
  records = Everything();
  gateway().Reopen();
  std::vector<MessagePtr> after = Everything();
  ASSERT_EQ(after.size(), records.size());
  for (size_t i = 0; i < after.size(); ++i) EXPECT_TRUE(SameRecord(*after[i], *records[i]));
}

TEST_P(DurabilityCase, ReadsItsOwnWrites) {
  // A read that starts after a write was answered sees it, from any thread, by id and by list.
  std::vector<MessagePtr> records = make().MakeMany(entity(), 8 * Count(100));
  std::atomic<size_t> next{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (size_t i = next.fetch_add(1); i < records.size(); i = next.fetch_add(1)) {
        Reply created = store().Create(*records[i]);
        if (!HasStatus(created.status, Code::kOk)) {
          ADD_FAILURE() << created.status.ToString();
          continue;
        }
        Reply got = store().Get(Id(*records[i]));
        EXPECT_TRUE(HasStatus(got.status, Code::kOk));
        if (got.ok()) {
          EXPECT_TRUE(SameRecord(*got.response, *created.response));
        }
        EXPECT_EQ(store().Records(store().BatchGet({Id(*records[i])}), Operation::kBatchGet).size(),
                  1u);
        if (i % 8 != 0) continue;
        EXPECT_TRUE(HasStatus(store().Delete(Id(*records[i])).status, Code::kOk));
        EXPECT_TRUE(HasStatus(store().Get(Id(*records[i])).status, Code::kNotFound));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// A field that takes as much as one wants: text, bytes or a Struct without a bound.
const Field* BigField(const schema::Entity& entity) {
  for (const Field& field : entity.fields) {
    const Rules& rules = RulesOf(field.descriptor);
    if (!Writable(field) || field.input_only || field.references || field.immutable) continue;
    if (rules.max_len() > 0 || !rules.pattern().empty() ||
        rules.format() != storegate::v1::FORMAT_UNSPECIFIED) {
      continue;
    }
    if (field.type == schema::Type::kStruct && field.presence == schema::Presence::kOptional) {
      return &field;
    }
    if (field.type == schema::Type::kString && field.presence == schema::Presence::kPlain) {
      return &field;
    }
  }
  return nullptr;
}

class BigRecordCase : public ListCase {
 protected:
  MessagePtr Big(size_t bytes) {
    MessagePtr record = make().Make(entity(), {.required_only = true});
    const Field* field = BigField(entity());
    if (field->type == schema::Type::kString) {
      SetValue(record.get(), *field, std::string(bytes, 'x'));
      return record;
    }
    Message* all = record->GetReflection()->MutableMessage(record.get(), field->descriptor);
    Message* entry =
        all->GetReflection()->AddMessage(all, all->GetDescriptor()->FindFieldByNumber(1));
    SetValue(entry, entry->GetDescriptor()->FindFieldByNumber(1), std::string("k"));
    Message* value = entry->GetReflection()->MutableMessage(
        entry, entry->GetDescriptor()->FindFieldByNumber(2));
    SetValue(value, value->GetDescriptor()->FindFieldByNumber(3), std::string(bytes, 'x'));
    return record;
  }
};
STOREGATE_CASES(BigRecordCase, [](const schema::Schema&, const schema::Entity& entity) {
  return BigField(entity) != nullptr;
});

TEST_P(BigRecordCase, HasAtMostOneMegabyte) {
  // Just below 1 MiB is kept; above it is RECORD_TOO_LARGE, in create and in update.
  MessagePtr below = Big((1 << 20) - 2000);
  ASSERT_TRUE(HasStatus(store().Create(*below).status, Code::kOk));
  EXPECT_TRUE(SameData(*Read(Id(*below)), *Stored(*below, entity()), entity()));
  MessagePtr above = Big((1 << 20) + 1);
  EXPECT_TRUE(HasStatus(store().Create(*above).status, Code::kInvalidArgument, "RECORD_TOO_LARGE"));
  EXPECT_TRUE(HasStatus(store().Get(Id(*above)).status, Code::kNotFound));
  SetValue(above.get(), *entity().id, Id(*below));
  EXPECT_FALSE(store().Update(*above, {BigField(entity())->name}).ok());
  EXPECT_TRUE(SameData(*Read(Id(*below)), *Stored(*below, entity()), entity()));
}

TEST_P(BigRecordCase, EndsAPageEarly) {
  // A page ends, with a token, before it is larger than 3.5 MiB; the walk misses nothing.
  std::set<Value> ids;
  for (int i = 0; i < 12; ++i) {
    MessagePtr record = Big(900 * 1024);
    ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
    ids.insert(Id(*record));
  }
  ListArgs args;
  args.page_size = 1000;
  std::set<Value> seen;
  int pages = 0;
  do {
    Reply reply = store().List(args);
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    EXPECT_LE(reply.response->ByteSizeLong(), 3584u * 1024);
    for (const Value& id : Ids(store().Records(reply, Operation::kList))) {
      EXPECT_TRUE(seen.insert(id).second);
    }
    args.page_token = store().NextPageToken(reply);
    ++pages;
  } while (!args.page_token.empty() && pages < 20);
  EXPECT_EQ(seen, ids);
  EXPECT_GE(pages, 4);
}

}  // namespace
}  // namespace storegate::test
