// ProtoFiles: the .proto files of a schema on their way into a descriptor pool,
// wherever they come from (text or descriptors). What is wrong with them by
// protobuf's own rules becomes diagnostics.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include "server/schema/loader.h"

namespace storegate::schema {

class ProtoFiles {
 public:
  static constexpr size_t kMaxFiles = 10000;
  static constexpr int kMaxImportDepth = 500;
  static constexpr int kMaxNesting = 100;

  // Whether the file of this name comes with the binary: storegate/v1/*,
  // google/protobuf/*, google/rpc/{status,error_details}.proto. These win over
  // files of the same name, whose options the binary could not read otherwise.
  static bool IsBuiltin(const std::string& name);

  // Parses one file.
  void AddText(const std::string& name, const std::string& text);
  // Takes one file. A second one of the same name must be equal.
  void AddProto(google::protobuf::FileDescriptorProto proto);
  void AddDiagnostic(Diagnostic diagnostic) { diagnostics_.push_back(std::move(diagnostic)); }

  // Builds all files into `pool`, which then holds the descriptors. `added` gets
  // the files that were added (built-in ones aside), `all` these and all that
  // they import, each behind its imports. False when there are diagnostics.
  bool Build(google::protobuf::DescriptorPool* pool,
             std::vector<const google::protobuf::FileDescriptor*>* added,
             std::vector<const google::protobuf::FileDescriptor*>* all);

  bool empty() const { return files_.empty() && diagnostics_.empty(); }
  std::vector<Diagnostic>& diagnostics() { return diagnostics_; }

 private:
  enum class State { kNew, kOpen, kBuilt, kFailed };
  struct File {
    google::protobuf::FileDescriptorProto proto;
    google::protobuf::compiler::SourceLocationTable locations;  // empty unless from text
    State state = State::kNew;
    bool added = false;
  };

  bool Parse(const std::string& name, const std::string& text, File* file);
  // The file of that name, added or built-in; null when there is none.
  File* Find(const std::string& name);
  bool BuildFile(const std::string& name, File* file, int depth,
                 google::protobuf::DescriptorPool* pool,
                 std::vector<const google::protobuf::FileDescriptor*>* all);

  std::map<std::string, File> files_;
  std::vector<Diagnostic> diagnostics_;
};

}  // namespace storegate::schema
