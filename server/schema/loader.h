// Reads protos into a Schema. Everything wrong is reported at once, each with
// file, line and what to do.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <google/protobuf/descriptor.pb.h>

#include "server/schema/schema.h"

namespace storegate::schema {

// One mistake in the protos. Lines and columns count from 1; 0 where unknown
// (a descriptor set without source info).
struct Diagnostic {
  std::string file;
  int line = 0;
  int column = 0;
  std::string message;  // what is wrong and what to do

  // "library.proto:12:3: message"
  std::string ToString() const;
};

struct LoadResult {
  std::unique_ptr<const Schema> schema;  // null when there are diagnostics
  std::vector<Diagnostic> diagnostics;   // in order of file and line
};

// All .proto files under `directory`, which is also the root of their imports.
// storegate/v1/*, google/protobuf/* and google/rpc/{status,error_details}.proto
// resolve by themselves (also where the folder has its own copy). Links are
// followed; one that leads back up is a mistake, and so are no files, more than
// 10,000, and files over 16 MiB.
LoadResult LoadDirectory(const std::string& directory);

// A serialized google.protobuf.FileDescriptorSet with its imports (those that
// resolve by themselves may be missing).
LoadResult LoadDescriptorSet(const std::string& path);

// The same of one in memory; `name` is what diagnostics call it.
LoadResult LoadDescriptors(const std::string& name,
                           const google::protobuf::FileDescriptorSet& descriptors);

// Files given as pairs of name ("library/v1/book.proto") and text: those that are
// compiled into the binary.
LoadResult LoadEmbedded(const std::vector<std::pair<std::string, std::string>>& name_and_text);

}  // namespace storegate::schema
