#include "server/cmd/config_file.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <yaml-cpp/yaml.h>

#include "server/base/text.h"

namespace storegate::cmd {
namespace {

// Deeper than any key; a file that nests further is no configuration.
constexpr int kMaxDepth = 8;

class Reader {
 public:
  Reader(const std::string& path, std::vector<Setting>* settings, std::vector<Violation>* mistakes)
      : path_(path), settings_(settings), mistakes_(mistakes) {}

  void ReadMap(const YAML::Node& node, const std::string& prefix, int depth) {
    std::map<std::string, std::string> seen;  // key → where it stood first
    for (const auto& entry : node) {
      std::string where = At(entry.first.Mark());
      if (!entry.first.IsScalar()) {
        Mistake(prefix, where, "a key must be a plain name");
        continue;
      }
      std::string key = prefix.empty() ? entry.first.Scalar() : prefix + "." + entry.first.Scalar();
      auto [first, added] = seen.emplace(key, where);
      if (!added) {
        Mistake(key, where, "given twice; first at " + first->second);
        continue;
      }
      ReadValue(entry.second, key, where, depth);
    }
  }

  void Mistake(const std::string& key, const std::string& where, std::string_view what) {
    mistakes_->push_back({key, where + ": " + std::string(what)});
  }

  std::string At(const YAML::Mark& mark) const {
    return mark.is_null() ? path_ : path_ + ":" + std::to_string(mark.line + 1);
  }

 private:
  void ReadValue(const YAML::Node& value, const std::string& key, const std::string& where,
                 int depth) {
    if (value.IsMap()) {
      if (depth == kMaxDepth) return Mistake(key, where, "nested too deep");
      return ReadMap(value, key, depth + 1);
    }
    if (value.IsSequence()) return Mistake(key, where, "must be one value, not a list");
    if (!value.IsScalar()) return Mistake(key, where, "has no value; give one or remove the key");
    settings_->push_back({key, value.Scalar(), where});
  }

  const std::string& path_;
  std::vector<Setting>* settings_;
  std::vector<Violation>* mistakes_;
};

}  // namespace

Status ReadConfigFile(const std::string& path, std::vector<Setting>* settings,
                      std::vector<Violation>* mistakes) {
  std::ifstream file(path, std::ios::binary);
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    return Status(Code::kNotFound, "CONFIG_NOT_FOUND",
                  "the configuration file " + Quoted(path) + " cannot be read");
  }
  std::stringstream text;
  text << file.rdbuf();
  Reader reader(path, settings, mistakes);
  try {
    std::vector<YAML::Node> documents = YAML::LoadAll(text.str());
    if (documents.size() > 1) {
      reader.Mistake("", path, "holds several YAML documents; the configuration is one");
      return Status();
    }
    if (documents.empty() || documents[0].IsNull()) return Status();
    if (!documents[0].IsMap()) {
      reader.Mistake("", reader.At(documents[0].Mark()), "must be a map of keys to values");
      return Status();
    }
    reader.ReadMap(documents[0], "", 0);
  } catch (const YAML::Exception& error) {
    reader.Mistake("", reader.At(error.mark), "not YAML: " + error.msg);
  }
  return Status();
}

}  // namespace storegate::cmd
