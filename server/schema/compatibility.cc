#include "server/schema/compatibility.h"

#include <algorithm>
#include <tuple>

#include "server/schema/compatibility_parts.h"
#include "server/schema/proto_files.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;
using Wire = pb::FieldDescriptor::Type;

bool Signed(Wire type) {
  return type == pb::FieldDescriptor::TYPE_INT32 || type == pb::FieldDescriptor::TYPE_INT64;
}

// Bits of the types that travel as plain varints; 0 for others.
// (protobuf.dev/programming-guides/proto3, "Updating A Message Type".)
int VarintBits(Wire type) {
  switch (type) {
    case pb::FieldDescriptor::TYPE_BOOL: return 1;
    case pb::FieldDescriptor::TYPE_INT32:
    case pb::FieldDescriptor::TYPE_UINT32: return 32;
    case pb::FieldDescriptor::TYPE_INT64:
    case pb::FieldDescriptor::TYPE_UINT64: return 64;
    default: return 0;
  }
}

bool VarintHolds(Wire before, Wire after) {
  if (Signed(before) && !Signed(after)) return false;
  if (!Signed(before) && Signed(after)) return VarintBits(before) < VarintBits(after);
  return VarintBits(before) <= VarintBits(after);
}

}  // namespace

SchemaPair::SchemaPair(const Schema& before, const Schema& after)
    : before_(before), after_(after) {
  for (const pb::FileDescriptor* file : before.files) {
    if (ProtoFiles::IsBuiltin(file->name())) continue;
    files_before_.push_back(file);
    const pb::FileDescriptor* now = after.pool->FindFileByName(file->name());
    if (now != nullptr && now->package() != file->package()) packages_changed_[file] = now;
  }
}

std::string SchemaPair::NewName(const pb::FileDescriptor* file,
                                const std::string& full_name) const {
  auto changed = packages_changed_.find(file);
  if (changed == packages_changed_.end()) return full_name;
  const std::string& was = file->package();
  const std::string& now = changed->second->package();
  const std::string rest = was.empty() ? full_name : full_name.substr(was.size() + 1);
  return now.empty() ? rest : now + "." + rest;
}

const pb::Descriptor* SchemaPair::Find(const pb::Descriptor* message) const {
  return after_.pool->FindMessageTypeByName(NewName(message));
}

const pb::EnumDescriptor* SchemaPair::Find(const pb::EnumDescriptor* type) const {
  return after_.pool->FindEnumTypeByName(NewName(type));
}

const pb::FieldDescriptor* SchemaPair::Find(const pb::FieldDescriptor* field) const {
  const pb::Descriptor* message = Find(field->containing_type());
  if (message == nullptr) return nullptr;
  const pb::FieldDescriptor* now = message->FindFieldByNumber(field->number());
  if (now == nullptr || now->name() == field->name()) return now;
  // The old name has another number now: this is another field.
  if (message->FindFieldByName(field->name()) != nullptr) return nullptr;
  if (now->is_repeated() != field->is_repeated()) return nullptr;
  return SameOnWire(field, now) ? now : nullptr;
}

bool SchemaPair::SameOnWire(const pb::FieldDescriptor* before,
                            const pb::FieldDescriptor* after) const {
  const Wire was = before->type(), now = after->type();
  if (before->is_map() != after->is_map()) return false;
  if (before->is_map()) {
    return SameOnWire(before->message_type()->map_key(), after->message_type()->map_key()) &&
           SameOnWire(before->message_type()->map_value(), after->message_type()->map_value());
  }
  if (was == pb::FieldDescriptor::TYPE_MESSAGE && now == was) {
    return NewName(before->message_type()) == after->message_type()->full_name();
  }
  if (was == pb::FieldDescriptor::TYPE_ENUM) {
    if (now == was) return NewName(before->enum_type()) == after->enum_type()->full_name();
    return VarintBits(now) >= 32 && Signed(now);
  }
  if (was == now) return true;
  if (VarintBits(was) > 0 && VarintBits(now) > 0) return VarintHolds(was, now);
  switch (was) {
    // Zigzag varints, of one sign and growing.
    case pb::FieldDescriptor::TYPE_SINT32: return now == pb::FieldDescriptor::TYPE_SINT64;
    // Any text is bytes; not the other way round.
    case pb::FieldDescriptor::TYPE_STRING: return now == pb::FieldDescriptor::TYPE_BYTES;
    default: return false;
  }
}

std::string TypeText(const pb::FieldDescriptor* field) {
  auto value = [](const pb::FieldDescriptor* each) -> std::string {
    if (each->type() == pb::FieldDescriptor::TYPE_MESSAGE) return each->message_type()->full_name();
    if (each->type() == pb::FieldDescriptor::TYPE_ENUM) return each->enum_type()->full_name();
    return each->type_name();
  };
  if (field->is_map()) {
    return "map<" + value(field->message_type()->map_key()) + ", " +
           value(field->message_type()->map_value()) + ">";
  }
  return (field->is_repeated() ? "repeated " : field->has_optional_keyword() ? "optional " : "") +
         value(field);
}

std::string Incompatibility::ToString() const {
  std::string text = location.file;
  if (location.line > 0) {
    text += ":" + std::to_string(location.line) + ":" + std::to_string(location.column);
  }
  return text + ": " + element + ": " + message;
}

std::vector<Incompatibility> Compare(const Schema& before, const Schema& after) {
  const SchemaPair pair(before, after);
  std::vector<Incompatibility> all;
  CompareApi(pair, &all);
  CompareRules(pair, &all);
  CompareData(pair, &all);
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.kind, a.location.file, a.location.line) <
           std::tie(b.kind, b.location.file, b.location.line);
  });
  return all;
}

pb::FileDescriptorSet DescriptorsOf(const Schema& schema) {
  pb::FileDescriptorSet set;
  for (const pb::FileDescriptor* file : schema.files) {
    if (ProtoFiles::IsBuiltin(file->name())) continue;
    pb::FileDescriptorProto* proto = set.add_file();
    file->CopyTo(proto);
    proto->DiscardUnknownFields();
  }
  return set;
}

}  // namespace storegate::schema
