// Builder, the part of methods whose rows a query computes: the rows, and native
// queries. Aggregates are in aggregates.cc.
#include <algorithm>

#include "server/schema/builder.h"
#include "server/schema/location.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

// What is sent as one value, or as a list of such: no message but protobuf's own.
bool IsParameter(const pb::FieldDescriptor* field) {
  if (field->is_map() || field->cpp_type() == pb::FieldDescriptor::CPPTYPE_UINT64) return false;
  const pb::Descriptor* message = field->message_type();
  if (message == nullptr) return true;
  const std::string& name = message->full_name();
  return name == "google.protobuf.Timestamp" || name == "google.protobuf.Duration" ||
         (name.starts_with("google.protobuf.") && name.ends_with("Value") &&
          message->field_count() == 1 && name != "google.protobuf.ListValue" &&
          name != "google.protobuf.UInt64Value");
}

}  // namespace

bool Builder::ReadRow(Method* method, ComputedRow* row) {
  const Descriptor* response = method->descriptor->output_type();
  const FieldDescriptor* records = response->field_count() == 1 ? response->field(0) : nullptr;
  if (records == nullptr || !records->is_repeated() || records->is_map() ||
      records->message_type() == nullptr || EntityOf(records->message_type()) != nullptr ||
      records->message_type()->full_name().starts_with("google.protobuf.")) {
    Error(method->location, method->name + " returns " + response->full_name() +
                                ", which must have one field: a repeated message of its own, one "
                                "for each row");
    return false;
  }
  method->records = records;
  const Descriptor* message = records->message_type();
  Entity* entity = &row->entity;
  entity->name = message->name();
  entity->full_name = message->full_name();
  entity->descriptor = message;
  entity->prototype = Prototype(message);
  entity->location = LocationOf(message);
  std::vector<const FieldDescriptor*> descriptors;
  for (int i = 0; i < message->field_count(); ++i) descriptors.push_back(message->field(i));
  std::ranges::sort(descriptors, {}, &FieldDescriptor::number);
  bool good = true;
  for (const FieldDescriptor* descriptor : descriptors) {
    good = AddRowField(*method, descriptor, entity) && good;
  }
  return good;
}

bool Builder::AddRowField(const Method& method, const FieldDescriptor* descriptor, Entity* row) {
  Field* field = &row->fields.emplace_back();
  field->entity = row;
  field->index = static_cast<int>(row->fields.size()) - 1;
  field->column = descriptor->name();
  if (!FillShape(descriptor, field)) return false;
  if (field->type == Type::kMessage && EntityOf(field->value->message_type()) != nullptr) {
    Error(field->location, row->name + "." + field->name + " is a " +
                               field->value->message_type()->name() + ", an entity, which " +
                               method.name + " does not fill");
    return false;
  }
  // A query may give none of it, whatever the message says.
  if (field->presence == Presence::kPlain) field->presence = Presence::kOptional;
  row->stored.push_back(field);
  return true;
}

void Builder::ReadNative(Method* method) {
  const v1::NativeOptions& options = method->descriptor->options().GetExtension(v1::native);
  const Location at = LocationOfOption(method->descriptor, {v1::kNativeFieldNumber});
  RefuseUnknown(options, at);
  auto native = std::make_shared<Native>();
  native->postgres = options.postgres();
  native->sqlite = options.sqlite();
  native->mongodb = options.mongodb();
  if (native->postgres.empty() && native->sqlite.empty() && native->mongodb.empty()) {
    Error(at, method->name + " has a native query without a text; give one for each kind of "
                             "database that the store may live on");
  }
  const Descriptor* request = method->descriptor->input_type();
  for (int i = 0; i < request->field_count(); ++i) {
    const FieldDescriptor* field = request->field(i);
    native->parameters.push_back(field);
    if (IsParameter(field)) continue;
    Error(LocationOf(field), request->name() + "." + field->name() + " cannot be a parameter of "
                             "a native query; it must be one value, or a list of such");
  }
  std::ranges::sort(native->parameters, {}, &FieldDescriptor::number);
  ReadRow(method, &native->row);
  method->native = std::move(native);
}

}  // namespace storegate::schema
