#include "tests/support/rules.h"

#include <map>
#include <mutex>

namespace storegate::test {

const Rules& RulesOf(const google::protobuf::FieldDescriptor* field) {
  static std::mutex mutex;
  static auto* cache = new std::map<const google::protobuf::FieldDescriptor*, Rules>;
  std::lock_guard<std::mutex> lock(mutex);
  auto [found, fresh] = cache->try_emplace(field);
  if (fresh) {
    // The descriptor comes from a pool of its own, where the extension is an
    // unknown field; parsed again it is a known one.
    google::protobuf::FieldOptions options;
    options.ParseFromString(field->options().SerializeAsString());
    found->second = options.GetExtension(storegate::v1::field);
  }
  return found->second;
}

}  // namespace storegate::test
