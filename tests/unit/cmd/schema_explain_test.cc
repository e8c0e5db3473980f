// `storegate schema explain`: what it prints, and what it answers with.
#include "server/cmd/schema_explain.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace storegate::cmd {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kProto[] = R"(
syntax = "proto3";
package library.v1;
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";

message Author {
  string id = 1;
  string name = 2 [(storegate.v1.field) = { max_len: 50 unique: ALL }];
  repeated Book books = 3 [(storegate.v1.field) = {
    embed: "Book.author_id" embed_order_by: "title"
  }];
  int64 book_count = 4 [(storegate.v1.field).count = "Book.author_id"];
}
message GetAuthorRequest { string id = 1; string name = 2; }
service AuthorStore { rpc GetAuthor(GetAuthorRequest) returns (Author); }

message Book {
  option (storegate.v1.entity) = {
    index: { fields: "pages" }
    default_order_by: "title"
    search_index: true
  };
  string id = 1;
  string title = 2 [(storegate.v1.field) = { max_len: 50 searchable: true }];
  string author_id = 3 [(storegate.v1.field) = {
    required: true references: "Author.id" max_len: 50
  }];
  int64 pages = 4;
  repeated string tags = 5;
  google.protobuf.Timestamp create_time = 6;
}
message ListBooksRequest {
  string search = 1;
  optional int64 min_pages = 2 [(storegate.v1.where) = "pages >= $"];
  repeated string tags = 3 [(storegate.v1.where) = "tags : $"];
}
message ListBooksResponse { repeated Book books = 1; }
message CountBooksRequest { google.protobuf.Timestamp since = 1; optional int64 pages = 2; }
message CountBooksResponse {
  message Row { int64 total = 1; }
  repeated Row rows = 1;
}
service BookStore {
  rpc ListBooks(ListBooksRequest) returns (ListBooksResponse);
  rpc CountBooks(CountBooksRequest) returns (CountBooksResponse) {
    option (storegate.v1.aggregate) = {
      filter: "create_time >= $since AND pages = $pages"
      compute: { count: true into: "total" }
    };
  }
}
)";

class SchemaExplain : public ::testing::Test {
 protected:
  SchemaExplain() {
    folder_ = std::filesystem::temp_directory_path() /
              ("storegate_explain_" + std::to_string(getpid()));
    std::filesystem::create_directories(folder_ / "library/v1");
    std::ofstream(folder_ / "library/v1/library.proto") << kProto;
    config_.proto_dir = folder_;
  }
  ~SchemaExplain() override { std::filesystem::remove_all(folder_); }

  int Run(const ExplainOptions& options) {
    out_.str("");
    errors_.str("");
    return ExplainSchema(config_, options, out_, errors_);
  }

  std::filesystem::path folder_;
  Config config_;
  std::ostringstream out_, errors_;
};

TEST_F(SchemaExplain, ListsWhatIsAskedAndWhatServesIt) {
  ASSERT_EQ(Run({}), 0) << errors_.str();
  EXPECT_EQ(out_.str(), R"(library.v1.AuthorStore.GetAuthor
  id                      all              the id (1 equal)
  name                    all              uq_authors_name (1 equal)

library.v1.BookStore.ListBooks
  nothing set             all              reads all, sorted
  min_pages               all              idx_books_pages (range), sorted
  tags                    all              reads all, sorted
  search                  sqlite, mongodb  reads all, sorted
                          postgresql       idx__search_books (trigrams), sorted

library.v1.BookStore.CountBooks
  nothing set             all              reads all, as asked
  since                   all              reads all
  pages                   all              idx_books_pages (1 equal)

library.v1.Author
  embed books             all              idx__ref_books_author_id (1 equal), sorted
  count book_count        all              idx__ref_books_author_id (1 equal)
  unique name             all              uq_authors_name (1 equal)
  delete, Book.author_id  all              idx__ref_books_author_id (1 equal)

13 queries, 4 of them read all records for want of an index
)");
}

TEST_F(SchemaExplain, SaysTheSameAsJson) {
  ExplainOptions options;
  options.json = true;
  ASSERT_EQ(Run(options), 0) << errors_.str();
  const json document = json::parse(out_.str());
  EXPECT_EQ(document["unindexed"], 4);
  ASSERT_EQ(document["queries"].size(), 13u);
  const json& range = document["queries"][3];
  EXPECT_EQ(range["of"], "library.v1.BookStore.ListBooks");
  EXPECT_EQ(range["asks"], "min_pages");
  EXPECT_EQ(range["entity"], "library.v1.Book");
  EXPECT_EQ(range["databases"].size(), 3u);
  EXPECT_EQ(range["databases"]["mongodb"],
            json({{"access", "bounds"}, {"index", "idx_books_pages"}, {"equal", 0},
                  {"range", true}, {"sort", "all"}, {"text", "idx_books_pages (range), sorted"}}));
}

TEST_F(SchemaExplain, FailsForWantOfAnIndexWhenToldTo) {
  ExplainOptions options;
  options.require_index = true;
  EXPECT_EQ(Run(options), 1);
  EXPECT_THAT(out_.str(), HasSubstr("reads all"));
}

TEST_F(SchemaExplain, TakesTheDatabasesThatAreNamed) {
  ExplainOptions options;
  options.dialects = {"postgresql"};
  options.json = true;
  ASSERT_EQ(Run(options), 0);
  const json document = json::parse(out_.str());
  EXPECT_EQ(document["unindexed"], 3);
  EXPECT_EQ(document["queries"][0]["databases"].size(), 1u);

  options.dialects = {"postgresql", "oracle"};
  EXPECT_EQ(Run(options), 2);
  EXPECT_THAT(errors_.str(), HasSubstr("there is no dialect \"oracle\"; known are sqlite"));
}

TEST_F(SchemaExplain, AMistakeInTheSchemaIsSaid) {
  std::ofstream(folder_ / "library/v1/wrong.proto") << "syntax = \"proto3\"; package a.v1; oops";
  EXPECT_EQ(Run({}), 1);
  EXPECT_THAT(errors_.str(), HasSubstr("wrong.proto"));
}

// The schema in the binary: what has no index is what looks into lists or for a substring.
TEST(SchemaExplainShop, ReadsAllOnlyWhereNoIndexCanServe) {
  std::ostringstream out, errors;
  ExplainOptions options;
  options.json = true;
  ASSERT_EQ(ExplainSchema(Config(), options, out, errors), 0) << errors.str();
  std::vector<std::string> unindexed;
  const json explained = json::parse(out.str());
  for (const json& query : explained["queries"]) {
    for (const json& database : query["databases"]) {
      if (database["access"] != "all") continue;
      const std::string of = query["of"];
      unindexed.push_back(of.substr(of.rfind('.') + 1) + " " + std::string(query["asks"]));
      break;
    }
  }
  EXPECT_THAT(unindexed,
              ElementsAre("ListProducts sizes", "ListProducts colors", "ListProducts search",
                          "StreamProducts sizes", "StreamProducts colors",
                          "StreamProducts search"));
}

}  // namespace
}  // namespace storegate::cmd
