#include "server/cmd/init.h"

#include <algorithm>
#include <string_view>

#include "server/base/text.h"
#include "server/cmd/embedded.h"
#include "server/cmd/gateway.h"
#include "server/cmd/new_files.h"

namespace storegate::cmd {
namespace {

constexpr int kUsage = 2;
constexpr size_t kNameBytesMax = 40;
constexpr std::string_view kPlaceholder = "PROJECT";
// Hidden files are under a name that shows in the template.
constexpr std::string_view kHidden = "dot.";
constexpr std::string_view kWorkflow = "storegate.yml";
constexpr std::string_view kImportsFolder = "third_party/proto/";

// A package of these cannot be generated for, or hides what is imported.
constexpr std::string_view kTaken[] = {"google", "storegate", "grpc", "buf", "proto", "third_party"};

bool IsProjectName(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return false;
  if (std::ranges::find(kTaken, name) != std::end(kTaken)) return false;
  return name[0] >= 'a' && name[0] <= 'z' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

std::string Named(std::string text, const std::string& name) {
  for (size_t at = 0; (at = text.find(kPlaceholder, at)) != std::string::npos; at += name.size()) {
    text.replace(at, kPlaceholder.size(), name);
  }
  return text;
}

NewFiles ProjectFiles(const std::string& name) {
  NewFiles files;
  for (const auto& [path, text] : ProjectTemplate()) {
    const std::string shown =
        path.starts_with(kHidden) ? "." + path.substr(kHidden.size()) : path;
    files.emplace_back(Named(shown, name), Named(text, name));
  }
  for (const auto& [path, text] : ProjectChecks()) {
    files.emplace_back((path == kWorkflow ? ".github/workflows/" : "") + path, text);
  }
  for (const auto& [path, text] : BuiltinProtos()) {
    files.emplace_back(std::string(kImportsFolder) + path, text);
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

int InitProject(const std::string& name, std::ostream& out, std::ostream& errors) {
  if (!IsProjectName(name)) {
    errors << "storegate: NAME: must be lower case letters, digits and _, a letter first, at "
              "most " << kNameBytesMax << " bytes, and none of";
    for (std::string_view taken : kTaken) errors << " " << taken;
    errors << "; got " << Quoted(name) << "\n";
    return kUsage;
  }
  const NewFiles files = ProjectFiles(name);
  if (Status status = WriteNewFiles(name, files, "choose another name"); !status.ok()) {
    PrintStatus(status, errors);
    return 1;
  }
  for (const auto& [path, text] : files) {
    if (!path.starts_with(kImportsFolder)) out << "wrote " << name << "/" << path << "\n";
  }
  out << "wrote " << name << "/" << kImportsFolder << ", what the protos import\n\n"
      << "next:\n"
      << "  cd " << name << "\n"
      << "  storegate migrate generate first\n"
      << "  storegate serve\n";
  return 0;
}

}  // namespace storegate::cmd
