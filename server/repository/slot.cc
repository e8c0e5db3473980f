#include "server/repository/slot.h"

#include <algorithm>

namespace storegate::repository {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

std::vector<const Message*> SortedEntries(const Message& message, const FieldDescriptor* map) {
  const Reflection* reflection = message.GetReflection();
  const int size = reflection->FieldSize(message, map);
  std::vector<const Message*> entries;
  entries.reserve(size);
  for (int i = 0; i < size; ++i) {
    entries.push_back(&reflection->GetRepeatedMessage(message, map, i));
  }
  const FieldDescriptor* key = map->message_type()->map_key();
  const auto sort = [&](const auto& read) {
    const auto less = [&](const Message* a, const Message* b) { return read(*a) < read(*b); };
    std::stable_sort(entries.begin(), entries.end(), less);
    size_t kept = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      const bool again = i + 1 < entries.size() && !less(entries[i], entries[i + 1]);
      if (!again) entries[kept++] = entries[i];
    }
    entries.resize(kept);
  };
  if (entries.size() < 2) return entries;
  const Reflection* of_entry = entries[0]->GetReflection();
  switch (key->cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      sort([&](const Message& entry) { return of_entry->GetBool(entry, key); });
      break;
    case FieldDescriptor::CPPTYPE_INT32:
      sort([&](const Message& entry) { return of_entry->GetInt32(entry, key); });
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      sort([&](const Message& entry) { return of_entry->GetInt64(entry, key); });
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      sort([&](const Message& entry) { return of_entry->GetUInt32(entry, key); });
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      sort([&](const Message& entry) { return of_entry->GetUInt64(entry, key); });
      break;
    default: {
      // char_traits compares bytes as unsigned, which is the order of code points.
      std::string scratch;  // unused: entries keep their keys as std::string
      sort([&](const Message& entry) -> const std::string& {
        return of_entry->GetStringReference(entry, key, &scratch);
      });
    }
  }
  return entries;
}

}  // namespace storegate::repository
