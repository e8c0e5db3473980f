#include "tests/unit/repository/types_schema.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>

#include <google/protobuf/util/message_differencer.h>

#include "server/base/time.h"
#include "server/schema/loader.h"

namespace storegate::repository {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

const schema::Entity& SampleEntity() {
  static const schema::LoadResult loaded =
      schema::LoadDirectory(STOREGATE_SOURCE_DIR "/tests/protos/types");
  for (const auto& diagnostic : loaded.diagnostics) {
    std::fprintf(stderr, "%s\n", diagnostic.ToString().c_str());
  }
  const schema::Entity* entity =
      loaded.schema == nullptr ? nullptr : loaded.schema->FindEntity("types.v1.Sample");
  if (entity == nullptr) std::abort();
  return *entity;
}

const schema::Field& SampleField(const std::string& name) {
  const schema::Field* field = SampleEntity().Find(name);
  if (field == nullptr) std::abort();
  return *field;
}

std::unique_ptr<Message> NewSample() {
  return std::unique_ptr<Message>(SampleEntity().prototype->New());
}

uint64_t Below(uint64_t n, Random* random) {
  return std::uniform_int_distribution<uint64_t>(0, n - 1)(*random);
}

namespace {

template <typename Int>
Int RandomInt(Random* random) {
  switch (Below(5, random)) {
    case 0: return std::numeric_limits<Int>::min();
    case 1: return std::numeric_limits<Int>::max();
    case 2: return 0;
    case 3: return static_cast<Int>(Below(2000, random)) - static_cast<Int>(1000);
    default: return static_cast<Int>((*random)());
  }
}

template <typename Real, typename Bits>
Real RandomReal(bool finite, Random* random) {
  for (;;) {
    Real real;
    switch (Below(4, random)) {
      case 0: real = static_cast<Real>(static_cast<double>(Below(2000, random)) - 1000); break;
      case 1: real = static_cast<Real>(static_cast<double>(Below(100000, random)) / 1000); break;
      default: {
        const Bits bits = static_cast<Bits>((*random)());
        std::memcpy(&real, &bits, sizeof real);
        if (Below(20, random) == 0) real = std::numeric_limits<Real>::infinity();
      }
    }
    if (std::isnan(real) || (finite && std::isinf(real))) continue;
    return real + 0;
  }
}

std::string RandomText(Random* random) {
  static const char* const kPieces[] = {"a",    "B",  "0",  "\"", "\\",   "/",  "\n", "\x01", "\x1f",
                                        "\x7f", " ",  "ä",  "€",  "𝄞",    "\t", "{",  "]",    ",",
                                        ":",    "\b", "\f", "\r", "\\u0", "é",  "中", "􏿿", "'"};
  std::string text;
  const uint64_t pieces = Below(4, random) == 0 ? Below(60, random) : Below(5, random);
  for (uint64_t i = 0; i < pieces; ++i) text += kPieces[Below(std::size(kPieces), random)];
  return text;
}

std::string RandomBytes(Random* random) {
  std::string bytes(Below(Below(4, random) == 0 ? 300 : 6, random), '\0');
  for (char& c : bytes) c = static_cast<char>((*random)());
  return bytes;
}

void SetSecondsAndNanos(Message* message, int64_t seconds, int64_t nanos) {
  const Descriptor* type = message->GetDescriptor();
  message->GetReflection()->SetInt64(message, type->FindFieldByName("seconds"), seconds);
  message->GetReflection()->SetInt32(message, type->FindFieldByName("nanos"),
                                     static_cast<int32_t>(nanos));
}

// Whether an entry before the last one has its key. Only keys are set in the last.
bool HasKeyOfLast(const Message& message, const FieldDescriptor* map) {
  const Reflection* reflection = message.GetReflection();
  const auto key_of = [&](int i) {
    const Message& entry = reflection->GetRepeatedMessage(message, map, i);
    std::unique_ptr<Message> only(entry.New());
    only->CopyFrom(entry);
    only->GetReflection()->ClearField(only.get(), map->message_type()->map_value());
    return only->SerializeAsString();
  };
  const int last = reflection->FieldSize(message, map) - 1;
  for (int i = 0; i < last; ++i) {
    if (key_of(i) == key_of(last)) return true;
  }
  return false;
}

void FillRandom(Message* message, Random* random, int depth) {
  const Descriptor* type = message->GetDescriptor();
  const std::string& name = type->full_name();
  if (name == "google.protobuf.Timestamp") {
    const int64_t range = kMaxTimestampMillis - kMinTimestampMillis + 1;
    const int64_t millis = kMinTimestampMillis + static_cast<int64_t>(Below(range, random));
    const int64_t seconds = static_cast<int64_t>(std::floor(static_cast<double>(millis) / 1000));
    return SetSecondsAndNanos(message, seconds, (millis - seconds * 1000) * 1000000);
  }
  if (name == "google.protobuf.Duration") {
    const int64_t sign = Below(2, random) == 0 ? 1 : -1;
    return SetSecondsAndNanos(message, sign * static_cast<int64_t>(Below(315576000000, random)),
                              sign * static_cast<int64_t>(Below(1000000, random)) * 1000);
  }
  if (name == "google.protobuf.Value") {
    // Exactly one kind; lists and structs end with depth.
    const int kind = static_cast<int>(Below(depth > 4 ? 4 : 6, random));
    return SetRandomField(message, type->field(kind), random, depth);
  }
  for (int i = 0; i < type->field_count(); ++i) {
    // A wrapper's value may be zero but is always thought of as set.
    if (Below(2, random) == 0) SetRandomField(message, type->field(i), random, depth);
  }
}

}  // namespace

void SetRandomField(Message* message, const FieldDescriptor* field, Random* random, int depth) {
  const Reflection* reflection = message->GetReflection();
  const bool many = field->is_repeated();
  uint64_t count = 1;
  if (many) count = depth > 4 ? 0 : Below(depth == 0 && Below(8, random) == 0 ? 60 : 4, random);
  if (!many && depth > 6 && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return;
  const bool finite = field->containing_type()->full_name() == "google.protobuf.Value";
  for (uint64_t i = 0; i < count; ++i) {
    switch (field->cpp_type()) {
#define STOREGATE_CASE(NAME, Getter, value)                    \
  case FieldDescriptor::CPPTYPE_##NAME: {                      \
    const auto v = value;                                      \
    if (many) {                                                \
      reflection->Add##Getter(message, field, v);              \
    } else {                                                   \
      reflection->Set##Getter(message, field, v);              \
    }                                                          \
    break;                                                     \
  }
      STOREGATE_CASE(BOOL, Bool, Below(2, random) == 1)
      STOREGATE_CASE(INT32, Int32, RandomInt<int32_t>(random))
      STOREGATE_CASE(INT64, Int64, RandomInt<int64_t>(random))
      STOREGATE_CASE(UINT32, UInt32, RandomInt<uint32_t>(random))
      STOREGATE_CASE(UINT64, UInt64, RandomInt<uint64_t>(random))
      STOREGATE_CASE(FLOAT, Float, (RandomReal<float, uint32_t>(finite, random)))
      STOREGATE_CASE(DOUBLE, Double, (RandomReal<double, uint64_t>(finite, random)))
      STOREGATE_CASE(STRING, String,
                     field->type() == FieldDescriptor::TYPE_BYTES ? RandomBytes(random)
                                                                  : RandomText(random))
      STOREGATE_CASE(
          ENUM, EnumValue,
          field->enum_type()->value(static_cast<int>(Below(field->enum_type()->value_count(), random)))
              ->number())
#undef STOREGATE_CASE
      case FieldDescriptor::CPPTYPE_MESSAGE: {
        if (!field->is_map()) {
          FillRandom(many ? reflection->AddMessage(message, field)
                          : reflection->MutableMessage(message, field),
                     random, depth + 1);
          break;
        }
        // Reflection would add a key that is there already.
        Message* entry = reflection->AddMessage(message, field);
        SetRandomField(entry, field->message_type()->map_key(), random, depth + 1);
        if (HasKeyOfLast(*message, field)) {
          reflection->RemoveLast(message, field);
          break;
        }
        const FieldDescriptor* value = field->message_type()->map_value();
        if (value->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
          FillRandom(entry->GetReflection()->MutableMessage(entry, value), random, depth + 1);
        } else {
          SetRandomField(entry, value, random, depth + 1);
        }
        break;
      }
    }
  }
}

bool SameMessage(const Message& a, const Message& b, std::string* difference) {
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(difference);
  return differencer.Compare(a, b);
}

}  // namespace storegate::repository
