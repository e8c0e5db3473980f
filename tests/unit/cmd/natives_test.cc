// Native queries on kinds of databases that they have no text for.
#include "server/cmd/natives.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/schema/loader.h"

namespace storegate::cmd {
namespace {

using ::testing::HasSubstr;

constexpr char kProto[] = R"(syntax = "proto3"; package n.v1; import "storegate/v1/schema.proto";
message Note { string id = 1; }
message GetNoteRequest { string id = 1; }
message FindRequest { string text = 1; }
message FindResponse { message Row { string id = 1; } repeated Row rows = 1; }
service NoteStore {
  rpc GetNote(GetNoteRequest) returns (Note);
  rpc Find(FindRequest) returns (FindResponse) {
    option (storegate.v1.native) = { sqlite: "SELECT id FROM notes WHERE id = $1" };
  }
})";

class NativesTest : public ::testing::Test {
 protected:
  Status Check(const std::string& url) {
    Config config;
    config.databases = {{"main", url}};
    Result<Placement> placement = PlaceEntities(config, *schema_);
    EXPECT_TRUE(placement.ok());
    return CheckNatives(config, *schema_, *placement);
  }

  std::unique_ptr<const schema::Schema> schema_ =
      std::move(schema::LoadEmbedded({{"n/v1/n.proto", kProto}}).schema);
};

TEST_F(NativesTest, ADatabaseThatHasATextIsFine) {
  ASSERT_NE(schema_, nullptr);
  EXPECT_TRUE(Check("sqlite:a.db").ok());
}

TEST_F(NativesTest, AKindWithoutATextIsNamedAtStart) {
  ASSERT_NE(schema_, nullptr);
  for (const auto& [url, option] : {std::pair("postgresql://localhost/a", "add postgres: "),
                                    std::pair("mongodb://localhost/a", "add mongodb: ")}) {
    const Status status = Check(url);
    EXPECT_EQ(status.reason(), "INVALID_CONFIG");
    ASSERT_EQ(status.violations().size(), 1u);
    EXPECT_EQ(status.violations()[0].field, "n.v1.NoteStore.Find");
    EXPECT_THAT(status.violations()[0].description, HasSubstr(option));
  }
}

}  // namespace
}  // namespace storegate::cmd
