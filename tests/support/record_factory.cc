#include "tests/support/record_factory.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <re2/re2.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "tests/support/rules.h"
#include "tests/support/valid.h"

namespace storegate::test {
namespace {

using schema::Entity;
using schema::Field;
using schema::Type;

bool InUniqueIndex(const Field& field) {
  if (field.unique != schema::Unique::kNo) return true;
  for (const schema::Index& index : field.entity->indexes) {
    if (index.unique == schema::Unique::kNo) continue;
    for (const schema::IndexField& part : index.fields) {
      if (part.field == &field) return true;
    }
  }
  return false;
}

// Text that an index holds stays short.
constexpr int64_t kUsualTextMax = 24;

}  // namespace

bool Writable(const Field& field) {
  return field.role == schema::Role::kData && !field.output_only;
}

MessagePtr RecordFactory::Make(const Entity& entity, const MakeArgs& args) {
  return std::move(MakeMany(entity, 1, args).front());
}

std::vector<MessagePtr> RecordFactory::MakeMany(const Entity& entity, int count,
                                                const MakeArgs& args) {
  // One parent for all, or, where the reference is part of something unique, one
  // for each.
  std::map<const Field*, std::vector<MessagePtr>> parents;
  for (const Field& field : entity.fields) {
    if (!field.references || !Writable(field)) continue;
    if (args.parents != nullptr && args.parents->count(&field) > 0) continue;
    if (field.references->entity == &entity && !field.required) continue;
    if (!field.required && args.required_only) continue;
    if (!field.required && !args.all_fields && random_.Chance(30)) continue;
    const int needed = InUniqueIndex(field) ? count : 1;
    parents[&field] = CreatedMany(*field.references->entity, needed, {});
  }
  std::vector<MessagePtr> records;
  for (int i = 0; i < count; ++i) {
    MessagePtr record = NewRecord(entity);
    std::set<std::string> oneofs;
    for (const Field& field : entity.fields) {
      if (field.role == schema::Role::kId && args.with_id) {
        SetValue(record.get(), field, NewId(entity));
      }
      if (!Writable(field)) continue;
      if (field.references && args.parents != nullptr && args.parents->count(&field) > 0) {
        const std::vector<Value>& choices = args.parents->at(&field);
        if (!choices.empty() && (field.required || random_.Chance(60))) {
          SetValue(record.get(), field, random_.Pick(choices));
        }
        continue;
      }
      if (field.references) {
        auto found = parents.find(&field);
        if (found == parents.end()) continue;
        const Message& parent = *found->second[found->second.size() == 1 ? 0 : i];
        SetValue(record.get(), field, GetValue(parent, *field.references->field));
        continue;
      }
      const bool needed = MustBeSet(field.descriptor);
      if (!needed && args.required_only && !InUniqueIndex(field)) continue;
      if (!field.oneof.empty() && !needed) {
        // Whoever comes first; the dice decide how often that is.
        if (oneofs.count(field.oneof) > 0 || random_.Chance(60)) continue;
        oneofs.insert(field.oneof);
      } else if (!needed && !args.all_fields && !InUniqueIndex(field) &&
                 random_.Chance(25)) {
        continue;
      }
      Fill(record.get(), field.descriptor, 0, InUniqueIndex(field));
    }
    records.push_back(std::move(record));
  }
  return records;
}

MessagePtr RecordFactory::Created(const Entity& entity, const MakeArgs& args) {
  return std::move(CreatedMany(entity, 1, args).front());
}

std::vector<MessagePtr> RecordFactory::CreatedMany(const Entity& entity, int count,
                                                   const MakeArgs& args) {
  std::vector<MessagePtr> records = MakeMany(entity, count, args);
  for (Gateway* mirror : mirrors_) {
    for (const MessagePtr& record : records) {
      const Reply reply = StoreClient(mirror, &entity).Create(*record);
      EXPECT_TRUE(reply.ok()) << entity.full_name << ": " << reply.status.ToString();
    }
  }
  StoreClient store(gateway_, &entity);
  if (!store.Has(schema::Operation::kBatchCreate) || count == 1) {
    for (MessagePtr& record : records) {
      Reply reply = store.Create(*record);
      EXPECT_TRUE(reply.ok()) << entity.full_name << ": " << reply.status.ToString() << "\n"
                              << record->Utf8DebugString();
      for (const Violation& violation : reply.status.violations()) {
        ADD_FAILURE() << violation.field << ": " << violation.description;
      }
      if (reply.ok()) record = std::move(reply.response);
    }
    return records;
  }
  for (size_t start = 0; start < records.size(); start += 500) {
    const size_t end = std::min(records.size(), start + 500);
    std::vector<const Message*> some;
    for (size_t i = start; i < end; ++i) some.push_back(records[i].get());
    Reply reply = store.CreateMany(some);
    EXPECT_TRUE(reply.ok()) << entity.full_name << ": " << reply.status.ToString();
    if (!reply.ok()) continue;
    std::vector<const Message*> made = store.Records(reply, schema::Operation::kBatchCreate);
    EXPECT_EQ(made.size(), some.size());
    for (size_t i = 0; i < made.size() && start + i < end; ++i) {
      records[start + i] = Clone(*made[i]);
    }
  }
  return records;
}

Value RecordFactory::NewId(const Entity& entity) {
  if (entity.id->type == Type::kInt64) return random_.Between(int64_t{1} << 40, int64_t{1} << 52);
  // At most 255 bytes, whatever the rules leave open.
  std::string id = TextFor(RulesOf(entity.id->descriptor), /*distinct=*/true);
  EXPECT_LE(id.size(), 255u);
  return id;
}

std::string RecordFactory::TextFor(const Rules& rules, bool distinct) {
  const std::string number = std::to_string(random_.Between(int64_t{0}, int64_t{1} << 50));
  switch (rules.format()) {
    case storegate::v1::UUID:
      return RandomUuid(random_);
    case storegate::v1::OBJECT_ID:
      return RandomObjectId(random_);
    case storegate::v1::EMAIL:
      return "u" + number + "@example.com";
    case storegate::v1::URI:
      return "https://example.com/" + number + "?q=%20#x";
    default:
      break;
  }
  const int64_t max = rules.max_len() > 0 ? std::min<int64_t>(rules.max_len(), kUsualTextMax)
                                          : kUsualTextMax;
  int64_t min = std::max<int64_t>(rules.min_len(), rules.required() ? 1 : 0);
  // Unique values and ids must not meet by chance.
  if (distinct) min = std::max<int64_t>(min, std::min<int64_t>(12, max));
  for (int tries = 0; tries < 200; ++tries) {
    std::string text = rules.pattern().empty() ? RandomText(random_, min, std::max(min, max))
                                               : TextMatching(rules.pattern(), random_);
    if (rules.lower_case()) text = LowerCase(text);
    const auto length = static_cast<int64_t>(CountCodePoints(text));
    if (length < rules.min_len()) continue;
    if (rules.max_len() > 0 && length > rules.max_len()) continue;
    if (!rules.pattern().empty() && !re2::RE2::FullMatch(text, rules.pattern())) continue;
    return text;
  }
  std::fprintf(stderr, "no text found for {%s}\n", rules.ShortDebugString().c_str());
  std::abort();
}

int64_t RecordFactory::IntegerFor(const Rules& rules, int64_t low, int64_t high, bool distinct) {
  if (rules.has_gte()) low = std::max(low, static_cast<int64_t>(rules.gte()));
  if (rules.has_gt()) low = std::max(low, static_cast<int64_t>(rules.gt()) + 1);
  if (rules.has_lte()) high = std::min(high, static_cast<int64_t>(rules.lte()));
  if (rules.has_lt()) high = std::min(high, static_cast<int64_t>(rules.lt()) - 1);
  if (!distinct) {
    if (random_.Chance(5)) return low;
    if (random_.Chance(5)) return high;
    // Small numbers meet, which orders and predicates need.
    if (random_.Chance(60)) {
      const int64_t from = std::clamp<int64_t>(0, low, high);
      return random_.Between(from, from > high - 20 ? high : from + 20);
    }
  }
  return random_.Between(low, high);
}

Value RecordFactory::ScalarFor(const FieldDescriptor* field, const Rules& rules, bool distinct) {
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return random_.Chance(50);
    case FieldDescriptor::CPPTYPE_INT32:
      return IntegerFor(rules, std::numeric_limits<int32_t>::min(),
                        std::numeric_limits<int32_t>::max(), distinct);
    case FieldDescriptor::CPPTYPE_UINT32:
      return IntegerFor(rules, 0, std::numeric_limits<uint32_t>::max(), distinct);
    case FieldDescriptor::CPPTYPE_INT64:
    case FieldDescriptor::CPPTYPE_UINT64:
      return IntegerFor(rules, std::numeric_limits<int64_t>::min(),
                        std::numeric_limits<int64_t>::max(), distinct);
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_DOUBLE: {
      const double low = rules.has_gte() ? rules.gte() : rules.has_gt() ? rules.gt() : -1000;
      const double high =
          rules.has_lte() ? rules.lte() : rules.has_lt() ? rules.lt() : low + 2000;
      // Quarters, which a float holds too; inside, so that gt and lt hold.
      const double value = std::floor(random_.Between(low, high) * 4) / 4;
      return value > low && value < high ? value : low + (high - low) / 2;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      if (field->type() == FieldDescriptor::TYPE_STRING) return TextFor(rules, distinct);
      const int64_t low = std::max<int64_t>(rules.min_len(), distinct || rules.required() ? 8 : 0);
      const int64_t high = rules.max_len() > 0 ? std::min<int64_t>(rules.max_len(), 40) : 40;
      return Bytes{RandomBytes(random_, std::min(low, high), high)};
    }
    case FieldDescriptor::CPPTYPE_ENUM: {
      // Not 0, which counts as unset.
      std::vector<std::string> names;
      for (int i = 0; i < field->enum_type()->value_count(); ++i) {
        if (field->enum_type()->value(i)->number() != 0) {
          names.push_back(field->enum_type()->value(i)->name());
        }
      }
      return random_.Pick(names);
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      if (IsTimestamp(field)) {
        if (random_.Chance(20)) {
          return random_.Pick<int64_t>({kMinTimestampMillis, kMaxTimestampMillis, 0, -1, 1});
        }
        return random_.Between(int64_t{0}, int64_t{4102444800000});
      }
      if (IsDuration(field)) return random_.Between(int64_t{-1} << 50, int64_t{1} << 50);
      if (IsWrapper(field)) {
        return ScalarFor(field->message_type()->FindFieldByNumber(1), rules, distinct);
      }
      break;
  }
  std::fprintf(stderr, "%s is no scalar\n", field->full_name().c_str());
  std::abort();
}

}  // namespace storegate::test
