#include <gtest/gtest.h>

#include "server/base/text.h"
#include "tests/conformance/list_case.h"

namespace storegate::test {
namespace {

class SearchCase : public ListCase {
 protected:
  // By the contract: the folded text of any searchable field contains the folded words.
  std::set<Value> Expected(const std::vector<MessagePtr>& records, const std::string& search) {
    std::set<Value> ids;
    for (const MessagePtr& record : records) {
      for (const schema::Field* field : entity().searchable) {
        const Value value = GetValue(*record, *field);
        const std::string* text = std::get_if<std::string>(&value);
        if (text != nullptr && FoldCase(*text).find(FoldCase(search)) != std::string::npos) {
          ids.insert(Id(*record));
        }
      }
    }
    return ids;
  }

  std::set<Value> Found(const std::string& search) {
    ListArgs args;
    args.search = search;
    args.page_size = 1000;
    return Set(Ids(store().ListAll(args)));
  }

  // One record for each text, in its first searchable field; the others empty.
  std::vector<Value> Write(const std::vector<std::string>& texts) {
    std::vector<MessagePtr> records = make().MakeMany(entity(), static_cast<int>(texts.size()));
    std::vector<const Message*> sent;
    std::vector<Value> ids;
    for (size_t i = 0; i < texts.size(); ++i) {
      for (const schema::Field* field : entity().searchable) {
        if (!field->required) {
          records[i]->GetReflection()->ClearField(records[i].get(), field->descriptor);
        }
      }
      SetValue(records[i].get(), *entity().searchable[0], texts[i]);
      sent.push_back(records[i].get());
      ids.push_back(Id(*records[i]));
    }
    Reply reply = store().CreateMany(sent);
    EXPECT_TRUE(HasStatus(reply.status, Code::kOk));
    return ids;
  }
};
STOREGATE_CASES(SearchCase, HasSearch);

TEST_P(SearchCase, IgnoresCaseAndKeepsAccents) {
  // "straße" finds "STRASSE"; "e" does not find "é"; composed and combining accents are one.
  const std::vector<Value> ids =
      Write({"Hauptstraße 1", "HAUPTSTRASSE 2", "hauptstrase 3", "cafe", "Café", "CAFE\u0301",
             "ΣΊΣΥΦΟΣ", "σίσυφος"});
  EXPECT_EQ(Found("STRAßE"), Set({ids[0], ids[1]}));
  EXPECT_EQ(Found("strasse"), Set({ids[0], ids[1]}));
  EXPECT_EQ(Found("CAFE "), Set({}));
  EXPECT_EQ(Found("caf\u00e9"), Set({ids[4], ids[5]}));
  EXPECT_EQ(Found("cafe\u0301"), Set({ids[4], ids[5]}));
  EXPECT_EQ(Found("ΣΊΣΥΦΟΣ"), Set({ids[6], ids[7]}));
}

TEST_P(SearchCase, TakesNothingForAPattern) {
  // %, _, *, regular expressions and quotes are characters like others.
  const std::vector<std::string> texts = {"100%",  "100 percent", "a_b",   "axb",    "a*b",
                                          "a.b",   "a\\b",        "a'b",   "a\"b",   "[ab]",
                                          "(x|y)", "^start",      "end$",  "a  b",   "tab\there"};
  const std::vector<Value> ids = Write(texts);
  EXPECT_EQ(Found("%"), Set({ids[0]}));
  EXPECT_EQ(Found("a_b"), Set({ids[2]}));
  EXPECT_EQ(Found(".*"), Set({}));
  EXPECT_EQ(Found("a.b"), Set({ids[5]}));
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(Found(texts[i]).count(ids[i]), 1u) << texts[i];
  }
}

TEST_P(SearchCase, FindsExactlyWhatContainsTheWords) {
  // On random and hostile texts a search answers what folding and looking by hand answers.
  Write(HostileTexts());
  make().CreatedMany(entity(), 40, {.all_fields = true});
  const std::vector<MessagePtr> records = Everything();
  for (const std::string& text : HostileTexts()) {
    EXPECT_EQ(Found(text), Expected(records, text)) << Quoted(text);
  }
  for (int i = 0; i < Count(200); ++i) {
    const std::string text = RandomText(make().random(), 1, 3);
    EXPECT_EQ(Found(text), Expected(records, text)) << Quoted(text);
  }
}

TEST_P(SearchCase, SeesAnUpdateAtOnce) {
  // What was updated is found by its new text and not by its old one.
  const std::vector<Value> ids = Write({"formerly"});
  const schema::Field& field = *entity().searchable[0];
  MessagePtr change = Make();
  SetValue(change.get(), *entity().id, ids[0]);
  SetValue(change.get(), field, std::string("Nowadays"));
  ASSERT_TRUE(HasStatus(store().Update(*change, {field.name}).status, Code::kOk));
  EXPECT_EQ(Found("FORMERLY"), Set({}));
  EXPECT_EQ(Found("nowadayS"), Set({ids[0]}));
}

TEST_P(SearchCase, RefusesANulAndFindsAllWithoutWords) {
  // A NUL is INVALID_ARGUMENT; an empty search does not filter.
  const std::vector<Value> ids = Write({"one", "two"});
  EXPECT_EQ(Found(""), Set(ids));
  ListArgs args;
  args.search = std::string("a\0b", 3);
  EXPECT_TRUE(HasStatus(store().List(args).status, Code::kInvalidArgument));
}

}  // namespace
}  // namespace storegate::test
