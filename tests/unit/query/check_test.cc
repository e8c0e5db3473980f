#include "server/query/check.h"

#include <gtest/gtest.h>

#include "tests/unit/query/test_schema.h"

namespace storegate::query {
namespace {

// A schema with a place for each text that CheckTexts reads.
std::string Proto(const std::string& index, const std::string& order, const std::string& embed,
                  const std::string& where, const std::string& when) {
  return R"(syntax = "proto3";
package a.v1;
import "storegate/v1/schema.proto";
message Author {
  string id = 1;
  string name = 2;
  repeated string tags = 3;
  repeated Title titles = 4 [(storegate.v1.field) = {
    embed: "Title.author_id" embed_order_by: ")" +
         embed + R"("
  }];
}
message Title {
  option (storegate.v1.entity) = {
    index: { fields: "year" where: ")" +
         index + R"(" }
    default_order_by: ")" +
         order + R"("
  };
  string id = 1;
  optional string author_id = 2 [(storegate.v1.field).references = "Author.id"];
  int32 year = 3;
  repeated string tags = 4;
  map<string, string> labels = 5;
}
service AuthorStore {
  rpc GetAuthor(GetAuthorRequest) returns (Author);
}
message GetAuthorRequest { string id = 1; }
service TitleStore {
  rpc ListTitles(ListTitlesRequest) returns (ListTitlesResponse) {
    option (storegate.v1.method).when = ")" +
         when + R"(";
  }
}
message ListTitlesRequest {
  int32 page_size = 1;
  string page_token = 2;
  optional int32 since = 3 [(storegate.v1.where) = ")" +
         where + R"("];
}
message ListTitlesResponse {
  repeated Title titles = 1;
  string next_page_token = 2;
}
)";
}

std::vector<schema::Diagnostic> Check(const std::string& proto) {
  const schema::LoadResult result = LoadText(proto);
  for (const auto& diagnostic : result.diagnostics) ADD_FAILURE() << diagnostic.ToString();
  return result.schema == nullptr ? std::vector<schema::Diagnostic>() : CheckTexts(*result.schema);
}

void ExpectOne(const std::string& proto, const std::string& says) {
  const auto found = Check(proto);
  ASSERT_EQ(found.size(), 1u) << says;
  EXPECT_EQ(found[0].file, "library.proto");
  EXPECT_GT(found[0].line, 0);
  EXPECT_NE(found[0].message.find(says), std::string::npos) << found[0].ToString();
}

constexpr char kIndex[] = "year > 1900 AND author_id != ''";
constexpr char kOrder[] = "year desc";
constexpr char kEmbed[] = "year, id desc";
constexpr char kWhere[] = "year >= $";
constexpr char kWhen[] = "tags : 'x'";

TEST(CheckTest, GoodTextsPass) {
  EXPECT_TRUE(Check(Proto(kIndex, kOrder, kEmbed, kWhere, kWhen)).empty());
  EXPECT_TRUE(CheckTexts(Library()).empty());
}

TEST(CheckTest, SaysWhichTextIsWrong) {
  ExpectOne(Proto("nothing = 1", kOrder, kEmbed, kWhere, kWhen), "Title has no field \"nothing\"");
  ExpectOne(Proto("year = $since", kOrder, kEmbed, kWhere, kWhen), "cannot be named here");
  ExpectOne(Proto("year = $", kOrder, kEmbed, kWhere, kWhen), "values of a request cannot be named here");
  ExpectOne(Proto("tags : 'x'", kOrder, kEmbed, kWhere, kWhen), "tags is not a single value");
  ExpectOne(Proto("labels.a = 'x'", kOrder, kEmbed, kWhere, kWhen), "labels is not a single value");
  ExpectOne(Proto(kIndex, "tags", kEmbed, kWhere, kWhen), "default_order_by of Title is wrong");
  ExpectOne(Proto(kIndex, kOrder, "name", kWhere, kWhen),
            "embed_order_by of Author.titles is wrong");
  ExpectOne(Proto(kIndex, kOrder, kEmbed, "year ~ $", kWhen),
            "where of ListTitlesRequest.since is wrong");
  ExpectOne(Proto(kIndex, kOrder, kEmbed, "author_id = $", kWhen), "author_id takes a text");
  ExpectOne(Proto(kIndex, kOrder, kEmbed, kWhere, "year = $since"), "when of ListTitles is wrong");
}

TEST(CheckTest, AllMistakesAtOnce) {
  const auto found = Check(Proto("x = 1", "x", "x", "x = 1", "x = 1"));
  EXPECT_EQ(found.size(), 5u);
}

}  // namespace
}  // namespace storegate::query
