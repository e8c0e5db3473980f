// Values inside values as wire bytes: for those that read nested values, from JSON or
// from documents. What is there alike in all of them, and what protobuf wants left out.
// Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "server/base/wire.h"
#include "server/repository/scalar.h"
#include "server/schema/schema.h"

namespace storegate::repository {

// Fields of google.protobuf.Value.
enum ValueField {
  kNullValue = 1,
  kNumberValue,
  kStringValue,
  kBoolValue,
  kStructValue,
  kListValue,
};

inline bool IsReal(schema::Type type) {
  return type == schema::Type::kFloat || type == schema::Type::kDouble;
}

// Numbers, bools and enums: what a list of is packed.
inline bool IsNumeric(schema::Type type) {
  using schema::Type;
  switch (type) {
    case Type::kBool:
    case Type::kInt32:
    case Type::kInt64:
    case Type::kUint32:
    case Type::kFloat:
    case Type::kDouble:
    case Type::kEnum: return true;
    default: return false;
  }
}

// Whether null is a value of the field, and not the lack of one.
inline bool IsDynamic(const schema::Shape& shape) {
  return shape.type == schema::Type::kValue && shape.presence != schema::Presence::kRepeated &&
         shape.presence != schema::Presence::kMap;
}

// Whether an integer, or an enum's number, is one of the type.
bool InRange(schema::Type type, int64_t value);

// How one value travels, within its wrapper if it has one.
google::protobuf::FieldDescriptor::Type TravelType(const schema::Shape& shape);

// A number, a bool or an enum.
struct Number {
  bool known = true;  // false: an enum's name that this schema does not have
  int64_t integer = 0;
  double real = 0;
};

// Writes its bare content at `p`, which has room for kScalarMax bytes.
inline char* PutNumber(const schema::Shape& shape, google::protobuf::FieldDescriptor::Type type,
                       const Number& value, char* p) {
  return IsReal(shape.type) ? PutReal(type, value.real, p) : PutInteger(type, value.integer, p);
}

// Append one value as field `number`, in its wrapper if the shape has one: nothing for a
// zero where `leave_out_zero`, nor for a number that is not known.
void AppendNumber(const schema::Shape& shape, int number, bool leave_out_zero,
                  const Number& value, std::string* out);
// Of strings and bytes.
void AppendLong(const schema::Shape& shape, int number, bool leave_out_zero,
                std::string_view content, std::string* out);

// Appends the key of a map's entry, given as its text. False when it is none of `type`.
bool AppendMapKey(std::string_view key, google::protobuf::FieldDescriptor::Type type,
                  std::string* out);

// Which names of a message were there: a message has each at most once, as two would be
// merged on the wire.
class NamesSeen {
 public:
  explicit NamesSeen(const schema::MessageType& type)
      : first_(type.fields.data()), many_(type.fields.size() > 64 ? type.fields.size() : 0) {}

  // False when it was there before. `shape` is a field of the message's type.
  bool Add(const schema::Shape& shape) {
    const size_t index = static_cast<size_t>(&shape - first_);
    if (!many_.empty()) {
      if (many_[index]) return false;
      many_[index] = true;
      return true;
    }
    const uint64_t bit = uint64_t{1} << index;
    if ((few_ & bit) != 0) return false;
    few_ |= bit;
    return true;
  }

 private:
  const schema::Shape* const first_;
  uint64_t few_ = 0;
  std::vector<bool> many_;
};

}  // namespace storegate::repository
