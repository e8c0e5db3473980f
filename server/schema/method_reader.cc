#include "server/schema/method_reader.h"

#include "server/schema/location.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

std::string Label(const pb::FieldDescriptor* field) {
  return field->containing_type()->name() + "." + field->name();
}

// A field's type as it is written in a proto.
std::string TypeText(const pb::FieldDescriptor* field) {
  if (field->is_map()) {
    const pb::Descriptor* entry = field->message_type();
    return "map<" + TypeText(entry->map_key()) + ", " + TypeText(entry->map_value()) + ">";
  }
  std::string text = field->is_repeated() ? "repeated " : "";
  if (field->message_type() != nullptr) return text + field->message_type()->full_name();
  if (field->enum_type() != nullptr) return text + field->enum_type()->full_name();
  return text + field->type_name();
}

}  // namespace

MethodReader::MethodReader(Method* method, Report report)
    : method_(method),
      entity_(*method->entity),
      report_(std::move(report)),
      request_{method->descriptor->input_type(), {}},
      response_{method->descriptor->output_type(), {}},
      one_(SnakeCase(entity_.name)),
      many_(SnakeCase(entity_.plural)) {}

bool MethodReader::SameValue(const FieldDescriptor* a, const FieldDescriptor* b) {
  bool bytes_a = a->type() == FieldDescriptor::TYPE_BYTES;
  bool bytes_b = b->type() == FieldDescriptor::TYPE_BYTES;
  return a->cpp_type() == b->cpp_type() && bytes_a == bytes_b &&
         a->message_type() == b->message_type() && a->enum_type() == b->enum_type();
}

MethodReader::Want MethodReader::Scalar(FieldDescriptor::Type type, const char* name) {
  return {name, [type](const FieldDescriptor* f) { return f->type() == type; }, false};
}
MethodReader::Want MethodReader::Bool() { return Scalar(FieldDescriptor::TYPE_BOOL, "bool"); }
MethodReader::Want MethodReader::Int32() { return Scalar(FieldDescriptor::TYPE_INT32, "int32"); }
MethodReader::Want MethodReader::String() { return Scalar(FieldDescriptor::TYPE_STRING, "string"); }
MethodReader::Want MethodReader::Integer() {
  return {"int64", [](const FieldDescriptor* f) {
            return f->type() == FieldDescriptor::TYPE_INT32 ||
                   f->type() == FieldDescriptor::TYPE_INT64;
          },
          false};
}

MethodReader::Want MethodReader::Message(const std::string& full_name) {
  return {full_name,
          [full_name](const FieldDescriptor* f) {
            return f->message_type() != nullptr && f->message_type()->full_name() == full_name;
          },
          false};
}

MethodReader::Want MethodReader::Repeated(Want element) {
  return {"repeated " + element.text, element.fits, true};
}

MethodReader::Want MethodReader::Like(const Field& field) {
  const FieldDescriptor* value = field.value;
  // A number's zero is a value, and only `optional` tells it from unset. An id of
  // 0 there is not.
  bool presence = field.role != Role::kId && field.type != Type::kString &&
                  field.type != Type::kBytes && field.type != Type::kEnum &&
                  value->message_type() == nullptr;
  return {(presence ? "optional " : "") + TypeText(value),
          [value, presence](const FieldDescriptor* f) {
            return SameValue(f, value) && (!presence || f->has_presence());
          },
          false};
}

const MethodReader::FieldDescriptor* MethodReader::Take(Reading* reading, const std::string& name,
                                                        const Want& want, bool needed) {
  const FieldDescriptor* field = reading->message->FindFieldByName(name);
  if (field == nullptr) {
    if (needed) Missing(reading->message, want.text + " " + name);
    return nullptr;
  }
  reading->taken.insert(field);
  if (field->is_repeated() != want.repeated || !want.fits(field)) {
    report_(LocationOf(field), Label(field) + " is " + TypeText(field) + " and must be " +
                                   want.text + " in " + method_->name);
    return nullptr;
  }
  return field;
}

void MethodReader::Missing(const Descriptor* message, const std::string& what) {
  // google.protobuf.Empty is no place to add something to.
  bool others = message->file()->package() != method_->descriptor->service()->file()->package();
  report_(others ? method_->location : LocationOf(message),
          message->full_name() + " needs `" + what + "` for " + method_->name);
}

void MethodReader::RefuseRest(const Reading& reading, const std::string& advice) {
  for (int i = 0; i < reading.message->field_count(); ++i) {
    const FieldDescriptor* field = reading.message->field(i);
    if (reading.taken.count(field) > 0) continue;
    report_(LocationOf(field), Label(field) + " has no meaning in " + method_->name +
                                   (advice.empty() ? "; remove it" : "; " + advice));
  }
}

void MethodReader::Read() {
  const Operation operation = method_->operation;
  bool predicates = operation == Operation::kList || operation == Operation::kStream;
  switch (operation) {
    case Operation::kCreate:
      ReadCreate(&request_, &method_->record);
      ReturnsRecord(false);
      break;
    case Operation::kBatchCreate: ReadBatchCreate(&request_); break;
    case Operation::kGet: ReadGet(&request_); break;
    case Operation::kBatchGet:
      if (entity_.id != nullptr) {
        method_->ids = Take(&request_, "ids", Repeated(Like(*entity_.id)), true);
        method_->missing_ids = Take(&response_, "missing_ids", Repeated(Like(*entity_.id)));
      }
      TakeShowDeleted(&request_);
      TakeMasks(&request_, true);
      RefuseRest(request_);
      TakeRecords(&response_);
      RefuseRest(response_);
      break;
    case Operation::kList: ReadList(&request_); break;
    case Operation::kStream: ReadStream(&request_); break;
    case Operation::kAggregate:
    case Operation::kNative: break;  // computed.cc
    case Operation::kUpdate:
      method_->record = Take(&request_, one_, Message(entity_.full_name), true);
      method_->update_mask =
          Take(&request_, "update_mask", Message("google.protobuf.FieldMask"), true);
      method_->allow_missing = Take(&request_, "allow_missing", Bool());
      TakeMasks(&request_, false);
      RefuseRest(request_);
      ReturnsRecord(false);
      break;
    case Operation::kDelete:
    case Operation::kPurge:
      TakeId(&request_);
      TakeEtag(&request_);
      method_->allow_missing = Take(&request_, "allow_missing", Bool());
      RefuseRest(request_);
      ReturnsRecord(true);
      break;
    case Operation::kUndelete:
      if (!entity_.soft_delete()) {
        report_(method_->location, method_->name + " has no meaning: " + entity_.name +
                                       " has no delete_time, so deleting is for good; add "
                                       "`google.protobuf.Timestamp delete_time` to it");
      }
      TakeId(&request_);
      TakeEtag(&request_);
      RefuseRest(request_);
      ReturnsRecord(false);
      break;
    case Operation::kVerifyPassword: ReadVerifyPassword(&request_); break;
  }
  for (int i = 0; i < request_.message->field_count() && !predicates; ++i) {
    const FieldDescriptor* field = request_.message->field(i);
    if (HasWhere(field)) {
      report_(LocationOf(field),
              Label(field) + " has `where`, which is for fields of List requests");
    }
  }
}

void MethodReader::ReadCreate(Reading* request, const FieldDescriptor** record) {
  *record = Take(request, one_, Message(entity_.full_name), true);
  // Those of a batch answer with what was created alone.
  if (request == &request_) {
    TakeMasks(request, false);
  } else if (const FieldDescriptor* include = request->message->FindFieldByName("include")) {
    request->taken.insert(include);
  }
  RefuseRest(*request);
}

void MethodReader::TakeMasks(Reading* request, bool read_mask) {
  const Want mask = Message("google.protobuf.FieldMask");
  method_->include = TakeFree(request, "include", mask);
  if (read_mask) method_->read_mask = TakeFree(request, "read_mask", mask);
  if (method_->include == nullptr) return;
  for (const Field& field : entity_.fields) {
    if (!field.stored()) return;
  }
  report_(LocationOf(method_->include),
          Label(method_->include) + " has nothing to include: no field of " + entity_.name +
              " has `embed` or `count`; remove it");
}

void MethodReader::ReadBatchCreate(Reading* request) {
  Want item{"repeated Create" + entity_.name + "Request",
            [](const FieldDescriptor* f) { return f->message_type() != nullptr && !f->is_map(); },
            true};
  method_->requests = Take(request, "requests", item, true);
  if (method_->requests != nullptr) {
    Reading item_request{method_->requests->message_type(), {}};
    ReadCreate(&item_request, &method_->item_record);
  }
  method_->allow_partial = Take(request, "allow_partial", Bool());
  RefuseRest(*request);

  TakeRecords(&response_);
  Want failed{"map<int32, google.rpc.Status>", [](const FieldDescriptor* f) {
                return f->is_map() &&
                       f->message_type()->map_key()->type() == FieldDescriptor::TYPE_INT32 &&
                       f->message_type()->map_value()->message_type() != nullptr &&
                       f->message_type()->map_value()->message_type()->full_name() ==
                           "google.rpc.Status";
              },
              true};
  method_->failed_requests =
      Take(&response_, "failed_requests", failed, method_->allow_partial != nullptr);
  RefuseRest(response_);
}

void MethodReader::ReadGet(Reading* request) {
  TakeShowDeleted(request);
  TakeMasks(request, true);
  ReadKeys(request);
  RefuseRest(*request, "the fields of an id or of a unique index do, show_deleted, include and "
                       "read_mask");
  ReturnsRecord(false);
}

// The keys all of whose fields are in the request.
void MethodReader::ReadKeys(Reading* request) {
  std::vector<std::string> known;
  for (const Key& key : entity_.keys) {
    Method::RequestKey found{&key, {}};
    std::vector<std::string> names;
    bool whole = true;
    for (const Field* field : key.fields) {
      names.push_back(field->name);
      if (request->message->FindFieldByName(field->name) == nullptr) whole = false;
    }
    known.push_back(Listed(names));
    if (!whole) continue;
    for (const Field* field : key.fields) {
      const FieldDescriptor* descriptor = Take(request, field->name, Like(*field));
      if (descriptor == nullptr) whole = false;
      found.fields.push_back(descriptor);
    }
    if (whole) method_->keys.push_back(std::move(found));
    request_has_key_ = true;
  }
  if (request_has_key_ || entity_.id == nullptr) return;
  std::string text;
  for (const std::string& key : known) text += (text.empty() ? "" : ", or ") + key;
  report_(method_->location, method_->name + " needs a request with the fields of a key of " +
                                 entity_.name + ": " + text);
}

void MethodReader::ReadVerifyPassword(Reading* request) {
  const Field* password = nullptr;
  for (const Field& field : entity_.fields) {
    if (field.password) password = &field;
  }
  if (password == nullptr) {
    report_(method_->location, method_->name + " has no meaning: " + entity_.name +
                                   " has no field with `password: true`");
    return;
  }
  method_->password = Take(request, password->name, String(), true);
  ReadKeys(request);
  RefuseRest(*request, "the fields of an id or of a unique index do, and " + password->name);
  method_->valid = Take(&response_, "valid", Bool(), true);
  method_->result = Take(&response_, one_, Message(entity_.full_name));
  RefuseRest(response_);
}

void MethodReader::TakeId(Reading* request) {
  if (entity_.id != nullptr) method_->id = Take(request, "id", Like(*entity_.id), true);
}

void MethodReader::TakeEtag(Reading* request) {
  if (entity_.etag != nullptr) method_->etag = Take(request, "etag", String());
}

void MethodReader::TakeShowDeleted(Reading* request) {
  if (entity_.soft_delete()) method_->show_deleted = Take(request, "show_deleted", Bool());
}

void MethodReader::ReturnsRecord(bool or_empty) {
  method_->returns_record = response_.message == entity_.descriptor;
  method_->returns_empty =
      or_empty && response_.message->full_name() == "google.protobuf.Empty";
  if (!method_->returns_record && !method_->returns_empty) {
    report_(method_->location, method_->name + " returns " + response_.message->full_name() +
                                   " and must return " + entity_.name +
                                   (or_empty ? " or google.protobuf.Empty" : ""));
  }
}

void MethodReader::TakeRecords(Reading* response) {
  method_->records = Take(response, many_, Repeated(Message(entity_.full_name)), true);
}

}  // namespace storegate::schema
