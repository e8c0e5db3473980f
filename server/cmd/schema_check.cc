#include "server/cmd/schema_check.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/text_format.h>
#include <nlohmann/json.hpp>

#include "server/base/text.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/gateway.h"
#include "server/schema/compatibility.h"
#include "server/schema/loader.h"

namespace storegate::cmd {
namespace {

namespace pb = google::protobuf;
namespace fs = std::filesystem;
using schema::Incompatibility;
using schema::LoadResult;

constexpr int kNothingToCompare = 2;
// Messages within messages within options; the parser calls itself for each.
constexpr int kMaxTextDepth = 200;
constexpr uintmax_t kMaxTextBytes = 256 << 20;

LoadResult Wrong(const std::string& file, int line, std::string message) {
  LoadResult result;
  result.diagnostics.push_back({file, line, 0, std::move(message)});
  return result;
}

class FirstError : public pb::io::ErrorCollector {
 public:
  void AddError(int line, pb::io::ColumnNumber, const std::string& message) override {
    if (text_.empty()) line_ = line + 1, text_ = message;
  }
  int line() const { return line_; }
  const std::string& text() const { return text_; }

 private:
  int line_ = 0;
  std::string text_;
};

// The text format of a FileDescriptorSet.
LoadResult LoadText(const std::string& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
  if (error || size > kMaxTextBytes) {
    return Wrong(path, 0, error ? "cannot be read: " + error.message()
                                : "has " + std::to_string(size) + " bytes; at most " +
                                      std::to_string(kMaxTextBytes) + " are taken");
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (size > 0) content << file.rdbuf();
  if (!file || !content) return Wrong(path, 0, "cannot be read");
  FirstError first;
  pb::TextFormat::Parser parser;
  parser.RecordErrorsTo(&first);
  parser.SetRecursionLimit(kMaxTextDepth);
  pb::FileDescriptorSet set;
  if (!parser.ParseFromString(content.str(), &set)) {
    return Wrong(path, first.line(), "is no FileDescriptorSet in text format: " + first.text());
  }
  return schema::LoadDescriptors(path, set);
}

// The schema that the database's data was last migrated to.
LoadResult LoadKept(const Config& config, const std::string& url) {
  const std::string name = RedactUrl(url);
  if (url.rfind("sqlite:", 0) == 0 && !fs::exists(url.substr(url.find(':') + 1))) {
    return Wrong(name, 0, "there is no such file");
  }
  Config of = config;
  of.databases = {{"against", url}};
  of.migration_urls.clear();
  auto backend = FindBackendKind(url)->open("against", of);
  if (!backend.ok()) return Wrong(name, 0, backend.status().message());
  Result<std::optional<std::string>> kept = (*backend)->migrator()->ReadSchema();
  if (!kept.ok()) return Wrong(name, 0, kept.status().message());
  if (!kept->has_value()) {
    return Wrong(name, 0, "keeps no schema: no migration was applied there; name a file instead");
  }
  pb::FileDescriptorSet set;
  if (!set.ParseFromString(**kept)) return Wrong(name, 0, "keeps a schema that is damaged");
  return schema::LoadDescriptors(name, set);
}

LoadResult LoadBefore(const Config& config, const std::string& against) {
  if (IsDatabaseUrl(against)) return LoadKept(config, against);
  std::error_code error;
  if (fs::is_directory(against, error)) return schema::LoadDirectory(against);
  const std::string end = fs::path(against).extension().string();
  if (end == ".textproto" || end == ".txtpb" || end == ".pbtxt") return LoadText(against);
  return schema::LoadDescriptorSet(against);
}

nlohmann::ordered_json ToJson(const Incompatibility& found) {
  nlohmann::ordered_json json = {{"rule", found.rule},
                                 {"element", found.element},
                                 {"message", found.message},
                                 {"file", found.location.file},
                                 {"line", found.location.line},
                                 {"column", found.location.column}};
  if (found.kind == Incompatibility::Kind::kData) {
    json["table"] = found.table;
    if (!found.column.empty()) json["table_column"] = found.column;
  }
  return json;
}

// What breaks for one kind of them, for people.
void Print(const std::vector<const Incompatibility*>& found, std::string_view whom, bool allowed,
           std::ostream& out) {
  if (found.empty()) return;
  out << found.size() << (found.size() == 1 ? " change breaks " : " changes break ") << whom
      << (allowed ? " (allowed)" : "") << ":\n";
  for (const Incompatibility* each : found) out << "  " << each->ToString() << "\n";
}

}  // namespace

bool IsDatabaseUrl(const std::string& text) {
  return text.find(':') != std::string::npos && FindBackendKind(text) != nullptr;
}

int CheckAgainst(const Config& config, const CheckOptions& options, std::ostream& out,
                 std::ostream& errors) {
  std::unique_ptr<const schema::Schema> after = LoadSchema(config, errors);
  if (after == nullptr) return 1;
  LoadResult before = LoadBefore(config, options.against);
  if (before.schema == nullptr) {
    errors << "storegate: --against " << RedactUrl(options.against)
           << ": there is no schema to compare with\n";
    for (const schema::Diagnostic& diagnostic : before.diagnostics) {
      errors << "  " << diagnostic.ToString() << "\n";
    }
    return kNothingToCompare;
  }

  const std::vector<Incompatibility> all = schema::Compare(*before.schema, *after);
  std::vector<const Incompatibility*> api, data;
  for (const Incompatibility& each : all) {
    (each.kind == Incompatibility::Kind::kApi ? api : data).push_back(&each);
  }
  auto allowed = [&](const char* kind) {
    return std::find(options.allow.begin(), options.allow.end(), kind) != options.allow.end();
  };
  const bool breaks = (!api.empty() && !allowed("api")) || (!data.empty() && !allowed("data"));
  if (options.json) {
    nlohmann::ordered_json json = {{"compatible", !breaks},
                                   {"api", nlohmann::ordered_json::array()},
                                   {"data", nlohmann::ordered_json::array()}};
    for (const Incompatibility* each : api) json["api"].push_back(ToJson(*each));
    for (const Incompatibility* each : data) json["data"].push_back(ToJson(*each));
    out << json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << "\n";
    return breaks ? 1 : 0;
  }
  Print(api, "callers", allowed("api"), out);
  Print(data, "rows that are there", allowed("data"), out);
  if (all.empty()) out << "nothing breaks\n";
  return breaks ? 1 : 0;
}

}  // namespace storegate::cmd
