// What reflection answers from: files, symbols and extensions of the schema, of
// health and reflection themselves, and of the details of errors. Built once, then
// only read: any thread. Lookups are in tables of our own, not in a
// DescriptorPool: a pool with sources behind it would look for any name that a
// caller makes up.
#pragma once

#include <google/protobuf/descriptor.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "server/schema/schema.h"

namespace storegate::rpc {

class ReflectionIndex {
 public:
  // One file, and those that it depends on, itself first.
  struct File {
    std::string name;
    std::string bytes;  // FileDescriptorProto, without source info
    std::vector<const File*> closure;
  };

  // With storegate.v1.Testing, where that is served.
  explicit ReflectionIndex(const schema::Schema& schema, bool testing = false);

  // Full names, in order.
  const std::vector<std::string>& services() const { return services_; }

  // Each is null when there is none. `symbol` is the full name of anything: a
  // message, field, oneof, enum, enum value, service, method or extension.
  const File* FindFile(const std::string& name) const;
  const File* FindSymbol(const std::string& symbol) const;
  const File* FindExtension(const std::string& containing_type, int number) const;
  // The numbers, in order, by which the message is extended; null when it is unknown.
  const std::vector<int>* FindExtensionNumbers(const std::string& containing_type) const;

 private:
  using FileDescriptor = google::protobuf::FileDescriptor;
  using Descriptor = google::protobuf::Descriptor;

  const File* Add(const FileDescriptor* descriptor);
  void AddMessage(const Descriptor* message, const File* file);
  void AddEnum(const google::protobuf::EnumDescriptor* type, const File* file);
  void AddExtension(const google::protobuf::FieldDescriptor* extension, const File* file);

  std::vector<std::string> services_;
  std::unordered_map<std::string, std::unique_ptr<File>> files_;
  std::unordered_map<std::string, const File*> symbols_;
  std::map<std::string, std::map<int, const File*>> extensions_;
  std::unordered_map<std::string, std::vector<int>> extension_numbers_;  // of every message
};

}  // namespace storegate::rpc
