#include <gtest/gtest.h>

#include "tests/conformance/list_case.h"

namespace storegate::test {
namespace {

using schema::Field;
using schema::Operation;

class OrderCase : public ListCase {
 protected:
  // The records in the order that the gateway gives them, by pages of `page_size`.
  std::vector<Value> Listed(const std::string& order_by, int page_size) {
    ListArgs args;
    args.order_by = order_by;
    args.page_size = page_size;
    return Ids(store().ListAll(args));
  }
};
STOREGATE_CASES(OrderCase, Any);

TEST_P(OrderCase, FollowsEverySortableField) {
  // By each field, up and down, over pages: ties and nulls are where the contract puts them.
  make().CreatedMany(entity(), 40);
  make().CreatedMany(entity(), 20, {.all_fields = true});
  const std::vector<MessagePtr> records = Everything();
  ASSERT_FALSE(SortableFields().empty());
  for (const Field* field : SortableFields()) {
    for (const std::string& text : {field->name, field->name + " desc"}) {
      EXPECT_EQ(Listed(text, 13), Sorted(records, text)) << text;
    }
  }
  const std::string spelled = entity().id->name + " asc";
  EXPECT_EQ(Listed(spelled, 7), Sorted(records, spelled));
  EXPECT_EQ(Listed("", 7), Sorted(records, entity().default_order_by));
}

TEST_P(OrderCase, FollowsMixedFields) {
  // By several fields in mixed directions, with many ties.
  make().CreatedMany(entity(), 60);
  const std::vector<MessagePtr> records = Everything();
  for (int i = 0; i < Count(200); ++i) {
    std::vector<const Field*> fields = SortableFields();
    std::shuffle(fields.begin(), fields.end(), make().random().engine());
    const int64_t most = std::min<int64_t>(4, static_cast<int64_t>(fields.size()));
    fields.resize(static_cast<size_t>(make().random().Between(int64_t{1}, most)));
    std::string text;
    for (const Field* field : fields) {
      text += (text.empty() ? "" : ", ") + field->name;
      if (make().random().Chance(50)) text += " desc";
    }
    EXPECT_EQ(Listed(text, static_cast<int>(make().random().Between(int64_t{3}, int64_t{70}))),
              Sorted(records, text))
        << text;
  }
}

TEST_P(OrderCase, RefusesWhatIsNoOrder) {
  // Unknown fields, fields twice, words that are no direction, too much of it, injections:
  // INVALID_ARGUMENT.
  std::vector<std::string> wrong = {"no_such_field",
                                    "id up",
                                    "id desc desc",
                                    "id, id",
                                    "id asc, id desc",
                                    ",",
                                    "id,",
                                    ",id",
                                    "id; drop table x",
                                    "id--",
                                    "(select 1)",
                                    "\"id\"",
                                    "id collate nocase",
                                    "1",
                                    std::string(2000, 'x'),
                                    std::string("id\0", 3)};
  std::string many;
  for (int i = 0; i < 9; ++i) many += (i == 0 ? "id" : ",id");
  wrong.push_back(many);
  for (const Field& field : entity().fields) {
    if (!field.stored() || !field.sortable() || field.input_only ||
        field.type == schema::Type::kBytes) {
      wrong.push_back(field.name);
    }
  }
  for (const std::string& text : wrong) {
    ListArgs args;
    args.order_by = text;
    EXPECT_TRUE(HasStatus(store().List(args).status, Code::kInvalidArgument)) << text;
  }
}

class NullOrderCase : public OrderCase {};
STOREGATE_CASES(NullOrderCase, HasNullableSort);

TEST_P(NullOrderCase, PutsNullsFirstAscendingAndLastDescending) {
  // Said without the reference evaluation: unset values lead upwards and trail downwards,
  // across pages.
  for (const Field& field : entity().fields) {
    if (!field.sortable() || !field.nullable() || !Writable(field) || field.input_only ||
        field.required || field.references || field.default_text ||
        field.type == schema::Type::kBytes) {
      continue;
    }
    SCOPED_TRACE(field.name);
    Fresh();
    std::vector<MessagePtr> records = make().MakeMany(entity(), 9);
    for (size_t i = 0; i < records.size(); ++i) {
      records[i]->GetReflection()->ClearField(records[i].get(), field.descriptor);
      if (i % 3 != 0) SetValue(records[i].get(), field, make().ScalarFor(field));
      ASSERT_TRUE(HasStatus(store().Create(*records[i]).status, Code::kOk));
    }
    for (bool descending : {false, true}) {
      ListArgs args;
      args.order_by = field.name + (descending ? " desc" : "");
      args.page_size = 2;
      std::vector<MessagePtr> listed = store().ListAll(args);
      ASSERT_EQ(listed.size(), 9u);
      for (size_t i = 0; i < listed.size(); ++i) {
        const bool null_expected = descending ? i >= 6 : i < 3;
        EXPECT_EQ(IsNull(GetValue(*listed[i], field)), null_expected) << i;
        if (i == 0 || null_expected) continue;
        const Value before = GetValue(*listed[i - 1], field);
        if (IsNull(before)) continue;
        EXPECT_TRUE(descending ? GetValue(*listed[i], field) <= before
                               : before <= GetValue(*listed[i], field));
      }
    }
  }
}

class TextOrderCase : public OrderCase {};
STOREGATE_CASES(TextOrderCase, HasFreeTextId);

TEST_P(TextOrderCase, IsByCodePoint) {
  // Strings order by code point: Z before a, U+FFFF before U+10000 (UTF-16 says otherwise).
  std::vector<std::string> texts = HostileTexts();
  std::vector<MessagePtr> records = make().MakeMany(entity(), static_cast<int>(texts.size()));
  for (size_t i = 0; i < texts.size(); ++i) {
    SetValue(records[i].get(), *entity().id, texts[i]);
    ASSERT_TRUE(HasStatus(store().Create(*records[i]).status, Code::kOk));
  }
  std::sort(texts.begin(), texts.end());  // UTF-8 bytes sort as code points do
  std::vector<Value> expected(texts.begin(), texts.end());
  EXPECT_EQ(Listed(entity().id->name, 6), expected);
  std::reverse(expected.begin(), expected.end());
  EXPECT_EQ(Listed(entity().id->name + " desc", 6), expected);
}

}  // namespace
}  // namespace storegate::test
