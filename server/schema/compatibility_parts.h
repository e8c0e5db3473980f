// The parts that Compare (compatibility.h) is made of.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/descriptor.h>

#include "server/schema/compatibility.h"

namespace storegate::schema {

// Two schemas, and what of the one is what of the other.
class SchemaPair {
 public:
  SchemaPair(const Schema& before, const Schema& after);

  const Schema& before() const { return before_; }
  const Schema& after() const { return after_; }

  // The files of the schema itself: those that come with the binary are left out.
  const std::vector<const google::protobuf::FileDescriptor*>& files_before() const {
    return files_before_;
  }
  // File → file of the same name whose package differs.
  const std::map<const google::protobuf::FileDescriptor*, const google::protobuf::FileDescriptor*>&
  packages_changed() const {
    return packages_changed_;
  }

  // The full name that an old element has if it is still there.
  std::string NewName(const google::protobuf::FileDescriptor* file,
                      const std::string& full_name) const;
  template <typename T>
  std::string NewName(const T* element) const {
    return NewName(element->file(), element->full_name());
  }

  // What has the element's name in the new schema; null when there is none.
  const google::protobuf::Descriptor* Find(const google::protobuf::Descriptor* message) const;
  const google::protobuf::EnumDescriptor* Find(const google::protobuf::EnumDescriptor* type) const;
  // By its number; one of another name only where it holds the like (it was renamed).
  const google::protobuf::FieldDescriptor* Find(
      const google::protobuf::FieldDescriptor* field) const;

  // Whether a field of type `after` reads what one of type `before` wrote on the wire, and
  // holds all of it. Cardinality aside.
  bool SameOnWire(const google::protobuf::FieldDescriptor* before,
                  const google::protobuf::FieldDescriptor* after) const;

 private:
  const Schema& before_;
  const Schema& after_;
  std::vector<const google::protobuf::FileDescriptor*> files_before_;
  std::map<const google::protobuf::FileDescriptor*, const google::protobuf::FileDescriptor*>
      packages_changed_;
};

// Of any descriptor. Lines are 0 where there is no source info.
template <typename T>
Location LocationIn(const google::protobuf::FileDescriptor* file, const T* element) {
  google::protobuf::SourceLocation source;
  if (!element->GetSourceLocation(&source)) return {file->name(), 0, 0};
  return {file->name(), source.start_line + 1, source.start_column + 1};
}

// "optional int32", "repeated library.v1.Author", "map<string, bytes>".
std::string TypeText(const google::protobuf::FieldDescriptor* field);

// Descriptors: files, messages, fields, enums, services (compatibility_api.cc).
void CompareApi(const SchemaPair& pair, std::vector<Incompatibility>* out);
// Options: what a value must be, what callers may do (compatibility_rules.cc).
void CompareRules(const SchemaPair& pair, std::vector<Incompatibility>* out);
// Rows (compatibility_data.cc).
void CompareData(const SchemaPair& pair, std::vector<Incompatibility>* out);

}  // namespace storegate::schema
