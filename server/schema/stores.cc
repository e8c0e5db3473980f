// Services and the operations of their methods. What a method's request and
// response must be is in method_reader.cc.
#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "server/schema/builder.h"
#include "server/schema/location.h"
#include "server/schema/method_reader.h"
#include "server/schema/names.h"

namespace storegate::schema {
namespace {

std::optional<Operation> OperationOf(v1::Operation option) {
  switch (option) {
    case v1::CREATE: return Operation::kCreate;
    case v1::BATCH_CREATE: return Operation::kBatchCreate;
    case v1::GET: return Operation::kGet;
    case v1::BATCH_GET: return Operation::kBatchGet;
    case v1::LIST: return Operation::kList;
    case v1::UPDATE: return Operation::kUpdate;
    case v1::DELETE: return Operation::kDelete;
    case v1::UNDELETE: return Operation::kUndelete;
    case v1::PURGE: return Operation::kPurge;
    case v1::VERIFY_PASSWORD: return Operation::kVerifyPassword;
    case v1::STREAM: return Operation::kStream;
    case v1::AGGREGATE: return Operation::kAggregate;
    case v1::NATIVE: return Operation::kNative;
    default: return std::nullopt;
  }
}

std::vector<std::pair<std::string, Operation>> KnownNames(const Entity& entity) {
  return {{"Create" + entity.name, Operation::kCreate},
          {"BatchCreate" + entity.plural, Operation::kBatchCreate},
          {"Get" + entity.name, Operation::kGet},
          {"BatchGet" + entity.plural, Operation::kBatchGet},
          {"List" + entity.plural, Operation::kList},
          {"Update" + entity.name, Operation::kUpdate},
          {"Delete" + entity.name, Operation::kDelete},
          {"Undelete" + entity.name, Operation::kUndelete},
          {"Purge" + entity.name, Operation::kPurge},
          {"VerifyPassword", Operation::kVerifyPassword},
          {"Stream" + entity.plural, Operation::kStream}};
}

bool Writes(Operation operation) {
  switch (operation) {
    case Operation::kCreate:
    case Operation::kBatchCreate:
    case Operation::kUpdate:
    case Operation::kDelete:
    case Operation::kUndelete:
    case Operation::kPurge: return true;
    default: return false;
  }
}

// What clients/ retries: google.aip.dev/130 has these names for reads.
bool RepeatedByClients(const google::protobuf::MethodDescriptor& method) {
  if (method.options().idempotency_level() == google::protobuf::MethodOptions::NO_SIDE_EFFECTS) {
    return true;
  }
  return std::ranges::any_of(std::array<std::string_view, 4>{"Get", "BatchGet", "List", "Stream"},
                             [&](std::string_view verb) {
                               const std::string_view name = method.name();
                               return name.starts_with(verb) &&
                                      (name.size() == verb.size() ||
                                       std::islower(static_cast<unsigned char>(
                                           name[verb.size()])) == 0);
                             });
}

}  // namespace

void Builder::AddStores() {
  std::sort(store_services_.begin(), store_services_.end(), [](const auto& a, const auto& b) {
    return a.first->full_name() < b.first->full_name();
  });
  for (const auto& [service, message] : store_services_) {
    Store* store = &schema_->stores.emplace_back();
    store->name = service->name();
    store->full_name = service->full_name();
    store->descriptor = service;
    store->entity = EntityOf(message);
    store->database = service->options().GetExtension(v1::store).database();
    if (!store->database.empty() && !IsDatabaseName(store->database)) {
      Error(LocationOfOption(service, {v1::kStoreFieldNumber,
                                       v1::StoreOptions::kDatabaseFieldNumber}),
            "\"" + store->database + "\" is no name of a database: it has lower case letters, "
            "digits, _ and -, a letter first, at most 40 bytes");
    }
    for (int i = 0; i < service->method_count(); ++i) AddMethod(store, service->method(i));
    // In a map by view: the deque keeps them where they are.
    for (const Method& method : store->methods) {
      schema_->methods_by_path_.emplace(method.path, &method);
    }
  }
}

void Builder::AddMethod(Store* store, const MethodDescriptor* descriptor) {
  Method* method = &store->methods.emplace_back();
  method->name = descriptor->name();
  method->full_name = descriptor->full_name();
  method->path = "/" + store->full_name + "/" + descriptor->name();
  method->store = store;
  method->entity = store->entity;
  method->descriptor = descriptor;
  method->location = LocationOf(descriptor);
  const v1::MethodOptions& options = descriptor->options().GetExtension(v1::method);
  RefuseUnknown(options, method->location);
  bool good = FindOperation(*method, &method->operation);
  for (const Descriptor* message : {descriptor->input_type(), descriptor->output_type()}) {
    if (message->file()->syntax() == google::protobuf::FileDescriptor::SYNTAX_PROTO3) continue;
    Error(method->location, method->name + " uses " + message->full_name() +
                                " of a proto2 file; begin the file with syntax = \"proto3\";");
    good = false;
  }
  if (!good) return;
  if (Writes(method->operation) && RepeatedByClients(*descriptor)) {
    Error(method->location,
          method->name + " writes, but its name or idempotency_level says that it does not, and "
                         "clients call such methods again when an answer is lost; begin the name "
                         "otherwise than Get, BatchGet, List, Stream, and leave NO_SIDE_EFFECTS out");
  }
  method->request = Prototype(descriptor->input_type());
  method->response = Prototype(descriptor->output_type());
  method->when = options.when();
  if (!method->when.empty()) {
    method->location =
        LocationOfOption(descriptor, {v1::kMethodFieldNumber, v1::MethodOptions::kWhenFieldNumber});
    if (method->operation != Operation::kVerifyPassword && method->operation != Operation::kList &&
        method->operation != Operation::kStream) {
      Error(method->location,
            method->name + " has `when`, which is for List, Stream and VerifyPassword");
    }
  }
  MethodReader(method, [this](const Location& where, std::string message) {
    Error(where, std::move(message));
  }).Read();
  if (method->operation == Operation::kAggregate) ReadAggregate(method);
  if (method->operation == Operation::kNative) ReadNative(method);
}

bool Builder::FindOperation(const Method& method, Operation* operation) {
  const MethodDescriptor* descriptor = method.descriptor;
  if (!NameOperation(method, operation)) return false;
  if (descriptor->client_streaming()) {
    Error(method.location, method.name + " takes a stream, which has no meaning in a store; remove "
                                         "`stream` and use a batch");
    return false;
  }
  const bool streams = *operation == Operation::kStream;
  if (streams == descriptor->server_streaming()) return true;
  Error(method.location,
        streams ? method.name + " must return a stream; write `returns (stream …)`"
                : method.name + " returns a stream, which has no meaning there; remove `stream`, "
                                "or make it a Stream method, which sends what a List pages through");
  return false;
}

bool Builder::NameOperation(const Method& method, Operation* operation) {
  const MethodDescriptor* descriptor = method.descriptor;
  const v1::Operation option = descriptor->options().GetExtension(v1::method).operation();
  const bool aggregate = descriptor->options().HasExtension(v1::aggregate);
  const bool native = descriptor->options().HasExtension(v1::native);
  if (aggregate || native) {
    *operation = aggregate ? Operation::kAggregate : Operation::kNative;
    const v1::Operation said = aggregate ? v1::AGGREGATE : v1::NATIVE;
    if (!(aggregate && native) && (option == v1::OPERATION_UNSPECIFIED || option == said)) {
      return true;
    }
    Error(method.location, method.name + " has more than one of (storegate.v1.aggregate), "
                                         "(storegate.v1.native) and an operation; keep one");
    return false;
  }
  if (option == v1::AGGREGATE || option == v1::NATIVE) {
    Error(method.location, method.name + " has an operation that its option says; write "
                                         "(storegate.v1.aggregate) or (storegate.v1.native)");
    return false;
  }
  if (option != v1::OPERATION_UNSPECIFIED) {
    std::optional<Operation> known = OperationOf(option);
    if (known) *operation = *known;
    if (!known) {
      Error(method.location, method.name + " has operation " + std::to_string(option) +
                                 ", which this version of storegate does not know");
    }
    return known.has_value();
  }
  std::vector<std::string> names;
  for (const auto& [name, known] : KnownNames(*method.entity)) {
    if (name == method.name) {
      *operation = known;
      return true;
    }
    names.push_back(name);
  }
  Error(method.location, method.name + " has no meaning in a store of " + method.entity->name +
                             DidYouMean(method.name, names) + "; the names known are " +
                             Listed(names) + "; for another name say what it does with `option "
                             "(storegate.v1.method).operation`, and if the plural is wrong, set "
                             "`plural` of the entity");
  return false;
}

}  // namespace storegate::schema
