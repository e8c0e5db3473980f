// Small protos for tests: written to a folder of their own, loaded, gone.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/schema/loader.h"

namespace storegate::schema {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "storegate_XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

// Everything a test's proto may need, on one line: what follows starts on line 2.
inline std::string Header() {
  std::string header = "syntax = \"proto3\"; package t.v1;";
  for (const char* import :
       {"google/protobuf/any.proto", "google/protobuf/empty.proto",
        "google/protobuf/field_mask.proto", "google/protobuf/struct.proto",
        "google/protobuf/timestamp.proto", "google/protobuf/wrappers.proto",
        "google/rpc/status.proto", "storegate/v1/page.proto", "storegate/v1/schema.proto"}) {
    header += std::string(" import \"") + import + "\";";
  }
  return header + "\n";
}

inline LoadResult Load(const std::map<std::string, std::string>& files) {
  TempFolder folder;
  for (const auto& [name, text] : files) folder.Write(name, text);
  return LoadDirectory(folder.path().string());
}

// Loads a.proto with this behind the header.
inline LoadResult LoadBody(const std::string& body) { return Load({{"a.proto", Header() + body}}); }

inline std::string Show(const LoadResult& result) {
  std::string text;
  for (const Diagnostic& diagnostic : result.diagnostics) text += diagnostic.ToString() + "\n";
  return text;
}

// One diagnostic as a test expects it: "2:3" or "" for the place in a.proto, and
// a part of the message.
struct Expected {
  std::string place;
  std::string part;
};

inline void ExpectWrong(const LoadResult& result, const std::vector<Expected>& expected) {
  EXPECT_EQ(result.schema, nullptr);
  ASSERT_EQ(result.diagnostics.size(), expected.size()) << Show(result);
  for (size_t i = 0; i < expected.size(); ++i) {
    const std::string text = result.diagnostics[i].ToString();
    const std::string prefix =
        expected[i].place.empty() ? "" : "a.proto:" + expected[i].place + ": ";
    EXPECT_EQ(text.substr(0, prefix.size()), prefix) << text;
    EXPECT_NE(text.find(expected[i].part), std::string::npos)
        << text << "\nshould hold: " << expected[i].part;
  }
}

struct WrongCase {
  std::string name;
  std::string body;  // behind Header(), from line 2
  std::vector<Expected> expected;
};

inline void PrintTo(const WrongCase& wrong, std::ostream* out) { *out << wrong.body; }

inline std::string CaseName(const testing::TestParamInfo<WrongCase>& info) {
  return info.param.name;
}

}  // namespace storegate::schema
