#include "server/cmd/schema_export.h"

#include <unistd.h>

#include <iostream>
#include <memory>

#include <google/protobuf/descriptor.pb.h>

#include "server/cmd/embedded.h"
#include "server/cmd/gateway.h"
#include "server/cmd/new_files.h"

namespace storegate::cmd {
namespace {

constexpr int kUsage = 2;

std::string DescriptorSet(const schema::Schema& schema) {
  google::protobuf::FileDescriptorSet set;
  for (const google::protobuf::FileDescriptor* file : schema.files) {
    google::protobuf::FileDescriptorProto* proto = set.add_file();
    file->CopyTo(proto);
    file->CopyJsonNameTo(proto);
    file->CopySourceCodeInfoTo(proto);
  }
  return set.SerializeAsString();
}

}  // namespace

int ExportSchema(const Config& config, const ExportOptions& options, std::ostream& out,
                 std::ostream& errors) {
  Status status;
  if (!options.imports.empty()) {
    status = WriteFiles(options.imports, BuiltinProtos());
  } else {
    if (options.file == "-" && &out == &std::cout && isatty(STDOUT_FILENO) == 1) {
      errors << "storegate: a descriptor set is no text; name a file with --out\n";
      return kUsage;
    }
    const std::unique_ptr<const schema::Schema> schema = LoadSchema(config, errors);
    if (schema == nullptr) return 1;
    const std::string set = DescriptorSet(*schema);
    if (options.file == "-") {
      out << set << std::flush;
    } else {
      status = WriteFiles("", {{options.file, set}});
    }
  }
  if (!status.ok()) PrintStatus(status, errors);
  return status.ok() ? 0 : 1;
}

}  // namespace storegate::cmd
