// Aggregates, against plain C++ over the records (tests/support/expected_aggregate.h).
#include <limits>
#include <memory>

#include <re2/re2.h>

#include "server/base/time.h"
#include "tests/conformance/list_case.h"
#include "tests/support/expected_aggregate.h"

namespace storegate::test {
namespace {

using schema::Field;
using schema::GroupBy;
using schema::Method;
using schema::Operation;
using schema::Type;

constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
constexpr int64_t kLeast = std::numeric_limits<int64_t>::min();
constexpr int64_t kMostMicros = 315576000000999999;  // of a Duration
constexpr int64_t kDayMillis = 86400000;

std::vector<const Method*> AggregatesOf(const schema::Schema& schema,
                                        const schema::Entity& entity) {
  std::vector<const Method*> methods;
  for (const schema::Store& store : schema.stores) {
    for (const Method& method : store.methods) {
      if (method.operation == Operation::kAggregate && method.entity == &entity) {
        methods.push_back(&method);
      }
    }
  }
  return methods;
}

bool HasAggregate(const schema::Schema& schema, const schema::Entity& entity) {
  return !AggregatesOf(schema, entity).empty();
}
bool HasAggregateAndSoftDelete(const schema::Schema& schema, const schema::Entity& entity) {
  return HasAggregate(schema, entity) && HasSoftDelete(schema, entity);
}

// A part of a time that callers set.
bool GroupsByPart(const GroupBy& group) {
  return group.unit != GroupBy::Unit::kValue && Writable(*group.field);
}
bool HasParts(const schema::Schema& schema, const schema::Entity& entity) {
  for (const Method* method : AggregatesOf(schema, entity)) {
    if (std::ranges::any_of(method->aggregate->groups, GroupsByPart)) return true;
  }
  return false;
}

// Integers that callers may set to the greatest there is.
bool MayOverflow(const schema::Compute& compute) {
  if (compute.function != schema::Compute::Function::kSum || !Writable(*compute.field)) {
    return false;
  }
  const Rules& rules = RulesOf(compute.field->descriptor);
  return (compute.field->type == Type::kInt64 || compute.field->type == Type::kDuration) &&
         !rules.has_lte() && !rules.has_lt();
}
bool HasLargeSum(const schema::Schema& schema, const schema::Entity& entity) {
  for (const Method* method : AggregatesOf(schema, entity)) {
    if (std::ranges::any_of(method->aggregate->computes, MayOverflow)) return true;
  }
  return false;
}

const std::vector<std::string>& Zones() {
  static const std::vector<std::string> zones = {
      "", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"};
  return zones;
}

class AggregateCase : public ListCase {
 protected:
  std::vector<const Method*> aggregates() const {
    return AggregatesOf(*GetParam().schema->schema, entity());
  }
  Random& random() { return make().random(); }

  // Whether any value of its type will do.
  static bool Free(const Field& field) {
    const Rules& rules = RulesOf(field.descriptor);
    return Writable(field) && field.unique == schema::Unique::kNo && !field.references &&
           !rules.has_gte() && !rules.has_gt() && !rules.has_lte() && !rules.has_lt() &&
           rules.pattern().empty() && rules.format() == v1::FORMAT_UNSPECIFIED &&
           rules.min_len() == 0 && !rules.required();
  }

  // Values that meet, that add up exactly whatever their order, and that are special. With
  // `calm` no sum of a few records is past int64.
  void Vary(Message* record, bool calm) {
    for (const Method* method : aggregates()) {
      for (const Field* field : SourcesOf(*method->aggregate)) {
        if (!Writable(*field)) continue;
        const Value value = GetValue(*record, *field);
        if (const auto* whole = std::get_if<int64_t>(&value)) {
          // No databases agree about the years before the first.
          if (field->type == Type::kTimestamp && *whole < kMinTimestampMillis + kDayMillis) {
            SetValue(record, *field, kMinTimestampMillis + kDayMillis);
          }
          if (calm && field->type == Type::kInt64) {
            SetValue(record, *field, *whole % (int64_t{1} << 40));
          }
        }
        if (!Free(*field)) continue;
        if (field->type == Type::kDouble && random().Chance(12)) {
          const double infinity = std::numeric_limits<double>::infinity();
          SetValue(record, *field,
                   random().Pick<double>({infinity, -infinity, 0.0, 0x1p1023, -0x1p1023}));
        } else if (field->type == Type::kString && random().Chance(70)) {
          SetValue(record, *field, random().Pick<std::string>({"", "a", "A", "\u00e9", "a b"}));
        }
      }
    }
  }

  // Others refer to some of those that are there, also to themselves' kind.
  std::map<const Field*, std::vector<Value>> Parents() {
    std::map<const Field*, std::vector<Value>> parents;
    for (const Field& field : entity().fields) {
      if (!field.references || field.references->entity != &entity()) continue;
      for (const MessagePtr& record : records_) {
        parents[&field].push_back(GetValue(*record, *field.references->field));
      }
    }
    return parents;
  }

  void Create(std::vector<MessagePtr> records) {
    std::vector<const Message*> sent;
    for (const MessagePtr& record : records) sent.push_back(record.get());
    Reply reply = store().CreateMany(sent);
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk));
    records_ = Everything();
  }

  void Fill(int count, bool calm, const MakeArgs& args = {}) {
    std::vector<MessagePtr> records = make().MakeMany(entity(), count, args);
    for (MessagePtr& record : records) Vary(record.get(), calm);
    Create(std::move(records));
  }

  // Records that the aggregate counts when nothing is asked for, alike in what it computes of.
  std::vector<MessagePtr> Alike(const Method& method, size_t count) {
    const query::Predicate where = WhereOf(method, *MessagePtr(method.request->New()));
    std::vector<MessagePtr> records;
    for (int tries = 0; records.size() < count && tries < 200; ++tries) {
      for (MessagePtr& record : make().MakeMany(entity(), 10)) {
        if (records.size() == count || !query::Matches(where, *record)) continue;
        for (const Field* field : SourcesOf(*method.aggregate)) {
          if (!Writable(*field) || field->unique != schema::Unique::kNo) continue;
          SetValue(record.get(), *field, Value());
          const MessagePtr& first = records.empty() ? record : records[0];
          if (RulesOf(field->descriptor).required()) {
            SetValue(record.get(), *field, records.empty() ? make().ScalarFor(*field)
                                                           : GetValue(*first, *field));
          }
        }
        if (query::Matches(where, *record)) records.push_back(std::move(record));
      }
    }
    EXPECT_EQ(records.size(), count) << method.name << " counts too few";
    return records;
  }

  // Sets what the filter compares with to values that records have, by chance; a time zone
  // to any.
  MessagePtr RandomRequest(const Method& method) {
    MessagePtr request(method.request->New());
    for (int i = 0; i < request->GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = request->GetDescriptor()->field(i);
      std::string path;
      if (IsZone(method, field)) {
        SetValue(request.get(), field, random().Pick(Zones()));
      } else if (RE2::PartialMatch(method.aggregate->filter,
                                   "([a-z0-9_]+) *[:<>=!]+ *\\$" + field->name() + "\\b", &path) &&
                 !records_.empty() && random().Chance(50)) {
        const Value value = GetValue(*random().Pick(Pointers()), *entity().Find(path));
        if (!IsNull(value)) SetValue(request.get(), field, value);
      }
    }
    return request;
  }

  static bool IsZone(const Method& method, const FieldDescriptor* field) {
    return std::ranges::any_of(method.aggregate->groups, [field](const GroupBy& group) {
      return group.time_zone_field == field;
    });
  }

  std::vector<const Message*> Pointers() const {
    std::vector<const Message*> pointers;
    for (const MessagePtr& record : records_) pointers.push_back(record.get());
    return pointers;
  }

  void Check(const Method& method, const Message& request) {
    const std::string what = method.name + " {" + request.ShortDebugString() + "}";
    const ExpectedRows expected = ExpectedOf(method, records_, request);
    const int64_t before = gateway().statements();
    Reply reply = gateway().Call(method, request);
    EXPECT_EQ(gateway().statements(), before + 1) << what;
    if (!expected.overflown.empty()) {
      if (expected.hidden && reply.ok()) return;
      EXPECT_TRUE(HasStatus(reply.status, Code::kOutOfRange, "SUM_OUT_OF_RANGE")) << what;
      const auto field = reply.status.metadata().find("field");
      ASSERT_NE(field, reply.status.metadata().end()) << what;
      EXPECT_EQ(expected.overflown.count(field->second), 1u) << what << field->second;
      return;
    }
    ASSERT_TRUE(HasStatus(reply.status, Code::kOk)) << what;
    const std::vector<const Message*> rows = Elements(*reply.response, method.records);
    ASSERT_EQ(rows.size(), expected.rows.size()) << what;
    for (size_t i = 0; i < rows.size(); ++i) {
      EXPECT_TRUE(SameRecord(*rows[i], *expected.rows[i])) << what << ", row " << i;
    }
  }

  // Every aggregate, asked for everything and for this and that.
  void CheckAll() {
    for (const Method* method : aggregates()) {
      Check(*method, *MessagePtr(method->request->New()));
      for (int i = 0; i < Count(15); ++i) Check(*method, *RandomRequest(*method));
    }
  }

  std::vector<MessagePtr> records_;  // those that are not deleted
};
STOREGATE_CASES(AggregateCase, HasAggregate);

TEST_P(AggregateCase, OfNothingThereIsOneRowOrNone) {
  // Without groups one row, its sums 0 and its averages and extremes unset; else none.
  CheckAll();
}

TEST_P(AggregateCase, GroupsAndWhatIsComputedOfThemAreWhatTheRecordsSay) {
  // Unset values, zero, infinities; every order, condition and limit of the schemas.
  ASSERT_NO_FATAL_FAILURE(Fill(Count(40), true));
  CheckAll();
  const auto parents = Parents();
  MakeArgs args;
  args.parents = &parents;
  ASSERT_NO_FATAL_FAILURE(Fill(Count(60), true, args));
  CheckAll();
}

TEST_P(AggregateCase, NumbersAreExactOrTooLargeByTheirFieldsName) {
  // Every integer up to the ends of its type: a sum is exact, or the call says which one is not.
  for (int i = 0; i < 6; ++i) {
    ASSERT_NO_FATAL_FAILURE(Fill(4, false));
    CheckAll();
  }
}

class DeletedAggregateCase : public AggregateCase {};
STOREGATE_CASES(DeletedAggregateCase, HasAggregateAndSoftDelete);

TEST_P(DeletedAggregateCase, DeletedRecordsDoNotCount) {
  // Until they are undeleted.
  ASSERT_NO_FATAL_FAILURE(Fill(Count(30), true));
  std::vector<Value> deleted;
  for (size_t i = 0; i < records_.size(); i += 3) {
    deleted.push_back(Id(*records_[i]));
    ASSERT_TRUE(HasStatus(store().Delete(deleted.back()).status, Code::kOk));
  }
  records_ = Everything();
  CheckAll();
  for (const Value& id : deleted) {
    ASSERT_TRUE(HasStatus(store().Undelete(id).status, Code::kOk));
  }
  records_ = Everything();
  CheckAll();
}

class LargeSumCase : public AggregateCase {
 protected:
  // Whether the aggregate answers as it should over records with these values of what one
  // of its sums is of. False when the field has bounds that forbid them.
  bool CheckSum(const Method& method, const schema::Compute& compute,
                const std::vector<int64_t>& values) {
    const Rules& rules = RulesOf(compute.field->descriptor);
    for (const int64_t value : values) {
      if (rules.has_gte() && static_cast<double>(value) < rules.gte()) return false;
      if (rules.has_gt() && static_cast<double>(value) <= rules.gt()) return false;
    }
    for (const MessagePtr& record : records_) {
      EXPECT_TRUE(HasStatus(store().Delete(Id(*record)).status, Code::kOk));
    }
    std::vector<MessagePtr> records = Alike(method, values.size());
    for (size_t i = 0; i < records.size(); ++i) {
      SetValue(records[i].get(), *compute.field, values[i]);
    }
    Create(std::move(records));
    Check(method, *MessagePtr(method.request->New()));
    return true;
  }
};
STOREGATE_CASES(LargeSumCase, HasLargeSum);

TEST_P(LargeSumCase, IsExactUpToTheEndsOfItsFieldAndOutOfRangePastThem) {
  // Also where it would be past them for a while, in whatever order the database adds.
  int checked = 0;
  for (const Method* method : aggregates()) {
    for (const schema::Compute& compute : method->aggregate->computes) {
      if (!MayOverflow(compute)) continue;
      const bool duration = compute.field->type == Type::kDuration;
      const int64_t most = duration ? kMostMicros : kMost;
      const int64_t least = duration ? -kMostMicros : kLeast;
      const std::vector<std::vector<int64_t>> all = {
          {most - 1, 1},
          {most, 1},
          {most, most, most, most, most},
          {least + 1, -1},
          {least, -1},
          {least, least},
          {most, most, least, least, 12345},
          {most, most, most, least, least, least, 7, most},
          {4611686018427387, 4611686018427389, 9007199254740993, 1}};
      for (const std::vector<int64_t>& values : all) {
        checked += CheckSum(*method, compute, values) ? 1 : 0;
      }
    }
  }
  EXPECT_GT(checked, 0);
}

class PartCase : public AggregateCase {
 protected:
  // Around these times clocks are turned, and years, months and days begin.
  static std::vector<int64_t> Times() {
    std::vector<int64_t> times = {0, kMaxTimestampMillis, kMinTimestampMillis + kDayMillis};
    for (const char* text :
         {"2024-03-31T01:00:00Z", "2024-10-27T01:00:00Z", "2024-03-10T07:00:00Z",
          "2024-11-03T06:00:00Z", "2024-12-31T23:00:00Z", "2025-01-01T05:00:00Z",
          "2024-12-31T18:15:00Z", "2024-02-29T00:00:00Z", "2024-04-06T15:00:00Z",
          "1985-12-31T18:30:00Z", "1999-12-31T12:00:00Z", "2500-07-01T00:00:00Z",
          "9999-12-31T23:00:00Z"}) {
      const int64_t time = *ParseTimestamp(text);
      for (const int64_t minutes : {-60, -30, 0, 30, 60}) {
        const int64_t at = time + minutes * 60000;
        if (at <= kMaxTimestampMillis) times.push_back(at);
      }
      times.push_back(time - 1);
    }
    return times;
  }

  void FillTimes() {
    const std::vector<int64_t> times = Times();
    const auto count = static_cast<int>(times.size());
    std::vector<MessagePtr> records = make().MakeMany(entity(), count);
    for (size_t i = 0; i < times.size(); ++i) {
      Vary(records[i].get(), true);
      for (const Method* method : aggregates()) {
        for (const GroupBy& group : method->aggregate->groups) {
          if (GroupsByPart(group)) SetValue(records[i].get(), *group.field, times[i]);
        }
      }
    }
    Create(std::move(records));
  }

  // Of an aggregate, those that take a time zone from the request.
  static std::vector<const FieldDescriptor*> ZoneFields(const Method& method) {
    std::vector<const FieldDescriptor*> fields;
    for (int i = 0; i < method.request->GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor* field = method.request->GetDescriptor()->field(i);
      if (IsZone(method, field)) fields.push_back(field);
    }
    return fields;
  }
};
STOREGATE_CASES(PartCase, HasParts);

TEST_P(PartCase, PartsOfTimesAreThoseOfTheTimeZone) {
  // Where clocks are turned, where offsets are no hours, before and after our time.
  ASSERT_NO_FATAL_FAILURE(FillTimes());
  for (const Method* method : aggregates()) {
    for (const std::string& zone : Zones()) {
      MessagePtr request(method->request->New());
      for (const FieldDescriptor* field : ZoneFields(*method)) SetValue(request.get(), field, zone);
      Check(*method, *request);
    }
  }
}

TEST_P(PartCase, WhatIsNoTimeZoneIsRefused) {
  // By the gateway, naming the field; nothing of it reaches the database.
  ASSERT_NO_FATAL_FAILURE(FillTimes());
  int refused = 0;
  for (const Method* method : aggregates()) {
    for (const FieldDescriptor* field : ZoneFields(*method)) {
      for (const char* zone :
           {"Mars/Olympus_Mons", "berlin", "+25:00", "localtime", "../../etc/passwd",
            "$a_timestamp", "'; DROP TABLE samples; --", "Europe/Berlin'", "Europe/Berlin ",
            "Europe"}) {
        MessagePtr request(method->request->New());
        SetValue(request.get(), field, std::string(zone));
        const int64_t before = gateway().statements();
        const Status status = gateway().Call(*method, *request).status;
        EXPECT_TRUE(HasStatus(status, Code::kInvalidArgument, "INVALID_TIME_ZONE")) << zone;
        EXPECT_TRUE(Violates(status, field->name())) << zone;
        EXPECT_EQ(gateway().statements(), before);
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace storegate::test
