// What messages hold, by reflection: for those that write nested values, as JSON or as
// documents. Any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

namespace storegate::repository {

// One value of a field: of a singular one, or element `index` of a repeated one.
struct Slot {
  using Message = google::protobuf::Message;
  using FieldDescriptor = google::protobuf::FieldDescriptor;
  using Reflection = google::protobuf::Reflection;

  const Message& message;
  const FieldDescriptor* field;
  int index = -1;

  // Calls Reflection's getter for the field, singular or repeated.
  template <typename T>
  T Read(T (Reflection::*one)(const Message&, const FieldDescriptor*) const,
         T (Reflection::*of_many)(const Message&, const FieldDescriptor*, int) const) const {
    const Reflection* reflection = message.GetReflection();
    return index < 0 ? (reflection->*one)(message, field)
                     : (reflection->*of_many)(message, field, index);
  }

  const Message& AsMessage() const {
    const Reflection* reflection = message.GetReflection();
    return index < 0 ? reflection->GetMessage(message, field)
                     : reflection->GetRepeatedMessage(message, field, index);
  }
  const std::string& AsString(std::string* scratch) const {
    const Reflection* reflection = message.GetReflection();
    return index < 0 ? reflection->GetStringReference(message, field, scratch)
                     : reflection->GetRepeatedStringReference(message, field, index, scratch);
  }
};

// The slot of field `number` of a message that protobuf itself defines.
inline Slot Member(const google::protobuf::Message& message, int number, int index = -1) {
  return {message, message.GetDescriptor()->FindFieldByNumber(number), index};
}

inline int64_t ReadInt64(const Slot& slot) {
  return slot.Read(&Slot::Reflection::GetInt64, &Slot::Reflection::GetRepeatedInt64);
}
inline int32_t ReadInt32(const Slot& slot) {
  return slot.Read(&Slot::Reflection::GetInt32, &Slot::Reflection::GetRepeatedInt32);
}

// Milliseconds of a google.protobuf.Timestamp, microseconds of a Duration. What is
// finer is cut off. REQUIRES: within the type's range.
inline int64_t MillisOf(const google::protobuf::Message& timestamp) {
  return ReadInt64(Member(timestamp, 1)) * 1000 + ReadInt32(Member(timestamp, 2)) / 1000000;
}
inline int64_t MicrosOf(const google::protobuf::Message& duration) {
  return ReadInt64(Member(duration, 1)) * 1000000 + ReadInt32(Member(duration, 2)) / 1000;
}

// Entries of a map in the order of their keys. A message parsed from bytes that
// hold a key twice has both entries; the last one counts, as for any parser.
std::vector<const google::protobuf::Message*> SortedEntries(
    const google::protobuf::Message& message, const google::protobuf::FieldDescriptor* map);

}  // namespace storegate::repository
