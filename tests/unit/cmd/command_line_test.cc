// From the words of a command line to the configuration.
#include "server/cmd/command_line.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/cmd/config_keys.h"

namespace storegate::cmd {
namespace {

using ::testing::HasSubstr;

Result<Config> Parse(std::vector<std::string> words, const Environment& environment = {}) {
  CLI::App app;
  ConfigFlags flags;
  flags.AddTo(&app, ConfigFlags::Which::kAll);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  app.parse(words);
  return flags.Load(environment);
}

TEST(CommandLine, FlagsSetKeys) {
  Result<Config> config = Parse({"--listen", "127.0.0.1:1", "--create-tables", "--proto=x",
                                 "--limits-max-batch", "7", "--insecure=false"});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->Listen(), "127.0.0.1:1");
  EXPECT_TRUE(config->create_tables);
  EXPECT_EQ(config->proto_dir, "x");
  EXPECT_EQ(config->service.max_batch, 7u);
  EXPECT_FALSE(config->insecure);
}

TEST(CommandLine, ADatabaseWithoutANameIsMain) {
  Result<Config> config =
      Parse({"--database", "sqlite:a=b.db", "--database", "notes=sqlite:c=d.db", "--route",
             "x.v1.NoteStore=notes"});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->databases, (std::map<std::string, std::string>{
                                   {"main", "sqlite:a=b.db"}, {"notes", "sqlite:c=d.db"}}));
  EXPECT_EQ(config->routes.at("x.v1.NoteStore"), "notes");
}

TEST(CommandLine, MigrationsHaveAUrlByDatabase) {
  Result<Config> config = Parse({"--database", "postgresql://a/x", "--migration-url",
                                 "postgresql://b/x", "--migrations=m", "--migrate", "off"});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->migration_urls.at("main"), "postgresql://b/x");
  EXPECT_EQ(config->migrations, "m");
  EXPECT_EQ(config->migrate, Config::Migrate::kOff);
}

TEST(CommandLine, MistakesNameTheFlag) {
  for (auto [words, expected] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--limits-max-batch", "0"}, "flag --limits-max-batch"},
           {{"--insecure=maybe"}, "flag --insecure"},
           {{"--route", "x.v1.NoteStore"}, "flag --route"},
           {{"--database", "a=sqlite:x", "--database", "a=sqlite:y"}, "given twice"},
       }) {
    Result<Config> config = Parse(words);
    ASSERT_FALSE(config.ok()) << expected;
    EXPECT_THAT(config.status().violations().at(0).description, HasSubstr(expected));
  }
}

TEST(CommandLine, TheFileOfTheFlagWinsOverThatOfTheEnvironment) {
  std::string path = ::testing::TempDir() + "command_line_" + std::to_string(getpid()) + ".yaml";
  std::ofstream(path) << "log_level: error\n";
  Result<Config> config = Parse({"--config", path}, {{"STOREGATE_CONFIG", "no/such.yaml"}});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->log_level, "error");
  config = Parse({}, {{"STOREGATE_CONFIG", path}});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->log_level, "error");
  std::remove(path.c_str());
}

TEST(CommandLine, TheFileOfTheWorkingDirectoryCountsWhereNoneIsNamed) {
  namespace fs = std::filesystem;
  const fs::path before = fs::current_path();
  const fs::path folder =
      fs::path(::testing::TempDir()) / ("command_line_" + std::to_string(getpid()));
  fs::create_directories(folder);
  fs::current_path(folder);
  EXPECT_EQ(Parse({})->log_level, "info");
  std::ofstream("storegate.yaml") << "log_level: error\n";
  std::ofstream("other.yaml") << "log_level: warn\n";
  EXPECT_EQ(Parse({})->log_level, "error");
  EXPECT_EQ(Parse({}, {{"STOREGATE_CONFIG", ""}})->log_level, "error");
  EXPECT_EQ(Parse({}, {{"STOREGATE_CONFIG", "other.yaml"}})->log_level, "warn");
  EXPECT_EQ(Parse({"--config", "other.yaml"})->log_level, "warn");
  std::ofstream("storegate.yaml") << "log_level: loud\n";
  EXPECT_THAT(Parse({}).status().violations().at(0).description, HasSubstr("storegate.yaml:1"));
  fs::current_path(before);
  fs::remove_all(folder);
}

TEST(CommandLine, AnEphemeralServerHasNoDatabaseOfOthers) {
  const auto parse = [](const std::vector<std::string>& words, const Environment& environment) {
    CLI::App app;
    ConfigFlags flags;
    flags.AddTo(&app, ConfigFlags::Which::kAll);
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
    return *flags.LoadEphemeral(environment);
  };
  const Environment environment = {{"DATABASE_URL", "postgresql://x/y"},
                                   {"STOREGATE_ROUTES", "a.v1.XStore=nowhere"},
                                   {"STOREGATE_LISTEN", "127.0.0.1:1"},
                                   {"STOREGATE_MIGRATION_URLS_MAIN", "postgresql://x/z"},
                                   {"STOREGATE_LIMITS_MAX_BATCH", "7"}};
  Config config = parse({}, environment);
  EXPECT_TRUE(config.ephemeral);
  EXPECT_EQ(config.databases, (std::map<std::string, std::string>{{"main", "sqlite::memory:"}}));
  EXPECT_TRUE(config.routes.empty() && config.migration_urls.empty());
  EXPECT_EQ(config.Listen(), "127.0.0.1:0");
  EXPECT_EQ(config.service.max_batch, 7u);
  EXPECT_EQ(parse({"--listen", "127.0.0.1:7"}, environment).Listen(), "127.0.0.1:7");
}

TEST(CommandLine, HelpHasEveryKeyWithItsText) {
  CLI::App app;
  ConfigFlags flags;
  flags.AddTo(&app, ConfigFlags::Which::kAll);
  for (const ConfigKey& key : ConfigKeys()) {
    CLI::Option* option = app.get_option(key.FlagName());
    EXPECT_THAT(option->get_description(), HasSubstr(key.help)) << key.name;
  }
}

}  // namespace
}  // namespace storegate::cmd
