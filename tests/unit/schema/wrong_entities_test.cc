// Mistakes in entities' own options, their indexes, and what points from one to
// another: each gives exactly its diagnostic.
#include <algorithm>

#include "tests/unit/schema/protos.h"

namespace storegate::schema {
namespace {

class WrongEntity : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongEntity, IsReportedWhereItIs) {
  ExpectWrong(LoadBody(GetParam().body), GetParam().expected);
}

// Book with these options, on line 3, and fields of several kinds.
WrongCase Options(std::string name, const std::string& options, std::string part,
                  std::string place = "3:3") {
  std::string body = "message Book {\n  option (storegate.v1.entity) = { " + options + " };\n" + R"(
  string id = 1;
  string title = 2 [(storegate.v1.field).max_len = 100];
  string text = 3;
  repeated string tags = 4;
  optional int32 year = 5;
  google.protobuf.Struct extra = 6;
  string secret = 7 [(storegate.v1.field) = {input_only: true max_len: 10}];
  string code = 8 [(storegate.v1.field) = {unique: ALL max_len: 10}];
  string etag = 9;
  string long = 10 [(storegate.v1.field).max_len = 600];
  bytes blob = 11;
})";
  return {std::move(name), body, {{std::move(place), std::move(part)}}};
}

INSTANTIATE_TEST_SUITE_P(Options, WrongEntity, testing::Values(
    Options("collection_words", "collection: 'my books'",
        "collection \"my books\" of Book must be letters"),
    Options("collection_underscore", "collection: '_books'", "must not start with _"),
    Options("collection_sqlite", "collection: 'SQLITE_x'", "must not start with sqlite_ or pg_"),
    Options("plural", "plural: 'many books' collection: 'b'",
        "plural \"many books\" of Book is no name"),
    Options("page_size", "default_page_size: 1001",
        "default_page_size of Book is 1001; it must be from 1 to 1000"),
    Options("negative_page_size", "default_page_size: -1", "is -1")), CaseName);

INSTANTIATE_TEST_SUITE_P(Indexes, WrongEntity, testing::Values(
    Options("no_fields", "index: {}", "an index of Book has no fields"),
    Options("unknown", "index: { fields: 'titel' }",
        "index field \"titel\" of Book is no field; did you mean \"title\"?"),
    Options("two_in_one", "index: { fields: 'title, year' }",
        "must be a field's name, or that and \" desc\""),
    Options("direction", "index: { fields: 'title down' }", "must be a field's name"),
    Options("twice_in_one", "index: { fields: 'title' fields: 'title desc' }", "is there twice"),
    Options("list", "index: { fields: 'tags' }", "only single values have an order"),
    Options("structure", "index: { fields: 'extra' }", "only single values have an order"),
    Options("input_only", "index: { fields: 'secret' }", "would tell callers what it is"),
    Options("etag", "index: { fields: 'etag' }", "is not stored in a column"),
    Options("id", "index: { fields: 'title' fields: 'id' }",
        "is the id, which every index ends with"),
    Options("same_twice", "index: { fields: 'year' } index: { fields: 'year' }",
        "index (year) of Book is there twice"),
    Options("unique_twice", "index: { fields: 'code' unique: ALL }",
        "`unique` on the field makes one"),
    Options("same_name", "index: { fields: 'year' } index: { fields: 'year desc' }",
        "is named \"idx_books_year\", as another index or collection is"),
    Options("name_of_table", "index: { fields: 'year' name: 'Books' }",
        "as another index or collection is"),
    Options("bad_name", "index: { fields: 'year' name: 'a-b' }",
        "index name \"a-b\" must be letters"),
    Options("unbounded", "index: { fields: 'text' }", "Book.text is in an index and needs max_len",
        "7:3"),
    Options("unbounded_bytes", "index: { fields: 'blob' }",
        "Book.blob is in an index and needs max_len", "15:3"),
    Options("too_wide", "index: { fields: 'long' }",
        "index (long) of Book can have 2655 bytes an entry"),
    Options("optional_in_unique", "index: { fields: 'title' fields: 'year' unique: ALL }",
        "of which year can be unset; make it plain")), CaseName);

TEST(WrongEntities, TwoOfOneCollectionAreReported) {
  ExpectWrong(LoadBody("message Book { option (storegate.v1.entity) = {}; string id = 1; }\n"
                       "message Tome { option (storegate.v1.entity).collection = 'BOOKS';\n"
                       "  string id = 1; }\n"),
              {{"3:1", "collection \"BOOKS\" of t.v1.Tome is also that of t.v1.Book"}});
}

TEST(WrongEntities, OfProto2AreReported) {
  ExpectWrong(Load({{"a.proto",
                     "syntax = \"proto2\"; package t; import \"storegate/v1/schema.proto\";\n"
                     "message Book { option (storegate.v1.entity) = {};\n"
                     "  required string id = 1; }\n"}}),
              {{"2:16", "Book is in a proto2 file"},
               {"3:3", "Book.id is known by its name and must be a plain string"}});
}

TEST(WrongEntities, MessagesOfProto2CannotBeStored) {
  LoadResult result =
      Load({{"a.proto", "syntax = \"proto3\"; package t; import \"storegate/v1/schema.proto\"; "
                        "import \"b.proto\";\n"
                        "message Book { option (storegate.v1.entity) = {};\n"
                        "  string id = 1; Part part = 2; }\n"},
            {"b.proto", "syntax = \"proto2\"; package t;\nmessage Part { optional group G = 1 {} "
                "}"}});
  ExpectWrong(result, {{"", "b.proto:2:1: t.Part is in a proto2 file and cannot be stored"}});
}

TEST(WrongEntities, NoEntityAtAllIsReported) {
  ExpectWrong(LoadBody("message Book { string id = 1; }\n"),
              {{"", "no message is an entity and no service is a store"}});
}

// Author, Link, and Book with one more field.
WrongCase Pointing(std::string name, const std::string& field, std::string part) {
  const std::string before = R"(message Author {
  option (storegate.v1.entity) = {};
  string id = 1;
  int64 number = 2;
  string name = 3 [(storegate.v1.field) = {unique: ALL max_len: 9}];
  string note = 4;
  string pen_name = 5 [(storegate.v1.field) = {unique: LIVE max_len: 9 immutable: true}];
  google.protobuf.Timestamp delete_time = 6;
}
message Link {
  option (storegate.v1.entity) = {};
  string id = 1;
  optional string book_id = 2 [(storegate.v1.field).references = "Book.id"];
  optional string other_id = 3 [(storegate.v1.field).references = "Book.id"];
}
message Plain { string id = 1; }
message Book {
  option (storegate.v1.entity) = {};
  string id = 1;
  string author_id = 2 [(storegate.v1.field) = {required: true references: "Author.id"}];
  string title = 3;
)";
  const size_t line = 2 + std::count(before.begin(), before.end(), '\n');
  return {std::move(name), before + "  " + field + "\n}\n",
          {{std::to_string(line) + ":3", std::move(part)}}};
}

WrongCase Ref(std::string name, const std::string& type, const std::string& to, std::string part) {
  return Pointing(std::move(name),
      type + " x = 9 [(storegate.v1.field).references = \"" + to + "\"];",
                  std::move(part));
}

INSTANTIATE_TEST_SUITE_P(References, WrongEntity, testing::Values(
    Ref("no_dot", "optional string", "Author",
        "references \"Author\"; write it as \"Entity.field\""),
    Ref("no_message", "optional string", "Autor.id",
        "there is no message Autor; did you mean \"Author\"?"),
    Ref("no_entity", "optional string", "Plain.id", "Plain is no entity"),
    Ref("no_field", "optional string", "Author.nam",
        "Author has no field nam; did you mean \"name\"?"),
    Ref("not_unique", "optional string", "Author.note", "neither an id nor `unique: ALL`"),
    Ref("live", "optional string", "Author.pen_name", "neither an id nor `unique: ALL`"),
    Ref("mutable", "optional string", "Author.name",
        "make Author.name immutable, or refer to the id"),
    Ref("type", "optional int64", "Author.id",
        "which is string, but is int64; the two must be of one type"),
    Ref("list", "repeated string", "Author.id", "but is repeated string"),
    Ref("plain", "string", "Author.id", "make it `optional`, or `required: true`"),
    Pointing("format", "optional string x = 9 [(storegate.v1.field) = {references: 'Author.id' "
        "format: UUID}];", "which has another format")), CaseName);

INSTANTIATE_TEST_SUITE_P(Embeds, WrongEntity, testing::Values(
    Pointing("no_field", "Author x = 9 [(storegate.v1.field).embed = 'autor_id'];",
        "has no such field; did you mean \"author_id\"?"),
    Pointing("no_reference", "Author x = 9 [(storegate.v1.field).embed = 'title'];",
        "that field has no `references`"),
    Pointing("other_entity", "Link x = 9 [(storegate.v1.field).embed = 'author_id'];",
        "that field references Author, and Book.x is a Link"),
    Pointing("no_message", "string x = 9 [(storegate.v1.field).embed = 'author_id'];",
        "has embed but is not of an entity's type"),
    Pointing("with_rule",
        "Author x = 9 [(storegate.v1.field) = {embed: 'author_id' required: true}];",
        "is not stored but embedded and cannot have required"),
    Pointing("limit_of_one",
        "Author x = 9 [(storegate.v1.field) = {embed: 'author_id' embed_limit: 3}];",
        "are for repeated ones"),
    Pointing("limit", "repeated Link x = 9 [(storegate.v1.field) = {embed: 'Link.book_id' "
        "embed_limit: 1001}];", "embed_limit 1001; it must be from 1 to 1000"),
    Pointing("many_path", "repeated Link x = 9 [(storegate.v1.field).embed = 'book_id'];",
        "write it as \"Entity.field\""),
    Pointing("many_other", "repeated Link x = 9 [(storegate.v1.field).embed = 'Book.author_id'];",
        "but is of Link; write \"Link.…\""),
    Pointing("many_no_reference", "repeated Link x = 9 [(storegate.v1.field).embed = 'Link.id'];",
        "that field does not reference Book"),
    Pointing("via_nothing",
        "repeated Author x = 9 [(storegate.v1.field) = {embed: 'Link.book_id' via: 'Lnk'}];",
        "has via \"Lnk\", which is no entity"),
    Pointing("via_no_way",
        "repeated Author x = 9 [(storegate.v1.field) = {embed: 'Link.book_id' via: 'Link'}];",
        "has 0 other fields that reference Author")), CaseName);

INSTANTIATE_TEST_SUITE_P(Counts, WrongEntity, testing::Values(
    Pointing("type", "string x = 9 [(storegate.v1.field).count = 'Link.book_id'];",
        "must be a plain int32 or int64"),
    Pointing("path", "int64 x = 9 [(storegate.v1.field).count = 'Lnk.book_id'];",
        "there is no message Lnk; did you mean \"Link\"?"),
    Pointing("elsewhere", "int64 x = 9 [(storegate.v1.field).count = 'Book.author_id'];",
        "that field does not reference Book"),
    Pointing("with_rule", "int64 x = 9 [(storegate.v1.field) = {count: 'Link.book_id' gte: 0}];",
        "is not stored but counted and cannot have gte")), CaseName);

}  // namespace
}  // namespace storegate::schema
