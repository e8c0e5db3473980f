// storegate: one binary, a subcommand for each thing it does. Exit codes: 0, 1
// when configuration, schema or database are wrong, 2 for a wrong command line.
#include <csignal>
#include <functional>
#include <iostream>

#include <CLI/CLI.hpp>

#include "server/base/log.h"
#include "server/cmd/command_line.h"
#include "server/cmd/gateway.h"
#include "server/cmd/init.h"
#include "server/cmd/migrate_command.h"
#include "server/cmd/schema_check.h"
#include "server/cmd/schema_command.h"
#include "server/cmd/schema_explain.h"
#include "server/cmd/schema_export.h"
#include "server/cmd/schema_pull.h"
#include "server/cmd/seed.h"
#include "server/cmd/serve.h"
#include "server/cmd/version.h"

namespace storegate::cmd {
namespace {

constexpr int kUsage = 2;

// Runs `command` with the configuration, or says what is wrong with it.
int With(const Result<Config>& config, const std::function<int(const Config&)>& command) {
  if (!config.ok()) {
    PrintStatus(config.status(), std::cerr);
    return 1;
  }
  return command(*config);
}
int With(const ConfigFlags& flags, const std::function<int(const Config&)>& command) {
  return With(flags.Load(ProcessEnvironment()), command);
}

int ServeEphemeral(const ConfigFlags& flags, const std::string& seed) {
  if (seed == "-") {
    std::cerr << "storegate: --seed: must be a file; standard input says when to end\n";
    return kUsage;
  }
  return With(flags.LoadEphemeral(ProcessEnvironment()), [&seed](Config config) {
    config.seed = seed;
    return Serve(config);
  });
}

int Main(int argc, char** argv) {
  CLI::App app("A gateway that serves typed stores, described in .proto files, over gRPC.",
               "storegate");
  app.require_subcommand(1);

  ConfigFlags serve_flags;
  CLI::App* serve = app.add_subcommand("serve", "Serve the stores of a schema");
  serve_flags.AddTo(serve, ConfigFlags::Which::kAll);
  std::string ephemeral_seed;
  const std::string ephemeral_help =
      "For a test suite: in memory, on a free port, which is said as a line of JSON; with "
      "storegate.v1.Testing/Reset, until its standard input, if a pipe, is closed";
  CLI::Option* ephemeral = serve->add_flag("--ephemeral", ephemeral_help);
  serve->add_option("--seed", ephemeral_seed, "What it begins with, as for `storegate seed`")
      ->type_name("FILE")
      ->needs(ephemeral);
  for (const char* other : {"--database", "--route", "--migration-url", "--create-tables",
                            "--migrations", "--migrate"}) {
    ephemeral->excludes(serve->get_option(other));
  }

  ConfigFlags seed_flags;
  std::string seed_path;
  CLI::App* seed = app.add_subcommand(
      "seed", "Load records from JSON lines: {\"entity\": NAME, \"record\": {…}}");
  seed->add_option("FILE", seed_path, "The file; - for stdin")->required();
  seed_flags.AddTo(seed, ConfigFlags::Which::kAll);

  CLI::App* schema = app.add_subcommand("schema", "Look at a schema without serving it");
  schema->require_subcommand(1);
  ConfigFlags check_flags;
  CLI::App* check = schema->add_subcommand("check", "Report every mistake in a schema");
  CheckOptions check_options;
  CLI::Option* against =
      check->add_option("--against", check_options.against,
                        "Also what breaks for callers and for rows since this schema: a folder of "
                        "protos, a descriptor set, a .textproto, or a database's URL")
          ->type_name("FILE|URL");
  check->add_flag("--json", check_options.json, "Print what breaks as JSON")->needs(against);
  check->add_option("--allow", check_options.allow, "A kind that may break; may be repeated")
      ->type_name("api|data")
      ->check(CLI::IsMember({"api", "data"}))
      ->needs(against);
  check_flags.AddTo(check, ConfigFlags::Which::kSchema);
  CLI::App* pull = schema->add_subcommand("pull", "Write protos for a database that is there");
  PullOptions pull_options;
  pull->add_option("URL", pull_options.url, "The database")->required();
  pull->add_option("--package", pull_options.package, "Of the protos [data.v1]")
      ->type_name("NAME");
  pull->add_option("--out", pull_options.folder, "Where they are written [proto]")
      ->type_name("DIR");
  pull->add_flag("--json", pull_options.json, "Say as JSON what was written and left out");
  ConfigFlags ddl_flags;
  std::string dialect = "sqlite";
  CLI::App* ddl = schema->add_subcommand("ddl", "Print the statements that make its tables");
  ddl->add_option("--dialect", dialect, "The database to write for [sqlite]")->type_name("NAME");
  ddl_flags.AddTo(ddl, ConfigFlags::Which::kSchema);
  CLI::App* explain =
      schema->add_subcommand("explain", "List its queries and the index that serves each");
  ConfigFlags explain_flags;
  ExplainOptions explain_options;
  explain
      ->add_option("--dialect", explain_options.dialects,
                   "A kind of database; may be repeated [all]")
      ->type_name("NAME");
  explain->add_flag("--json", explain_options.json, "Print them as JSON");
  explain->add_flag("--require-index", explain_options.require_index,
                    "Exit with 1 when a query reads all records for want of an index");
  explain_flags.AddTo(explain, ConfigFlags::Which::kSchema);

  CLI::App* export_schema =
      schema->add_subcommand("export", "Write it as a descriptor set, for other programs");
  ConfigFlags export_flags;
  ExportOptions export_options;
  CLI::Option* export_file =
      export_schema->add_option("--out", export_options.file, "The file; - for stdout [-]")
          ->type_name("FILE");
  export_schema
      ->add_option("--imports", export_options.imports,
                   "Instead write the .proto files that a schema imports, storegate/v1/ and "
                   "google/rpc/, for protoc and buf")
      ->type_name("DIR")
      ->excludes(export_file);
  export_flags.AddTo(export_schema, ConfigFlags::Which::kSchema);

  std::string project;
  CLI::App* init = app.add_subcommand("init", "Write a small project to begin with");
  init->add_option("NAME", project, "Its folder and proto package")->required();

  MigrateCommand migrate;
  migrate.AddTo(&app);

  CLI::App* version = app.add_subcommand("version", "Print the version");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }

  if (version->parsed()) {
    std::cout << "storegate " << Version() << std::endl;
    return 0;
  }
  if (migrate.parsed()) return migrate.Run(ProcessEnvironment(), std::cout, std::cerr);
  if (check->parsed()) {
    return With(check_flags, [&check_options](const Config& config) {
      return check_options.against.empty()
                 ? CheckSchema(config, std::cout, std::cerr)
                 : CheckAgainst(config, check_options, std::cout, std::cerr);
    });
  }
  if (pull->parsed()) return PullSchema(pull_options, std::cout, std::cerr);
  if (ddl->parsed()) {
    return With(ddl_flags, [&dialect](const Config& config) {
      return PrintDdl(config, dialect, std::cout, std::cerr);
    });
  }
  if (init->parsed()) return InitProject(project, std::cout, std::cerr);
  if (export_schema->parsed()) {
    return With(export_flags, [&export_options](const Config& config) {
      return ExportSchema(config, export_options, std::cout, std::cerr);
    });
  }
  if (explain->parsed()) {
    return With(explain_flags, [&explain_options](const Config& config) {
      return ExplainSchema(config, explain_options, std::cout, std::cerr);
    });
  }
  if (seed->parsed()) {
    return With(seed_flags,
                [&seed_path](const Config& config) { return Seed(config, seed_path); });
  }
  HoldSignals();
  if (ephemeral->count() > 0) return ServeEphemeral(serve_flags, ephemeral_seed);
  return With(serve_flags, [](const Config& config) { return Serve(config); });
}

}  // namespace
}  // namespace storegate::cmd

int main(int argc, char** argv) {
  storegate::CaptureProtobufLogs();
  // A client that is gone must be an error of its connection, not the end.
  std::signal(SIGPIPE, SIG_IGN);
  // Likewise a file that may not grow (ulimit -f): the database is full then.
  std::signal(SIGXFSZ, SIG_IGN);
  return storegate::cmd::Main(argc, argv);
}
