#include "server/service/request_key.h"

#include <string>
#include <utility>
#include <vector>

#include "server/base/text.h"
#include "server/base/wire.h"
#include "server/query/predicate.h"
#include "server/service/reasons.h"
#include "server/service/reflect.h"
#include "server/service/validate.h"
#include "server/service/violations.h"

namespace storegate::service {
namespace {

using RequestKey = schema::Method::RequestKey;

// "id, or region and code"
std::string Choices(const schema::Method& method) {
  std::string text;
  for (const RequestKey& key : method.keys) {
    if (!text.empty()) text += ", or ";
    for (size_t i = 0; i < key.fields.size(); ++i) {
      if (i > 0) text += " and ";
      text += key.fields[i]->name();
    }
  }
  return text;
}

// One value a request field that some key has, null where it is not set.
struct Given {
  const FieldDescriptor* field;
  Value value;
};

Result<RequestedKey> Choose(const schema::Method& method, std::vector<Given>* given,
                            bool show_deleted) {
  size_t set = 0;
  for (const Given& one : *given) set += !IsNull(one.value);
  const auto find = [&](const FieldDescriptor* field) -> Given* {
    for (Given& one : *given) {
      if (one.field == field) return IsNull(one.value) ? nullptr : &one;
    }
    return nullptr;
  };
  const RequestKey* chosen = nullptr;
  const FieldDescriptor* lacking = nullptr;  // of a key that is set in part
  bool complete = false;
  for (const RequestKey& key : method.keys) {
    size_t have = 0;
    const FieldDescriptor* lacks = nullptr;
    for (const FieldDescriptor* field : key.fields) {
      find(field) != nullptr ? static_cast<void>(++have) : static_cast<void>(lacks = field);
    }
    if (have == key.fields.size()) {
      complete = true;
      if (have == set) chosen = &key;
    } else if (have == set && have > 0) {
      lacking = lacks;
    }
  }
  if (chosen == nullptr) {
    const std::string first = method.keys.empty() || method.keys[0].fields.empty()
                                  ? std::string()
                                  : method.keys[0].fields[0]->name();
    if (set == 0) {
      return Invalid(first, "required: set " + Choices(method), reason::kKeyRequired);
    }
    if (lacking != nullptr && !complete) {
      return Invalid(lacking->name(), "required as well: set " + Choices(method),
                     reason::kKeyRequired);
    }
    std::string names;
    for (const Given& one : *given) {
      if (IsNull(one.value)) continue;
      if (!names.empty()) names += ", ";
      names += one.field->name();
    }
    return Invalid(names, "not together: set only " + Choices(method), reason::kKeyAmbiguous);
  }
  RequestedKey out;
  out.key = chosen->key;
  out.show_deleted = show_deleted;
  Violations violations;
  const Path root;
  for (size_t i = 0; i < chosen->fields.size(); ++i) {
    Value& value = find(chosen->fields[i])->value;
    CheckKeyValue(*out.key->fields[i], Path(root, chosen->fields[i]->name()), &value, &violations);
    out.values.push_back(std::move(value));
  }
  if (!violations.empty()) return violations.ToStatus();
  return out;
}

std::vector<Given> FieldsOf(const schema::Method& method) {
  std::vector<Given> given;
  for (const RequestKey& key : method.keys) {
    for (const FieldDescriptor* field : key.fields) {
      bool seen = false;
      for (const Given& one : given) seen |= one.field == field;
      if (!seen) given.push_back({field, Value()});
    }
  }
  return given;
}

// What one field's varint or string means; null for the zero of a plain field.
// False when this is no type for the scan.
bool ScanValue(const FieldDescriptor* field, uint32_t type, uint64_t varint,
               std::string_view content, Value* value) {
  int64_t number = 0;
  switch (field->type()) {
    case FieldDescriptor::TYPE_STRING:
      if (type != wire::kLength) return false;
      if (content.empty() && !field->has_presence()) {
        *value = Value();
      } else {
        *value = std::string(content);
      }
      return true;
    case FieldDescriptor::TYPE_INT64: number = static_cast<int64_t>(varint); break;
    case FieldDescriptor::TYPE_INT32: number = static_cast<int32_t>(varint); break;
    case FieldDescriptor::TYPE_UINT32: number = static_cast<uint32_t>(varint); break;
    default: return false;
  }
  if (type != wire::kVarint) return false;
  *value = number == 0 && !field->has_presence() ? Value() : Value(number);
  return true;
}

}  // namespace

Result<RequestedKey> ReadKey(const schema::Method& method, const Message& request) {
  std::vector<Given> given = FieldsOf(method);
  for (Given& one : given) {
    if (!IsSet(request, one.field)) continue;
    Result<Value> value = query::ReadValue(request, one.field);
    if (!value.ok()) return value.status();
    one.value = *std::move(value);
  }
  return Choose(method, &given, GetBool(request, method.show_deleted));
}

std::optional<Result<RequestedKey>> ScanKey(const schema::Method& method,
                                            std::string_view request) {
  std::vector<Given> given = FieldsOf(method);
  const int show_number = method.show_deleted == nullptr ? 0 : method.show_deleted->number();
  bool show_deleted = false;
  std::string_view in = request;
  while (!in.empty()) {
    uint64_t tag, varint = 0;
    if (!wire::ReadVarint(&in, &tag) || tag > UINT32_MAX || tag >> 3 == 0) return std::nullopt;
    const auto number = static_cast<int>(tag >> 3);
    const auto type = static_cast<uint32_t>(tag & 7);
    std::string_view content;
    if (type == wire::kVarint || type == wire::kLength) {
      if (!wire::ReadVarint(&in, &varint)) return std::nullopt;
    }
    if (type == wire::kLength) {
      if (varint > in.size()) return std::nullopt;
      content = in.substr(0, static_cast<size_t>(varint));
      in.remove_prefix(content.size());
    } else if (type != wire::kVarint) {
      return std::nullopt;  // no key of the scan is fixed
    }
    for (const FieldDescriptor* mask : {method.include, method.read_mask}) {
      if (mask != nullptr && mask->number() == number) return std::nullopt;
    }
    if (number == show_number) {
      if (type != wire::kVarint) return std::nullopt;
      show_deleted = varint != 0;
      continue;
    }
    for (Given& one : given) {
      if (one.field->number() != number) continue;
      if (type == wire::kLength && FindInvalidUtf8(content) != std::string_view::npos) {
        return std::nullopt;
      }
      if (!ScanValue(one.field, type, varint, content, &one.value)) return std::nullopt;
    }
  }
  // A key field that the scan cannot read and the request does not hold is unset
  // either way.
  return Choose(method, &given, show_deleted);
}

}  // namespace storegate::service
