// Where a configuration's values come from, and what each mistake is answered
// with.
#include "server/cmd/config.h"

#include <cstdio>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/cmd/config_keys.h"

namespace storegate::cmd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConfigTest : public ::testing::Test {
 protected:
  ~ConfigTest() override { std::remove(path_.c_str()); }

  // Writes the file that Load reads.
  void File(const std::string& text) { std::ofstream(path_) << text, has_file_ = true; }

  Result<Config> Load(const Flags& flags = {}, const Environment& environment = {}) {
    return LoadConfig(has_file_ ? path_ : "", flags, environment);
  }

  // "key | description" of each mistake, a line each.
  std::string Mistakes(const Flags& flags = {}, const Environment& environment = {}) {
    Result<Config> config = Load(flags, environment);
    if (config.ok()) return "none";
    EXPECT_EQ(config.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(config.status().reason(), "INVALID_CONFIG");
    std::string out;
    for (const Violation& violation : config.status().violations()) {
      out += violation.field + " | " + violation.description + "\n";
    }
    return out;
  }

  const std::string path_ =
      ::testing::TempDir() + "config_test_" + std::to_string(getpid()) + ".yaml";
  bool has_file_ = false;
};

TEST_F(ConfigTest, NothingConfiguredIsOneSqliteFileOnLoopback) {
  Result<Config> config = Load();
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->databases,
            (std::map<std::string, std::string>{{"main", "sqlite:storegate.db"}}));
  EXPECT_EQ(config->Listen(), "127.0.0.1:7600");
}

TEST_F(ConfigTest, TheFileSetsEveryKindOfKey) {
  File(
      "listen: '[::1]:0'\n"
      "log_level: debug\n"
      "slow_query_ms: 250\n"
      "unindexed_queries: refuse\n"
      "create_tables: true\n"
      "limits:\n"
      "  max_batch: 10\n"
      "  max_request_bytes: 2048\n"
      "databases: {main: 'sqlite:a.db', notes: 'sqlite:/b.db'}\n"
      "routes: {library.v1.NoteStore: notes}\n");
  Result<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->rpc.host, "::1");
  EXPECT_EQ(config->rpc.port, 0);
  EXPECT_EQ(config->Listen(), "[::1]:0");
  EXPECT_EQ(config->log_level, "debug");
  EXPECT_EQ(config->slow_query.count(), 250);
  EXPECT_EQ(config->service.unindexed_queries, service::Options::Unindexed::kRefuse);
  EXPECT_TRUE(config->create_tables);
  EXPECT_EQ(config->service.max_batch, 10u);
  EXPECT_EQ(config->rpc.max_request_bytes, 2048u);
  EXPECT_EQ(config->databases.at("notes"), "sqlite:/b.db");
  EXPECT_EQ(config->routes.at("library.v1.NoteStore"), "notes");
}

TEST_F(ConfigTest, AnEmptyFileSetsNothing) {
  File("# nothing yet\n");
  EXPECT_TRUE(Load().ok());
}

TEST_F(ConfigTest, TheEnvironmentWinsOverTheFileAndFlagsOverBoth) {
  File("log_level: debug\nslow_query_ms: 1\nlimits: {max_batch: 1}\n");
  Result<Config> config =
      Load({{"log_level", "error"}},
           {{"STOREGATE_LOG_LEVEL", "warn"}, {"STOREGATE_LIMITS_MAX_BATCH", "2"}});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->log_level, "error");
  EXPECT_EQ(config->service.max_batch, 2u);
  EXPECT_EQ(config->slow_query.count(), 1);
}

TEST_F(ConfigTest, DatabasesComeFromFourPlaces) {
  File("databases: {main: 'sqlite:file.db', archive: 'sqlite:archive.db'}\n");
  Result<Config> config = Load({{"databases.archive", "sqlite:flag.db"}},
                               {{"DATABASE_URL", "sqlite:env.db"},
                                {"MONGODB_URI", "mongodb://localhost/x"},
                                {"STOREGATE_DATABASES_NOTES", "sqlite:notes.db"}});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->databases, (std::map<std::string, std::string>{
                                   {"main", "sqlite:env.db"},
                                   {"mongo", "mongodb://localhost/x"},
                                   {"notes", "sqlite:notes.db"},
                                   {"archive", "sqlite:flag.db"}}));
}

TEST_F(ConfigTest, RoutesComeFromTheEnvironmentToo) {
  Result<Config> config =
      Load({{"databases.a", "sqlite:a.db"}, {"databases.b", "sqlite:b.db"}},
           {{"STOREGATE_ROUTES", "x.v1.OneStore=a,x.v1.TwoStore=b"}});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->routes.at("x.v1.OneStore"), "a");
  EXPECT_EQ(config->routes.at("x.v1.TwoStore"), "b");
}

TEST_F(ConfigTest, AnEmptyVariableCountsAsNotSet) {
  Result<Config> config = Load({}, {{"DATABASE_URL", ""}, {"STOREGATE_LISTEN", ""}});
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->databases.at("main"), "sqlite:storegate.db");
}

TEST_F(ConfigTest, VariablesThatKubernetesAddsAreNotOurs) {
  EXPECT_EQ(Mistakes({}, {{"STOREGATE_SERVICE_HOST", "10.0.0.1"},
                          {"STOREGATE_SERVICE_PORT", "7600"},
                          {"STOREGATE_PORT", "tcp://10.0.0.1:7600"},
                          {"STOREGATE_PORT_7600_TCP_ADDR", "10.0.0.1"}}),
            "none");
}

TEST_F(ConfigTest, AnUnknownKeyIsNamedWithItsLineAndTheKnownOnes) {
  File("listen: 127.0.0.1:1\nlisten_on: 127.0.0.1:2\n");
  EXPECT_THAT(Mistakes(), AllOf(HasSubstr("listen_on | " + path_ + ":2: unknown key"),
                                HasSubstr("listen, "), HasSubstr("databases, routes")));
}

TEST_F(ConfigTest, AnUnknownNestedKeyIsToldItsNeighbours) {
  File("limits:\n  max_bath: 3\n");
  EXPECT_THAT(Mistakes(), AllOf(HasSubstr("limits.max_bath | " + path_ + ":2: unknown key"),
                                HasSubstr("limits.max_batch"), Not(HasSubstr("log_level"))));
}

TEST_F(ConfigTest, AnUnknownVariableIsNamed) {
  EXPECT_THAT(Mistakes({}, {{"STOREGATE_LISTN", "x"}, {"OTHER", "y"}}),
              AllOf(HasSubstr("STOREGATE_LISTN | environment variable STOREGATE_LISTN: unknown"),
                    HasSubstr("STOREGATE_LISTEN"), Not(HasSubstr("OTHER"))));
}

TEST_F(ConfigTest, AKeyTwiceNamesBothPlaces) {
  File("log_level: info\nlisten: 127.0.0.1:1\nlog_level: warn\n");
  EXPECT_THAT(Mistakes(), HasSubstr("log_level | " + path_ + ":3: given twice; first at " + path_ +
                                    ":1"));
}

TEST_F(ConfigTest, AFlagTwiceIsAMistake) {
  EXPECT_THAT(Mistakes({{"databases.main", "sqlite:a"}, {"databases.main", "sqlite:b"}}),
              HasSubstr("databases.main | flag --database: given twice"));
}

TEST_F(ConfigTest, TwoVariablesForOneDatabaseMustAgree) {
  EXPECT_THAT(
      Mistakes({}, {{"DATABASE_URL", "sqlite:a"}, {"STOREGATE_DATABASES_MAIN", "sqlite:b"}}),
      AllOf(HasSubstr("databases.main"), HasSubstr("DATABASE_URL gives it another value")));
  EXPECT_EQ(Mistakes({}, {{"DATABASE_URL", "sqlite:a"}, {"STOREGATE_DATABASES_MAIN", "sqlite:a"}}),
            "none");
}

TEST_F(ConfigTest, AllMistakesAreReportedAtOnce) {
  File("log_level: loud\nfoo: 1\n");
  std::string mistakes = Mistakes({{"limits.max_batch", "0"}}, {{"STOREGATE_SLOW_QUERY_MS", "x"}});
  EXPECT_THAT(mistakes, AllOf(HasSubstr("log_level"), HasSubstr("foo"),
                              HasSubstr("limits.max_batch"), HasSubstr("slow_query_ms")));
}

TEST_F(ConfigTest, WhatIsNotAMapOfScalarsIsRefused) {
  for (auto [text, expected] : std::vector<std::pair<std::string, std::string>>{
           {"- a\n- b\n", "must be a map"},
           {"just text\n", "must be a map"},
           {"listen: [a, b]\n", "must be one value, not a list"},
           {"listen:\n", "has no value"},
           {"listen: {a: {b: {c: {d: {e: {f: {g: {h: {i: 1}}}}}}}}}\n", "nested too deep"},
           {"? [a]\n: 1\n", "a key must be a plain name"},
           {"listen: {a: 1\n", "not YAML"},
           {"a: 1\n---\nb: 2\n", "several YAML documents"},
           {"databases: sqlite:x\n", "databases | "},
           {"limits: 3\n", "limits | "},
       }) {
    File(text);
    EXPECT_THAT(Mistakes(), HasSubstr(expected)) << text;
  }
}

TEST_F(ConfigTest, AFileThatCannotBeReadIsNamed) {
  for (const std::string& path : {std::string("no/such.yaml"), ::testing::TempDir()}) {
    Result<Config> config = LoadConfig(path, {}, {});
    ASSERT_FALSE(config.ok()) << path;
    EXPECT_EQ(config.status().reason(), "CONFIG_NOT_FOUND");
    EXPECT_THAT(config.status().message(), HasSubstr(path));
  }
}

TEST_F(ConfigTest, EachWrongValueNamesKeySourceRuleAndWhatWasGiven) {
  for (auto [key, value, rule] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"listen", "7600", "HOST:PORT"},
           {"listen", ":7600", "HOST:PORT"},
           {"listen", "127.0.0.1:", "HOST:PORT"},
           {"listen", "127.0.0.1:65536", "HOST:PORT"},
           {"listen", "127.0.0.1:-1", "HOST:PORT"},
           {"listen", "::1:7600", "HOST:PORT"},
           {"listen", "[]:7600", "HOST:PORT"},
           {"listen", "a b:7600", "HOST:PORT"},
           {"log_level", "INFO", "debug, info, warn or error"},
           {"unindexed_queries", "warn", "allow or refuse"},
           {"create_tables", "yes", "true or false"},
           {"insecure", "1", "true or false"},
           {"slow_query_ms", "0", "a whole number from 1 to"},
           {"slow_query_ms", "1.5", "a whole number"},
           {"slow_query_ms", "1s", "a whole number"},
           {"slow_query_ms", "99999999999999999999", "a whole number"},
           {"slow_query_ms", "", "a whole number"},
           {"limits.max_batch", " 5", "a whole number"},
           {"limits.max_connections", "-5", "a whole number"},
           {"proto", "", "a directory"},
       }) {
    EXPECT_THAT(Mistakes({{key, value}}),
                AllOf(HasSubstr(key + " | flag " + FindConfigKey(key)->FlagName() + ": must be "),
                      HasSubstr(rule), HasSubstr("got \"" + value + "\"")))
        << key << "=" << value;
  }
}

TEST_F(ConfigTest, SecretsAndUrlsAreNotShownInMistakes) {
  EXPECT_THAT(Mistakes({{"page_token_secret", "hunter2"}}),
              AllOf(HasSubstr("at least 16 bytes"), Not(HasSubstr("hunter2"))));
  EXPECT_THAT(Mistakes({{"databases.main", "hunter2"}}),
              AllOf(HasSubstr("databases.main"), Not(HasSubstr("hunter2"))));
}

TEST_F(ConfigTest, NamesOfDatabasesAndStoresAreChecked) {
  EXPECT_THAT(Mistakes({{"databases.Main", "sqlite:a"}}), HasSubstr("got \"Main\""));
  EXPECT_THAT(Mistakes({{"databases.", "sqlite:a"}}), HasSubstr("name of a database"));
  EXPECT_THAT(Mistakes({{"routes.x y", "main"}}), HasSubstr("got \"x y\""));
  EXPECT_THAT(Mistakes({{"routes.x.v1.YStore", "MAIN"}}), HasSubstr("got \"MAIN\""));
  EXPECT_THAT(Mistakes({}, {{"STOREGATE_ROUTES", "x.v1.YStore"}}), HasSubstr("STORE=DATABASE"));
  EXPECT_THAT(Mistakes({}, {{"STOREGATE_ROUTES", "x.Y=main,x.Y=main"}}), HasSubstr("given twice"));
}

TEST_F(ConfigTest, ARouteToAnUnknownDatabaseNamesTheConfiguredOnes) {
  EXPECT_THAT(Mistakes({{"routes.x.v1.YStore", "nowhere"}}),
              AllOf(HasSubstr("routes.x.v1.YStore | flag --route"), HasSubstr("\"nowhere\""),
                    HasSubstr("configured are main")));
}

TEST_F(ConfigTest, PlaintextBeyondLoopbackNeedsInsecure) {
  EXPECT_THAT(Mistakes({{"listen", "0.0.0.0:7600"}}),
              AllOf(HasSubstr("listen | flag --listen"), HasSubstr("--insecure")));
  EXPECT_THAT(Mistakes({{"listen", "[::]:7600"}}), HasSubstr("--insecure"));
  EXPECT_EQ(Mistakes({{"listen", "0.0.0.0:7600"}, {"insecure", "true"}}), "none");
  EXPECT_EQ(Mistakes({{"listen", "localhost:0"}}), "none");
  EXPECT_EQ(Mistakes({{"listen", "127.1.2.3:0"}}), "none");
}

TEST_F(ConfigTest, ProtoAndDescriptorSetExcludeEachOther) {
  EXPECT_THAT(Mistakes({{"proto", "dir"}, {"descriptor_set", "file"}}),
              AllOf(HasSubstr("descriptor_set | flag --descriptor-set"),
                    HasSubstr("proto (flag --proto)")));
  File("proto: dir\ndescriptor_set: file\n");
  EXPECT_THAT(Mistakes(), AllOf(HasSubstr("descriptor_set | " + path_ + ":2"),
                                HasSubstr("proto (" + path_ + ":1)")));
}

TEST_F(ConfigTest, WhatAFlagExcludesDoesNotCountInTheFile) {
  File("proto: dir\nmigrations: there\n");
  Result<Config> config = Load({{"descriptor_set", "file"}, {"create_tables", "true"}});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->descriptor_set, "file");
  EXPECT_EQ(config->proto_dir, "");
  EXPECT_TRUE(config->create_tables);
  EXPECT_EQ(config->migrations, "");
  config = Load({{"migrations", "here"}}, {{"STOREGATE_CREATE_TABLES", "true"}});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_FALSE(config->create_tables);
  EXPECT_EQ(config->migrations, "here");
  EXPECT_EQ(config->proto_dir, "dir");
}

TEST_F(ConfigTest, EveryKeyIsReachedInAllThreeWays) {
  for (const ConfigKey& key : ConfigKeys()) {
    std::string bad = key.secret ? "x" : "";
    EXPECT_THAT(Mistakes({{key.name, bad}}), HasSubstr(key.FlagName())) << key.name;
    const bool path =
        key.name == "proto" || key.name == "descriptor_set" || key.name == "migrations";
    if (!path) {
      EXPECT_THAT(Mistakes({}, {{key.EnvironmentName(), "?"}}), HasSubstr(key.EnvironmentName()));
    }
    File("listen: 127.0.0.1:1\n");
    EXPECT_FALSE(key.allowed.empty()) << key.name;
    EXPECT_FALSE(key.help.empty()) << key.name;
  }
}

TEST(RedactUrl, TakesOutUserPasswordAndQuery) {
  EXPECT_EQ(RedactUrl("sqlite:storegate.db"), "sqlite:storegate.db");
  EXPECT_EQ(RedactUrl("postgresql://me:secret@db:5432/x?password=secret"),
            "postgresql://db:5432/x");
  EXPECT_EQ(RedactUrl("mongodb://me:sec/r?et@a,b:1/x"), "mongodb://a,b:1/x");
  EXPECT_EQ(RedactUrl("mongodb://me:s@cret@a/x"), "mongodb://a/x");
}

TEST_F(ConfigTest, MigrationsAreAppliedAtTheStartUnlessToldOtherwise) {
  Result<Config> config = Load();
  ASSERT_TRUE(config.ok());
  EXPECT_EQ(config->migrate, Config::Migrate::kUp);
  EXPECT_EQ(config->migrations, "");
  EXPECT_EQ(config->migrate_lock_timeout.count(), 300000);
  config = Load({{"migrate", "check"}, {"migrations", "m"}, {"migrate_lock_timeout_ms", "0"}});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->migrate, Config::Migrate::kCheck);
  EXPECT_EQ(config->migrations, "m");
  EXPECT_EQ(config->migrate_lock_timeout.count(), 0);
  EXPECT_EQ(Load({{"migrate", "off"}})->migrate, Config::Migrate::kOff);
  EXPECT_THAT(Mistakes({{"migrate", "yes"}}), HasSubstr("up, check or off"));
  EXPECT_THAT(Mistakes({{"migrations", "m"}, {"create_tables", "true"}}),
              AllOf(HasSubstr("create_tables"), HasSubstr("together")));
}

TEST_F(ConfigTest, MigrationsHaveUrlsOfTheirOwn) {
  File("databases: {main: 'postgresql://pooler/x', notes: 'sqlite:n.db'}\n"
       "migration_urls: {main: 'postgresql://direct/x'}\n");
  Result<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->migration_urls.at("main"), "postgresql://direct/x");
  config = Load({}, {{"STOREGATE_MIGRATION_URLS_MAIN", "postgresql://other/x"}});
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->migration_urls.at("main"), "postgresql://other/x");
  EXPECT_THAT(Mistakes({{"migration_urls.more", "postgresql://secret@x/y"}}),
              AllOf(HasSubstr("migration_urls.more"), HasSubstr("main, notes"),
                    Not(HasSubstr("secret"))));
  EXPECT_THAT(Mistakes({{"migration_urls.main", "secret"}}),
              AllOf(HasSubstr("no scheme"), Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace storegate::cmd
