// What a MongoDB server can answer that the servers of the tests do not: statuses say what
// is known of a write, and no more.
#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <regex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/repository/row_status.h"
#include "tests/fault/mongodb_scripted.h"

namespace storegate::test {
namespace {

using repository::Mutation;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

class MongodbAnswers : public MongodbScripted {
 protected:
  // What the first commands of that name are answered, in order; those after them as ever.
  void Answer(const std::string& name, std::vector<FakeAnswer> answers) {
    auto rest = std::make_shared<std::deque<FakeAnswer>>(answers.begin(), answers.end());
    auto mutex = std::make_shared<std::mutex>();
    Script([name, rest, mutex](const FakeCommand& command) -> std::optional<FakeAnswer> {
      if (command.name != name) return std::nullopt;
      std::lock_guard<std::mutex> lock(*mutex);
      if (rest->empty()) return std::nullopt;
      FakeAnswer answer = rest->front();
      rest->pop_front();
      return answer;
    });
  }
  // What each command of that name is answered.
  void AnswerAll(const std::string& name, const FakeAnswer& answer) {
    Script([name, answer](const FakeCommand& command) {
      return command.name == name ? std::optional(answer) : std::nullopt;
    });
  }
  Mutation Created() {
    Mutation insert = Insert();
    EXPECT_TRUE(HasStatus(ApplyOne(insert), Code::kOk));
    return insert;
  }
  Result<int64_t> Count() {
    repository::Query query;
    query.entity = &entity();
    query.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    return session().Count(query);
  }
  Status Get(const Value& id) {
    std::string bytes;
    repository::WireSink sink(&bytes);
    std::vector<repository::Found> found;
    repository::GetRequest request;
    request.entity = &entity();
    request.key = &entity().keys[0];
    request.values = {{id}};
    request.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const Status status = session().Get(request, &sink, &found);
    if (!status.ok()) return status;
    return found[0].found ? status : repository::RecordNotFound(entity(), id);
  }
};

TEST_F(MongodbAnswers, ALostAnswerIsAskedForAgainWhereTheServerCanTell) {
  // The same write with the same number; it happens once, and is answered once.
  for (const char* name : {"insert", "findAndModify"}) {
    SCOPED_TRACE(name);
    const Mutation there = Created();
    Answer(name, {FakeAnswer::DropBefore()});
    const Mutation mutation = name == std::string("insert") ? Insert() : Update(there.id);
    EXPECT_TRUE(HasStatus(ApplyOne(mutation), Code::kOk));
    const std::vector<FakeCommand> sent = fake().Commands(name);
    ASSERT_EQ(sent.size(), 2u);
    ASSERT_TRUE(sent[0].txn_number.has_value());
    EXPECT_EQ(sent[0].txn_number, sent[1].txn_number);
    EXPECT_EQ(sent[0].lsid, sent[1].lsid);
    EXPECT_TRUE(IsThere(mutation.id));
    Reconnect();
  }
}

TEST_F(MongodbAnswers, WhatWasThereFromTheFirstTimeIsOurs) {
  // The write happened, its answer was lost, and a server that does not tell finds it there.
  for (const bool many : {false, true}) {
    Answer("insert", {FakeAnswer::DropAfter()});
    std::vector<std::vector<Mutation>> writes = {{Insert()}};
    if (many) writes.push_back({Insert()});
    for (const auto& write : Apply(writes)) EXPECT_TRUE(HasStatus(write->status(), Code::kOk));
    EXPECT_EQ(fake().Count("insert"), 2);
    Reconnect();
  }
  EXPECT_EQ(CountThere(), 3);
  // Somebody else's is not.
  const Mutation taken = Created();
  Mutation again = Insert();
  again.id = taken.id;
  Answer("insert", {FakeAnswer::DropBefore()});
  EXPECT_TRUE(HasStatus(ApplyOne(again), Code::kAlreadyExists, "RECORD_EXISTS"));
  // A row that is no longer as the change wants it may have been changed by this very change.
  Mutation update = Update(taken.id);
  update.expected_version = taken.new_version;
  Answer("findAndModify", {FakeAnswer::DropAfter()});
  EXPECT_TRUE(HasStatus(ApplyOne(update), Code::kUnknown, "COMMIT_UNKNOWN"));
}

TEST_F(MongodbAnswers, ALostAnswerOfAServerWithoutSessionsIsUnknown) {
  OpenScripted({.replica_set = false});
  for (const bool happened : {false, true}) {
    const Mutation there = Created();
    const FakeAnswer lost = happened ? FakeAnswer::DropAfter() : FakeAnswer::DropBefore();
    for (const char* name : {"insert", "findAndModify"}) {
      SCOPED_TRACE(name);
      const Mutation mutation = name == std::string("insert") ? Insert() : Update(there.id);
      AnswerAll(name, lost);
      EXPECT_TRUE(HasStatus(ApplyOne(mutation), Code::kUnknown, "COMMIT_UNKNOWN"));
      EXPECT_EQ(fake().Count(name), 1) << "it was sent again";
      EXPECT_FALSE(session().Fresh());
      Script(nullptr);
      Reconnect();
    }
  }
}

TEST_F(MongodbAnswers, AnErrorAfterALostAnswerIsUnknown) {
  // The error is of the second time: the first may have happened.
  for (const int code : {10107, 189, 11602, 8000, 50, 112}) {
    SCOPED_TRACE(code);
    const Mutation there = Created();
    const FakeAnswer error = FakeAnswer::Error(code, "AsTheTestSays");
    Answer("insert", {FakeAnswer::DropAfter(), error});
    for (const auto& write : Apply({{Insert()}, {Insert()}})) {
      EXPECT_TRUE(HasStatus(write->status(), Code::kUnknown, "COMMIT_UNKNOWN"));
    }
    Reconnect();
    Answer("findAndModify", {FakeAnswer::DropAfter(), error});
    EXPECT_TRUE(HasStatus(ApplyOne(Update(there.id)), Code::kUnknown, "COMMIT_UNKNOWN"));
    Script(nullptr);
    Reconnect();
  }
}

TEST_F(MongodbAnswers, WhatOthersDidNotConfirmIsUnknown) {
  const std::string concern =
      R"("writeConcernError": {"code": 64, "errmsg": "waiting for replication timed out"}})";
  AnswerAll("insert", FakeAnswer::Reply(R"({"ok": 1, "n": 1, )" + concern));
  EXPECT_TRUE(HasStatus(ApplyOne(Insert()), Code::kUnknown, "COMMIT_UNKNOWN"));
  Reconnect();
  // Of what it refused, the server is sure.
  AnswerAll("insert", FakeAnswer::Reply(
                          R"({"ok": 1, "n": 1, "writeErrors": [{"index": 0, "code": 8000,
                              "errmsg": "no"}], )" + concern));
  const auto writes = Apply({{Insert()}, {Insert()}});
  EXPECT_TRUE(HasStatus(writes[0]->status(), Code::kInternal, "DATABASE_ERROR"));
  EXPECT_TRUE(HasStatus(writes[1]->status(), Code::kUnknown, "COMMIT_UNKNOWN"));
  Reconnect();
  const Mutation mutation = Update(Value(std::string("x")));
  for (const char* answer : {R"({"ok": 1, "value": null, )", R"({"ok": 0, "code": 91, )"}) {
    AnswerAll("findAndModify", FakeAnswer::Reply(answer + concern));
    EXPECT_TRUE(HasStatus(ApplyOne(mutation), Code::kUnknown, "COMMIT_UNKNOWN"));
    Reconnect();
  }
}

TEST_F(MongodbAnswers, APrimaryThatStepsDownIsUnavailableForWhatDidNotHappen) {
  // And there again for the next one.
  const Mutation there = Created();
  const std::vector<std::string> names = {"insert", "findAndModify", "find", "aggregate"};
  for (const int code : {10107, 189, 11600, 11602, 13435, 13436, 91}) {
    SCOPED_TRACE(code);
    const FakeAnswer error = FakeAnswer::Error(code, "AsTheTestSays");
    for (const char* name : {"insert", "findAndModify", "find", "aggregate"}) {
      // libmongoc takes half a second to ask again who is there: each code once, and one with all.
      if (code != 189 && name != names[static_cast<size_t>(code) % names.size()]) continue;
      SCOPED_TRACE(name);
      AnswerAll(name, error);
      const Mutation insert = Insert();
      const Status status = name == std::string("insert")          ? ApplyOne(insert)
                            : name == std::string("findAndModify") ? ApplyOne(Update(there.id))
                            : name == std::string("find")          ? Get(there.id)
                                                                   : Count().status();
      EXPECT_TRUE(HasStatus(status, Code::kUnavailable, "DATABASE_UNAVAILABLE"));
      EXPECT_FALSE(IsThere(insert.id));
      Script(nullptr);
      Reconnect();
      EXPECT_TRUE(HasStatus(Get(there.id), Code::kOk));
    }
  }
}

TEST_F(MongodbAnswers, APrimaryThatIsGoneIsUnavailableUntilThereIsOne) {
  const Mutation there = Created();
  fake().SetPrimary(false);
  AnswerAll("insert", FakeAnswer::Error(10107, "NotWritablePrimary"));
  EXPECT_TRUE(HasStatus(ApplyOne(Insert()), Code::kUnavailable, "DATABASE_UNAVAILABLE"));
  EXPECT_TRUE(HasStatus(ApplyOne(Insert()), Code::kUnavailable, "DATABASE_UNAVAILABLE"));
  EXPECT_TRUE(HasStatus(Get(there.id), Code::kUnavailable, "DATABASE_UNAVAILABLE"));
  fake().SetPrimary(true);
  Script(nullptr);
  EXPECT_TRUE(HasStatus(ApplyOne(Insert()), Code::kOk));
}

TEST_F(MongodbAnswers, AnErrorNobodyForesawIsInternalWithoutTheServersWords) {
  const Mutation there = Created();
  for (const char* name : {"insert", "findAndModify", "find", "aggregate"}) {
    SCOPED_TRACE(name);
    AnswerAll(name, FakeAnswer::Error(4711, "Quux"));
    const Status status = name == std::string("insert")          ? ApplyOne(Insert())
                          : name == std::string("findAndModify") ? ApplyOne(Update(there.id))
                          : name == std::string("find")          ? Get(there.id)
                                                                 : Count().status();
    EXPECT_TRUE(HasStatus(status, Code::kInternal, "DATABASE_ERROR"));
    EXPECT_THAT(status.ToString(), Not(HasSubstr("Quux")));
    EXPECT_TRUE(session().Fresh());
  }
}

TEST_F(MongodbAnswers, ADuplicateWithoutAnIndexIsLookedFor) {
  const Mutation there = Created();
  const FakeAnswer duplicate = FakeAnswer::Reply(
      R"({"ok": 1, "n": 0, "writeErrors": [{"index": 0, "code": 11000, "errmsg": "E11000"}]})");
  AnswerAll("insert", duplicate);
  Mutation again = Insert();
  again.id = there.id;
  EXPECT_TRUE(HasStatus(ApplyOne(again), Code::kAlreadyExists, "RECORD_EXISTS"));
  Mutation same = Insert();
  same.record = there.record;
  const Status unique = ApplyOne(same);
  EXPECT_TRUE(HasStatus(unique, Code::kAlreadyExists, "UNIQUE_VIOLATION"));
  EXPECT_EQ(unique.metadata().at("fields"), "name");
  // Gone by now, and nobody knows what it was.
  EXPECT_TRUE(HasStatus(ApplyOne(Insert()), Code::kAlreadyExists, "UNIQUE_VIOLATION"));
}

TEST_F(MongodbAnswers, WhatTheServerRefusedOfManyIsOnlyThat) {
  Answer("insert", {FakeAnswer::Reply(R"({"ok": 1, "n": 2, "writeErrors": [
      {"index": 1, "code": 8000, "errmsg": "no"},
      {"index": 3, "code": 14031, "errmsg": "full"}]})")});
  const auto writes = Apply({{Insert()}, {Insert()}, {Insert()}, {Insert()}});
  EXPECT_TRUE(HasStatus(writes[0]->status(), Code::kOk));
  EXPECT_TRUE(HasStatus(writes[1]->status(), Code::kInternal, "DATABASE_ERROR"));
  EXPECT_TRUE(HasStatus(writes[2]->status(), Code::kOk));
  EXPECT_TRUE(HasStatus(writes[3]->status(), Code::kResourceExhausted, "STORAGE_FULL"));
}

TEST_F(MongodbAnswers, AnInsertThatFailedAsAWholeIsToldApartByLooking) {
  // The first of three documents was there when the command failed.
  const struct {
    int code;
    Code first, others;
  } cases[] = {
      {8000, Code::kOk, Code::kInternal},
      {50, Code::kOk, Code::kDeadlineExceeded},
      // Whoever is primary now has it, or not: nobody confirmed it.
      {11602, Code::kUnknown, Code::kUnavailable},
      // Others were in the way: those that are not there are tried again.
      {112, Code::kOk, Code::kOk},
  };
  for (const auto& expected : cases) {
    SCOPED_TRACE(expected.code);
    std::atomic<bool> failed{false};
    Script([&](const FakeCommand& command) -> std::optional<FakeAnswer> {
      if (command.name != "insert" || failed.exchange(true)) return std::nullopt;
      ApplyFirst(command);
      return FakeAnswer::Error(expected.code, "AsTheTestSays");
    });
    const std::vector<std::vector<Mutation>> mutations = {{Insert()}, {Insert()}, {Insert()}};
    const auto writes = Apply(mutations);
    for (size_t i = 0; i < writes.size(); ++i) {
      const Code code = i == 0 ? expected.first : expected.others;
      EXPECT_TRUE(HasStatus(writes[i]->status(), code)) << i;
      EXPECT_EQ(IsThere(mutations[i][0].id), i == 0 || code == Code::kOk) << i;
    }
    Script(nullptr);
    Reconnect();
  }
  // It cannot be looked at: nobody knows.
  Script([&](const FakeCommand& command) -> std::optional<FakeAnswer> {
    if (command.name == "insert") return FakeAnswer::Error(8000, "AsTheTestSays");
    if (command.name == "find") return FakeAnswer::DropBefore();
    return std::nullopt;
  });
  for (const auto& write : Apply({{Insert()}, {Insert()}})) {
    EXPECT_TRUE(HasStatus(write->status(), Code::kUnknown, "COMMIT_UNKNOWN"));
  }
}

TEST_F(MongodbAnswers, WhatIsNoAnswerIsNoResult) {
  // Wrong shapes, and bytes that are no message: no crash, no wrong answer, a status.
  const Mutation there = Created();
  std::vector<FakeAnswer> answers;
  for (const char* reply :
       {R"({"ok": 1})", R"({"ok": 1, "n": "three"})", R"({"ok": 1, "n": 0})", R"({"ok": 0})",
        R"({"nothing": 1})", R"({"ok": {}, "code": "x", "errmsg": 5})",
        R"({"ok": 1, "n": 0, "writeErrors": 7})", R"({"ok": 1, "n": 0, "writeErrors": [7]})",
        R"({"ok": 1, "n": 1, "writeErrors": [{"index": 99, "code": 11000}]})",
        R"({"ok": 1, "n": 1, "writeErrors": [{"code": 11000}]})",
        R"({"ok": 0, "writeErrors": []})", R"({"ok": 1, "value": 5})",
        R"({"ok": 1, "cursor": 5})", R"({"ok": 1, "cursor": {}})",
        R"({"ok": 1, "cursor": {"id": "x", "firstBatch": []}})",
        R"({"ok": 1, "cursor": {"id": 0, "firstBatch": [5]}})",
        R"({"ok": 1, "cursor": {"id": 0, "nextBatch": []}})"}) {
    answers.push_back(FakeAnswer::Reply(reply));
  }
  const std::string header("\x30\0\0\0\1\0\0\0\0\0\0\0\xdd\7\0\0", 16);
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string(64, '\xff'),
        std::string(64, '\0'), header + std::string(32, '\xff'), header + std::string(32, '\0'),
        header + std::string("\0\0\0\0\0\x1b\0\0\0\x02ok\0\xff\xff\xff\x7f", 17) +
            std::string(15, 'a')}) {
    answers.push_back(FakeAnswer::Bytes(bytes));
  }
  const auto clear = [](const Status& status, bool writes) {
    switch (status.code()) {
      case Code::kInternal: return status.reason() == "DATABASE_ERROR";
      case Code::kUnavailable: return !writes;
      case Code::kUnknown: return writes;
      default: return false;
    }
  };
  for (size_t i = 0; i < answers.size(); ++i) {
    SCOPED_TRACE(answers[i].reply + answers[i].bytes);
    for (const char* name : {"insert", "findAndModify", "find", "aggregate"}) {
      SCOPED_TRACE(name);
      const bool insert = name == std::string("insert");
      const bool writes = insert || name == std::string("findAndModify");
      // A connection that is lost costs half a second.
      if (!answers[i].bytes.empty() && i % 2 == (insert || name == std::string("find"))) continue;
      AnswerAll(name, answers[i]);
      const Status status = insert                          ? ApplyOne(Insert())
                            : writes                        ? ApplyOne(Update(there.id))
                            : name == std::string("find")   ? Get(there.id)
                                                            : Count().status();
      EXPECT_TRUE(clear(status, writes)) << status.ToString();
      Script(nullptr);
      Reconnect();
    }
  }
  EXPECT_TRUE(HasStatus(Get(there.id), Code::kOk));
}

TEST_F(MongodbAnswers, TheServerIsToldHowMuchTimeIsLeft) {
  const Mutation there = Created();
  fake().ForgetCommands();
  constexpr int64_t kLeft = 7000;
  EXPECT_TRUE(HasStatus(ApplyOne(Insert(), milliseconds(kLeft)), Code::kOk));
  EXPECT_TRUE(HasStatus(ApplyOne(Update(there.id), milliseconds(kLeft)), Code::kOk));
  repository::Query query;
  query.entity = &entity();
  query.limit = 10;
  query.deadline = std::chrono::steady_clock::now() + milliseconds(kLeft);
  std::string bytes;
  repository::WireSink sink(&bytes);
  EXPECT_TRUE(HasStatus(session().List(query, &sink), Code::kOk));
  EXPECT_TRUE(session().Count(query).ok());
  for (const char* name : {"insert", "findAndModify", "find", "aggregate"}) {
    for (const FakeCommand& command : fake().Commands(name)) {
      std::smatch found;
      ASSERT_TRUE(std::regex_search(command.json, found, std::regex(R"x("maxTimeMS" : (\d+))x")))
          << command.json;
      EXPECT_LE(std::stoll(found[1]), kLeft);
      EXPECT_GE(std::stoll(found[1]), 1);
    }
  }
}

TEST_F(MongodbAnswers, TimeThatIsUpForTheServerIsUpForTheCaller) {
  const Mutation there = Created();
  const FakeAnswer late = FakeAnswer::Error(50, "MaxTimeMSExpired");
  AnswerAll("insert", late);
  EXPECT_TRUE(HasStatus(ApplyOne(Insert()), Code::kDeadlineExceeded));
  AnswerAll("findAndModify", late);
  EXPECT_TRUE(HasStatus(ApplyOne(Update(there.id)), Code::kDeadlineExceeded));
  AnswerAll("find", late);
  EXPECT_TRUE(HasStatus(Get(there.id), Code::kDeadlineExceeded));
  AnswerAll("aggregate", late);
  EXPECT_TRUE(HasStatus(Count().status(), Code::kDeadlineExceeded));
  EXPECT_TRUE(session().Fresh()) << "a deadline cost a connection";
}

TEST_F(MongodbAnswers, ACursorThatIsGoneInTheMiddleOfAListEndsIt) {
  // The rows before it are no list.
  Script([](const FakeCommand& command) -> std::optional<FakeAnswer> {
    if (command.name == "find") {
      return FakeAnswer::Reply(
          R"({"ok": 1, "cursor": {"id": 77, "ns": "x.y", "firstBatch": [{"_id": "a"}]}})");
    }
    if (command.name == "getMore") return FakeAnswer::Error(43, "CursorNotFound");
    return std::nullopt;
  });
  repository::Query query;
  query.entity = &entity();
  query.limit = 10;
  query.deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  std::string bytes;
  repository::WireSink sink(&bytes);
  EXPECT_TRUE(HasStatus(session().List(query, &sink), Code::kUnavailable, "DATABASE_UNAVAILABLE"));
  ASSERT_EQ(fake().Count("getMore"), 1);
  // Both were of one session.
  EXPECT_EQ(fake().Commands("getMore")[0].lsid, fake().Commands("find")[0].lsid);
}

TEST_F(MongodbAnswers, ARecordBeyondMongodbsLimitIsRefusedAndTouchesNoOther) {
  const Mutation there = Created();
  const std::string big(17 << 20, 'x');
  MessagePtr record = Clone(*there.record);
  const schema::Field* text = nullptr;
  for (const schema::Field& field : entity().fields) {
    if (field.type == schema::Type::kString && Writable(field) && &field != entity().id &&
        !field.immutable) {
      text = &field;
    }
  }
  ASSERT_NE(text, nullptr);
  SetValue(record.get(), *text, Value(big));
  Mutation insert = Insert();
  insert.record = record.get();
  fake().ForgetCommands();
  const auto writes = Apply({{Insert()}, {insert}, {Insert()}});
  EXPECT_TRUE(HasStatus(writes[0]->status(), Code::kOk));
  EXPECT_TRUE(HasStatus(writes[1]->status(), Code::kInvalidArgument, "RECORD_TOO_LARGE"));
  EXPECT_TRUE(HasStatus(writes[2]->status(), Code::kOk));
  Mutation update = Update(there.id);
  update.record = record.get();
  EXPECT_TRUE(HasStatus(ApplyOne(update), Code::kInvalidArgument, "RECORD_TOO_LARGE"));
  EXPECT_EQ(fake().Count("findAndModify"), 0);
  AnswerAll("findAndModify", FakeAnswer::Error(17419, "Location17419"));
  EXPECT_TRUE(HasStatus(ApplyOne(Update(there.id)), Code::kInvalidArgument, "RECORD_TOO_LARGE"));
  EXPECT_TRUE(session().Fresh());
}

}  // namespace
}  // namespace storegate::test
