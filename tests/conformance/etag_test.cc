#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/conformance/store_case.h"

namespace storegate::test {
namespace {

using schema::Operation;

class EtagCase : public StoreCase {
 protected:
  // Updates AnyField under `etag`, to a value that it does not have.
  Reply Touch(const Message& record, const std::string& etag, bool allow_missing = false) {
    MessagePtr change = Clone(record);
    Change(change.get(), AnyField());
    SetValue(change.get(), *entity().etag, etag.empty() ? Value() : Value(etag));
    return store().Update(*change, {AnyField().name}, allow_missing);
  }
};
STOREGATE_CASES(EtagCase, HasEtag);

TEST_P(EtagCase, ChangesWithEveryWrite) {
  // No two states of a record have the same etag; reading does not change it.
  MessagePtr record = Created();
  std::set<std::string> seen = {Etag(*record)};
  for (int i = 0; i < 10; ++i) {
    Reply updated = Touch(*record, "");
    ASSERT_TRUE(HasStatus(updated.status, Code::kOk));
    EXPECT_TRUE(seen.insert(Etag(*updated.response)).second);
    EXPECT_EQ(Etag(*Read(Id(*record))), Etag(*updated.response));
  }
}

TEST_P(EtagCase, GuardsAnUpdate) {
  // The right etag updates and gives a new one; a wrong one is ABORTED and changes nothing.
  MessagePtr record = Created();
  Reply first = Touch(*record, Etag(*record));
  ASSERT_TRUE(HasStatus(first.status, Code::kOk));
  EXPECT_TRUE(HasStatus(Touch(*record, Etag(*record)).status, Code::kAborted, "ETAG_MISMATCH"));
  EXPECT_TRUE(HasStatus(Touch(*record, Etag(*record), /*allow_missing=*/true).status,
                        Code::kAborted, "ETAG_MISMATCH"));
  EXPECT_TRUE(SameRecord(*Read(Id(*record)), *first.response));
  EXPECT_TRUE(HasStatus(Touch(*record, Etag(*first.response)).status, Code::kOk));
}

TEST_P(EtagCase, GuardsDeleteUndeleteAndPurge) {
  // A wrong etag stops a delete, an undelete and a purge; the right one does not.
  if (store().method(Operation::kDelete).etag == nullptr) return;
  MessagePtr record = Created();
  const Value id = Id(*record);
  const std::string wrong = Etag(*Created());
  EXPECT_TRUE(HasStatus(store().Delete(id, {.etag = wrong}).status, Code::kAborted,
                        "ETAG_MISMATCH"));
  EXPECT_TRUE(SameRecord(*Read(id), *record));
  ASSERT_TRUE(HasStatus(store().Delete(id, {.etag = Etag(*record)}).status, Code::kOk));
  if (!entity().soft_delete()) return;
  MessagePtr deleted = Read(id, true);
  EXPECT_TRUE(HasStatus(store().Undelete(id, wrong).status, Code::kAborted, "ETAG_MISMATCH"));
  ASSERT_TRUE(HasStatus(store().Undelete(id, Etag(*deleted)).status, Code::kOk));
  EXPECT_TRUE(HasStatus(store().Purge(id, {.etag = Etag(*deleted)}).status, Code::kAborted,
                        "ETAG_MISMATCH"));
  EXPECT_TRUE(HasStatus(store().Purge(id, {.etag = Etag(*Read(id))}).status, Code::kOk));
}

TEST_P(EtagCase, NeverInsertsOnAMissingRow) {
  // An update with an etag on a record that is not there is refused and makes none, also with
  // allow_missing (some stores insert, and lose an update).
  MessagePtr record = Make();
  const std::string etag = Etag(*Created());
  EXPECT_TRUE(HasStatus(Touch(*record, etag).status, Code::kNotFound, "RECORD_NOT_FOUND"));
  EXPECT_TRUE(HasStatus(Touch(*record, etag, /*allow_missing=*/true).status, Code::kAborted,
                        "ETAG_MISMATCH"));
  EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kNotFound));
}

TEST_P(EtagCase, MustBeOneOfOurs) {
  // What is no etag at all is INVALID_ARGUMENT and changes nothing.
  MessagePtr record = Created();
  for (const char* wrong : {"x", "*", "0", "W/\"1\"", "zzzzzzzzzzzzzzzz", "00000000000000000",
                            "FFFFFFFFFFFFFFFF", " ", "-1"}) {
    EXPECT_TRUE(HasStatus(Touch(*record, wrong).status, Code::kInvalidArgument)) << wrong;
    if (store().method(Operation::kDelete).etag != nullptr) {
      EXPECT_TRUE(HasStatus(store().Delete(Id(*record), {.etag = wrong}).status,
                            Code::kInvalidArgument))
          << wrong;
    }
  }
  EXPECT_TRUE(SameRecord(*Read(Id(*record)), *record));
}

TEST_P(EtagCase, IsNeverThatOfAnotherLife) {
  // A record that was removed and made again under its id does not take the old etag.
  MessagePtr first = Created();
  const Value id = Id(*first);
  if (store().Has(Operation::kPurge)) {
    ASSERT_TRUE(store().Purge(id).ok());
  } else {
    ASSERT_TRUE(store().Delete(id).ok());
  }
  MessagePtr second = Make();
  SetValue(second.get(), *entity().id, id);
  Reply created = store().Create(*second);
  ASSERT_TRUE(HasStatus(created.status, Code::kOk));
  EXPECT_NE(Etag(*first), Etag(*created.response));
  EXPECT_TRUE(HasStatus(Touch(*created.response, Etag(*first)).status, Code::kAborted));
}

TEST_P(EtagCase, LosesNoUpdate) {
  // Eight threads read, change and write under the etag until each has won so often: every
  // update that was acknowledged is a state that the next one saw.
  MessagePtr record = Created();
  const Value id = Id(*record);
  constexpr int kThreads = 8;
  const int wins_each = Count(50);
  std::mutex mutex;
  std::set<std::string> seen = {Etag(*record)};
  std::vector<std::thread> threads;
  std::vector<MessagePtr> values;  // made before: the factory is not for many threads
  for (int i = 0; i < kThreads * 8; ++i) {
    values.push_back(Clone(*record));
    Change(values.back().get(), AnyField());
  }
  std::set<std::string> used;  // etags that an update replaced
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      int wins = 0;
      for (int tries = 0; wins < wins_each && tries < 100000; ++tries) {
        Reply got = store().Get(id);
        if (!got.ok()) {
          ADD_FAILURE() << got.status.ToString();
          return;
        }
        const std::string etag = Etag(*got.response);
        MessagePtr change = Clone(*values[static_cast<size_t>(t * 8 + tries % 8)]);
        SetValue(change.get(), *entity().etag, etag);
        Reply updated = store().Update(*change, {AnyField().name});
        if (!updated.ok()) {
          EXPECT_TRUE(HasStatus(updated.status, Code::kAborted, "ETAG_MISMATCH"));
          continue;
        }
        ++wins;
        std::lock_guard<std::mutex> lock(mutex);
        EXPECT_TRUE(used.insert(etag).second) << "two updates replaced the same state";
        EXPECT_TRUE(seen.insert(Etag(*updated.response)).second);
      }
      EXPECT_EQ(wins, wins_each);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(used.size(), static_cast<size_t>(kThreads * wins_each));
  EXPECT_EQ(seen.count(Etag(*Read(id))), 1u);
}

}  // namespace
}  // namespace storegate::test
