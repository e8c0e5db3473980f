#include "server/query/read_value.h"

#include <cmath>
#include <string>

#include <google/protobuf/descriptor.pb.h>

#include "server/base/text.h"
#include "server/base/time.h"
#include "server/query/predicate.h"
#include "server/query/typing.h"

namespace storegate::query {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The range of google.protobuf.Duration.
constexpr int64_t kMaxDurationSeconds = 315576000000;
constexpr int64_t kNanosPerSecond = 1000000000;

// One value: of a singular field (index -1) or an element of a repeated one.
class Reader {
 public:
  Reader(const Message& message, const FieldDescriptor* field, int index)
      : message_(message), reflection_(message.GetReflection()), field_(field), index_(index) {}

  Result<Value> Read() const {
    switch (field_->cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return Value(Get(&Reflection::GetBool, &Reflection::GetRepeatedBool));
      case FieldDescriptor::CPPTYPE_INT32:
        return Whole(Get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
      case FieldDescriptor::CPPTYPE_INT64:
        return Whole(Get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64));
      case FieldDescriptor::CPPTYPE_UINT32:
        return Whole(Get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return Real(Get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return Real(Get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
      case FieldDescriptor::CPPTYPE_STRING: return Text();
      case FieldDescriptor::CPPTYPE_ENUM: return EnumName();
      case FieldDescriptor::CPPTYPE_MESSAGE: return WellKnown();
      case FieldDescriptor::CPPTYPE_UINT64: break;
    }
    return Error("holds a type that is no single value");
  }

 private:
  template <typename T>
  T Get(T (Reflection::*one)(const Message&, const FieldDescriptor*) const,
        T (Reflection::*element)(const Message&, const FieldDescriptor*, int) const) const {
    return index_ < 0 ? (reflection_->*one)(message_, field_)
                      : (reflection_->*element)(message_, field_, index_);
  }

  Status Error(std::string description) const {
    std::string name = field_->name();
    if (index_ >= 0) name += "[" + std::to_string(index_) + "]";
    return InvalidField(std::move(name), std::move(description));
  }

  static Result<Value> Whole(int64_t value) { return Value(value); }

  Result<Value> Real(double value) const {
    if (std::isnan(value)) return Error("must be a number, not NaN");
    return Value(value + 0.0);  // -0.0 becomes 0
  }

  Result<Value> Text() const {
    std::string scratch;
    const std::string& text =
        index_ < 0 ? reflection_->GetStringReference(message_, field_, &scratch)
                   : reflection_->GetRepeatedStringReference(message_, field_, index_, &scratch);
    if (field_->type() == FieldDescriptor::TYPE_BYTES) return Value(Bytes{text});
    if (text.find('\0') != std::string::npos) return Error("must not hold a NUL");
    if (FindInvalidUtf8(text) != std::string::npos) return Error("must be valid UTF-8");
    return Value(text);
  }

  Result<Value> EnumName() const {
    const int number = Get(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue);
    const auto* value = field_->enum_type()->FindValueByNumber(number);
    if (value == nullptr) {
      return Error("must be a number that " + field_->enum_type()->name() + " names, not " +
                   std::to_string(number));
    }
    return Value(value->name());
  }

  Result<Value> WellKnown() const {
    const std::optional<schema::Type> type = ScalarType(field_);
    if (!type) return Error("holds a type that is no single value");
    const Message& inner = index_ < 0
                               ? reflection_->GetMessage(message_, field_)
                               : reflection_->GetRepeatedMessage(message_, field_, index_);
    const FieldDescriptor* first = inner.GetDescriptor()->FindFieldByNumber(1);
    const FieldDescriptor* second = inner.GetDescriptor()->FindFieldByNumber(2);
    if (*type != schema::Type::kTimestamp && *type != schema::Type::kDuration) {
      Result<Value> wrapped = Reader(inner, first, -1).Read();
      // The caller knows the field, not the wrapper's "value".
      if (!wrapped.ok()) return Error(wrapped.status().violations()[0].description);
      return wrapped;
    }
    const int64_t seconds = inner.GetReflection()->GetInt64(inner, first);
    const int64_t nanos = inner.GetReflection()->GetInt32(inner, second);
    return *type == schema::Type::kTimestamp ? Timestamp(seconds, nanos) : Duration(seconds, nanos);
  }

  Result<Value> Timestamp(int64_t seconds, int64_t nanos) const {
    if (seconds < kMinTimestampMillis / 1000 || seconds > kMaxTimestampMillis / 1000 || nanos < 0 ||
        nanos >= kNanosPerSecond) {
      return Error(
          "must be a time from 0001-01-01T00:00:00Z to 9999-12-31T23:59:59.999999999Z, its nanos "
          "from 0 to 999999999");
    }
    return Value(seconds * 1000 + nanos / 1000000);
  }

  Result<Value> Duration(int64_t seconds, int64_t nanos) const {
    const bool mixed = (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
    if (seconds < -kMaxDurationSeconds || seconds > kMaxDurationSeconds ||
        nanos <= -kNanosPerSecond || nanos >= kNanosPerSecond || mixed) {
      return Error(
          "must be a duration within 315576000000 seconds, its nanos within 999999999 and of the "
          "seconds' sign");
    }
    return Value(seconds * 1000000 + nanos / 1000);
  }

  const Message& message_;
  const Reflection* reflection_;
  const FieldDescriptor* field_;
  const int index_;
};

}  // namespace

Result<Value> ReadValue(const Message& message, const FieldDescriptor* descriptor) {
  // The value of a map's entry is there even where it is the default.
  const bool in_entry = descriptor->containing_type()->options().map_entry();
  if (descriptor->has_presence() && !in_entry &&
      !message.GetReflection()->HasField(message, descriptor)) {
    return Value();
  }
  return Reader(message, descriptor, -1).Read();
}

Result<Value> ReadElement(const Message& message, const FieldDescriptor* descriptor, int index) {
  return Reader(message, descriptor, index).Read();
}

}  // namespace storegate::query
