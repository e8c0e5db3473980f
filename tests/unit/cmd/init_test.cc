// `storegate init` and `schema export`: what they write is what serve reads.
#include "server/cmd/init.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "server/cmd/gateway.h"
#include "server/cmd/schema_export.h"

namespace storegate::cmd {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class InitTest : public ::testing::Test {
 protected:
  InitTest() {
    fs::create_directories(folder_);
    fs::current_path(folder_);
  }
  ~InitTest() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }

  const fs::path before_ = fs::current_path();
  const fs::path folder_ = fs::path(::testing::TempDir()) / ("init_" + std::to_string(getpid()));
  std::ostringstream out_, errors_;
};

TEST_F(InitTest, WhatItWritesIsASchemaOfThatName) {
  ASSERT_EQ(InitProject("my_notes2", out_, errors_), 0) << errors_.str();
  Config config;
  config.proto_dir = "my_notes2/proto";
  const auto schema = LoadSchema(config, errors_);
  ASSERT_NE(schema, nullptr) << errors_.str();
  EXPECT_NE(schema->FindStore("my_notes2.v1.NoteStore"), nullptr);
  for (const auto& entry : fs::recursive_directory_iterator("my_notes2")) {
    EXPECT_THAT(entry.path().string(), ::testing::Not(HasSubstr("PROJECT")));
    if (entry.is_regular_file()) {
      EXPECT_THAT(Read(entry.path()), ::testing::Not(HasSubstr("PROJECT"))) << entry.path();
    }
  }
  for (const char* file : {".gitignore", ".github/workflows/storegate.yml", "storegate.yaml",
                           "docker-compose.yml", "third_party/proto/storegate/v1/schema.proto"}) {
    EXPECT_TRUE(fs::exists(fs::path("my_notes2") / file)) << file;
  }
  EXPECT_THAT(out_.str(), HasSubstr("cd my_notes2\n"));
}

TEST_F(InitTest, NothingIsWrittenOver) {
  fs::create_directories("notes");
  std::ofstream("notes/README.md") << "mine";
  EXPECT_EQ(InitProject("notes", out_, errors_), 1);
  EXPECT_THAT(errors_.str(), HasSubstr("notes/README.md: is there already"));
  EXPECT_EQ(Read("notes/README.md"), "mine");
  EXPECT_FALSE(fs::exists("notes/storegate.yaml"));
}

TEST_F(InitTest, NamesThatNoPackageHasAreRefused) {
  for (const std::string name : {"", "Notes", "my-notes", "../notes", "/tmp", "9notes", "a b",
                                 "google", "storegate", "nötes", "a.b"}) {
    EXPECT_EQ(InitProject(name, out_, errors_), 2) << name;
  }
  EXPECT_EQ(InitProject(std::string(41, 'a'), out_, errors_), 2);
  EXPECT_TRUE(fs::is_empty("."));
}

TEST_F(InitTest, AnExportedSchemaIsServedAsTheOneItIsOf) {
  ASSERT_EQ(InitProject("notes", out_, errors_), 0);
  Config of;
  of.proto_dir = "notes/proto";
  ASSERT_EQ(ExportSchema(of, {.file = "notes.binpb", .imports = ""}, out_, errors_), 0)
      << errors_.str();
  Config exported;
  exported.descriptor_set = "notes.binpb";
  const auto schema = LoadSchema(exported, errors_);
  ASSERT_NE(schema, nullptr) << errors_.str();
  EXPECT_NE(schema->FindStore("notes.v1.NoteStore"), nullptr);

  google::protobuf::FileDescriptorSet set;
  ASSERT_TRUE(set.ParseFromString(Read("notes.binpb")));
  google::protobuf::DescriptorPool pool;
  for (const auto& file : set.file()) ASSERT_NE(pool.BuildFile(file), nullptr) << file.name();

  std::ostringstream piped;
  ASSERT_EQ(ExportSchema(of, {}, piped, errors_), 0);
  EXPECT_EQ(piped.str(), Read("notes.binpb"));
  EXPECT_EQ(ExportSchema(of, {.file = "notes", .imports = ""}, out_, errors_), 1);
  EXPECT_THAT(errors_.str(), HasSubstr("notes cannot be written"));
}

TEST_F(InitTest, ImportsAreWrittenAgainByANewerBinary) {
  fs::create_directories("proto/storegate/v1");
  std::ofstream("proto/storegate/v1/page.proto") << "old";
  ASSERT_EQ(ExportSchema({}, {.file = "-", .imports = "proto"}, out_, errors_), 0);
  EXPECT_THAT(Read("proto/storegate/v1/page.proto"), HasSubstr("message PageInfo"));
  EXPECT_TRUE(fs::exists("proto/google/rpc/status.proto"));
}

}  // namespace
}  // namespace storegate::cmd
