// `storegate init NAME`: a small project to begin with, of protos, configuration, a compose
// file and a CI workflow.
#pragma once

#include <ostream>
#include <string>

namespace storegate::cmd {

// Writes it to the folder `name` of the working directory and says what to do next. The name
// is that of the proto package, too: lower case letters, digits and _, a letter first, no
// word of protobuf's or SQL's that a package cannot be called. Exit codes: 0; 1 when a file
// is there already or cannot be written; 2 for such a name.
int InitProject(const std::string& name, std::ostream& out, std::ostream& errors);

}  // namespace storegate::cmd
