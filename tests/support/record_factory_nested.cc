// RecordFactory: what is inside messages, maps and Structs.
#include <algorithm>
#include <set>

#include "tests/support/record_factory.h"
#include "tests/support/rules.h"
#include "tests/support/valid.h"

namespace storegate::test {
namespace {

constexpr int kMaxDepth = 4;

bool IsScalar(const FieldDescriptor* field) {
  return field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || IsTimestamp(field) ||
         IsDuration(field) || IsWrapper(field);
}

}  // namespace

void RecordFactory::FillMessage(Message* message, int depth) {
  const google::protobuf::Descriptor* type = message->GetDescriptor();
  if (type->full_name() == "google.protobuf.Struct") return FillStruct(message, depth);
  if (type->full_name() == "google.protobuf.Value") return FillStructValue(message, depth);
  if (type->full_name() == "google.protobuf.ListValue") {
    for (int64_t i = random_.Between(int64_t{0}, int64_t{3}); i > 0; --i) {
      FillStructValue(message->GetReflection()->AddMessage(message, type->FindFieldByNumber(1)),
                      depth + 1);
    }
    return;
  }
  std::set<const google::protobuf::OneofDescriptor*> oneofs;
  for (int i = 0; i < type->field_count(); ++i) {
    const FieldDescriptor* field = type->field(i);
    if (!MustBeSet(field) && random_.Chance(30)) continue;
    if (field->real_containing_oneof() != nullptr &&
        !oneofs.insert(field->real_containing_oneof()).second) {
      continue;
    }
    Fill(message, field, depth, false);
  }
}

void RecordFactory::Fill(Message* message, const FieldDescriptor* field, int depth,
                         bool distinct) {
  const Rules& rules = RulesOf(field);
  message->GetReflection()->ClearField(message, field);
  if (!IsScalar(field) && depth >= kMaxDepth && !rules.required()) return;
  const int64_t low = std::max<int64_t>(rules.min_items(), rules.required() ? 1 : 0);
  const int64_t high = rules.max_items() > 0 ? std::min<int64_t>(rules.max_items(), low + 3)
                                             : low + 3;
  if (field->is_map()) {
    const FieldDescriptor* value = field->message_type()->FindFieldByNumber(2);
    FillMap(message, field, random_.Between(low, high), [&](Message* entry) {
      if (IsScalar(value)) {
        SetValue(entry, value, ScalarFor(value, rules, false));
      } else {
        FillMessage(entry->GetReflection()->MutableMessage(entry, value), depth + 1);
      }
    });
    return;
  }
  const int64_t count = field->is_repeated() ? random_.Between(low, high) : 1;
  for (int64_t i = 0; i < count; ++i) {
    if (IsScalar(field)) {
      SetValue(message, field, ScalarFor(field, rules, distinct));
    } else if (field->is_repeated()) {
      FillMessage(message->GetReflection()->AddMessage(message, field), depth + 1);
    } else {
      FillMessage(message->GetReflection()->MutableMessage(message, field), depth + 1);
    }
  }
}

void RecordFactory::FillMap(Message* message, const FieldDescriptor* field, int64_t count,
                            const std::function<void(Message* entry)>& set_value) {
  const FieldDescriptor* key = field->message_type()->FindFieldByNumber(1);
  std::set<Value> keys;
  const auto wanted = static_cast<size_t>(count);
  for (size_t tries = 0; tries < wanted * 20 && keys.size() < wanted; ++tries) {
    Value name = key->type() == FieldDescriptor::TYPE_STRING && random_.Chance(50)
                     ? Value(random_.Pick(HostileKeys()))
                     : ScalarFor(key, Rules::default_instance(), false);
    if (!keys.insert(name).second) continue;
    Message* entry = message->GetReflection()->AddMessage(message, field);
    SetValue(entry, key, name);
    set_value(entry);
  }
}

void RecordFactory::FillStruct(Message* message, int depth) {
  const FieldDescriptor* fields = message->GetDescriptor()->FindFieldByNumber(1);
  FillMap(message, fields, random_.Between(int64_t{0}, int64_t{4}), [&](Message* entry) {
    FillStructValue(entry->GetReflection()->MutableMessage(
                        entry, entry->GetDescriptor()->FindFieldByNumber(2)),
                    depth + 1);
  });
}

void RecordFactory::FillStructValue(Message* message, int depth) {
  const google::protobuf::Descriptor* type = message->GetDescriptor();
  const google::protobuf::Reflection* reflection = message->GetReflection();
  // google/protobuf/struct.proto: null 1, number 2, string 3, bool 4, struct 5, list 6.
  switch (random_.Between(int64_t{1}, depth >= kMaxDepth ? int64_t{4} : int64_t{6})) {
    case 1:
      reflection->SetEnumValue(message, type->FindFieldByNumber(1), 0);
      return;
    case 2:
      reflection->SetDouble(message, type->FindFieldByNumber(2),
                            random_.Pick<double>({0, 1, -1, 0.1, 1e300, -1e-300, 9007199254740992.0,
                                                  random_.Between(-1e9, 1e9)}));
      return;
    case 3:
      reflection->SetString(message, type->FindFieldByNumber(3), RandomText(random_, 0, 12));
      return;
    case 4:
      reflection->SetBool(message, type->FindFieldByNumber(4), random_.Chance(50));
      return;
    case 5:
      FillStruct(reflection->MutableMessage(message, type->FindFieldByNumber(5)), depth + 1);
      return;
    default:
      FillMessage(reflection->MutableMessage(message, type->FindFieldByNumber(6)), depth + 1);
      return;
  }
}

}  // namespace storegate::test
