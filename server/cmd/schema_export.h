// `storegate schema export`: the schema for other programs.
#pragma once

#include <ostream>
#include <string>

#include "server/cmd/config.h"

namespace storegate::cmd {

struct ExportOptions {
  // Where the descriptor set goes; "-" is `out`, unless that is a terminal.
  std::string file = "-";
  // Instead of it: the folder that gets the sources of what a schema's files import.
  std::string imports;
};

// Writes a google.protobuf.FileDescriptorSet of the schema's files and all that they import,
// each behind its imports, with comments where there are some: what grpcurl -protoset, buf,
// protoc --descriptor_set_in and `serve --descriptor-set` read. Exit codes: 0; 1 when the
// schema has mistakes or a file cannot be written; 2 where `out` is a terminal.
int ExportSchema(const Config& config, const ExportOptions& options, std::ostream& out,
                 std::ostream& errors);

}  // namespace storegate::cmd
