// What `storegate migrate` reads and writes without a database: its command line, folders
// of migrations, snapshots.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "server/cmd/migrate_command.h"
#include "server/cmd/migrate_output.h"
#include "server/cmd/migration_source.h"
#include "server/cmd/migration_texts.h"
#include "server/cmd/migration_writer.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmd/library_schema.h"

namespace storegate::cmd {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void Write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
}

struct Ended {
  int code;
  std::string out, errors;
};

Ended RunMigrate(std::vector<std::string> words, const Environment& environment = {}) {
  CLI::App app;
  MigrateCommand migrate;
  migrate.AddTo(&app);
  words.insert(words.begin(), "migrate");
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return {2, "", error.what()};
  }
  std::ostringstream out, errors;
  const int code = migrate.Run(environment, out, errors);
  return {code, out.str(), errors.str()};
}

TEST(Renames, NameTablesAndColumns) {
  Result<migrate::Renames> renames = ParseRenames({"books.title=name", "books=volumes"});
  ASSERT_TRUE(renames.ok()) << renames.status().ToString();
  EXPECT_THAT(renames->tables, ElementsAre(Pair("books", "volumes")));
  // By the table's name afterwards, whichever was said.
  EXPECT_THAT(renames->columns, ElementsAre(Pair(Pair("volumes", "title"), "name")));
}

TEST(Renames, ThatSayNothingOrTwiceAreRefused) {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {"books"}, {"=x"}, {"books="}, {".a=b"}, {"a.=b"}, {"a.b.c=d"}, {"a=b.c"}, {"a=b=c"},
           {"a.b=b"}, {"a=a"}, {"a=b", "a=c"}, {"a.b=c", "a.b=d"}}) {
    Result<migrate::Renames> renames = ParseRenames(wrong);
    ASSERT_FALSE(renames.ok()) << wrong[0];
    EXPECT_EQ(renames.status().reason(), "INVALID_RENAME");
    EXPECT_THAT(renames.status().message(), HasSubstr(wrong.back()));
  }
}

TEST(MigrateCommandLine, MistakesAreOfUsage) {
  for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
           {}, {"sideways"}, {"generate"}, {"generate", "Add"}, {"generate", "a-b"},
           {"generate", "../x"}, {"generate", ""}, {"generate", std::string(101, 'a')},
           {"new"}, {"up", "--to", "0"}, {"up", "--to", "x"}, {"down", "-1"},
           {"up", "--lock-timeout", "-1"}, {"status", "--rename", "a=b"},
           {"generate", "a", "--rename", "books"}, {"up", "extra"}}) {
    EXPECT_EQ(RunMigrate(wrong).code, 2) << ::testing::PrintToString(wrong);
  }
}

TEST(MigrateCommandLine, ADatabaseThatIsNotConfiguredIsNamed) {
  const Ended ended = RunMigrate({"status", "--database-name", "other"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.errors, AllOf(HasSubstr("other"), HasSubstr("main")));
}

TEST(MigrateCommandLine, AnErrorIsJsonToo) {
  const Ended ended = RunMigrate({"status", "--database-name", "\"\n", "--json"});
  EXPECT_EQ(ended.code, 1);
  const auto document = nlohmann::json::parse(ended.out);
  EXPECT_EQ(document["error"]["reason"], "INVALID_CONFIG");
  EXPECT_EQ(document["error"]["code"], "INVALID_ARGUMENT");
}

TEST(MigrationFiles, AreAllWrittenOrNone) {
  test::TempDir dir;
  const std::string a = dir.path() / "new" / "a", b = dir.path() / "b", c = dir.path() / "c";
  Write(b, "there");
  Status status = WriteFiles({{a, "A"}, {b, "B"}, {c, "C", true}});
  EXPECT_EQ(status.reason(), "FILE_EXISTS");
  EXPECT_THAT(status.message(), HasSubstr(b));
  EXPECT_EQ(Read(b), "there");
  EXPECT_FALSE(fs::exists(a));
  EXPECT_FALSE(fs::exists(c));
  EXPECT_TRUE(fs::is_empty(dir.path() / "new"));

  Write(c, "old");
  ASSERT_TRUE(WriteFiles({{a, "A"}, {c, "C", true}}).ok());
  EXPECT_EQ(Read(a), "A");
  EXPECT_EQ(Read(c), "C");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 3);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path() / "new"), {}), 1);
}

// As one leaves them that is killed: no process has this number.
std::string AsideOf(const fs::path& path) {
  return (path.parent_path() / ("." + path.filename().string() + ".999999999.new")).string();
}

TEST(MigrationFiles, WhatWasCutShortIsTakenBack) {
  test::TempDir dir;
  const fs::path a = dir.path() / "a", b = dir.path() / "b", snapshot = dir.path() / "snapshot";
  Write(snapshot, "old");
  for (const fs::path& path : {a, b, snapshot}) Write(AsideOf(path), "new");
  fs::create_hard_link(AsideOf(a), a);
  Write(dir.path() / "mine", "mine");
  Write(dir.path() / ".mine.1.new", "of one that runs");
  EXPECT_THAT(TakeBackUnfinished({dir.path().string(), "/nowhere"}), ElementsAre(a.string()));
  EXPECT_FALSE(fs::exists(a));
  EXPECT_EQ(Read(snapshot), "old");
  EXPECT_EQ(Read(dir.path() / "mine"), "mine");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 3);
}

TEST(MigrationFiles, WhatWasEndedStaysThoughItWasNotTidiedUp) {
  test::TempDir dir;
  const fs::path a = dir.path() / "a", snapshot = dir.path() / "snapshot";
  Write(snapshot, "new");
  Write(AsideOf(a), "new");
  fs::create_hard_link(AsideOf(a), a);
  EXPECT_THAT(TakeBackUnfinished({dir.path().string()}), ::testing::IsEmpty());
  EXPECT_EQ(Read(a), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 2);
}

TEST(MigrationFiles, AFolderThatCannotBeMadeIsNamed) {
  test::TempDir dir;
  Write(dir.path() / "file", "");
  Status status = WriteFiles({{dir.path() / "file" / "a", "A"}});
  EXPECT_EQ(status.reason(), "CANNOT_WRITE");
  EXPECT_THAT(status.message(), HasSubstr("file/a"));
}

TEST(MigrationSource, ReadsAFolderByKindOfDatabase) {
  test::TempDir dir;
  MigrationSource source{MigrationSource::Kind::kFolder, dir.path()};
  const BackendKind& sqlite = *FindBackendKind("sqlite:x");
  Result<std::vector<migrate::Migration>> migrations = ReadMigrations(source, sqlite);
  ASSERT_TRUE(migrations.ok());
  EXPECT_TRUE(migrations->empty());

  Write(dir.path() / "sqlite" / "0002_b.up.sql", "SELECT 2;");
  Write(dir.path() / "sqlite" / "0001_a.up.sql", "SELECT 1;");
  Write(dir.path() / "sqlite" / "0001_a.down.sql", "SELECT 0;");
  Write(dir.path() / "sqlite" / "README.md", "not one");
  Write(dir.path() / "sqlite" / ".0003_c.up.sql", "hidden");
  Write(dir.path() / "postgres" / "0007_z.up.sql", "SELECT 7;");
  migrations = ReadMigrations(source, sqlite);
  ASSERT_TRUE(migrations.ok()) << migrations.status().ToString();
  ASSERT_EQ(migrations->size(), 2u);
  EXPECT_EQ((*migrations)[0].name, "0001_a");
  EXPECT_EQ((*migrations)[0].down, "SELECT 0;");
  EXPECT_EQ((*migrations)[1].up, "SELECT 2;");

  Write(dir.path() / "sqlite" / "3.sql", "");
  EXPECT_EQ(ReadMigrations(source, sqlite).status().reason(), "INVALID_MIGRATION");
}

TEST(MigrationSource, AFolderThatWasNamedMustBeThere) {
  Config config;
  config.migrations = "no/such/folder";
  Result<MigrationSource> source = FindMigrations(config, *LibrarySchema());
  EXPECT_EQ(source.status().reason(), "MIGRATIONS_NOT_FOUND");
}

TEST(Snapshot, IsReadBackAsTheSameSchema) {
  test::TempDir dir;
  const auto schema = LibrarySchema();
  const std::string text = SnapshotText(*schema);
  EXPECT_THAT(text, HasSubstr("[storegate.v1.field]"));
  Write(dir.path() / kSnapshotFile, text);
  Result<std::unique_ptr<const schema::Schema>> read = ReadSnapshotSchema(dir.path());
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  ASSERT_NE(*read, nullptr);
  EXPECT_EQ((*read)->entities.size(), schema->entities.size());
  EXPECT_EQ(SnapshotText(**read), text);
}

TEST(Snapshot, MistakesAreNamedByFileAndLine) {
  test::TempDir dir;
  EXPECT_EQ(*ReadSnapshotSchema(dir.path()), nullptr);
  Write(dir.path() / kSnapshotFile, "# nothing\n");
  EXPECT_TRUE(ReadSnapshotSchema(dir.path()).ok());
  for (const std::string& wrong :
       {std::string("file {\n  nme: 'x'\n}\n"), std::string("file {"), std::string("\xff\0x", 3),
        std::string("file { name: 'a.proto' message_type { name: '' } }")}) {
    Write(dir.path() / kSnapshotFile, wrong);
    const Status status = ReadSnapshotSchema(dir.path()).status();
    EXPECT_EQ(status.reason(), "INVALID_SNAPSHOT") << wrong;
    EXPECT_THAT(status.message(), HasSubstr(std::string(kSnapshotFile)));
  }
  Write(dir.path() / kSnapshotFile, "file {\n  nme: 'x'\n}\n");
  EXPECT_THAT(ReadSnapshotSchema(dir.path()).status().message(), HasSubstr("line 2"));
}

// The project's own folder is what `generate` makes of its own schema.
TEST(Snapshot, TheEmbeddedSchemaIsWhatTheLastMigrationLeadsTo) {
  test::TempDir dir;
  fs::copy(fs::path(STOREGATE_SOURCE_DIR) / "migrations", dir.path() / "m",
           fs::copy_options::recursive);
  const Ended ended = RunMigrate({"generate", "again", "--dir", dir.path() / "m", "--json"});
  EXPECT_EQ(ended.code, 0) << ended.errors;
  EXPECT_EQ(nlohmann::json::parse(ended.out)["written"].size(), 0u) << ended.out;
}

TEST(Snapshot, TheEmbeddedFirstMigrationIsGeneratedBothWays) {
  test::TempDir dir;
  const std::string folder = dir.path() / "m";
  ASSERT_EQ(RunMigrate({"generate", "create_tables", "--dir", folder}).code, 0);
  for (const BackendKind& kind : BackendKinds()) {
    MigrationSource made{MigrationSource::Kind::kFolder, folder};
    MigrationSource own{MigrationSource::Kind::kEmbedded, ""};
    const auto generated = ReadMigrations(made, kind), embedded = ReadMigrations(own, kind);
    ASSERT_TRUE(generated.ok() && embedded.ok());
    ASSERT_EQ(generated->size(), 1u);
    ASSERT_GE(embedded->size(), 1u);
    const migrate::Generator& generator = kind.generator();
    EXPECT_EQ(generator.Significant(generated->front().up),
              generator.Significant(embedded->front().up));
    EXPECT_EQ(generator.Significant(generated->front().down),
              generator.Significant(embedded->front().down));
  }
}

TEST(Generate, WithoutASnapshotThatSaysWhereItBeginsIsRefused) {
  test::TempDir dir;
  Write(dir.path() / "m" / "sqlite" / "0001_a.up.sql", "SELECT 1;");
  const Ended ended = RunMigrate({"generate", "b", "--dir", dir.path() / "m"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.errors, HasSubstr("schema.textproto"));
}

TEST(New, WritesTheNextNumberForTheKindsThatAreThere) {
  test::TempDir dir;
  Write(dir.path() / "m" / "sqlite" / "0007_a.up.sql", "SELECT 1;");
  const Ended ended = RunMigrate({"new", "by_hand", "--dir", dir.path() / "m"});
  EXPECT_EQ(ended.code, 0) << ended.errors;
  EXPECT_THAT(Read(dir.path() / "m" / "sqlite" / "0008_by_hand.up.sql"),
              HasSubstr("-- storegate: repeat"));
  EXPECT_TRUE(fs::exists(dir.path() / "m" / "sqlite" / "0008_by_hand.down.sql"));
  EXPECT_FALSE(fs::exists(dir.path() / "m" / "mongodb"));
  EXPECT_EQ(RunMigrate({"new", "more", "--dir", dir.path() / "n"}).code, 0);
  for (const BackendKind& kind : BackendKinds()) {
    const auto made =
        ReadMigrations({MigrationSource::Kind::kFolder, dir.path() / "n"}, kind);
    ASSERT_TRUE(made.ok()) << made.status().ToString();
    ASSERT_EQ(made->size(), 1u);
    const auto script = kind.generator().Steps("x", made->front().up);
    ASSERT_TRUE(script.ok()) << script.status().ToString();
    // The comment explains directives and is none.
    for (const repository::Step& step : script->steps) {
      EXPECT_EQ(step.kind, repository::Step::Kind::kTransaction);
    }
    EXPECT_EQ(script->needs, 0);
  }
}

TEST(Texts, SayWhoIsWaitedFor) {
  EXPECT_EQ(WaitingText({"storegate, process 4711 on web-3", 7, 0}),
            "waiting for the migration lock held by storegate, process 4711 on web-3, at "
            "migration 7");
  EXPECT_EQ(WaitingText({"", 0, 1}),
            "waiting for the migration lock held by another process, since "
            "1970-01-01T00:00:00.001Z");
  EXPECT_EQ(RowsText(1200, 4000000), "1,200 of 4,000,000 rows");
  EXPECT_EQ(RowsText(0, 0), "0 rows");
  EXPECT_EQ(Grouped(-123456), "-123,456");
  EXPECT_EQ(DurationText(999), "999 ms");
  EXPECT_EQ(DurationText(12345), "12.3 s");
  EXPECT_EQ(DurationText(320000), "5 min 20 s");
}

TEST(Progress, IsABarOnATerminalAndLinesElsewhere) {
  migrate::Migration migration;
  migration.name = "0002_b";
  std::ostringstream lines, terminal;
  {
    ProgressWatcher quiet("main", false, lines), bar("main", true, terminal);
    for (ProgressWatcher* watcher : {&quiet, &bar}) {
      watcher->OnStep(migration, {}, 1, 3);
      watcher->OnRows(50, 100);
      watcher->OnDone(migration, true, 5);
    }
    EXPECT_EQ(quiet.done().size(), 1u);
  }
  EXPECT_EQ(lines.str(), "main: migration 0002_b, step 2 of 3\n");
  EXPECT_THAT(terminal.str(), HasSubstr("\r\x1b[Kmain: migration 0002_b, step 2 of 3"));
}

}  // namespace
}  // namespace storegate::cmd
