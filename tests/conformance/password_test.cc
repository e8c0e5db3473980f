#include <cstdlib>

#include <gtest/gtest.h>

#include "tests/conformance/store_case.h"

namespace storegate::test {
namespace {

using schema::Operation;

class PasswordCase : public StoreCase {
 protected:
  const schema::Method& verify() { return store().method(Operation::kVerifyPassword); }

  const schema::Field& Secret() const {
    for (const schema::Field& field : entity().fields) {
      if (field.password) return field;
    }
    std::abort();
  }

  // A living record that may log in.
  MessagePtr Login(const std::string& password) {
    MessagePtr record = make().Make(entity(), {.all_fields = true});
    SetValue(record.get(), Secret(), password);
    for (const schema::Field& field : entity().fields) {
      if (field.type == schema::Type::kBool && Writable(field)) {
        SetValue(record.get(), field, true);
      }
    }
    EXPECT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
    return record;
  }

  Reply Verify(const Message& record, const std::string& password) {
    MessagePtr request(verify().request->New());
    const schema::Method::RequestKey& key = verify().keys.front();
    for (size_t i = 0; i < key.fields.size(); ++i) {
      SetValue(request.get(), key.fields[i], GetValue(record, *key.key->fields[i]));
    }
    SetValue(request.get(), verify().password, password);
    return gateway().Call(verify(), *request);
  }

  bool Valid(const Message& record, const std::string& password) {
    Reply reply = Verify(record, password);
    EXPECT_TRUE(HasStatus(reply.status, Code::kOk));
    if (!reply.ok()) return false;
    const bool valid = std::get<bool>(GetValue(*reply.response, verify().valid));
    if (verify().result != nullptr) {
      EXPECT_EQ(reply.response->GetReflection()->HasField(*reply.response, verify().result), valid);
    }
    return valid;
  }

  Status SetPassword(const Message& record, const Value& password) {
    MessagePtr change = Clone(record);
    SetValue(change.get(), Secret(), password);
    return store().Update(*change, {Secret().name}).status;
  }
};
STOREGATE_CASES(PasswordCase, HasPassword);

TEST_P(PasswordCase, OnlyTheRightOneIsValid) {
  // The right password answers valid with the record; every other answers OK and not valid.
  MessagePtr record = Login("correct horse battery staple");
  Reply reply = Verify(*record, "correct horse battery staple");
  ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
  EXPECT_EQ(GetValue(*reply.response, verify().valid), Value(true));
  if (verify().result != nullptr) {
    const Message& answered =
        reply.response->GetReflection()->GetMessage(*reply.response, verify().result);
    EXPECT_TRUE(SameRecord(answered, *Read(Id(*record))));
  }
  for (const char* wrong : {"correct horse battery stapl", "Correct horse battery staple",
                            "correct horse battery staple ", "x", "' OR 1=1 --"}) {
    EXPECT_FALSE(Valid(*record, wrong)) << wrong;
  }
}

TEST_P(PasswordCase, AnswersAlikeForAllThatMayNotLogIn) {
  // Unknown, deleted, without a password, and those that `when` leaves out: OK, not valid.
  MessagePtr unknown = make().Make(entity(), {.all_fields = true});
  EXPECT_FALSE(Valid(*unknown, "correct horse"));
  MessagePtr record = Login("correct horse");
  ASSERT_TRUE(Valid(*record, "correct horse"));
  for (const schema::Field& field : entity().fields) {
    if (verify().when.empty() || field.type != schema::Type::kBool || !Writable(field)) continue;
    MessagePtr change = Clone(*record);
    SetValue(change.get(), field, false);
    ASSERT_TRUE(HasStatus(store().Update(*change, {field.name}).status, Code::kOk));
    EXPECT_FALSE(Valid(*record, "correct horse"));
    ASSERT_TRUE(HasStatus(store().Update(*record, {field.name}).status, Code::kOk));
    EXPECT_TRUE(Valid(*record, "correct horse"));
  }
  ASSERT_TRUE(HasStatus(store().Delete(Id(*record)).status, Code::kOk));
  EXPECT_FALSE(Valid(*record, "correct horse"));
  ASSERT_TRUE(HasStatus(store().Undelete(Id(*record)).status, Code::kOk));
  EXPECT_TRUE(Valid(*record, "correct horse"));
  MessagePtr without = make().Make(entity(), {.all_fields = true});
  without->GetReflection()->ClearField(without.get(), Secret().descriptor);
  ASSERT_TRUE(HasStatus(store().Create(*without).status, Code::kOk));
  EXPECT_FALSE(Valid(*without, "correct horse"));
}

TEST_P(PasswordCase, ChangesWithAnUpdateThatNamesIt) {
  // A new password replaces the old one; "*" without one keeps it; a mask without it too.
  MessagePtr record = Login("the old password");
  ASSERT_TRUE(HasStatus(SetPassword(*record, std::string("the new password")), Code::kOk));
  EXPECT_FALSE(Valid(*record, "the old password"));
  EXPECT_TRUE(Valid(*record, "the new password"));
  MessagePtr all = Clone(*record);
  all->GetReflection()->ClearField(all.get(), Secret().descriptor);
  ASSERT_TRUE(HasStatus(store().Update(*all, {"*"}).status, Code::kOk));
  EXPECT_TRUE(Valid(*record, "the new password"));
  ASSERT_TRUE(HasStatus(store().Update(*all, {AnyField().name}).status, Code::kOk));
  EXPECT_TRUE(Valid(*record, "the new password"));
}

TEST_P(PasswordCase, IsNoFilterAndNoOrder) {
  // Nothing about the hash can be learned through a list: not by order, not by a mask's answer.
  ListArgs args;
  args.order_by = Secret().name;
  EXPECT_TRUE(HasStatus(store().List(args).status, Code::kInvalidArgument));
}

}  // namespace
}  // namespace storegate::test
