#include "server/cmd/migration_source.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include "server/base/text.h"
#include "server/cmd/gateway.h"
#include "server/schema/compatibility.h"
#include "server/schema/loader.h"

namespace storegate::cmd {
namespace {

namespace fs = std::filesystem;
using google::protobuf::FileDescriptorSet;
using google::protobuf::TextFormat;

constexpr uintmax_t kMaxFileBytes = 16 << 20;
constexpr uintmax_t kMaxSnapshotBytes = 64 << 20;
constexpr std::string_view kSnapshotHead =
    "# The schema that the last migration leads to; storegate migrate generate compares with\n"
    "# it and writes it. Keep it with the migrations.\n"
    "# proto-file: google/protobuf/descriptor.proto\n"
    "# proto-message: google.protobuf.FileDescriptorSet\n";

// "" where it was read.
std::string ReadFile(const fs::path& path, uintmax_t max_bytes, std::string* text) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return "is no regular file";
  const uintmax_t size = fs::file_size(path, error);
  if (error) return "cannot be read";
  if (size > max_bytes) {
    return "has " + std::to_string(size) + " bytes; at most " + std::to_string(max_bytes) +
           " are taken";
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  if (size > 0) content << file.rdbuf();
  if (!file || !content) return "cannot be read";
  *text = content.str();
  return "";
}

Status BadSnapshot(const fs::path& path, const std::string& what) {
  return Status(Code::kInvalidArgument, "INVALID_SNAPSHOT",
                "The snapshot " + path.string() + " " + what +
                    ". Restore it as the last migration left it; it is kept with the migrations.");
}

class FirstMistake : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) {
      text = "is wrong in line " + std::to_string(line + 1) + ", column " +
             std::to_string(column + 1) + ": " + message;
    }
  }
  std::string text;
};

// Whether both describe an entity of one name.
bool Share(const schema::Schema& a, const schema::Schema& b) {
  return std::ranges::any_of(a.entities, [&b](const schema::Entity& entity) {
    return b.FindEntity(entity.full_name) != nullptr;
  });
}

}  // namespace

std::string MigrationSource::Name() const {
  return kind == Kind::kFolder     ? "the folder " + folder
         : kind == Kind::kEmbedded ? "the binary"
                                   : "nowhere";
}

Result<MigrationSource> FindMigrations(const Config& config, const schema::Schema& schema) {
  using Kind = MigrationSource::Kind;
  std::error_code error;
  if (!config.migrations.empty()) {
    if (!fs::is_directory(config.migrations, error)) {
      return Status(Code::kNotFound, "MIGRATIONS_NOT_FOUND",
                    "There is no folder " + Quoted(config.migrations) + " of migrations.");
    }
    return MigrationSource{Kind::kFolder, config.migrations};
  }
  const std::string folder(kDefaultMigrations);
  if (fs::is_directory(folder, error)) {
    Result<std::unique_ptr<const schema::Schema>> snapshot = ReadSnapshotSchema(folder);
    if (!snapshot.ok()) return snapshot.status();
    if (*snapshot != nullptr && Share(**snapshot, schema)) {
      return MigrationSource{Kind::kFolder, folder};
    }
  }
  if (IsEmbedded(config)) return MigrationSource{Kind::kEmbedded, ""};
  return MigrationSource{};
}

Result<std::vector<migrate::Migration>> ReadMigrations(const MigrationSource& source,
                                                       const BackendKind& kind) {
  const migrate::Generator& generator = kind.generator();
  std::vector<std::pair<std::string, std::string>> files;
  if (source.kind == MigrationSource::Kind::kEmbedded) files = kind.migrations();
  if (source.kind == MigrationSource::Kind::kFolder) {
    const fs::path folder = fs::path(source.folder) / std::string(generator.folder());
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      const fs::path& path = entries->path();
      const std::string name = path.filename().string();
      if (name.starts_with('.') || (path.extension() != ".sql" && path.extension() != ".json")) {
        continue;
      }
      std::string text;
      const std::string wrong = ReadFile(path, kMaxFileBytes, &text);
      if (!wrong.empty()) {
        return Status(Code::kInvalidArgument, "INVALID_MIGRATION",
                      "The migration file " + path.string() + " " + wrong + ".");
      }
      files.emplace_back(name, std::move(text));
    }
    if (error && error != std::errc::no_such_file_or_directory) {
      return Status(Code::kInvalidArgument, "INVALID_MIGRATION",
                    "The folder " + folder.string() + " cannot be read.");
    }
    std::ranges::sort(files);
  }
  return migrate::ParseMigrations(files, generator);
}

Result<std::optional<FileDescriptorSet>> ReadSnapshot(const std::string& folder) {
  const fs::path path = fs::path(folder) / std::string(kSnapshotFile);
  std::error_code error;
  if (!fs::exists(path, error)) return std::optional<FileDescriptorSet>();
  std::string text;
  const std::string wrong = ReadFile(path, kMaxSnapshotBytes, &text);
  if (!wrong.empty()) return BadSnapshot(path, wrong);
  FileDescriptorSet files;
  FirstMistake mistake;
  TextFormat::Parser parser;
  parser.RecordErrorsTo(&mistake);
  // Options of others, which no table depends on.
  parser.AllowFieldNumber(true);
  parser.AllowUnknownExtension(true);
  parser.SetRecursionLimit(200);
  if (!parser.ParseFromString(text, &files)) {
    return BadSnapshot(path, mistake.text.empty() ? "cannot be understood" : mistake.text);
  }
  if (files.file_size() == 0) return std::optional<FileDescriptorSet>();
  return std::optional<FileDescriptorSet>(std::move(files));
}

Result<std::unique_ptr<const schema::Schema>> ReadSnapshotSchema(const std::string& folder) {
  Result<std::optional<FileDescriptorSet>> files = ReadSnapshot(folder);
  if (!files.ok()) return files.status();
  if (!*files) return std::unique_ptr<const schema::Schema>();
  const fs::path path = fs::path(folder) / std::string(kSnapshotFile);
  schema::LoadResult loaded = schema::LoadDescriptors(path.string(), **files);
  if (loaded.schema == nullptr) {
    return BadSnapshot(path, "is no schema: " + (loaded.diagnostics.empty()
                                                     ? std::string("it is empty")
                                                     : loaded.diagnostics[0].ToString()));
  }
  return std::move(loaded.schema);
}

std::string SnapshotText(const schema::Schema& schema) {
  // Parsed once more: what options are called is known to messages that are compiled in.
  FileDescriptorSet known;
  known.ParseFromString(schema::DescriptorsOf(schema).SerializeAsString());
  TextFormat::Printer printer;
  printer.SetUseUtf8StringEscaping(true);
  printer.SetHideUnknownFields(true);
  std::string text;
  printer.PrintToString(known, &text);
  return std::string(kSnapshotHead) + text;
}

}  // namespace storegate::cmd
