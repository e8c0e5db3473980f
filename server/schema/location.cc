#include "server/schema/location.h"

#include <google/protobuf/descriptor.pb.h>

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

// Paths: descriptor.proto, SourceCodeInfo.Location.path.
std::vector<int> PathOf(const pb::Descriptor* message) {
  std::vector<int> path;
  if (message->containing_type() != nullptr) {
    path = PathOf(message->containing_type());
    path.push_back(pb::DescriptorProto::kNestedTypeFieldNumber);
  } else {
    path.push_back(pb::FileDescriptorProto::kMessageTypeFieldNumber);
  }
  path.push_back(message->index());
  return path;
}

std::vector<int> PathOf(const pb::ServiceDescriptor* service) {
  return {pb::FileDescriptorProto::kServiceFieldNumber, service->index()};
}

std::vector<int> PathOf(const pb::MethodDescriptor* method) {
  std::vector<int> path = PathOf(method->service());
  path.push_back(pb::ServiceDescriptorProto::kMethodFieldNumber);
  path.push_back(method->index());
  return path;
}

template <typename T>
Location Of(const T* element, const pb::FileDescriptor* file) {
  Location location{file->name(), 0, 0};
  pb::SourceLocation source;
  if (element->GetSourceLocation(&source)) {
    location.line = source.start_line + 1;
    location.column = source.start_column + 1;
  }
  return location;
}

template <typename T>
Location OfOption(const T* element, const pb::FileDescriptor* file, int options,
                  std::vector<int> below) {
  std::vector<int> path = PathOf(element);
  path.push_back(options);
  size_t shortest = path.size();
  path.insert(path.end(), below.begin(), below.end());
  pb::SourceLocation source;
  for (; path.size() > shortest; path.pop_back()) {
    if (file->GetSourceLocation(path, &source)) {
      return {file->name(), source.start_line + 1, source.start_column + 1};
    }
  }
  return Of(element, file);
}

}  // namespace

Location LocationOf(const pb::FieldDescriptor* field) { return Of(field, field->file()); }
Location LocationOf(const pb::Descriptor* message) { return Of(message, message->file()); }
Location LocationOf(const pb::ServiceDescriptor* service) { return Of(service, service->file()); }
Location LocationOf(const pb::MethodDescriptor* method) {
  return Of(method, method->service()->file());
}

Location LocationOfOption(const pb::Descriptor* message, std::vector<int> below) {
  return OfOption(message, message->file(), pb::DescriptorProto::kOptionsFieldNumber,
                  std::move(below));
}

Location LocationOfOption(const pb::ServiceDescriptor* service, std::vector<int> below) {
  return OfOption(service, service->file(), pb::ServiceDescriptorProto::kOptionsFieldNumber,
                  std::move(below));
}

Location LocationOfOption(const pb::MethodDescriptor* method, std::vector<int> below) {
  return OfOption(method, method->service()->file(),
                  pb::MethodDescriptorProto::kOptionsFieldNumber, std::move(below));
}

}  // namespace storegate::schema
