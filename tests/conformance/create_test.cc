#include <gtest/gtest.h>

#include "server/base/text.h"
#include "tests/conformance/store_case.h"
#include "tests/support/valid.h"

namespace storegate::test {
namespace {

using schema::Field;
using schema::Operation;

class CreateCase : public StoreCase {};
STOREGATE_CASES(CreateCase, Any);

TEST_P(CreateCase, AnswersWithWhatGetAnswers) {
  // Create answers with the record as it is stored, which is what was sent.
  for (int i = 0; i < Count(100); ++i) {
    MessagePtr sent = make().Make(entity(), {.all_fields = i % 2 == 0});
    Reply created = store().Create(*sent);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk)) << sent->Utf8DebugString();
    EXPECT_TRUE(SameData(*created.response, *Stored(*sent, entity()), entity()));
    EXPECT_TRUE(SameRecord(*Read(Id(*sent)), *created.response));
  }
}

TEST_P(CreateCase, KeepsEveryValueOfEveryType) {
  // Edge values of each field come back as they were sent: extremes, empty, hostile text.
  std::vector<MessagePtr> records;
  std::vector<std::pair<const Field*, Value>> values;
  for (const Field& field : entity().fields) {
    if (!Writable(field) || field.references || field.input_only) continue;
    if (field.presence == schema::Presence::kMap) continue;
    const FieldDescriptor* scalar = field.descriptor;
    for (const Value& value : EdgeValues(scalar, RulesOf(scalar))) {
      values.push_back({&field, value});
    }
  }
  ASSERT_FALSE(values.empty());
  records = make().MakeMany(entity(), static_cast<int>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    const auto& [field, value] = values[i];
    records[i]->GetReflection()->ClearField(records[i].get(), field->descriptor);
    // Of two that are equal once in lower case, a unique index would refuse one.
    const std::string* text = std::get_if<std::string>(&value);
    if (field->unique != schema::Unique::kNo && text != nullptr && LowerCase(*text) != *text) {
      SetValue(records[i].get(), *field, make().ScalarFor(*field));
      continue;
    }
    SetValue(records[i].get(), *field, value);
  }
  ExpectRoundTrip(records);
}

TEST_P(CreateCase, TellsEmptyFromUnset) {
  // A nullable field that was set to its type's zero is set; one that was not is not.
  for (const Field& field : entity().fields) {
    if (!Writable(field) || !field.nullable() || field.references || field.input_only) continue;
    if (field.required || field.default_text) continue;
    SCOPED_TRACE(field.name);
    MessagePtr unset = Make();
    unset->GetReflection()->ClearField(unset.get(), field.descriptor);
    Reply created = store().Create(*unset);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk));
    EXPECT_FALSE(Read(Id(*unset))->GetReflection()->HasField(*created.response, field.descriptor));

    if (field.type == schema::Type::kEnum || field.type == schema::Type::kValue) continue;
    if (field.unique != schema::Unique::kNo) continue;
    const bool message = field.type == schema::Type::kMessage ||
                         field.type == schema::Type::kStruct ||
                         field.type == schema::Type::kListValue;
    MessagePtr empty = Make();
    if (message) {
      Message* child =
          empty->GetReflection()->MutableMessage(empty.get(), field.descriptor);
      child->Clear();
      // What is required inside stays.
      for (int i = 0; i < child->GetDescriptor()->field_count(); ++i) {
        const FieldDescriptor* inside = child->GetDescriptor()->field(i);
        if (MustBeSet(inside)) make().Fill(child, inside, 1, false);
      }
    } else {
      const FieldDescriptor* scalar = field.value;
      Value zero = scalar->cpp_type() == FieldDescriptor::CPPTYPE_STRING
                       ? scalar->type() == FieldDescriptor::TYPE_BYTES ? Value(Bytes{})
                                                                       : Value(std::string())
                   : scalar->cpp_type() == FieldDescriptor::CPPTYPE_BOOL ? Value(false)
                   : scalar->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
                           scalar->cpp_type() == FieldDescriptor::CPPTYPE_FLOAT
                       ? Value(0.0)
                       : Value(int64_t{0});
      if (!Allowed(field.descriptor, RulesOf(field.descriptor), zero)) continue;
      SetValue(empty.get(), field, zero);
    }
    created = store().Create(*empty);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk));
    MessagePtr read = Read(Id(*empty));
    EXPECT_TRUE(read->GetReflection()->HasField(*read, field.descriptor));
    EXPECT_TRUE(SameRecord(*read, *created.response));
  }
}

TEST_P(CreateCase, SetsTimesAndEtagItself) {
  // create_time and update_time are now and equal, delete_time is unset, the etag is set,
  // whatever the caller sent.
  MessagePtr sent = Make();
  for (const Field* field : {entity().create_time, entity().update_time}) {
    if (field != nullptr) SetValue(sent.get(), *field, int64_t{1000});
  }
  const int64_t before = NowMillis();
  Reply created = store().Create(*sent);
  ASSERT_TRUE(HasStatus(created.status, Code::kOk));
  const int64_t after = NowMillis();
  if (entity().create_time != nullptr) {
    const Value time = GetValue(*created.response, *entity().create_time);
    ASSERT_FALSE(IsNull(time));
    EXPECT_GE(std::get<int64_t>(time), before);
    EXPECT_LE(std::get<int64_t>(time), after);
    if (entity().update_time != nullptr) {
      EXPECT_EQ(GetValue(*created.response, *entity().update_time), time);
    }
  }
  if (entity().delete_time != nullptr) {
    EXPECT_TRUE(IsNull(GetValue(*created.response, *entity().delete_time)));
  }
  if (entity().etag != nullptr) {
    EXPECT_FALSE(Etag(*created.response).empty());
  }
}

TEST_P(CreateCase, NeverAnswersWithWhatIsInputOnly) {
  // Input-only fields are in no answer: not of create, get, list, update.
  for (const Field& field : entity().fields) {
    if (!field.input_only) continue;
    MessagePtr sent = make().Make(entity(), {.all_fields = true});
    ASSERT_TRUE(sent->GetReflection()->HasField(*sent, field.descriptor)) << field.name;
    Reply created = store().Create(*sent);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk));
    auto absent = [&](const Message& record) {
      return !record.GetReflection()->HasField(record, field.descriptor);
    };
    EXPECT_TRUE(absent(*created.response));
    EXPECT_TRUE(absent(*Read(Id(*sent))));
    for (const MessagePtr& listed : store().ListAll({})) EXPECT_TRUE(absent(*listed));
    Reply updated = store().Update(*sent, {field.name});
    ASSERT_TRUE(HasStatus(updated.status, Code::kOk));
    EXPECT_TRUE(absent(*updated.response));
  }
}

TEST_P(CreateCase, TwiceIsAlreadyExists) {
  // The second create of an id is refused and changes nothing.
  MessagePtr first = Created();
  MessagePtr second = Make();
  SetValue(second.get(), *entity().id, Id(*first));
  EXPECT_TRUE(
      HasStatus(store().Create(*second).status, Code::kAlreadyExists, "RECORD_EXISTS"));
  EXPECT_TRUE(SameRecord(*Read(Id(*first)), *first));
}

TEST_P(CreateCase, OfManyAtOnceExactlyOneWins) {
  // Of N creates of one id at the same time one is OK, the others ALREADY_EXISTS.
  for (int round = 0; round < Count(20); ++round) {
    std::vector<MessagePtr> records = make().MakeMany(entity(), 16);
    const Value id = Id(*records[0]);
    std::vector<std::future<Reply>> replies;
    for (MessagePtr& record : records) {
      SetValue(record.get(), *entity().id, id);
      replies.push_back(gateway().Start(store().method(Operation::kCreate),
                                        store().CreateRequest(*record)->SerializeAsString()));
    }
    MessagePtr winner;
    for (std::future<Reply>& future : replies) {
      Reply reply = future.get();
      if (reply.ok()) {
        EXPECT_EQ(winner, nullptr) << "two won";
        winner = std::move(reply.response);
      } else {
        EXPECT_TRUE(HasStatus(reply.status, Code::kAlreadyExists, "RECORD_EXISTS"));
      }
    }
    ASSERT_NE(winner, nullptr);
    EXPECT_TRUE(SameRecord(*Read(id), *winner));
  }
}

TEST_P(CreateCase, WithoutRecordIsInvalid) {
  // A create without a record names the field that is missing.
  const schema::Method& create = store().method(Operation::kCreate);
  EXPECT_TRUE(Violates(gateway().CallBytes(create, "").status, create.record->name()));
}

class DefaultCase : public StoreCase {};
STOREGATE_CASES(DefaultCase, HasDefault);

TEST_P(DefaultCase, FillsWhatACreateLeavesUnset) {
  // An unset field with a default gets it; one that is set, even to zero, keeps its own.
  for (const Field& field : entity().fields) {
    if (!field.default_text) continue;
    SCOPED_TRACE(field.name);
    MessagePtr unset = Make();
    unset->GetReflection()->ClearField(unset.get(), field.descriptor);
    Reply created = store().Create(*unset);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk));
    EXPECT_EQ(ToText(GetValue(*Read(Id(*unset)), field)),
              ToText(GetValue(*Stored(*unset, entity()), field)));
    for (const Value& value : EdgeValues(field.descriptor, RulesOf(field.descriptor))) {
      MessagePtr set = Make();
      SetValue(set.get(), field, value);
      ASSERT_TRUE(HasStatus(store().Create(*set).status, Code::kOk));
      EXPECT_EQ(ToText(GetValue(*Read(Id(*set)), field)),
                ToText(GetValue(*Stored(*set, entity()), field)));
    }
  }
}

class LowerCaseCase : public StoreCase {};
STOREGATE_CASES(LowerCaseCase, HasLowerCase);

TEST_P(LowerCaseCase, StoresAndAnswersInLowerCase) {
  // A lower_case field is stored in lower case whatever case it was sent in.
  for (const Field& field : entity().fields) {
    if (!field.lower_case || field.pattern != nullptr) continue;
    MessagePtr sent = Make();
    SetValue(sent.get(), field, std::string("Ann.O-NYM@Example.COM"));
    ASSERT_TRUE(HasStatus(store().Create(*sent).status, Code::kOk));
    EXPECT_EQ(ToText(GetValue(*Read(Id(*sent)), field)), "\"ann.o-nym@example.com\"");
  }
}

class MapCase : public StoreCase {};
STOREGATE_CASES(MapCase, HasMap);

TEST_P(MapCase, KeepsHostileKeys) {
  // Keys that databases give a meaning to ("$set", "a.b", "") are keys like others.
  std::vector<MessagePtr> records;
  for (const Field& field : entity().fields) {
    if (!Writable(field) || field.presence != schema::Presence::kMap) continue;
    if (field.key->type() != FieldDescriptor::TYPE_STRING) continue;
    for (const std::string& key : HostileKeys()) {
      MessagePtr record = Make();
      const auto* reflection = record->GetReflection();
      const Rules& rules = RulesOf(field.descriptor);
      reflection->ClearField(record.get(), field.descriptor);
      Message* entry = reflection->AddMessage(record.get(), field.descriptor);
      SetValue(entry, entry->GetDescriptor()->FindFieldByNumber(1), key);
      const FieldDescriptor* value = entry->GetDescriptor()->FindFieldByNumber(2);
      if (value->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        SetValue(entry, value, make().ScalarFor(value, rules, false));
      } else if (IsTimestamp(value) || IsDuration(value) || IsWrapper(value)) {
        SetValue(entry, value, make().ScalarFor(value, rules, false));
      } else {
        make().FillMessage(entry->GetReflection()->MutableMessage(entry, value), 1);
      }
      records.push_back(std::move(record));
    }
  }
  ASSERT_FALSE(records.empty());
  ExpectRoundTrip(records);
}

class StructCase : public StoreCase {};
STOREGATE_CASES(StructCase, HasStruct);

TEST_P(StructCase, KeepsEveryKindOfValue) {
  // A Struct comes back as it was: hostile keys, every kind, nulls, empty lists, nesting.
  std::vector<MessagePtr> records;
  for (const Field& field : entity().fields) {
    if (!Writable(field) || field.type != schema::Type::kStruct ||
        field.presence != schema::Presence::kOptional) {
      continue;
    }
    for (const std::string& key : HostileKeys()) {
      MessagePtr record = Make();
      Message* all = record->GetReflection()->MutableMessage(record.get(), field.descriptor);
      all->Clear();
      Message* entry =
          all->GetReflection()->AddMessage(all, all->GetDescriptor()->FindFieldByNumber(1));
      SetValue(entry, entry->GetDescriptor()->FindFieldByNumber(1), key);
      make().FillMessage(entry->GetReflection()->MutableMessage(
                             entry, entry->GetDescriptor()->FindFieldByNumber(2)),
                         1);
      records.push_back(std::move(record));
    }
    for (int i = 0; i < Count(200); ++i) {
      MessagePtr record = Make();
      make().Fill(record.get(), field.descriptor, 0, false);
      records.push_back(std::move(record));
    }
  }
  ASSERT_FALSE(records.empty());
  ExpectRoundTrip(records);
}

}  // namespace
}  // namespace storegate::test
