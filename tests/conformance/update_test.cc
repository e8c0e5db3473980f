#include <gtest/gtest.h>

#include "tests/conformance/store_case.h"
#include "tests/support/valid.h"

namespace storegate::test {
namespace {

using schema::Field;
using schema::Operation;
using schema::Presence;

bool Updatable(const Field& field) { return Writable(field) && !field.immutable; }

class UpdateCase : public StoreCase {
 protected:
  // Copies one field, set or not, from one record to another.
  static void Copy(const Message& from, const FieldDescriptor* field, Message* to) {
    MessagePtr only = Clone(from);
    std::vector<const FieldDescriptor*> set;
    only->GetReflection()->ListFields(*only, &set);
    for (const FieldDescriptor* other : set) {
      if (other != field) only->GetReflection()->ClearField(only.get(), other);
    }
    // A member of a oneof clears the others when it is set; so does the merge.
    to->GetReflection()->ClearField(to, field);
    to->MergeFrom(*only);
  }

  Status UpdateStatus(const Message& record, const std::vector<std::string>& mask) {
    return store().Update(record, mask).status;
  }
};
STOREGATE_CASES(UpdateCase, Any);

TEST_P(UpdateCase, SetsTheFieldsOfTheMaskAndNoOther) {
  // For each field: the one that the mask names takes the new value, set or cleared; no other
  // field changes.
  MessagePtr record = make().Make(entity(), {.all_fields = true});
  ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
  MessagePtr expected = Read(Id(*record));
  for (const Field& field : entity().fields) {
    if (!Updatable(field)) continue;
    SCOPED_TRACE(field.name);
    for (int round = 0; round < 2; ++round) {
      MessagePtr change = make().Make(entity(), {.all_fields = true});
      SetValue(change.get(), *entity().id, Id(*record));
      if (round == 0) {
        if (!field.references) Change(change.get(), field);
      } else {
        if (MustBeSet(field.descriptor) || field.references) continue;
        change->GetReflection()->ClearField(change.get(), field.descriptor);
      }
      Reply updated = store().Update(*change, {field.name});
      ASSERT_TRUE(HasStatus(updated.status, Code::kOk));
      MessagePtr stored = Stored(*change, entity());
      // A default is for a create; a mask that names an unset field clears it.
      if (round == 1) stored->GetReflection()->ClearField(stored.get(), field.descriptor);
      Copy(*stored, field.descriptor, expected.get());
      EXPECT_TRUE(SameData(*updated.response, *expected, entity()));
      EXPECT_TRUE(SameRecord(*Read(Id(*record)), *updated.response));
    }
  }
}

TEST_P(UpdateCase, ReachesIntoMessagesMapsAndStructs) {
  // A path below a field changes what it names and leaves what is beside it.
  for (const Field& field : entity().fields) {
    if (!Updatable(field)) continue;
    const bool struct_field =
        field.type == schema::Type::kStruct && field.presence == Presence::kOptional;
    const bool message_field =
        field.type == schema::Type::kMessage && field.presence == Presence::kOptional;
    const bool map_field = field.presence == Presence::kMap &&
                           field.key->type() == FieldDescriptor::TYPE_STRING;
    if (!struct_field && !message_field && !map_field) continue;
    if (!field.oneof.empty()) continue;
    SCOPED_TRACE(field.name);
    MessagePtr record = Make();
    const google::protobuf::Reflection* reflection = record->GetReflection();
    std::string path;
    MessagePtr change;
    if (message_field) {
      Message* child = reflection->MutableMessage(record.get(), field.descriptor);
      child->Clear();
      const google::protobuf::Descriptor* type = child->GetDescriptor();
      for (int i = 0; i < type->field_count(); ++i) {
        if (type->field(i)->real_containing_oneof() == nullptr) {
          make().Fill(child, type->field(i), 1, false);
        }
      }
      change = Clone(*record);
      Message* changed = reflection->MutableMessage(change.get(), field.descriptor);
      const FieldDescriptor* inside = type->field(0);
      const std::string before = changed->SerializeAsString();
      for (int i = 0; i < 50 && changed->SerializeAsString() == before; ++i) {
        make().Fill(changed, inside, 1, true);
      }
      path = field.name + "." + inside->name();
    } else {
      Message* holder = record.get();
      const FieldDescriptor* entries = field.descriptor;
      if (struct_field) {
        holder = reflection->MutableMessage(record.get(), field.descriptor);
        entries = holder->GetDescriptor()->FindFieldByNumber(1);
      }
      holder->GetReflection()->ClearField(holder, entries);
      const Rules& rules = RulesOf(field.descriptor);
      if (rules.max_items() == 1) continue;
      auto add = [&](Message* to, const std::string& key) {
        Message* entry = to->GetReflection()->AddMessage(to, entries);
        SetValue(entry, entry->GetDescriptor()->FindFieldByNumber(1), key);
        const FieldDescriptor* value = entry->GetDescriptor()->FindFieldByNumber(2);
        if (value->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsTimestamp(value) ||
            IsDuration(value) || IsWrapper(value)) {
          SetValue(entry, value, make().ScalarFor(value, rules, true));
        } else {
          make().FillMessage(entry->GetReflection()->MutableMessage(entry, value), 1);
        }
      };
      add(holder, "one");
      change = Clone(*record);
      add(holder, "two");
      // The change has another "one" and no "two".
      Message* changed = struct_field
                             ? reflection->MutableMessage(change.get(), field.descriptor)
                             : change.get();
      changed->GetReflection()->ClearField(changed, entries);
      add(changed, "one");
      path = field.name + ".one";
    }
    ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
    Reply updated = store().Update(*change, {path});
    ASSERT_TRUE(HasStatus(updated.status, Code::kOk)) << path;
    MessagePtr expected = Clone(*record);
    if (message_field) {
      Copy(*change, field.descriptor, expected.get());
    } else {
      // "one" of the change, "two" of the record.
      Message* to = struct_field ? reflection->MutableMessage(expected.get(), field.descriptor)
                                 : expected.get();
      const Message& from =
          struct_field ? reflection->GetMessage(*change, field.descriptor) : *change;
      const FieldDescriptor* entries =
          struct_field ? to->GetDescriptor()->FindFieldByNumber(1) : field.descriptor;
      Message* one = to->GetReflection()->MutableRepeatedMessage(to, entries, 0);
      for (const Message* entry : Elements(from, entries)) one->CopyFrom(*entry);
      Value key = GetValue(*one, one->GetDescriptor()->FindFieldByNumber(1));
      ASSERT_EQ(std::get<std::string>(key), "one");
    }
    EXPECT_TRUE(SameData(*updated.response, *Stored(*expected, entity()), entity())) << path;
    EXPECT_TRUE(SameRecord(*Read(Id(*record)), *updated.response));
  }
}

TEST_P(UpdateCase, StarReplacesAllThatMayChange) {
  // "*" sets every field from the record that was sent, unset ones included; immutable and
  // unset input-only ones stay.
  MessagePtr record = make().Make(entity(), {.all_fields = true});
  Reply created = store().Create(*record);
  ASSERT_TRUE(HasStatus(created.status, Code::kOk));
  MessagePtr change = Make();
  SetValue(change.get(), *entity().id, Id(*record));
  Reply updated = store().Update(*change, {"*"});
  ASSERT_TRUE(HasStatus(updated.status, Code::kOk));
  MessagePtr expected = Clone(*change);
  for (const Field& field : entity().fields) {
    if (field.immutable) Copy(*created.response, field.descriptor, expected.get());
  }
  // A default is for a create.
  MessagePtr stored = Stored(*expected, entity());
  for (const Field& field : entity().fields) {
    if (field.default_text && !expected->GetReflection()->HasField(*expected, field.descriptor)) {
      stored->GetReflection()->ClearField(stored.get(), field.descriptor);
    }
  }
  EXPECT_TRUE(SameData(*updated.response, *stored, entity()));
  EXPECT_TRUE(SameRecord(*Read(Id(*record)), *updated.response));
}

TEST_P(UpdateCase, WantsAMaskOfFieldsThatMayChange) {
  // No mask, unknown fields, output-only, immutable and computed ones: INVALID_ARGUMENT, and
  // nothing changes.
  MessagePtr created = Created();
  EXPECT_TRUE(HasStatus(UpdateStatus(*created, {}), Code::kInvalidArgument));
  std::vector<std::string> wrong = {"no_such_field", "", ".", "*.*", AnyField().name + ".x.y",
                                    " " + AnyField().name, "$", "a'b"};
  for (const Field& field : entity().fields) {
    if (field.immutable || field.output_only || !field.stored() ||
        field.role == schema::Role::kCreateTime || field.role == schema::Role::kUpdateTime ||
        field.role == schema::Role::kDeleteTime) {
      wrong.push_back(field.name);
    }
  }
  for (const std::string& path : wrong) {
    EXPECT_TRUE(HasStatus(UpdateStatus(*created, {path}), Code::kInvalidArgument)) << path;
    EXPECT_TRUE(HasStatus(UpdateStatus(*created, {AnyField().name, path}), Code::kInvalidArgument))
        << path;
  }
  EXPECT_TRUE(SameRecord(*Read(Id(*created)), *created));
}

TEST_P(UpdateCase, CannotClearWhatIsRequired) {
  // A required field that the mask names must be set.
  MessagePtr created = Created();
  const std::string record = store().method(Operation::kUpdate).record->name();
  for (const Field& field : entity().fields) {
    if (!Updatable(field) || !RulesOf(field.descriptor).required()) continue;
    MessagePtr change = Clone(*created);
    change->GetReflection()->ClearField(change.get(), field.descriptor);
    EXPECT_TRUE(Violates(UpdateStatus(*change, {field.name}), record + "." + field.name));
    EXPECT_TRUE(Violates(UpdateStatus(*change, {"*"}), record + "." + field.name));
  }
  EXPECT_TRUE(SameRecord(*Read(Id(*created)), *created));
}

TEST_P(UpdateCase, OfNothingIsNotFoundUnlessAllowed) {
  // Without a record: NOT_FOUND; with allow_missing the record is created, defaults and all.
  MessagePtr record = make().Make(entity(), {.all_fields = true});
  EXPECT_TRUE(HasStatus(UpdateStatus(*record, {"*"}), Code::kNotFound, "RECORD_NOT_FOUND"));
  EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kNotFound));
  Reply made = store().Update(*record, {"*"}, /*allow_missing=*/true);
  ASSERT_TRUE(HasStatus(made.status, Code::kOk));
  EXPECT_TRUE(SameData(*made.response, *Stored(*record, entity()), entity()));
  EXPECT_TRUE(SameRecord(*Read(Id(*record)), *made.response));
  // With a mask of one field the whole record is created all the same (AIP-134).
  MessagePtr other = make().Make(entity(), {.all_fields = true});
  made = store().Update(*other, {AnyField().name}, /*allow_missing=*/true);
  ASSERT_TRUE(HasStatus(made.status, Code::kOk));
  EXPECT_TRUE(SameData(*made.response, *Stored(*other, entity()), entity()));
  // And where it is there, allow_missing changes nothing about an update.
  MessagePtr change = Clone(*other);
  Change(change.get(), AnyField());
  made = store().Update(*change, {AnyField().name}, /*allow_missing=*/true);
  ASSERT_TRUE(HasStatus(made.status, Code::kOk));
  EXPECT_TRUE(SameData(*made.response, *Stored(*change, entity()), entity()));
}

TEST_P(UpdateCase, MovesUpdateTimeAndLeavesCreateTime) {
  // update_time never goes back, create_time never changes.
  if (entity().update_time == nullptr) return;
  MessagePtr created = Created();
  MessagePtr change = Clone(*created);
  if (entity().etag != nullptr) SetValue(change.get(), *entity().etag, Value());
  Change(change.get(), AnyField());
  Reply updated = store().Update(*change, {AnyField().name});
  ASSERT_TRUE(HasStatus(updated.status, Code::kOk));
  EXPECT_GE(GetValue(*updated.response, *entity().update_time),
            GetValue(*created, *entity().update_time));
  if (entity().create_time == nullptr) return;
  EXPECT_EQ(GetValue(*updated.response, *entity().create_time),
            GetValue(*created, *entity().create_time));
}

TEST_P(UpdateCase, OfDifferentFieldsAtOnceKeepsBoth) {
  // Updates of different fields of one record at the same time do not undo each other.
  std::vector<const Field*> fields;
  for (const Field& field : entity().fields) {
    if (Updatable(field) && !field.references && !field.input_only && field.oneof.empty() &&
        field.unique == schema::Unique::kNo && !MustBeSet(field.descriptor)) {
      fields.push_back(&field);
    }
    if (fields.size() == 6) break;
  }
  for (int round = 0; round < Count(20); ++round) {
    MessagePtr created = make().Created(entity(), {.all_fields = true});
    MessagePtr expected = Clone(*created);
    std::vector<std::future<Reply>> replies;
    const schema::Method& update = store().method(Operation::kUpdate);
    for (const Field* field : fields) {
      MessagePtr change = Clone(*created);
      if (entity().etag != nullptr) SetValue(change.get(), *entity().etag, Value());
      make().Fill(change.get(), field->descriptor, 0, true);
      Copy(*Stored(*change, entity()), field->descriptor, expected.get());
      if (field->default_text) {
        change->GetReflection()->ClearField(change.get(), field->descriptor);
        expected->GetReflection()->ClearField(expected.get(), field->descriptor);
      }
      MessagePtr request(update.request->New());
      const auto* reflection = request->GetReflection();
      reflection->MutableMessage(request.get(), update.record)->CopyFrom(*change);
      Message* mask = reflection->MutableMessage(request.get(), update.update_mask);
      SetValue(mask, mask->GetDescriptor()->FindFieldByNumber(1), field->name);
      replies.push_back(gateway().Start(update, request->SerializeAsString()));
    }
    for (std::future<Reply>& future : replies) {
      EXPECT_TRUE(HasStatus(future.get().status, Code::kOk));
    }
    EXPECT_TRUE(SameData(*Read(Id(*created)), *expected, entity()));
  }
}

}  // namespace
}  // namespace storegate::test
