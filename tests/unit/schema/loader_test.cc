// Folders, descriptor sets and embedded files: what is wrong with them.
#include <sys/stat.h>

#include <cstdlib>
#include <random>

#include <google/protobuf/descriptor.pb.h>

#include "server/base/log.h"
#include "tests/unit/schema/protos.h"

namespace storegate::schema {
namespace {

namespace pb = google::protobuf;

const char kBook[] =
    "syntax = \"proto3\"; package t; import \"storegate/v1/schema.proto\";\n"
    "message Book { option (storegate.v1.entity) = {};\n"
    "  string id = 1;\n"
    "  int64 pages = 2 [(storegate.v1.field).gte = 0];\n"
    "}\n";

// What protoc --include_imports --include_source_info would write for Book.
pb::FileDescriptorSet BookSet(bool source_info) {
  LoadResult result = LoadEmbedded({{"book.proto", kBook}});
  pb::FileDescriptorSet set;
  for (const pb::FileDescriptor* file : result.schema->files) {
    file->CopyTo(set.add_file());
    if (source_info) file->CopySourceCodeInfoTo(set.mutable_file()->rbegin().operator->());
  }
  return set;
}

LoadResult LoadSet(const pb::FileDescriptorSet& set) {
  TempFolder folder;
  return LoadDescriptorSet(folder.Write("set.pb", set.SerializeAsString()));
}

TEST(Loader, ImportsAreNamedFromTheFolder) {
  LoadResult result = Load({{"a/b/book.proto", kBook},
                            {"a/shelf.proto", "syntax = \"proto3\"; package t; import "
                                              "\"a/b/book.proto\"; message Shelf { Book b = 1; }"},
                            {"README.md", "no proto"}});
  ASSERT_NE(result.schema, nullptr) << Show(result);
  EXPECT_EQ(result.schema->FindEntity("t.Book")->location.file, "a/b/book.proto");
}

TEST(Loader, SyntaxErrorsOfAllFilesAreReportedWithTheirLines) {
  ExpectWrong(Load({{"a.proto", "syntax = \"proto3\";\nmessage Book {\n  string id 1;\n}\n"},
                    {"b.proto", "syntax = \"proto3\";\nimport \"a.proto\";\nimport "
                        "\"none.proto\";\n"},
                    {"c.proto", "syntax = \"proto3\";\nmessage A { Nothing x = 1; }\n"},
                    {"d.proto", "message A {}\n"}}),
              {{"3:13", "Missing field number."},
               {"", "b.proto:3:1: imports \"none.proto\", which is not there"},
               {"", "c.proto:2:13: A.x: \"Nothing\" is not defined"},
               {"", "d.proto:1:1: File must begin with a syntax statement"}});
}

TEST(Loader, ImportsInACircleAreReported) {
  ExpectWrong(Load({{"a.proto", "syntax = \"proto3\"; import \"b.proto\";"},
                    {"b.proto", "syntax = \"proto3\";\nimport \"a.proto\";"}}),
              {{"", "b.proto:2:1: imports \"a.proto\", which imports this file in turn"}});
}

TEST(Loader, AChainOfImportsHasABound) {
  std::vector<std::pair<std::string, std::string>> files;
  for (int i = 1000; i < 1600; ++i) {
    files.emplace_back("f" + std::to_string(i) + ".proto",
                       "syntax = \"proto3\";\nimport \"f" + std::to_string(i + 1) + ".proto\";");
  }
  files.emplace_back("f1600.proto", "syntax = \"proto3\";");
  LoadResult result = LoadEmbedded(files);
  ASSERT_EQ(result.diagnostics.size(), 1u) << Show(result);
  EXPECT_EQ(result.diagnostics[0].ToString(),
            "f1500.proto:2:1: imports \"f1501.proto\" at the end of a chain of more than 500 "
            "imports");
}

TEST(Loader, NestingHasABound) {
  std::string deep = "syntax = \"proto3\";";
  for (int i = 0; i < 200000; ++i) deep += "message A {";
  ExpectWrong(LoadEmbedded({{"a.proto", deep}}), {{"", "a.proto: nests deeper than 100 brackets"}});
}

TEST(Loader, AFolderOfItsOwnCopiesOfBuiltInFilesLoads) {
  LoadResult result = Load({{"book.proto", kBook},
                            {"storegate/v1/schema.proto", "not even a proto"},
                            {"google/protobuf/timestamp.proto", "nor this"}});
  EXPECT_NE(result.schema, nullptr) << Show(result);
}

TEST(Loader, WhatIsNoFolderOfProtosIsReported) {
  TempFolder folder;
  auto only = [](const LoadResult& result) {
    EXPECT_EQ(result.schema, nullptr);
    return result.diagnostics.size() == 1 ? result.diagnostics[0].ToString() : Show(result);
  };
  std::string path = folder.path().string();
  EXPECT_EQ(only(LoadDirectory(path)), path + ": holds no .proto files");
  EXPECT_EQ(only(LoadDirectory(path + "/none")),
            path + "/none: is no folder; name one that holds .proto files");
  std::string file = folder.Write("x.txt", "");
  EXPECT_EQ(only(LoadDirectory(file)), file + ": is no folder; name one that holds .proto files");
  EXPECT_EQ(only(LoadEmbedded({})), ": no .proto files were given");
}

TEST(Loader, LinksThatLeadBackAreReported) {
  TempFolder folder;
  folder.Write("a/book.proto", kBook);
  std::filesystem::create_directory_symlink("..", folder.path() / "a" / "up");
  LoadResult result = LoadDirectory(folder.path().string());
  ASSERT_EQ(result.diagnostics.size(), 1u) << Show(result);
  EXPECT_EQ(result.diagnostics[0].ToString(), (folder.path() / "a" / "up").string() +
                                                  ": is a link to a folder that holds it; remove "
                                                  "the link");
}

TEST(Loader, LinksToFilesAndFoldersAreFollowed) {
  TempFolder folder, elsewhere;
  elsewhere.Write("book.proto", kBook);
  std::filesystem::create_directory_symlink(elsewhere.path(), folder.path() / "linked");
  LoadResult result = LoadDirectory(folder.path().string());
  ASSERT_NE(result.schema, nullptr) << Show(result);
}

TEST(Loader, WhatCannotBeReadIsReported) {
  TempFolder folder;
  folder.Write("book.proto", kBook);
  std::filesystem::create_symlink("nowhere", folder.path() / "lost.proto");
  ASSERT_EQ(mkfifo((folder.path() / "pipe.proto").c_str(), 0600), 0);
  LoadResult result = LoadDirectory(folder.path().string());
  ASSERT_EQ(result.diagnostics.size(), 2u) << Show(result);
  EXPECT_EQ(result.diagnostics[0].ToString(),
      "lost.proto: cannot be read: No such file or directory");
  EXPECT_EQ(result.diagnostics[1].ToString(), "pipe.proto: is no regular file");
}

TEST(Loader, TooManyFilesAreRefused) {
  TempFolder folder, elsewhere;
  for (int i = 0; i < 101; ++i) elsewhere.Write("f" + std::to_string(i) + ".proto", "");
  for (int i = 0; i < 100; ++i) {
    std::filesystem::create_directory_symlink(elsewhere.path(), folder.path() / std::to_string(i));
  }
  LoadResult result = LoadDirectory(folder.path().string());
  ASSERT_EQ(result.diagnostics.size(), 1u);
  EXPECT_NE(result.diagnostics[0].message.find("more than 10000 .proto files"), std::string::npos);
}

TEST(DescriptorSet, LoadsWithAndWithoutSourceInfo) {
  LoadResult with = LoadSet(BookSet(true)), without = LoadSet(BookSet(false));
  ASSERT_NE(with.schema, nullptr) << Show(with);
  ASSERT_NE(without.schema, nullptr) << Show(without);
  EXPECT_EQ(with.schema->FindEntity("t.Book")->Find("pages")->location.line, 4);
  EXPECT_EQ(without.schema->FindEntity("t.Book")->Find("pages")->location.line, 0);
  EXPECT_EQ(without.schema->FindEntity("t.Book")->Find("pages")->gte, 0);
}

TEST(DescriptorSet, LinesComeFromItsSourceInfo) {
  pb::FileDescriptorSet set = BookSet(true);
  set.mutable_file()->rbegin()->mutable_message_type(0)->mutable_field(1)->set_type(
      pb::FieldDescriptorProto::TYPE_UINT64);
  LoadResult result = LoadSet(set);
  ASSERT_EQ(result.diagnostics.size(), 1u) << Show(result);
  EXPECT_EQ(result.diagnostics[0].ToString().rfind("book.proto:4:3: Book.pages is uint64", 0), 0u)
      << Show(result);
}

TEST(DescriptorSet, BuiltInFilesMayBeMissingOthersNot) {
  pb::FileDescriptorSet set;
  *set.add_file() = *BookSet(true).file().rbegin();
  LoadResult alone = LoadSet(set);
  EXPECT_NE(alone.schema, nullptr) << Show(alone);
  set.mutable_file(0)->add_dependency("other.proto");
  LoadResult lost = LoadSet(set);
  ASSERT_EQ(lost.diagnostics.size(), 1u) << Show(lost);
  EXPECT_EQ(lost.diagnostics[0].ToString(),
            "book.proto: imports \"other.proto\", which is not there; imports are named from the "
            "schema's root folder");
}

TEST(DescriptorSet, TheSameFileTwiceIsFineAndAnotherOfItsNameIsNot) {
  pb::FileDescriptorSet set = BookSet(true);
  set.MergeFrom(BookSet(true));
  EXPECT_NE(LoadSet(set).schema, nullptr);
  set.mutable_file()->rbegin()->add_message_type()->set_name("More");
  LoadResult result = LoadSet(set);
  ASSERT_EQ(result.diagnostics.size(), 1u) << Show(result);
  EXPECT_EQ(result.diagnostics[0].ToString(),
            "book.proto: is in the set twice, with different content");
}

TEST(DescriptorSet, OptionsOfANewerVersionAreNotIgnored) {
  pb::FileDescriptorSet set = BookSet(true);
  auto* options =
      set.mutable_file()->rbegin()->mutable_message_type(0)->mutable_field(1)->mutable_options();
  // (storegate.v1.field) = 51700, with field 999 inside: 1.
  const std::string unknown("\xa2\x9f\x19\x03\xb8\x3e\x01", 7);
  ASSERT_TRUE(options->MergeFromString(unknown));
  LoadResult result = LoadSet(set);
  ASSERT_EQ(result.diagnostics.size(), 1u) << Show(result);
  EXPECT_NE(result.diagnostics[0].message.find("does not know (number 999"), std::string::npos)
      << Show(result);
}

TEST(DescriptorSet, WhatIsNoneIsReported) {
  TempFolder folder;
  for (std::string bytes : {"", "text", "\x0a\xff\xff\xff\xff\x0f"}) {
    LoadResult result = LoadDescriptorSet(folder.Write("set.pb", bytes));
    EXPECT_EQ(result.diagnostics.size(), 1u) << Show(result);
  }
  EXPECT_EQ(LoadDescriptorSet((folder.path() / "none").string()).diagnostics.size(), 1u);
  EXPECT_EQ(LoadDescriptorSet(folder.path().string()).diagnostics.size(), 1u);
}

// Random bytes, and good sets with bytes changed, end in a schema or in
// diagnostics, never in a crash.
TEST(DescriptorSet, DamagedOnesNeverCrash) {
  CaptureProtobufLogs();  // invalid UTF-8 by the hundred
  unsigned seed = testing::UnitTest::GetInstance()->random_seed();
  if (seed == 0) seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const bool full = std::getenv("STOREGATE_LONG") != nullptr;
  TempFolder folder;
  const std::string good = BookSet(true).SerializeAsString();
  pb::FileDescriptorSet small;
  *small.add_file() = *BookSet(false).file().rbegin();
  const std::string bare = small.SerializeAsString();
  for (int round = 0; round < (full ? 10000 : 1000); ++round) {
    std::string bytes;
    if (round % 4 == 0) {
      bytes.resize(random() % 200);
      for (char& c : bytes) c = static_cast<char>(random());
    } else {
      bytes = round % 4 == 1 ? good : bare;
      for (unsigned i = random() % 8 + 1; i > 0; --i) bytes[random() % bytes.size()] = random();
      if (random() % 8 == 0) bytes.resize(random() % bytes.size());
    }
    LoadResult result = LoadDescriptorSet(folder.Write("set.pb", bytes));
    EXPECT_NE(result.schema == nullptr, result.diagnostics.empty());
  }
}

}  // namespace
}  // namespace storegate::schema
