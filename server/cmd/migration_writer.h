// Files of migrations, written so that all are there or none.
#pragma once

#include <string>
#include <vector>

#include "server/base/status.h"

namespace storegate::cmd {

struct NewFile {
  std::string path;
  std::string text;
  bool replace = false;  // it may be there
};

// Writes the files, making folders that are missing: each beside its place first, then all
// are given their names in order. What fails takes back those that were, replaced ones
// aside, which therefore come last. ALREADY_EXISTS, reason FILE_EXISTS, naming one that is
// there and is not to be replaced; FAILED_PRECONDITION, reason CANNOT_WRITE, naming one that
// cannot be written and why.
Status WriteFiles(const std::vector<NewFile>& files);

// Takes back what a process that was killed within WriteFiles left half done in the folders;
// what it had ended stays. The paths of files that are gone again, in order.
std::vector<std::string> TakeBackUnfinished(const std::vector<std::string>& folders);

}  // namespace storegate::cmd
