#include "tests/differential/values.h"

#include <algorithm>
#include <limits>
#include <set>

#include "server/base/text.h"
#include "tests/support/rules.h"
#include "tests/support/valid.h"

namespace storegate::test {
namespace {

constexpr int kMaxDepth = 3;
constexpr size_t kPool = 7;

bool IsScalar(const FieldDescriptor* field) {
  return field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsTimestamp(field) ||
         IsDuration(field) || IsWrapper(field);
}

template <typename T>
void KeepSome(Random& random, size_t most, std::vector<T>* all) {
  std::shuffle(all->begin(), all->end(), random.engine());
  if (all->size() > most) all->resize(most);
}

// Texts that differ little.
std::vector<std::string> Family(Random& random) {
  switch (random.Between(int64_t{0}, int64_t{5})) {
    case 0:
      return {"a", "A", "a ", " a", "\u00e1", "a\u0301"};
    case 1:
      return {"\uffff", "\U00010000", "\U0010ffff", "\ue000", "z"};
    case 2: {
      std::string same(static_cast<size_t>(random.Between(int64_t{100}, int64_t{3000})), 'x');
      return {same, same + " ", same + "y", same + "Y"};
    }
    case 3:
      return {"%", "_", "a_b", "a%b", "axb", "a\\_b", "a\\%b"};
    case 4:
      return {"\u00df", "ss", "SS", "\u1e9e", "\u0130", "i", "\u0131", "I"};
    default:
      return {"0", "00", "1", "10", "9", "-1", "1.0", "1e0"};
  }
}

}  // namespace

Values::Values(uint64_t seed) : random_(seed), factory_(nullptr, seed + 1) {
  texts_ = HostileTexts();
  KeepSome(random_, 5, &texts_);
  std::vector<std::string> family = Family(random_);
  KeepSome(random_, 4, &family);
  texts_.insert(texts_.end(), family.begin(), family.end());
  texts_.push_back("a");
  texts_.push_back("a ");
  keys_ = HostileKeys();
  KeepSome(random_, 6, &keys_);
  keys_.push_back("a");
  keys_.push_back("a.b");
  numbers_ = {0, -0.0, 1, -1, 0.1, 1e300, -1e-300, 5e-324, 9007199254740993.0, 1e17,
              0.30000000000000004, 1.7976931348623157e308, 123456789012345680.0};
  KeepSome(random_, 4, &numbers_);
  numbers_.push_back(1);
}

std::vector<Value> Values::OfType(const FieldDescriptor* field) {
  std::vector<Value> all = EdgeValues(field, RulesOf(field));
  KeepSome(random_, kPool - 2, &all);
  const FieldDescriptor* value = IsWrapper(field) ? field->message_type()->field(0) : field;
  switch (value->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      if (value->type() == FieldDescriptor::TYPE_STRING) {
        all.assign(texts_.begin(), texts_.end());
        if (random_.Chance(10)) all.push_back(std::string(70000, 'x'));
      }
      all.push_back(Value());
      if (value->type() == FieldDescriptor::TYPE_STRING) {
        all.back() = std::string();
      } else {
        all.back() = Bytes{""};
      }
      break;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_INT64:
      for (int64_t n : {0, 1, 2}) all.push_back(n);
      break;
    case FieldDescriptor::CPPTYPE_FLOAT:
      for (double n : {0.0, -0.0, 1.0, 0.5, 16777216.0}) all.push_back(n);
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
      for (double n : numbers_) all.push_back(n);
      break;
    default:
      break;
  }
  return all;
}

std::vector<Value>& Values::Pool(const FieldDescriptor* field) {
  auto [found, fresh] = pools_.try_emplace(field);
  std::vector<Value>& pool = found->second;
  if (!fresh) return pool;
  const Rules& rules = RulesOf(field);
  for (Value& value : OfType(field)) {
    if (std::string* text = std::get_if<std::string>(&value);
        text != nullptr && rules.lower_case() && random_.Chance(50)) {
      *text = LowerCase(*text);
    }
    if (Allowed(field, rules, value)) pool.push_back(std::move(value));
  }
  KeepSome(random_, 2 * kPool, &pool);
  while (pool.size() < 4 && field->cpp_type() != FieldDescriptor::CPPTYPE_BOOL &&
         field->cpp_type() != FieldDescriptor::CPPTYPE_ENUM) {
    pool.push_back(factory_.ScalarFor(field, rules, false));
  }
  return pool;
}

Value Values::For(const schema::Field& field) {
  if (field.role == schema::Role::kId) return Id(*field.entity);
  // Of the reference's own rules: those of what it refers to.
  if (field.references) return For(*field.references->field);
  return For(field.descriptor);
}

Value Values::For(const FieldDescriptor* field, bool allowed_only) {
  if (!allowed_only && random_.Chance(1)) {  // what rules may forbid
    const FieldDescriptor* value = IsWrapper(field) ? field->message_type()->field(0) : field;
    if (value->cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE) {
      return std::numeric_limits<double>::quiet_NaN();
    }
    if (value->type() == FieldDescriptor::TYPE_STRING) {
      return random_.Chance(50) ? std::string("a\0b", 3) : Text();
    }
  }
  return random_.Pick(Pool(field));
}

Value Values::ForRequest(const FieldDescriptor* field) {
  if (field->type() == FieldDescriptor::TYPE_STRING && random_.Chance(30)) return Key();
  return For(field, true);
}

bool Values::MayLackId(const schema::Entity& entity) {
  if (entity.id->type != schema::Type::kInt64) return true;
  auto [found, fresh] = counted_.try_emplace(&entity);
  if (fresh) found->second = random_.Chance(50);
  return found->second;
}

Value Values::Id(const schema::Entity& entity) {
  auto [found, fresh] = ids_.try_emplace(&entity);
  std::vector<Value>& ids = found->second;
  if (fresh && entity.id->type == schema::Type::kInt64) {
    const int64_t sign = MayLackId(entity) ? -1 : 1;
    for (int64_t id : {1, 2, 3, 4, 5, 10, 1000}) ids.push_back(id * sign);
    ids.push_back(INT64_MIN);
    ids.push_back(sign * random_.Pick<int64_t>({6, 7, (int64_t{1} << 53) + 1, INT64_MAX}));
  } else if (fresh) {
    const Rules& rules = RulesOf(entity.id->descriptor);
    for (const std::string& text : texts_) {
      if (text.empty() || text.size() > 255) continue;
      if (Allowed(entity.id->descriptor, rules, text)) ids.push_back(text);
    }
    while (ids.size() < kPool + 2) ids.push_back(factory_.NewId(entity));
  }
  return random_.Pick(ids);
}

void Values::FillMessage(Message* message, int depth) {
  const google::protobuf::Descriptor* type = message->GetDescriptor();
  if (type->full_name() == "google.protobuf.Struct") {
    return FillMap(message, type->FindFieldByNumber(1), depth);
  }
  if (type->full_name() == "google.protobuf.Value") return FillStructValue(message, depth);
  if (type->full_name() == "google.protobuf.ListValue") return FillListValue(message, depth);
  std::set<const google::protobuf::OneofDescriptor*> oneofs;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (!MustBeSet(field) && random_.Chance(45)) continue;
    if (field->real_containing_oneof() != nullptr &&
        !oneofs.insert(field->real_containing_oneof()).second) {
      continue;
    }
    Fill(message, field, depth);
  }
}

void Values::Fill(Message* message, const FieldDescriptor* field, int depth) {
  const Rules& rules = RulesOf(field);
  message->GetReflection()->ClearField(message, field);
  if (!IsScalar(field) && depth >= kMaxDepth && !rules.required()) return;
  if (field->is_map()) return FillMap(message, field, depth);
  const int64_t low = std::max<int64_t>(rules.min_items(), rules.required() ? 1 : 0);
  const int64_t high = rules.max_items() > 0 ? std::min<int64_t>(rules.max_items(), low + 3)
                                             : low + 3;
  const int64_t count = field->is_repeated() ? random_.Between(low, high) : 1;
  for (int64_t i = 0; i < count; ++i) {
    if (IsScalar(field)) {
      SetValue(message, field, For(field));
    } else if (field->is_repeated()) {
      FillMessage(message->GetReflection()->AddMessage(message, field), depth + 1);
    } else {
      FillMessage(message->GetReflection()->MutableMessage(message, field), depth + 1);
    }
  }
}

void Values::FillMap(Message* message, const FieldDescriptor* field, int depth) {
  const FieldDescriptor* key = field->message_type()->map_key();
  const FieldDescriptor* value = field->message_type()->map_value();
  const Rules& rules = RulesOf(field);
  const int64_t low = std::max<int64_t>(rules.min_items(), rules.required() ? 1 : 0);
  const int64_t high = rules.max_items() > 0 ? std::min<int64_t>(rules.max_items(), low + 3)
                                             : low + 3;
  std::set<Value> keys;
  for (int64_t i = random_.Between(low, high); i > 0; --i) {
    const Value name = key->type() == FieldDescriptor::TYPE_STRING ? Value(Key()) : For(key);
    if (!keys.insert(name).second) continue;
    Message* entry = message->GetReflection()->AddMessage(message, field);
    SetValue(entry, key, name);
    if (IsScalar(value)) {
      // The rules of a map's values are those of the map's field.
      const Value any = For(value);
      const bool allowed = Allowed(value, rules, any);
      SetValue(entry, value, allowed ? any : factory_.ScalarFor(value, rules, false));
    } else {
      FillMessage(entry->GetReflection()->MutableMessage(entry, value), depth + 1);
    }
  }
}

void Values::FillStructValue(Message* value, int depth) {
  const google::protobuf::Descriptor* type = value->GetDescriptor();
  const google::protobuf::Reflection* reflection = value->GetReflection();
  // google/protobuf/struct.proto: null 1, number 2, string 3, bool 4, struct 5, list 6.
  switch (random_.Between(int64_t{1}, int64_t{depth >= kMaxDepth ? 5 : 8})) {
    case 1:
      return reflection->SetEnumValue(value, type->FindFieldByNumber(1), 0);
    case 2:
      return reflection->SetDouble(value, type->FindFieldByNumber(2), random_.Pick(numbers_));
    case 3:
    case 4:
      return reflection->SetString(value, type->FindFieldByNumber(3), Text());
    case 5:
      return reflection->SetBool(value, type->FindFieldByNumber(4), random_.Chance(50));
    case 6:
    case 7:
      return FillMessage(reflection->MutableMessage(value, type->FindFieldByNumber(5)), depth + 1);
    default:
      return FillListValue(reflection->MutableMessage(value, type->FindFieldByNumber(6)),
                           depth + 1);
  }
}

void Values::FillListValue(Message* list, int depth) {
  const FieldDescriptor* values = list->GetDescriptor()->FindFieldByNumber(1);
  for (int64_t i = random_.Between(int64_t{0}, int64_t{3}); i > 0; --i) {
    FillStructValue(list->GetReflection()->AddMessage(list, values), depth + 1);
  }
}

}  // namespace storegate::test
