#include "server/cmd/new_files.h"

#include <fstream>
#include <system_error>

namespace storegate::cmd {

namespace fs = std::filesystem;

Status WriteFiles(const fs::path& root, const NewFiles& files) {
  for (const auto& [name, text] : files) {
    const fs::path path = root / name;
    std::error_code error;
    if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
    std::ofstream file;
    if (!error) file.open(path, std::ios::binary);
    file << text;
    file.close();
    if (error || !file) {
      return Status(Code::kFailedPrecondition, "CANNOT_WRITE",
                    path.string() + " cannot be written" +
                        (error ? ": " + error.message() : std::string()));
    }
  }
  return {};
}

Status WriteNewFiles(const fs::path& root, const NewFiles& files, const std::string& hint) {
  Status status(Code::kFailedPrecondition, "FILES_EXIST",
                "files are there that would be written over; " + hint);
  bool there = false;
  for (const auto& [name, text] : files) {
    std::error_code error;
    if (!fs::exists(fs::symlink_status(root / name, error))) continue;
    status.WithViolation((root / name).string(), "is there already");
    there = true;
  }
  return there ? status : WriteFiles(root, files);
}

}  // namespace storegate::cmd
