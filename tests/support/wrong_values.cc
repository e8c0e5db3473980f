// WrongValues (valid.h).
#include <cmath>
#include <limits>

#include "tests/support/record_factory.h"
#include "tests/support/valid.h"

namespace storegate::test {
namespace {

using google::protobuf::Reflection;
using schema::Field;
using schema::Presence;
using schema::Type;

class Collector {
 public:
  explicit Collector(const Field& field) : field_(field), rules_(RulesOf(field.descriptor)) {}

  std::vector<WrongValue> Collect() {
    if (rules_.required()) {
      Add("required, not set", field_.name, [this_field = field_.descriptor](Message* record) {
        record->GetReflection()->ClearField(record, this_field);
      });
    }
    Items();
    switch (field_.type) {
      case Type::kString:
        Texts();
        break;
      case Type::kBytes:
        if (rules_.max_len() > 0) {
          Single("longer than max_len",
                 Bytes{std::string(static_cast<size_t>(rules_.max_len()) + 1, 'x')});
        }
        break;
      case Type::kInt32:
      case Type::kInt64:
      case Type::kUint32:
        Bounds(/*whole=*/true);
        break;
      case Type::kFloat:
      case Type::kDouble:
        Single("NaN", std::numeric_limits<double>::quiet_NaN());
        Bounds(/*whole=*/false);
        break;
      case Type::kEnum:
        Single("an unknown enum number", int64_t{12345});
        break;
      case Type::kTimestamp:
        Times(253402300800, "after the year 9999");
        Times(-62135596801, "before the year 1");
        break;
      case Type::kDuration:
        Times(315576000001, "longer than 10,000 years");
        break;
      case Type::kStruct:
        Structs();
        break;
      default:
        break;
    }
    return std::move(all_);
  }

 private:
  bool Many() const {
    return field_.presence == Presence::kRepeated || field_.presence == Presence::kMap;
  }

  void Add(std::string what, std::string path, std::function<void(Message*)> apply) {
    all_.push_back({std::move(what), std::move(path), std::move(apply)});
  }

  // One value of the field: the value itself, the only element, the only entry.
  void Single(std::string what, Value value) {
    Add(std::move(what), field_.name,
        [field = field_.descriptor, presence = field_.presence, value](Message* record) {
          const Reflection* reflection = record->GetReflection();
          reflection->ClearField(record, field);
          if (presence != Presence::kMap) return SetValue(record, field, value);
          Message* entry = reflection->AddMessage(record, field);
          const google::protobuf::Descriptor* type = entry->GetDescriptor();
          SetKey(entry, type->FindFieldByNumber(1));
          SetValue(entry, type->FindFieldByNumber(2), value);
        });
  }

  static void SetKey(Message* entry, const FieldDescriptor* key) {
    if (key->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      return SetValue(entry, key, std::string("k"));
    }
    if (key->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return SetValue(entry, key, true);
    SetValue(entry, key, int64_t{1});
  }

  void Items() {
    if (!Many()) return;
    if (rules_.max_items() > 0) {
      Add("more than max_items", field_.name,
          [field = field_.descriptor, count = rules_.max_items() + 1](Message* record) {
            record->GetReflection()->ClearField(record, field);
            for (int i = 0; i < count; ++i) {
              if (!field->is_map()) {
                if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
                  record->GetReflection()->AddMessage(record, field);
                } else {
                  SetValue(record, field, std::string("ab"));
                }
                continue;
              }
              Message* entry = record->GetReflection()->AddMessage(record, field);
              SetValue(entry, entry->GetDescriptor()->FindFieldByNumber(1), std::to_string(i));
            }
          });
    }
    if (field_.presence == Presence::kMap &&
        field_.key->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      Add("NUL in a key", field_.name, [field = field_.descriptor](Message* record) {
        record->GetReflection()->ClearField(record, field);
        Message* entry = record->GetReflection()->AddMessage(record, field);
        SetValue(entry, entry->GetDescriptor()->FindFieldByNumber(1), std::string("a\0b", 3));
      });
    }
  }

  void Texts() {
    Single("a NUL", std::string("ab\0cd", 5));
    if (rules_.max_len() > 0) {
      Single("longer than max_len", std::string(static_cast<size_t>(rules_.max_len()) + 1, 'a'));
    }
    if (rules_.min_len() > 1) {
      Single("shorter than min_len", std::string(static_cast<size_t>(rules_.min_len()) - 1, 'a'));
    }
    if (!rules_.pattern().empty()) Single("not of the pattern", std::string("Not This!"));
    switch (rules_.format()) {
      case storegate::v1::UUID:
        for (const char* text :
             {"x", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5dac96774bbcceb302099a8057",
              "{01890a5d-ac96-774b-bcce-b302099a8057}", "01890a5d-ac96-774b-bcce-b302099a8057 "}) {
          Single("no canonical UUID", std::string(text));
        }
        break;
      case storegate::v1::OBJECT_ID:
        for (const char* text : {"x", "507F1F77BCF86CD799439011", "507f1f77bcf86cd79943901",
                                 "507f1f77bcf86cd7994390111", "ObjectId(507f1f77bcf86cd799439011)"}) {
          Single("no ObjectId", std::string(text));
        }
        break;
      case storegate::v1::EMAIL:
        for (const char* text : {"x", "@example.com", "a@", "a b@example.com", "a@b@c", "a@b..c"}) {
          Single("no email address", std::string(text));
        }
        break;
      case storegate::v1::URI:
        for (const char* text : {"x", "//example.com/x", "a b:c", "1http://example.com"}) {
          Single("no absolute URI", std::string(text));
        }
        break;
      default:
        break;
    }
  }

  void Bounds(bool whole) {
    const double step = whole ? 1 : 0.001;
    if (rules_.has_gte()) Number("less than gte", rules_.gte() - step, whole);
    if (rules_.has_gt()) Number("not more than gt", rules_.gt(), whole);
    if (rules_.has_lte()) Number("more than lte", rules_.lte() + step, whole);
    if (rules_.has_lt()) Number("not less than lt", rules_.lt(), whole);
  }

  void Number(std::string what, double number, bool whole) {
    Single(std::move(what), whole ? Value(static_cast<int64_t>(number)) : Value(number));
  }

  void Times(int64_t seconds, std::string what) {
    if (field_.presence == Presence::kMap) return;
    auto set = [field = field_.descriptor](Message* record, int64_t seconds, int32_t nanos) {
      const Reflection* reflection = record->GetReflection();
      reflection->ClearField(record, field);
      Message* time = field->is_repeated() ? reflection->AddMessage(record, field)
                                           : reflection->MutableMessage(record, field);
      const google::protobuf::Descriptor* type = time->GetDescriptor();
      time->GetReflection()->SetInt64(time, type->FindFieldByNumber(1), seconds);
      time->GetReflection()->SetInt32(time, type->FindFieldByNumber(2), nanos);
    };
    Add(std::move(what), field_.name, [set, seconds](Message* record) { set(record, seconds, 0); });
    Add("nanos out of range", field_.name,
        [set](Message* record) { set(record, 1, 1000000000); });
    if (field_.type == Type::kTimestamp) {
      Add("negative nanos", field_.name, [set](Message* record) { set(record, 1, -1); });
    } else {
      Add("nanos of another sign", field_.name, [set](Message* record) { set(record, 1, -1); });
    }
  }

  void Structs() {
    if (Many()) return;
    auto entry = [field = field_.descriptor](Message* record, const std::string& key) {
      Message* all = record->GetReflection()->MutableMessage(record, field);
      Message* entry =
          all->GetReflection()->AddMessage(all, all->GetDescriptor()->FindFieldByNumber(1));
      SetValue(entry, entry->GetDescriptor()->FindFieldByNumber(1), key);
      return entry->GetReflection()->MutableMessage(entry,
                                                    entry->GetDescriptor()->FindFieldByNumber(2));
    };
    Add("NaN in a Struct", field_.name, [entry](Message* record) {
      Message* value = entry(record, "k");
      SetValue(value, value->GetDescriptor()->FindFieldByNumber(2),
               std::numeric_limits<double>::quiet_NaN());
    });
    Add("a NUL in a Struct", field_.name, [entry](Message* record) {
      Message* value = entry(record, "k");
      SetValue(value, value->GetDescriptor()->FindFieldByNumber(3), std::string("\0", 1));
    });
    Add("a NUL in a Struct's key", field_.name, [entry](Message* record) {
      Message* value = entry(record, std::string("\0", 1));
      SetValue(value, value->GetDescriptor()->FindFieldByNumber(4), true);
    });
  }

  const Field& field_;
  const Rules& rules_;
  std::vector<WrongValue> all_;
};

}  // namespace

std::vector<WrongValue> WrongValues(const Field& field) { return Collector(field).Collect(); }

}  // namespace storegate::test
