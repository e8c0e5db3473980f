#include <cmath>

#include <gtest/gtest.h>

#include "tests/conformance/store_case.h"
#include "tests/support/valid.h"

namespace storegate::test {
namespace {

using schema::Field;
using schema::Operation;

class ValidationCase : public StoreCase {};
STOREGATE_CASES(ValidationCase, Any);

TEST_P(ValidationCase, NamesTheFieldOfEveryBrokenRule) {
  // For each rule of each field: a create, an update and a batch that break it are
  // INVALID_ARGUMENT naming the field, and the database never hears of them.
  const std::string create = store().method(Operation::kCreate).record->name();
  const std::string update = store().method(Operation::kUpdate).record->name();
  const schema::Method& batch = store().method(Operation::kBatchCreate);
  MessagePtr good = Created();
  MessagePtr fresh = Make();
  int broken = 0;
  for (const Field& field : entity().fields) {
    if (!Writable(field)) continue;
    for (const WrongValue& wrong : WrongValues(field)) {
      SCOPED_TRACE(field.name + ": " + wrong.what);
      ++broken;
      MessagePtr record = Clone(*fresh);
      wrong.apply(record.get());
      const int64_t before = gateway().statements();
      EXPECT_TRUE(Violates(store().Create(*record).status, create + "." + wrong.path));
      EXPECT_TRUE(Violates(store().BatchCreate({fresh.get(), record.get()}).status,
                           batch.requests->name() + "[1]." + batch.item_record->name() + "." +
                               wrong.path));
      if (!field.immutable) {
        MessagePtr change = Clone(*good);
        wrong.apply(change.get());
        EXPECT_TRUE(Violates(store().Update(*change, {field.name}).status,
                             update + "." + wrong.path));
      }
      EXPECT_EQ(gateway().statements(), before);
    }
  }
  EXPECT_GT(broken, 0);
  EXPECT_TRUE(SameRecord(*Read(Id(*good)), *good));
  EXPECT_TRUE(HasStatus(store().Get(Id(*fresh)).status, Code::kNotFound));
}

TEST_P(ValidationCase, ListsAllViolationsInTheOrderOfTheFields) {
  // A record that breaks many rules gets all of them at once, in the order of the fields.
  MessagePtr record = Make();
  std::vector<std::string> paths;
  const std::string prefix = store().method(Operation::kCreate).record->name() + ".";
  for (const Field& field : entity().fields) {
    if (!Writable(field) || !field.oneof.empty()) continue;
    const std::vector<WrongValue> wrong = WrongValues(field);
    if (wrong.empty()) continue;
    wrong.back().apply(record.get());
    paths.push_back(prefix + wrong.back().path);
  }
  Reply reply = store().Create(*record);
  for (const std::string& path : paths) EXPECT_TRUE(Violates(reply.status, path));
  size_t at = 0;
  for (const Violation& violation : reply.status.violations()) {
    while (at < paths.size() && violation.field.compare(0, paths[at].size(), paths[at]) != 0) ++at;
    EXPECT_LT(at, paths.size()) << violation.field << " is out of order";
    if (at == paths.size()) break;
  }
}

TEST_P(ValidationCase, RefusesUnknownFieldNumbersInWrites) {
  // A field that the schema does not know would be lost: INVALID_ARGUMENT, at any depth.
  const schema::Method& create = store().method(Operation::kCreate);
  MessagePtr record = Make();
  // Field 99999, varint 1.
  const std::string unknown("\xf8\xe9\x30\x01", 4);
  MessagePtr request = store().CreateRequest(*record);
  EXPECT_TRUE(HasStatus(gateway().CallBytes(create, request->SerializeAsString() + unknown).status,
                        Code::kInvalidArgument, "UNKNOWN_FIELD"));
  const std::string inner = record->SerializeAsString() + unknown;
  std::string bytes;
  bytes.push_back(static_cast<char>(create.record->number() << 3 | 2));
  for (size_t size = inner.size(); ; size >>= 7) {
    if (size < 128) {
      bytes.push_back(static_cast<char>(size));
      break;
    }
    bytes.push_back(static_cast<char>(size | 128));
  }
  EXPECT_TRUE(HasStatus(gateway().CallBytes(create, bytes + inner).status, Code::kInvalidArgument,
                        "UNKNOWN_FIELD"));
  EXPECT_TRUE(HasStatus(store().Get(Id(*record)).status, Code::kNotFound));
}

TEST_P(ValidationCase, RefusesWhatIsNoMessage) {
  // Bytes that are no protobuf message are INVALID_ARGUMENT in every operation.
  const schema::Store* served = store().method(Operation::kCreate).store;
  for (const schema::Method& method : served->methods) {
    for (const char* bytes : {"\xff", "\x0a\xff\xff\xff\xff\x0f", "\x07", "\x0a", "\x0b\x0b\x0b"}) {
      EXPECT_TRUE(HasStatus(gateway().CallBytes(method, bytes).status, Code::kInvalidArgument))
          << method.name;
    }
  }
}

TEST_P(ValidationCase, BoundsWhatItSaysOfTenThousandViolations) {
  // A batch with more than 10,000 violations gets one bounded answer that says how
  // many there are.
  MessagePtr record = NewRecord(entity());
  for (const Field& field : entity().fields) {
    if (!Writable(field) || !field.oneof.empty()) continue;
    // Not those that need a thousand elements: they meet another limit first.
    for (const WrongValue& wrong : WrongValues(field)) {
      if (wrong.what == "more than max_items") continue;
      wrong.apply(record.get());
      break;
    }
  }
  Reply one = store().Create(*record);
  ASSERT_TRUE(HasStatus(one.status, Code::kInvalidArgument));
  std::vector<const Message*> records(1000, record.get());
  Reply many = store().BatchCreate(records);
  ASSERT_TRUE(HasStatus(many.status, Code::kInvalidArgument));
  EXPECT_LE(many.status.violations().size(), 1000u);
  auto total = many.status.metadata().find("violations_total");
  ASSERT_NE(total, many.status.metadata().end());
  EXPECT_EQ(std::stoul(total->second), 1000 * one.status.violations().size());
}

TEST_P(ValidationCase, TurnsNegativeZeroIntoZero) {
  // -0.0 is kept as 0, wherever it is.
  for (const Field& field : entity().fields) {
    if (!Writable(field) || field.input_only || field.references) continue;
    if (field.type != schema::Type::kDouble && field.type != schema::Type::kFloat) continue;
    if (field.presence == schema::Presence::kMap) continue;
    if (!Allowed(field.descriptor, RulesOf(field.descriptor), 0.0)) continue;
    MessagePtr record = Make();
    record->GetReflection()->ClearField(record.get(), field.descriptor);
    SetValue(record.get(), field, -0.0);
    ASSERT_TRUE(HasStatus(store().Create(*record).status, Code::kOk));
    MessagePtr read = Read(Id(*record));
    const auto* reflection = read->GetReflection();
    double value = 0;
    if (field.presence == schema::Presence::kRepeated) {
      ASSERT_EQ(reflection->FieldSize(*read, field.descriptor), 1) << field.name;
      value = field.type == schema::Type::kFloat
                  ? reflection->GetRepeatedFloat(*read, field.descriptor, 0)
                  : reflection->GetRepeatedDouble(*read, field.descriptor, 0);
    } else if (Value got = GetValue(*read, field); !IsNull(got)) {
      value = std::get<double>(got);
    }
    EXPECT_FALSE(std::signbit(value)) << field.name;
  }
}

TEST_P(ValidationCase, CutsTimesToWhatIsKept) {
  // The answer of a create shows times as they are stored: milliseconds, durations microseconds.
  for (const Field& field : entity().fields) {
    if (!Writable(field) || field.presence != schema::Presence::kOptional) continue;
    if (field.type != schema::Type::kTimestamp && field.type != schema::Type::kDuration) continue;
    MessagePtr record = Make();
    Message* time = record->GetReflection()->MutableMessage(record.get(), field.descriptor);
    const google::protobuf::Descriptor* type = time->GetDescriptor();
    time->GetReflection()->SetInt64(time, type->FindFieldByNumber(1), 1700000000);
    time->GetReflection()->SetInt32(time, type->FindFieldByNumber(2), 123456789);
    Reply created = store().Create(*record);
    ASSERT_TRUE(HasStatus(created.status, Code::kOk));
    const Message& kept = created.response->GetReflection()->GetMessage(*created.response,
                                                                        field.descriptor);
    EXPECT_EQ(kept.GetReflection()->GetInt32(kept, type->FindFieldByNumber(2)),
              field.type == schema::Type::kTimestamp ? 123000000 : 123456000)
        << field.name;
    EXPECT_TRUE(SameRecord(*Read(Id(*record)), *created.response));
  }
}

}  // namespace
}  // namespace storegate::test
