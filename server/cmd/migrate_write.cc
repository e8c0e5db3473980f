// `storegate migrate generate` and `new`: what writes files and opens no database.
#include <algorithm>
#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "server/base/text.h"
#include "server/cmd/backend_kinds.h"
#include "server/cmd/gateway.h"
#include "server/cmd/migrate_command.h"
#include "server/cmd/migrate_output.h"
#include "server/cmd/migration_source.h"
#include "server/cmd/migration_writer.h"
#include "server/migrate/generate.h"

namespace storegate::cmd {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

constexpr std::string_view kSqlHelp =
    R"(-- Statements, each ending in a semicolon. A line that begins so says how what follows
-- it, up to the next such line, is run:
--   -- storegate: transaction        all of it in one transaction (so begins each file)
--   -- storegate: no transaction     each statement by itself, outside of one
--   -- storegate: repeat             its one statement, until it changes no row
--   -- storegate: repeat, total SELECT …   the same, and how many rows there are to change
--   -- storegate: refold TABLE.COLUMN      folds a searchable column anew
--   -- storegate: needs N            servers that do not know migration N must not use
--                                    the database from then on
)";
// JSON has no comments; what is blank is no command.
constexpr std::string_view kJsonEmpty = "[\n]\n";

std::string Numbered(int number, const std::string& name) {
  char digits[16];
  std::snprintf(digits, sizeof digits, "%04d", number);
  return std::string(digits) + "_" + name;
}

bool IsJson(const migrate::Generator& generator) {
  return generator.file_suffix().ends_with(".json");
}

// The number behind all that are there, for any kind of database.
Result<int> NextNumber(const MigrationSource& source) {
  int last = 0;
  for (const BackendKind& kind : BackendKinds()) {
    Result<std::vector<migrate::Migration>> migrations = ReadMigrations(source, kind);
    if (!migrations.ok()) return migrations.status();
    if (!migrations->empty()) last = std::max(last, migrations->back().number);
  }
  return last + 1;
}

class Writer {
 public:
  Writer(const MigrateRequest& request, const Config& config, std::ostream& errors)
      : request_(request),
        config_(config),
        errors_(errors),
        source_{MigrationSource::Kind::kFolder, config.migrations.empty()
                                                    ? std::string(kDefaultMigrations)
                                                    : config.migrations} {}

  Status Generate();
  Status New();

  const std::vector<NewFile>& files() const { return files_; }
  // Kinds of databases that need nothing.
  const std::vector<std::string>& unchanged() const { return unchanged_; }
  bool snapshot_only() const { return files_.size() == 1; }

 private:
  std::string Path(const migrate::Generator& generator, const std::string& file) const {
    return (fs::path(source_.folder) / std::string(generator.folder()) / file).string();
  }
  // Whether the folder is to have migrations for it: for those that it has some for, and
  // for all while it has none at all.
  bool Wanted(const BackendKind& kind) const;
  void TakeBack() const;
  Status CheckSnapshot(const schema::Schema* before, const schema::Schema& after, int next) const;

  const MigrateRequest& request_;
  const Config& config_;
  std::ostream& errors_;
  const MigrationSource source_;
  std::vector<NewFile> files_;
  std::vector<std::string> unchanged_;
};

bool Writer::Wanted(const BackendKind& kind) const {
  std::error_code error;
  const auto there = [&](const BackendKind& each) {
    return fs::is_directory(Path(each.generator(), ""), error);
  };
  return there(kind) || std::ranges::none_of(BackendKinds(), there);
}

// What one that was killed left behind: files of a migration whose schema is not kept.
void Writer::TakeBack() const {
  std::vector<std::string> folders = {source_.folder};
  for (const BackendKind& kind : BackendKinds()) folders.push_back(Path(kind.generator(), ""));
  for (const std::string& path : TakeBackUnfinished(folders)) {
    errors_ << "took back " << path << ", of which the writing was cut short\n";
  }
}

Status Writer::CheckSnapshot(const schema::Schema* before, const schema::Schema& after,
                             int next) const {
  const std::string snapshot = (fs::path(source_.folder) / std::string(kSnapshotFile)).string();
  if (before == nullptr) {
    std::error_code error;
    if (next == 1 || fs::exists(snapshot, error)) return Status();
    return Status(Code::kFailedPrecondition, "SNAPSHOT_NOT_FOUND",
                  source_.folder + " has migrations, but no " + std::string(kSnapshotFile) +
                      " that says which schema they lead to. Restore it as the last migration "
                      "left it; where they begin from nothing, an empty file says so.");
  }
  const bool shared = std::ranges::any_of(after.entities, [&](const schema::Entity& entity) {
    return before->FindEntity(entity.full_name) != nullptr;
  });
  if (shared || !config_.migrations.empty() || before->entities.empty()) return Status();
  return Status(Code::kFailedPrecondition, "OTHER_SCHEMA",
                snapshot + " is of another schema: it has " +
                    before->entities.front().full_name +
                    ", and no entity of this one. Name this one's folder with --dir.");
}

Status Writer::Generate() {
  const std::unique_ptr<const schema::Schema> after = LoadSchema(config_, errors_);
  if (after == nullptr) {
    return Status(Code::kInvalidArgument, "INVALID_SCHEMA", "the schema has mistakes");
  }
  TakeBack();
  Result<std::unique_ptr<const schema::Schema>> before = ReadSnapshotSchema(source_.folder);
  if (!before.ok()) return before.status();
  Result<int> number = NextNumber(source_);
  if (!number.ok()) return number.status();
  if (Status checked = CheckSnapshot(before->get(), *after, *number); !checked.ok()) return checked;

  migrate::GenerateOptions options;
  Result<migrate::Renames> renames = ParseRenames(request_.renames);
  if (!renames.ok()) return renames.status();
  options.renames = *std::move(renames);
  options.allow_data_loss = request_.allow_data_loss;
  options.allow_breaking = request_.allow_breaking;
  const std::string name = Numbered(*number, request_.name);
  for (const BackendKind& kind : BackendKinds()) {
    if (!Wanted(kind)) continue;
    const migrate::Generator& generator = kind.generator();
    Result<migrate::GeneratedMigration> generated =
        migrate::Generate(before->get(), *after, generator, options);
    if (!generated.ok()) return generated.status();
    if (generated->up.empty()) {
      unchanged_.emplace_back(kind.name);
      continue;
    }
    files_.push_back({Path(generator, name + std::string(generator.file_suffix())),
                      std::move(generated->up)});
    if (generated->down.empty()) continue;
    files_.push_back({Path(generator, name + std::string(generator.down_suffix())),
                      std::move(generated->down)});
  }
  // Written last: until then the migration is not there.
  NewFile snapshot{(fs::path(source_.folder) / std::string(kSnapshotFile)).string(),
                   SnapshotText(*after), true};
  if (files_.empty() && *before != nullptr && SnapshotText(**before) == snapshot.text) {
    return Status();
  }
  files_.push_back(std::move(snapshot));
  return WriteFiles(files_);
}

Status Writer::New() {
  TakeBack();
  Result<int> number = NextNumber(source_);
  if (!number.ok()) return number.status();
  const std::string name = Numbered(*number, request_.name);
  for (const BackendKind& kind : BackendKinds()) {
    if (!Wanted(kind)) continue;
    const migrate::Generator& generator = kind.generator();
    const std::string text(IsJson(generator) ? kJsonEmpty : kSqlHelp);
    files_.push_back({Path(generator, name + std::string(generator.file_suffix())), text});
    files_.push_back({Path(generator, name + std::string(generator.down_suffix())), text});
  }
  return WriteFiles(files_);
}

}  // namespace

int WriteMigrations(const MigrateRequest& request, const Config& config, std::ostream& out,
                    std::ostream& errors) {
  Writer writer(request, config, errors);
  const bool generate = request.verb == MigrateVerb::kGenerate;
  const Status status = generate ? writer.Generate() : writer.New();
  if (!status.ok()) return Fail(status, request.json, out, errors);
  if (request.json) {
    ordered_json document;
    document["written"] = ordered_json::array();
    for (const NewFile& file : writer.files()) document["written"].push_back(file.path);
    document["unchanged"] = writer.unchanged();
    PrintJson(document, out);
    return 0;
  }
  if (writer.files().empty()) {
    out << "nothing to do: the schema is what the last migration leads to\n";
    return 0;
  }
  for (const NewFile& file : writer.files()) out << "wrote " << file.path << "\n";
  if (!generate) {
    out << "fill them in, or remove those that are not needed; then: storegate migrate plan\n";
  } else if (writer.snapshot_only()) {
    out << "nothing to do for databases\n";
  } else {
    for (const std::string& kind : writer.unchanged()) out << kind << " needs nothing\n";
    out << "read them, then: storegate migrate plan\n";
  }
  return 0;
}

}  // namespace storegate::cmd
