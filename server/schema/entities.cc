// Which messages are entities, which services are stores, and their names.
#include <algorithm>

#include "server/schema/builder.h"
#include "server/schema/location.h"
#include "server/schema/names.h"
#include "server/schema/sources.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

constexpr int kMaxPageSize = 1000;

// Services of these packages are the gateway's own, or come with a folder of
// protos without being meant for it.
bool OthersPackage(const pb::FileDescriptor* file) {
  for (std::string package : {"google", "grpc", "storegate"}) {
    if (file->package() == package || file->package().rfind(package + ".", 0) == 0) return true;
  }
  return false;
}

bool IsProto3(const pb::FileDescriptor* file) {
  return file->syntax() == pb::FileDescriptor::SYNTAX_PROTO3;
}

}  // namespace

void Builder::FindEntities(const std::vector<const FileDescriptor*>& files) {
  for (const FileDescriptor* file : files) {
    if (OthersPackage(file)) continue;
    for (int i = 0; i < file->message_type_count(); ++i) FindEntity(file->message_type(i));
    for (int i = 0; i < file->service_count(); ++i) FindStore(file->service(i));
  }
  if (entity_messages_.empty() && diagnostics_->empty()) {
    Error({files.empty() ? "" : files[0]->name(), 0, 0},
          "no message is an entity and no service is a store; give a message "
          "`option (storegate.v1.entity) = {};`, or add a service that is named after one: "
          "BookStore for Book");
  }
}

void Builder::FindEntity(const Descriptor* message) {
  if (message->options().HasExtension(v1::entity)) entity_messages_.push_back(message);
  for (int i = 0; i < message->nested_type_count(); ++i) FindEntity(message->nested_type(i));
}

void Builder::FindStore(const ServiceDescriptor* service) {
  const v1::StoreOptions& options = service->options().GetExtension(v1::store);
  Location where = LocationOfOption(service, {v1::kStoreFieldNumber});
  RefuseUnknown(options, where);
  std::string name = options.entity();
  if (name.empty()) {
    static constexpr std::string_view kSuffix = "Store";
    name = service->name();
    if (name.size() > kSuffix.size() &&
        name.compare(name.size() - kSuffix.size(), kSuffix.size(), kSuffix) == 0) {
      name.resize(name.size() - kSuffix.size());
    } else {
      name.clear();
    }
  }
  const Descriptor* message =
      name.empty() ? nullptr : ResolveMessage(name, service->file()->package());
  if (message == nullptr) {
    all_stores_found_ = false;
    Error(where, "service " + service->name() + " is no store: " +
                     (name.empty() ? "its name does not end in Store"
                                   : "there is no message " + name) +
                     "; name its entity with `option (storegate.v1.store).entity = \"…\";`, or "
                     "move the service out of the folder");
    return;
  }
  store_services_.emplace_back(service, message);
  if (std::find(entity_messages_.begin(), entity_messages_.end(), message) ==
      entity_messages_.end()) {
    entity_messages_.push_back(message);
  }
}

const Builder::Descriptor* Builder::ResolveMessage(const std::string& name,
                                                   std::string package) const {
  if (!name.empty() && name[0] == '.') {
    return schema_->pool->FindMessageTypeByName(name.substr(1));
  }
  while (true) {
    const Descriptor* found =
        schema_->pool->FindMessageTypeByName(package.empty() ? name : package + "." + name);
    if (found != nullptr || package.empty()) return found;
    size_t dot = package.rfind('.');
    package.resize(dot == std::string::npos ? 0 : dot);
  }
}

Entity* Builder::EntityOf(const Descriptor* message) const {
  auto found = entities_.find(message);
  return found == entities_.end() ? nullptr : found->second;
}

const pb::Message* Builder::Prototype(const Descriptor* message) {
  return schema_->sources_->factory.GetPrototype(message);
}

void Builder::MakeEntities() {
  // FindEntity meets a message that a store named before once more.
  std::sort(entity_messages_.begin(), entity_messages_.end(),
            [](auto* a, auto* b) { return a->full_name() < b->full_name(); });
  entity_messages_.erase(std::unique(entity_messages_.begin(), entity_messages_.end()),
                         entity_messages_.end());
  for (const Descriptor* message : entity_messages_) {
    Entity* entity = &schema_->entities.emplace_back();
    entity->descriptor = message;
    entity->name = message->name();
    entity->full_name = message->full_name();
    entities_[message] = entity;
    MakeEntity(entity);
  }
}

void Builder::MakeEntity(Entity* entity) {
  const Descriptor* message = entity->descriptor;
  const v1::EntityOptions& options = message->options().GetExtension(v1::entity);
  entity->location = LocationOfOption(message, {v1::kEntityFieldNumber});
  entity->prototype = Prototype(message);
  const Location& where = entity->location;
  RefuseUnknown(options, where);
  if (message->file()->package().rfind("google.protobuf", 0) == 0 ||
      message->options().map_entry()) {
    Error(where, entity->full_name + " cannot be an entity; write a message of your own");
  }
  if (!IsProto3(message->file())) {
    Error(where, entity->name + " is in a proto2 file; begin the file with syntax = \"proto3\";");
  }
  entity->plural = options.plural().empty() ? Plural(entity->name) : options.plural();
  if (!IsIdentifier(entity->plural)) {
    Error(where, "plural \"" + options.plural() + "\" of " + entity->name +
                     " is no name; write it as the message's own: \"People\"");
  }
  bool named = !options.collection().empty();
  entity->collection = named ? options.collection() : SnakeCase(entity->plural);
  std::string bad = WhyBadCollection(entity->collection);
  if (!bad.empty()) {
    Error(where, "collection \"" + entity->collection + "\" of " + entity->name + " " + bad +
                     (named ? "" : "; give it another with `collection`"));
  }
  entity->default_order_by = options.default_order_by();
  if (options.default_page_size() < 0 || options.default_page_size() > kMaxPageSize) {
    Error(where, "default_page_size of " + entity->name + " is " +
                     std::to_string(options.default_page_size()) + "; it must be from 1 to " +
                     std::to_string(kMaxPageSize));
  } else if (options.default_page_size() > 0) {
    entity->default_page_size = options.default_page_size();
  }
  entity->search_index = options.search_index();
}

void Builder::CheckCollections() {
  std::unordered_map<std::string, const Entity*> taken;
  for (const Entity& entity : schema_->entities) {
    std::string name = AsciiLower(entity.collection);
    auto [place, is_new] = taken.emplace(name, &entity);
    if (!is_new) {
      Error(entity.location, "collection \"" + entity.collection + "\" of " + entity.full_name +
                                 " is also that of " + place->second->full_name +
                                 "; give one of them another with `collection`");
    }
    names_in_database_.insert(name);
  }
}

}  // namespace storegate::schema
