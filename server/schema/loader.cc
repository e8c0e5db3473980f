#include "server/schema/loader.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <system_error>


#include "server/schema/builder.h"
#include "server/schema/proto_files.h"

namespace storegate::schema {
namespace {

namespace fs = std::filesystem;

constexpr uintmax_t kMaxProtoBytes = 16 << 20;
constexpr uintmax_t kMaxDescriptorSetBytes = 256 << 20;

// The whole of a regular file. False, with why, when it cannot be had.
bool ReadFile(const fs::path& path, uintmax_t max_bytes, std::string* out, std::string* why) {
  std::error_code error;
  fs::file_status status = fs::status(path, error);
  if (error || status.type() != fs::file_type::regular) {
    *why = error ? "cannot be read: " + error.message() : "is no regular file";
    return false;
  }
  uintmax_t size = fs::file_size(path, error);
  if (error || size > max_bytes) {
    *why = error ? "cannot be read: " + error.message()
                 : "has " + std::to_string(size) + " bytes; at most " + std::to_string(max_bytes) +
                       " are taken";
    return false;
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (size > 0) content << file.rdbuf();
  if (!file || !content) {
    *why = std::string("cannot be read: ") + std::strerror(errno);
    return false;
  }
  *out = content.str();
  return true;
}

// Collects the names of .proto files below a folder, relative to it.
class Scan {
 public:
  Scan(fs::path root, ProtoFiles* files) : root_(std::move(root)), files_(files) {}

  void Run() { Folder(root_, ""); }
  const std::set<std::string>& names() const { return names_; }

 private:
  void Wrong(const fs::path& path, std::string message) {
    files_->AddDiagnostic({path.string(), 0, 0, std::move(message)});
  }

  // False when there is no point in going on.
  bool Folder(const fs::path& path, const std::string& prefix) {
    std::error_code error;
    fs::path real = fs::canonical(path, error);
    if (error) {
      Wrong(path, "cannot be read: " + error.message());
      return true;
    }
    // A folder within itself: only a link can do that.
    if (!open_.insert(real).second) {
      Wrong(path, "is a link to a folder that holds it; remove the link");
      return true;
    }
    bool go_on = true;
    fs::directory_iterator entries(path, error);
    while (!error && go_on && entries != fs::directory_iterator()) {
      go_on = Entry(entries->path(), prefix);
      entries.increment(error);
    }
    if (error) Wrong(path, "cannot be read: " + error.message());
    open_.erase(real);
    return go_on;
  }

  bool Entry(const fs::path& path, const std::string& prefix) {
    std::error_code error;
    std::string name = prefix + path.filename().string();
    if (fs::is_directory(path, error)) return Folder(path, name + "/");
    if (path.extension() != ".proto") return true;
    names_.insert(name);
    if (names_.size() <= ProtoFiles::kMaxFiles) return true;
    Wrong(root_, "has more than " + std::to_string(ProtoFiles::kMaxFiles) +
                     " .proto files; name the folder of one schema");
    return false;
  }

  fs::path root_;
  ProtoFiles* files_;
  std::set<fs::path> open_;
  std::set<std::string> names_;
};

}  // namespace

std::string Diagnostic::ToString() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line);
  if (line > 0 && column > 0) text += ":" + std::to_string(column);
  return text + ": " + message;
}

LoadResult LoadDirectory(const std::string& directory) {
  ProtoFiles files;
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    files.AddDiagnostic({directory, 0, 0, "is no folder; name one that holds .proto files"});
    return Builder::Load(&files);
  }
  Scan scan(directory, &files);
  scan.Run();
  if (scan.names().size() <= ProtoFiles::kMaxFiles) {
    for (const std::string& name : scan.names()) {
      if (ProtoFiles::IsBuiltin(name)) continue;
      std::string text, why;
      if (ReadFile(fs::path(directory) / name, kMaxProtoBytes, &text, &why)) {
        files.AddText(name, text);
      } else {
        files.AddDiagnostic({name, 0, 0, why});
      }
    }
  }
  if (files.empty()) files.AddDiagnostic({directory, 0, 0, "holds no .proto files"});
  return Builder::Load(&files);
}

LoadResult LoadDescriptorSet(const std::string& path) {
  ProtoFiles files;
  std::string bytes, why;
  google::protobuf::FileDescriptorSet set;
  if (!ReadFile(path, kMaxDescriptorSetBytes, &bytes, &why)) {
    files.AddDiagnostic({path, 0, 0, why});
  } else if (!set.ParseFromString(bytes)) {
    files.AddDiagnostic({path, 0, 0,
                         "is no FileDescriptorSet; make one with protoc --include_imports "
                         "--include_source_info --descriptor_set_out, or buf build -o"});
  } else {
    return LoadDescriptors(path, set);
  }
  return Builder::Load(&files);
}

LoadResult LoadDescriptors(const std::string& name,
                           const google::protobuf::FileDescriptorSet& descriptors) {
  ProtoFiles files;
  if (descriptors.file_size() > static_cast<int>(ProtoFiles::kMaxFiles)) {
    files.AddDiagnostic({name, 0, 0, "has " + std::to_string(descriptors.file_size()) +
                                         " files; at most " +
                                         std::to_string(ProtoFiles::kMaxFiles) + " are taken"});
    return Builder::Load(&files);
  }
  for (const google::protobuf::FileDescriptorProto& file : descriptors.file()) {
    if (!ProtoFiles::IsBuiltin(file.name())) files.AddProto(file);
  }
  if (files.empty()) files.AddDiagnostic({name, 0, 0, "holds no files of a schema"});
  return Builder::Load(&files);
}

LoadResult LoadEmbedded(const std::vector<std::pair<std::string, std::string>>& name_and_text) {
  ProtoFiles files;
  for (const auto& [name, text] : name_and_text) {
    if (!ProtoFiles::IsBuiltin(name)) files.AddText(name, text);
  }
  if (files.empty()) files.AddDiagnostic({"", 0, 0, "no .proto files were given"});
  return Builder::Load(&files);
}

}  // namespace storegate::schema
