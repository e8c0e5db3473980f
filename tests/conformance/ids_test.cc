#include <algorithm>
#include <cctype>
#include <set>

#include <gtest/gtest.h>

#include "server/base/text.h"
#include "tests/conformance/store_case.h"

namespace storegate::test {
namespace {

using schema::Operation;

class TextIdCase : public StoreCase {};
STOREGATE_CASES(TextIdCase, HasTextId);

TEST_P(TextIdCase, IsMadeWhenTheCallerGivesNone) {
  // Without an id the gateway gives one of the field's format, a canonical UUIDv7 where it has
  // none; later ones sort later.
  const bool object_id = entity().id->format == schema::Format::kObjectId;
  std::string last;
  for (int i = 0; i < 20; ++i) {
    MessagePtr created = make().Created(entity(), {.with_id = false});
    const std::string id = std::get<std::string>(Id(*created));
    EXPECT_TRUE(object_id ? IsObjectId(id) : IsCanonicalUuid(id)) << id;
    if (!object_id) EXPECT_EQ(id[14], '7') << id;
    EXPECT_LT(last, id);
    last = id;
  }
}

TEST_P(TextIdCase, RefusesWhatIsNoIdEverywhere) {
  // NUL, an id of 1 MB and one of 256 bytes are INVALID_ARGUMENT in every operation that takes
  // an id, before the database hears of it.
  const std::string path = entity().id->name;
  for (const std::string& wrong :
       {std::string("a\0b", 3), std::string(1 << 20, 'x'), std::string(256, 'x')}) {
    SCOPED_TRACE(Quoted(wrong));
    MessagePtr record = Make();
    SetValue(record.get(), *entity().id, wrong);
    const int64_t before = gateway().statements();
    EXPECT_TRUE(Violates(store().Create(*record).status,
                         store().method(Operation::kCreate).record->name() + "." + path));
    EXPECT_TRUE(HasStatus(store().Get(wrong).status, Code::kInvalidArgument));
    EXPECT_TRUE(HasStatus(store().BatchGet({wrong}).status, Code::kInvalidArgument));
    EXPECT_TRUE(HasStatus(store().Delete(wrong).status, Code::kInvalidArgument));
    EXPECT_TRUE(HasStatus(store().Update(*record, {AnyField().name}).status,
                          Code::kInvalidArgument));
    if (store().Has(Operation::kUndelete)) {
      EXPECT_TRUE(HasStatus(store().Undelete(wrong).status, Code::kInvalidArgument));
    }
    if (store().Has(Operation::kPurge)) {
      EXPECT_TRUE(HasStatus(store().Purge(wrong).status, Code::kInvalidArgument));
    }
    EXPECT_EQ(gateway().statements(), before);
  }
}

TEST_P(TextIdCase, RefusesInvalidUtf8) {
  // An id that is not UTF-8 is INVALID_ARGUMENT.
  const schema::Method& get = store().method(Operation::kGet);
  const int number = get.keys.front().fields[0]->number();
  for (const char* bytes :
       {"\xff\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xe2\x82"}) {
    std::string request;
    request.push_back(static_cast<char>(number << 3 | 2));
    request.push_back(static_cast<char>(std::string(bytes).size()));
    request += bytes;
    EXPECT_TRUE(HasStatus(gateway().CallBytes(get, request).status, Code::kInvalidArgument));
  }
}

TEST_P(TextIdCase, UnknownIsNotFoundAndEmptyIsInvalid) {
  // An id that no record has is NOT_FOUND; no id at all is INVALID_ARGUMENT.
  const Value unknown = make().NewId(entity());
  EXPECT_TRUE(HasStatus(store().Get(unknown).status, Code::kNotFound, "RECORD_NOT_FOUND"));
  EXPECT_TRUE(HasStatus(store().Delete(unknown).status, Code::kNotFound, "RECORD_NOT_FOUND"));
  EXPECT_TRUE(HasStatus(store().Get(std::string()).status, Code::kInvalidArgument));
  EXPECT_TRUE(HasStatus(store().Delete(std::string()).status, Code::kInvalidArgument));
  EXPECT_TRUE(HasStatus(store().BatchGet({std::string()}).status, Code::kInvalidArgument));
}

class FreeTextIdCase : public StoreCase {};
STOREGATE_CASES(FreeTextIdCase, HasFreeTextId);

TEST_P(FreeTextIdCase, TellsApartWhatOnlyLooksAlike) {
  // Ids that differ only in case, accents, composition or trailing spaces are different ids
  // (a CVE elsewhere), and every hostile text is one.
  std::vector<MessagePtr> records =
      make().MakeMany(entity(), static_cast<int>(HostileTexts().size()));
  for (size_t i = 0; i < records.size(); ++i) {
    SetValue(records[i].get(), *entity().id, HostileTexts()[i]);
  }
  ExpectRoundTrip(records);
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_TRUE(SameData(*Read(HostileTexts()[i]), *Stored(*records[i], entity()), entity()));
  }
  // Deleting one leaves those that look like it.
  ASSERT_TRUE(store().Delete(std::string("a")).ok());
  EXPECT_TRUE(HasStatus(store().Get(std::string("a")).status, Code::kNotFound));
  EXPECT_TRUE(store().Get(std::string("A")).ok());
  EXPECT_TRUE(store().Get(std::string("a ")).ok());
}

TEST_P(FreeTextIdCase, HasAtMost255Bytes) {
  // 255 bytes are an id; bytes count, not characters.
  const std::string longest(255, 'x');
  MessagePtr record = Make();
  SetValue(record.get(), *entity().id, longest);
  ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
  EXPECT_TRUE(SameData(*Read(longest), *Stored(*record, entity()), entity()));
  std::string wide;
  for (int i = 0; i < 128; ++i) wide += "é";
  SetValue(record.get(), *entity().id, wide);
  EXPECT_TRUE(HasStatus(store().Create(*record).status, Code::kInvalidArgument));
}

class UuidIdCase : public StoreCase {};
STOREGATE_CASES(UuidIdCase, HasUuidId);

TEST_P(UuidIdCase, IsCanonicalLowerCaseOnly) {
  // A UUID in another spelling is INVALID_ARGUMENT, not another spelling of a record's id.
  MessagePtr created = Created();
  const std::string id = std::get<std::string>(Id(*created));
  std::string upper = id;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  std::string bare = id;
  bare.erase(std::remove(bare.begin(), bare.end(), '-'), bare.end());
  for (const std::string& wrong : {upper, bare, "{" + id + "}", id + " ", " " + id, id + "0",
                                   std::string("x"), std::string("urn:uuid:") + id}) {
    if (wrong == id) continue;
    EXPECT_TRUE(HasStatus(store().Get(wrong).status, Code::kInvalidArgument)) << wrong;
    EXPECT_TRUE(HasStatus(store().BatchGet({id, wrong}).status, Code::kInvalidArgument)) << wrong;
    MessagePtr record = Make();
    SetValue(record.get(), *entity().id, wrong);
    EXPECT_TRUE(HasStatus(store().Create(*record).status, Code::kInvalidArgument)) << wrong;
  }
}

class ObjectIdCase : public StoreCase {};
STOREGATE_CASES(ObjectIdCase, HasObjectId);

TEST_P(ObjectIdCase, IsTwentyFourLowerCaseHexDigits) {
  // An ObjectId in another spelling is INVALID_ARGUMENT, not another spelling of a record's id.
  const std::string id = "507f1f77bcf86cd79943901a";
  MessagePtr record = Make();
  SetValue(record.get(), *entity().id, id);
  ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
  for (const std::string& wrong :
       {std::string("507F1F77BCF86CD79943901A"), id.substr(1), id + "0", " " + id,
        "ObjectId(\"" + id + "\")", std::string("507f1f77bcf86cd79943901g")}) {
    EXPECT_TRUE(HasStatus(store().Get(wrong).status, Code::kInvalidArgument)) << wrong;
    EXPECT_TRUE(HasStatus(store().BatchGet({id, wrong}).status, Code::kInvalidArgument)) << wrong;
    SetValue(record.get(), *entity().id, wrong);
    EXPECT_TRUE(HasStatus(store().Create(*record).status, Code::kInvalidArgument)) << wrong;
  }
}

class CountedIdCase : public StoreCase {};
STOREGATE_CASES(CountedIdCase, HasCountedId);

TEST_P(CountedIdCase, IsCountedByTheDatabaseWhenTheCallerGivesNone) {
  // Each record without an id gets one that no other has, also in batches and at once.
  std::set<Value> seen;
  for (const MessagePtr& record : make().CreatedMany(entity(), 50, {.with_id = false})) {
    EXPECT_TRUE(seen.insert(Id(*record)).second);
  }
  std::vector<std::future<Reply>> replies;
  for (const MessagePtr& record : make().MakeMany(entity(), 50, {.with_id = false})) {
    replies.push_back(gateway().Start(store().method(Operation::kCreate),
                                      store().CreateRequest(*record)->SerializeAsString()));
  }
  for (std::future<Reply>& future : replies) {
    Reply reply = future.get();
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    EXPECT_TRUE(seen.insert(Id(*reply.response)).second);
  }
  for (const Value& id : seen) EXPECT_GT(std::get<int64_t>(id), 0);
}

TEST_P(CountedIdCase, IsTheCallersWhereItIsGiven) {
  // A caller's own number is kept, and counting goes on without meeting it.
  MessagePtr own = Make();
  SetValue(own.get(), *entity().id, int64_t{5});
  ASSERT_TRUE(HasStatus(store().Create(*own).status, Code::kOk));
  EXPECT_TRUE(SameData(*Read(int64_t{5}), *Stored(*own, entity()), entity()));
  for (int i = 0; i < 10; ++i) {
    EXPECT_NE(Id(*make().Created(entity(), {.with_id = false})), Value(int64_t{5}));
  }
}

TEST_P(CountedIdCase, IsCountedBehindTheIdsBeforeItInABatch) {
  // Of a batch, a record with an id comes before one whose id is counted after it: it is created,
  // though the counter stood just before its id, and the next one is counted on from there.
  if (!store().Has(Operation::kBatchCreate)) return;
  for (int round = 0; round < 5; ++round) {
    const int64_t last = std::get<int64_t>(Id(*make().Created(entity(), {.with_id = false})));
    std::vector<MessagePtr> records = make().MakeMany(entity(), 3, {.with_id = false});
    SetValue(records[1].get(), *entity().id, last + 2);
    Reply reply = store().BatchCreate({records[0].get(), records[1].get(), records[2].get()},
                                      /*allow_partial=*/true);
    ASSERT_TRUE(reply.ok()) << reply.status.ToString();
    const std::vector<const Message*> created = store().Records(reply, Operation::kBatchCreate);
    ASSERT_EQ(created.size(), 3u) << reply.response->ShortDebugString();
    EXPECT_EQ(Id(*created[1]), Value(last + 2));
    EXPECT_GT(Id(*created[2]), Value(last + 2));
  }
}

TEST_P(CountedIdCase, IsNotGivenAgainAfterADelete) {
  // The id of a record that is gone does not come back with another one.
  MessagePtr last = make().Created(entity(), {.with_id = false});
  ASSERT_TRUE(store().Delete(Id(*last)).ok());
  if (store().Has(Operation::kPurge)) {
    ASSERT_TRUE(store().Purge(Id(*last)).ok());
  }
  EXPECT_NE(Id(*make().Created(entity(), {.with_id = false})), Id(*last));
}

}  // namespace
}  // namespace storegate::test
