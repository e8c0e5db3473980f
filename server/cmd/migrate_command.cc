#include "server/cmd/migrate_command.h"

#include <algorithm>

#include <CLI/CLI.hpp>

#include "server/base/text.h"
#include "server/cmd/gateway.h"

namespace storegate::cmd {
namespace {

constexpr int kUsage = 2;
constexpr size_t kMaxName = 100;
constexpr int kMaxNumber = 999'999'999;

Status BadRename(const std::string& text, const std::string& why) {
  return Status(Code::kInvalidArgument, "INVALID_RENAME",
                "--rename " + Quoted(text) + " " + why +
                    "; write TABLE.COLUMN=NEW_NAME or TABLE=NEW_NAME");
}

bool NeedsNumber(MigrateVerb verb) {
  return verb == MigrateVerb::kUp || verb == MigrateVerb::kPlan;
}

bool Writes(MigrateVerb verb) {
  return verb == MigrateVerb::kGenerate || verb == MigrateVerb::kNew;
}

}  // namespace

bool IsMigrationName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<migrate::Renames> ParseRenames(const std::vector<std::string>& renames) {
  migrate::Renames parsed;
  struct Column {
    const std::string* text;
    std::string table, from, to;
  };
  std::vector<Column> columns;
  for (const std::string& text : renames) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos) return BadRename(text, "has no =");
    const std::string from = text.substr(0, equals), to = text.substr(equals + 1);
    const size_t dot = from.find('.');
    if (from.empty() || to.empty() || dot == 0 || dot + 1 == from.size()) {
      return BadRename(text, "lacks a name");
    }
    if (to.find_first_of(".=") != std::string::npos ||
        (dot != std::string::npos && from.find('.', dot + 1) != std::string::npos)) {
      return BadRename(text, "has a dot or = too many");
    }
    if (from.substr(dot == std::string::npos ? 0 : dot + 1) == to) {
      return BadRename(text, "changes nothing");
    }
    if (dot != std::string::npos) {
      columns.push_back({&text, from.substr(0, dot), from.substr(dot + 1), to});
    } else if (!parsed.tables.emplace(from, to).second) {
      return BadRename(text, "renames what another --rename does");
    }
  }
  for (const Column& column : columns) {
    const auto renamed = parsed.tables.find(column.table);
    const std::string& table = renamed == parsed.tables.end() ? column.table : renamed->second;
    if (!parsed.columns.emplace(std::pair(table, column.from), column.to).second) {
      return BadRename(*column.text, "renames what another --rename does");
    }
  }
  return parsed;
}

CLI::App* MigrateCommand::AddVerb(MigrateVerb verb, const std::string& name,
                                  const std::string& help) {
  auto added = std::make_unique<Verb>();
  added->verb = verb;
  added->app = app_->add_subcommand(name, help);
  CLI::App* app = added->app;
  app->add_flag("--json", request_.json, "Say it as one JSON document");
  if (!Writes(verb)) {
    app->add_option("--database-name", request_.database,
                    "One of the databases [all that something lives in]")
        ->type_name("NAME");
    app->add_option("--lock-timeout", lock_timeout_seconds_,
                    "How long a migration that another process runs is waited for [300]")
        ->type_name("SECONDS")
        ->check(CLI::Range(0, 24 * 3600));
  }
  if (NeedsNumber(verb)) {
    app->add_option("--to", request_.to, "Up to this number [all]")
        ->type_name("N")
        ->check(CLI::Range(1, kMaxNumber));
  }
  if (verb == MigrateVerb::kGenerate || verb == MigrateVerb::kPush) {
    app->add_flag("--allow-data-loss", request_.allow_data_loss,
                  "Allow changes that lose what is in a table or column");
  }
  added->flags.AddTo(app, ConfigFlags::Which::kDatabases);
  verbs_.push_back(std::move(added));
  return app;
}

void MigrateCommand::AddTo(CLI::App* app) {
  app_ = app->add_subcommand("migrate", "Write migrations, apply them, say what there is");
  app_->require_subcommand(1);
  const auto name = [](const std::string& text) {
    return IsMigrationName(text) ? std::string()
                                 : "must be lower case letters, digits and _, at most " +
                                       std::to_string(kMaxName) + "; got " + Quoted(text);
  };

  CLI::App* generate = AddVerb(
      MigrateVerb::kGenerate, "generate",
      "Write the next migration: what leads from the schema of the last one to this one");
  generate->add_option("NAME", request_.name, "What it does: [a-z0-9_]+")->required()->check(name);
  generate
      ->add_option("--rename", request_.renames,
                   "What is the same under another name; may be repeated")
      ->type_name("TABLE[.COLUMN]=NEW_NAME")
      ->expected(1)
      ->take_all()
      ->allow_extra_args(false);
  generate->add_flag("--allow-breaking", request_.allow_breaking,
                     "Allow changes that servers of the schema before fail with");

  CLI::App* fresh = AddVerb(MigrateVerb::kNew, "new",
                            "Write an empty migration, to be filled in by hand");
  fresh->add_option("NAME", request_.name, "What it does: [a-z0-9_]+")->required()->check(name);

  AddVerb(MigrateVerb::kUp, "up", "Apply what is pending");
  AddVerb(MigrateVerb::kDown, "down", "Take back the last migration, or all behind number N")
      ->add_option("N", request_.to, "The number that is to be the last [one step]")
      ->check(CLI::Range(0, kMaxNumber));
  AddVerb(MigrateVerb::kStatus, "status", "Say which migrations are applied and which pending")
      ->add_flag("--check", request_.check, "Exit with 1 unless all are applied");
  AddVerb(MigrateVerb::kPlan, "plan", "Print what `up` would run");
  AddVerb(MigrateVerb::kVerify, "verify",
          "Compare the database with what its history says it should be")
      ->add_flag("--ignore-extra", request_.ignore_extra,
                 "Tables and indexes that others added are as they should be");
  AddVerb(MigrateVerb::kBaseline, "baseline",
          "Adopt a database that was made otherwise: write into its history what is there");
  AddVerb(MigrateVerb::kPush, "push",
          "For development: make the database match the schema, without a history");
}

bool MigrateCommand::parsed() const { return app_ != nullptr && app_->parsed(); }

int MigrateCommand::Run(const Environment& environment, std::ostream& out,
                        std::ostream& errors) const {
  for (const std::unique_ptr<Verb>& verb : verbs_) {
    if (!verb->app->parsed()) continue;
    MigrateRequest request = request_;
    request.verb = verb->verb;
    Result<Config> config = verb->flags.Load(environment);
    if (!config.ok()) {
      PrintStatus(config.status(), errors);
      return 1;
    }
    ApplyLogLevel(*config);
    if (lock_timeout_seconds_ >= 0) {
      config->migrate_lock_timeout = std::chrono::seconds(lock_timeout_seconds_);
    }
    if (const Result<migrate::Renames> renames = ParseRenames(request.renames); !renames.ok()) {
      PrintStatus(renames.status(), errors);
      return kUsage;
    }
    return Writes(request.verb) ? WriteMigrations(request, *config, out, errors)
                                : MigrateDatabases(request, *config, out, errors);
  }
  return kUsage;
}

}  // namespace storegate::cmd
