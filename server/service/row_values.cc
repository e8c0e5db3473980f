#include "server/service/row_values.h"

#include <memory>

#include "server/base/wire_fields.h"
#include "server/query/predicate.h"

namespace storegate::service {

using google::protobuf::FieldDescriptor;

Value ValueIn(std::string_view record, const schema::Field& field) {
  wire::Field found, next;
  bool any = false;
  for (std::string_view in = record; wire::NextField(&in, &next);) {
    if (next.number != static_cast<uint64_t>(field.number)) continue;
    found = next;  // the last one counts
    any = true;
  }
  if (!any) return {};
  if (!field.wrapper) {
    switch (field.value->type()) {
      case FieldDescriptor::TYPE_STRING: return std::string(found.content);
      case FieldDescriptor::TYPE_INT64: return static_cast<int64_t>(found.varint);
      case FieldDescriptor::TYPE_INT32:
        return static_cast<int64_t>(static_cast<int32_t>(found.varint));
      case FieldDescriptor::TYPE_UINT32:
        return static_cast<int64_t>(static_cast<uint32_t>(found.varint));
      default: break;
    }
  }
  const std::unique_ptr<google::protobuf::Message> parsed(field.entity->prototype->New());
  if (!parsed->ParseFromArray(record.data(), static_cast<int>(record.size()))) return {};
  Result<Value> value = query::ReadValue(*parsed, field.descriptor);
  return value.ok() ? *std::move(value) : Value();
}

}  // namespace storegate::service
