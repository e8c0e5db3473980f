#include "server/rpc/reflection_index.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>

#include "google/rpc/error_details.pb.h"
#include "grpc/health/v1/health.pb.h"
#include "grpc/reflection/v1/reflection.pb.h"
#include "grpc/reflection/v1alpha/reflection.pb.h"
#include "storegate/v1/testing.pb.h"

namespace storegate::rpc {
namespace {

template <typename Map>
auto Find(const Map& map, const std::string& key) -> decltype(&map.begin()->second) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

ReflectionIndex::ReflectionIndex(const schema::Schema& schema, bool testing) {
  // The schema's files first: where it has its own copy of one, that is the one.
  for (const FileDescriptor* file : schema.files) Add(file);
  for (const schema::Store& store : schema.stores) services_.push_back(store.full_name);
  // Error details too, so that clients can show them.
  std::vector<const FileDescriptor*> own = {
      google::rpc::ErrorInfo::descriptor()->file(),
      grpc::health::v1::HealthCheckRequest::descriptor()->file(),
      grpc::reflection::v1::ServerReflectionRequest::descriptor()->file(),
      grpc::reflection::v1alpha::ServerReflectionRequest::descriptor()->file()};
  if (testing) own.push_back(v1::ResetRequest::descriptor()->file());
  for (const FileDescriptor* file : own) {
    Add(file);
    for (int i = 0; i < file->service_count(); ++i) {
      services_.push_back(file->service(i)->full_name());
    }
  }
  std::sort(services_.begin(), services_.end());
  services_.erase(std::unique(services_.begin(), services_.end()), services_.end());
  for (const auto& [type, numbers] : extensions_) {
    std::vector<int>& all = extension_numbers_[type];
    for (const auto& [number, file] : numbers) all.push_back(number);
  }
}

const ReflectionIndex::File* ReflectionIndex::Add(const FileDescriptor* descriptor) {
  std::unique_ptr<File>& slot = files_[descriptor->name()];
  if (slot != nullptr) return slot.get();
  slot = std::make_unique<File>();
  File* const file = slot.get();
  file->name = descriptor->name();
  google::protobuf::FileDescriptorProto proto;
  descriptor->CopyTo(&proto);
  // Without the names clients print fields as no other server's are printed.
  descriptor->CopyJsonNameTo(&proto);
  file->bytes = proto.SerializeAsString();
  file->closure.push_back(file);
  for (int i = 0; i < descriptor->dependency_count(); ++i) {
    for (const File* dependency : Add(descriptor->dependency(i))->closure) {
      if (std::find(file->closure.begin(), file->closure.end(), dependency) ==
          file->closure.end()) {
        file->closure.push_back(dependency);
      }
    }
  }
  for (int i = 0; i < descriptor->message_type_count(); ++i) {
    AddMessage(descriptor->message_type(i), file);
  }
  for (int i = 0; i < descriptor->enum_type_count(); ++i) AddEnum(descriptor->enum_type(i), file);
  for (int i = 0; i < descriptor->extension_count(); ++i) {
    AddExtension(descriptor->extension(i), file);
  }
  for (int i = 0; i < descriptor->service_count(); ++i) {
    const google::protobuf::ServiceDescriptor* service = descriptor->service(i);
    symbols_.emplace(service->full_name(), file);
    for (int m = 0; m < service->method_count(); ++m) {
      symbols_.emplace(service->method(m)->full_name(), file);
    }
  }
  return file;
}

void ReflectionIndex::AddMessage(const Descriptor* message, const File* file) {
  symbols_.emplace(message->full_name(), file);
  extension_numbers_.try_emplace(message->full_name());
  for (int i = 0; i < message->field_count(); ++i) {
    symbols_.emplace(message->field(i)->full_name(), file);
  }
  for (int i = 0; i < message->oneof_decl_count(); ++i) {
    symbols_.emplace(message->oneof_decl(i)->full_name(), file);
  }
  for (int i = 0; i < message->nested_type_count(); ++i) AddMessage(message->nested_type(i), file);
  for (int i = 0; i < message->enum_type_count(); ++i) AddEnum(message->enum_type(i), file);
  for (int i = 0; i < message->extension_count(); ++i) AddExtension(message->extension(i), file);
}

void ReflectionIndex::AddEnum(const google::protobuf::EnumDescriptor* type, const File* file) {
  symbols_.emplace(type->full_name(), file);
  for (int i = 0; i < type->value_count(); ++i) {
    const std::string& name = type->value(i)->name();
    symbols_.emplace(type->value(i)->full_name(), file);  // its scope is the enum's own
    symbols_.emplace(type->full_name() + "." + name, file);
  }
}

void ReflectionIndex::AddExtension(const google::protobuf::FieldDescriptor* extension,
                                   const File* file) {
  symbols_.emplace(extension->full_name(), file);
  extensions_[extension->containing_type()->full_name()].emplace(extension->number(), file);
}

const ReflectionIndex::File* ReflectionIndex::FindFile(const std::string& name) const {
  const std::unique_ptr<File>* found = Find(files_, name);
  return found == nullptr ? nullptr : found->get();
}

const ReflectionIndex::File* ReflectionIndex::FindSymbol(const std::string& symbol) const {
  const File* const* found =
      Find(symbols_, symbol.starts_with('.') ? symbol.substr(1) : symbol);
  return found == nullptr ? nullptr : *found;
}

const ReflectionIndex::File* ReflectionIndex::FindExtension(const std::string& containing_type,
                                                            int number) const {
  const std::map<int, const File*>* numbers = Find(extensions_, containing_type);
  if (numbers == nullptr) return nullptr;
  const auto found = numbers->find(number);
  return found == numbers->end() ? nullptr : found->second;
}

const std::vector<int>* ReflectionIndex::FindExtensionNumbers(
    const std::string& containing_type) const {
  return Find(extension_numbers_, containing_type);
}

}  // namespace storegate::rpc
