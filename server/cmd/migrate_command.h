// `storegate migrate …`: writes migrations, applies them, says what there is.
#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "server/base/status.h"
#include "server/cmd/command_line.h"
#include "server/cmd/config.h"
#include "server/migrate/change.h"

namespace CLI {
class App;
}

namespace storegate::cmd {

enum class MigrateVerb {
  kGenerate,
  kNew,
  kUp,
  kDown,
  kStatus,
  kPlan,
  kVerify,
  kBaseline,
  kPush,
};

// What the command line says beside the configuration.
struct MigrateRequest {
  MigrateVerb verb = MigrateVerb::kStatus;
  std::string name;      // generate, new
  int to = -1;           // up, plan: 0 or less is all; down: below 0 is one step
  std::string database;  // --database-name; "" for all that something lives in
  bool json = false;
  bool check = false;         // status
  bool ignore_extra = false;  // verify
  bool allow_data_loss = false;
  bool allow_breaking = false;
  std::vector<std::string> renames;
};

// "books.title=name" and "books=volumes", a column's table by either name. INVALID_ARGUMENT,
// reason INVALID_RENAME, naming what is neither, or said twice.
Result<migrate::Renames> ParseRenames(const std::vector<std::string>& renames);

// Whether the name of a migration: lower case letters, digits and _, at most 100.
bool IsMigrationName(std::string_view name);

// The subcommand and those below it.
class MigrateCommand {
 public:
  // `app` outlives this, which does not move from then on.
  void AddTo(CLI::App* app);

  // REQUIRES: parsed. Runs what was asked for: reports go to `out`, as one JSON document
  // with --json; mistakes and progress to `errors`. Exit codes: 0; 1 when something is
  // wrong, drift was found, or, with --check, something is pending; 2 for a wrong command
  // line.
  bool parsed() const;
  int Run(const Environment& environment, std::ostream& out, std::ostream& errors) const;

 private:
  struct Verb {
    MigrateVerb verb;
    CLI::App* app;
    ConfigFlags flags;
  };
  CLI::App* AddVerb(MigrateVerb verb, const std::string& name, const std::string& help);

  CLI::App* app_ = nullptr;
  std::vector<std::unique_ptr<Verb>> verbs_;
  MigrateRequest request_;
  int lock_timeout_seconds_ = -1;
};

// Of generate and new; of the others. Exit codes as Run.
int WriteMigrations(const MigrateRequest& request, const Config& config, std::ostream& out,
                    std::ostream& errors);
int MigrateDatabases(const MigrateRequest& request, const Config& config, std::ostream& out,
                     std::ostream& errors);

}  // namespace storegate::cmd
