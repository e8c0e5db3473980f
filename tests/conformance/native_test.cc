// Native queries. The types schema has one, the same on all kinds of databases: samples of a
// region and some codes, optionally from a time on, optionally with a text.
#include <algorithm>
#include <limits>

#include "server/base/time.h"
#include "tests/conformance/list_case.h"

namespace storegate::test {
namespace {

using schema::Field;
using schema::Method;
using schema::Operation;

bool HasNative(const schema::Schema& schema, const schema::Entity& entity) {
  return FindMethod(schema, entity, Operation::kNative) != nullptr;
}

class NativeCase : public ListCase {
 protected:
  struct Arguments {
    std::string region;
    std::vector<int64_t> codes;
    Value from = {}, text = {};
  };

  const Method& native() { return store().method(Operation::kNative); }
  Value Of(const Message& record, const char* field) {
    return GetValue(record, *entity().Find(field));
  }

  // `count` in a region, codes from 0 on.
  void Fill(const std::string& region, int count) {
    std::vector<MessagePtr> records = make().MakeMany(entity(), count);
    std::vector<const Message*> sent;
    for (int i = 0; i < count; ++i) {
      SetValue(records[i].get(), *entity().Find("region"), region);
      SetValue(records[i].get(), *entity().Find("code"), int64_t{i});
      sent.push_back(records[i].get());
    }
    ASSERT_TRUE(HasStatus(store().CreateMany(sent).status, Code::kOk));
    records_ = Everything();
  }

  MessagePtr Request(const Arguments& arguments) {
    MessagePtr request(native().request->New());
    SetValue(request.get(), FieldNamed(*request, "region"), arguments.region);
    for (const int64_t code : arguments.codes) {
      SetValue(request.get(), FieldNamed(*request, "codes"), code);
    }
    const std::pair<const char*, Value> rest[] = {{"from", arguments.from},
                                                  {"text", arguments.text}};
    for (const auto& [name, value] : rest) {
      if (!IsNull(value)) SetValue(request.get(), FieldNamed(*request, name), value);
    }
    return request;
  }

  std::vector<MessagePtr> Expected(const Arguments& arguments) {
    std::vector<const Message*> found;
    for (const MessagePtr& record : records_) {
      const Value time = Of(*record, "a_timestamp");
      const int64_t code = std::get<int64_t>(Of(*record, "code"));
      if (Of(*record, "region") != Value(arguments.region)) continue;
      if (std::ranges::find(arguments.codes, code) == arguments.codes.end()) continue;
      if (!IsNull(arguments.from) && (IsNull(time) || time < arguments.from)) continue;
      if (!IsNull(arguments.text) && Of(*record, "optional_string") != arguments.text) continue;
      found.push_back(record.get());
    }
    std::ranges::sort(found, {}, [this](const Message* record) { return Of(*record, "code"); });
    std::vector<MessagePtr> rows;
    for (const Message* record : found) {
      MessagePtr row(native().native->row.entity.prototype->New());
      for (const auto& [to, from] : {std::pair{"region", "region"}, {"code", "code"},
                                     {"time", "a_timestamp"}, {"color", "plain_color"},
                                     {"text", "optional_string"}, {"flag", "plain_bool"},
                                     {"number", "plain_double"}}) {
        const Value value = Of(*record, from);
        if (!IsNull(value)) SetValue(row.get(), FieldNamed(*row, to), value);
      }
      rows.push_back(std::move(row));
    }
    return rows;
  }

  // Whether it finds what it should; how many those are.
  size_t Check(const Arguments& arguments) {
    const MessagePtr request = Request(arguments);
    Reply reply = gateway().Call(native(), *request);
    EXPECT_TRUE(HasStatus(reply.status, Code::kOk)) << request->ShortDebugString();
    if (!reply.ok()) return 0;
    const std::vector<MessagePtr> expected = Expected(arguments);
    const std::vector<const Message*> rows = Elements(*reply.response, native().records);
    EXPECT_EQ(rows.size(), expected.size()) << request->ShortDebugString();
    for (size_t i = 0; i < std::min(rows.size(), expected.size()); ++i) {
      EXPECT_TRUE(SameRecord(*rows[i], *expected[i])) << request->ShortDebugString();
    }
    return expected.size();
  }

  std::vector<MessagePtr> records_;
};
STOREGATE_CASES(NativeCase, HasNative);

TEST_P(NativeCase, FindsWhatItsQuerySays) {
  // One value, a list, a time, what is unset; a column without a field is left out, and a
  // field without a column unset.
  ASSERT_NO_FATAL_FAILURE(Fill("north", 30));
  ASSERT_NO_FATAL_FAILURE(Fill("south", 10));
  EXPECT_EQ(Check({"north", {0, 1, 2, 29, 30, 31}}), 4u);
  EXPECT_EQ(Check({"south", {1, 1, 29}}), 1u);
  EXPECT_EQ(Check({"north", {}}), 0u);
  EXPECT_EQ(Check({"nowhere", {0}}), 0u);
  std::vector<int64_t> all;
  for (int64_t i = 0; i < 30; ++i) all.push_back(i);
  for (const MessagePtr& record : records_) {
    Check({"north", all, Of(*record, "a_timestamp")});
    Check({"north", all, {}, Of(*record, "optional_string")});
    Check({"north", all, Of(*record, "a_timestamp"), Of(*record, "optional_string")});
  }
  Check({"north", {std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max()}});
}

TEST_P(NativeCase, IsOneStatement) {
  ASSERT_NO_FATAL_FAILURE(Fill("north", 3));
  const int64_t before = gateway().statements();
  Check({"north", {0, 1, 2}});
  EXPECT_EQ(gateway().statements(), before + 1);
}

TEST_P(NativeCase, TextsThatMeanSomethingElsewhereAreTexts) {
  // To SQL, to MongoDB's operators and paths, and to whoever puts parameters in: as a value
  // that is there, each is found, and as one that is not, nothing is.
  const std::vector<std::string> texts = {
      "' OR '1'='1", "'; DROP TABLE x; --", "x' --", "$region", "$$ROOT", "$1", "$2", "$4",
      "$ne", "{\"$ne\": 1}", "{$gt: ''}", "$optional_string", "$$NOW", "%", "\\", "\"", "?1", ":a",
      "NULL", "null", "[]"};
  std::vector<MessagePtr> records = make().MakeMany(entity(), static_cast<int>(texts.size()));
  std::vector<const Message*> sent;
  for (size_t i = 0; i < texts.size(); ++i) {
    SetValue(records[i].get(), *entity().Find("region"), texts[i]);
    SetValue(records[i].get(), *entity().Find("code"), int64_t{7});
    SetValue(records[i].get(), *entity().Find("optional_string"), texts[i]);
    sent.push_back(records[i].get());
  }
  ASSERT_TRUE(HasStatus(store().CreateMany(sent).status, Code::kOk));
  records_ = Everything();
  for (const std::string& text : texts) {
    EXPECT_EQ(Check({text, {7}}), 1u) << text;
    EXPECT_EQ(Check({text, {7}, {}, text}), 1u) << text;
    EXPECT_EQ(Check({text, {7}, {}, "no " + text}), 0u) << text;
    EXPECT_EQ(Check({"$region", {7}, {}, text}), text == "$region" ? 1u : 0u) << text;
    EXPECT_EQ(Check({"no " + text, {7}}), 0u) << text;
  }
}

TEST_P(NativeCase, WhatIsNoValueIsRefused) {
  // As in any other request, naming the field.
  const auto refused = [this](const MessagePtr& request, const std::string& field) {
    const Status status = gateway().Call(native(), *request).status;
    EXPECT_TRUE(HasStatus(status, Code::kInvalidArgument));
    EXPECT_TRUE(Violates(status, field));
  };
  refused(Request({std::string("a\0b", 3), {1}}), "region");
  refused(Request({"a", std::vector<int64_t>(1001, 1)}), "codes");
  refused(Request({"a", {1}, kMaxTimestampMillis + 1}), "from");
}

}  // namespace
}  // namespace storegate::test
