// A method, request or response that has no meaning is reported, with what is
// missing or of a wrong type.
#include "tests/unit/schema/protos.h"

namespace storegate::schema {
namespace {

class WrongMethod : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongMethod, IsReportedWhereItIs) {
  ExpectWrong(LoadBody(GetParam().body), GetParam().expected);
}

// A store of Book with one method, on line 5, and messages from line 8.
WrongCase One(std::string name, const std::string& method, const std::string& messages,
              std::vector<Expected> expected) {
  std::string body =
      "message Book { string id = 1; string title = 2; repeated string tags = 3; string password = "
      "4 [(storegate.v1.field).password = true]; string etag = 5; int32 pages = 6; "
      "google.protobuf.Timestamp delete_time = 7; }\n"
      "message Note { int64 id = 1; string kind = 2 [(storegate.v1.field).max_len = 9]; int32 "
      "number = 3; option (storegate.v1.entity) = { index: { fields: 'kind' fields: 'number' "
      "unique: ALL } }; }\n"
      "service BookStore {\n  " +
      method + "\n}\nservice NoteStore {" +
      (method.find("Note") == std::string::npos ? "" : "\n  " + method) + "}\n" + messages;
  if (method.find("Note") != std::string::npos) {
    // Line 5 stays empty, the method is on line 8.
    body.replace(body.find("\n  " + method), method.size() + 3, "\n");
  }
  return {std::move(name), body, std::move(expected)};
}

INSTANTIATE_TEST_SUITE_P(Methods, WrongMethod, testing::Values(
    One("unknown", "rpc Frobnicate(Book) returns (Book);", "", {{"5:3",
        "Frobnicate has no meaning in a store of Book; the names known are CreateBook"}}),
    One("near", "rpc GetBok(Book) returns (Book);", "", {{"5:3", "did you mean \"GetBook\"?"}}),
    One("server_stream", "rpc ListBooks(Book) returns (stream Book);", "", {{"5:3",
        "returns a stream"}}),
    One("no_stream", "rpc StreamBooks(Book) returns (Book);", "", {{"5:3",
        "must return a stream"}}),
    One("client_stream", "rpc CreateBook(stream Book) returns (Book);", "", {{"5:3",
        "takes a stream"}}),
    One("when", "rpc DeleteBook(R) returns (Book) { option (storegate.v1.method).when = 'pages = "
        "1'; }", "message R { string id = 1; }", {{"5:38", "DeleteBook has `when`"}}),
    One("write_named_read", "rpc GetOrCreateBook(R) returns (Book) { option "
        "(storegate.v1.method).operation = CREATE; }", "message R { Book book = 1; }",
        {{"5:3", "GetOrCreateBook writes, but its name or idempotency_level says"}}),
    One("write_without_effects", "rpc DeleteBook(R) returns (Book) { option idempotency_level = "
        "NO_SIDE_EFFECTS; }", "message R { string id = 1; }", {{"5:3", "DeleteBook writes"}}),
    One("undelete_hard", "rpc UndeleteNote(R) returns (Note);", "message R { int64 id = 1; }",
        {{"8:3", "Note has no delete_time, so deleting is for good"}})), CaseName);

INSTANTIATE_TEST_SUITE_P(Requests, WrongMethod, testing::Values(
    One("create_empty", "rpc CreateBook(R) returns (Book);", "message R {}", {{"8:1",
        "R needs `t.v1.Book book` for CreateBook"}}),
    One("create_extra", "rpc CreateBook(R) returns (Book);",
        "message R { Book book = 1;\n  bool validate_only = 2; }", {{"9:3",
        "R.validate_only has no meaning in CreateBook; remove it"}}),
    One("create_of_empty", "rpc CreateBook(google.protobuf.Empty) returns (Book);", "", {{"5:3",
        "google.protobuf.Empty needs `t.v1.Book book`"}}),
    One("create_repeated", "rpc CreateBook(R) returns (Book);",
        "message R { repeated Book book = 1; }", {{"8:13",
        "R.book is repeated t.v1.Book and must be t.v1.Book"}}),
    One("create_where", "rpc CreateBook(R) returns (Book);",
        "message R { Book book = 1 [(storegate.v1.where) = 'x']; }", {{"8:13",
        "R.book has `where`"}}),
    One("get_nothing", "rpc GetBook(R) returns (Book);", "message R {}", {{"5:3",
        "GetBook needs a request with the fields of a key of Book: id"}}),
    One("get_extra", "rpc GetBook(R) returns (Book);",
        "message R { string id = 1;\n  string title = 2; }", {{"9:3",
        "R.title has no meaning in GetBook; the fields of an id or of a unique index do"}}),
    One("get_type", "rpc GetBook(R) returns (Book);", "message R { int64 id = 1; }", {{"8:13",
        "R.id is int64 and must be string in GetBook"}}),
    One("get_half_a_key", "rpc GetNote(R) returns (Note);",
        "message R { int64 id = 1; string kind = 2; }", {{"9:27", "R.kind has no meaning"}}),
    One("get_plain_number", "rpc GetNote(R) returns (Note);",
        "message R { string kind = 2; int32 number = 3; }", {{"9:30",
        "R.number is int32 and must be optional int32"}}),
    One("get_show_deleted", "rpc GetNote(R) returns (Note);",
        "message R { int64 id = 1; bool show_deleted = 3; }", {{"9:27",
        "R.show_deleted has no meaning"}}),
    One("batch_get_ids", "rpc BatchGetBooks(R) returns (S);",
        "message R { string ids = 1; } message S { repeated Book books = 1; }", {{"8:13",
        "R.ids is string and must be repeated string"}}),
    One("update_mask", "rpc UpdateBook(R) returns (Book);", "message R { Book book = 1; }",
        {{"8:1", "R needs `google.protobuf.FieldMask update_mask`"}}),
    One("delete_etag", "rpc DeleteNote(R) returns (Note);",
        "message R { int64 id = 1; string etag = 2; }", {{"9:27", "R.etag has no meaning"}}),
    One("allow_missing", "rpc DeleteBook(R) returns (Book);",
        "message R { string id = 1; string allow_missing = 2; }", {{"8:28",
        "R.allow_missing is string and must be bool"}}),
    One("batch_create", "rpc BatchCreateBooks(R) returns (S);",
        "message R { repeated T requests = 1; bool allow_partial = 2; } message S { repeated Book "
        "books = 1; } message T { string x = 1; }",
        {{"8:64", "S needs `map<int32, google.rpc.Status> failed_requests`"}, {"8:103",
            "T needs `t.v1.Book book`"}, {"8:115", "T.x has no meaning"}}),
    One("verify_nothing", "rpc VerifyPassword(R) returns (S);",
        "message R { string id = 1; } message S { bool valid = 1; }", {{"8:1",
        "R needs `string password`"}}),
    One("verify_no_password", "rpc VerifyPassword(R) returns (NoteS);",
        "message R { int64 id = 1; } message NoteS { bool valid = 1; }", {{"8:3",
        "Note has no field with `password: true`"}})), CaseName);

INSTANTIATE_TEST_SUITE_P(Responses, WrongMethod, testing::Values(
    One("create", "rpc CreateBook(R) returns (R);", "message R { Book book = 1; }", {{"5:3",
        "CreateBook returns t.v1.R and must return Book"}}),
    One("create_empty", "rpc CreateBook(R) returns (google.protobuf.Empty);",
        "message R { Book book = 1; }", {{"5:3", "and must return Book"}}),
    One("purge", "rpc PurgeBook(R) returns (R);", "message R { string id = 1; }", {{"5:3",
        "must return Book or google.protobuf.Empty"}}),
    One("list", "rpc ListBooks(R) returns (S);",
        "message R { string page_token = 1; bool include_total_size = 2; int32 page = 3; } "
        "message S { Book books = 1; string more = 2; }",
        {{"8:83", "S needs `int64 total_size`"}, {"8:83",
            "S needs `storegate.v1.PageInfo page_info`"}, {"8:83",
            "S needs `string next_page_token`"}, {"8:95",
            "S.books is t.v1.Book and must be repeated t.v1.Book"}, {"8:111",
            "S.more has no meaning"}}),
    One("verify", "rpc VerifyPassword(R) returns (S);",
        "message R { string id = 1; string password = 2; } message S { Book book = 1; }", {{"8:51",
        "S needs `bool valid`"}})), CaseName);

// The List of Book with one field, on line 9, that filters.
WrongCase Filter(std::string name, const std::string& field, std::string part) {
  return One(std::move(name), "rpc ListBooks(R) returns (S);",
             "message S { repeated Book books = 1; } message R {\n  " + field + "\n}",
             {{"9:3", std::move(part)}});
}

INSTANTIATE_TEST_SUITE_P(Lists, WrongMethod, testing::Values(
    Filter("unknown", "string author = 2;",
        "R.author has no meaning in ListBooks: Book has no field of that name; say what it "
        "filters"),
    Filter("near", "string titel = 2;", "did you mean \"title\"?"),
    Filter("filter", "int32 filter = 2;", "R.filter is int32 and must be string"),
    Filter("include", "google.protobuf.FieldMask include = 2;", "nothing to include"),
    Filter("read_mask", "string read_mask = 2;", "must be google.protobuf.FieldMask"),
    Filter("type", "int64 pages = 2;", "Book.pages is of another type"),
    Filter("list", "string tags = 2;", "(storegate.v1.where) = \"tags : $\""),
    Filter("password", "string password = 2;", "is input_only and cannot be filtered by"),
    Filter("etag", "string etag = 2;", "no single value to be equal to"),
    Filter("search", "string search = 2;", "no field of Book is searchable"),
    Filter("page_size", "int64 page_size = 2;", "R.page_size is int64 and must be int32"),
    Filter("empty_where", "int64 x = 2 [(storegate.v1.where) = ' '];", "has an empty `where`"),
    Filter("map", "map<string, string> x = 2 [(storegate.v1.where) = 'title = $'];", "is a map")),
        CaseName);

// An aggregate of Book with these options, on line 5, into {name, number, real}.
WrongCase Computes(std::string name, const std::string& options, std::string part,
                   const std::string& request = "") {
  return One(std::move(name),
             "rpc Report(R) returns (S) { option (storegate.v1.aggregate) = {" + options + "}; }",
             "message R {" + request + "} message S { repeated T rows = 1; } "
             "message T { string name = 1; int64 number = 2; optional double real = 3; }",
             {{"", std::move(part)}});
}
const std::string kCount = "compute: { count: true into: 'number' }";
const std::string kGroup = "group_by: { field: 'title' into: 'name' }";
const std::string kAverage = "compute: { avg: 'pages' into: 'real' }";

INSTANTIATE_TEST_SUITE_P(Aggregates, WrongMethod, testing::Values(
    Computes("unknown_field", kCount + kAverage + "group_by: { field: 'titel' into: 'name' }",
        "did you mean \"title\"?"),
    Computes("list", kCount + kAverage + "group_by: { field: 'tags' into: 'name' }",
        "computes of Book.tags, which is no stored single value that sorts"),
    Computes("unknown_into", kCount + kGroup + kAverage + "compute: { count: true into: 'x' }",
        "T has no such field"),
    Computes("twice", kCount + kGroup + kAverage + kCount, "fills T.number twice"),
    Computes("unfilled", kCount + kGroup, "fills nothing into T.real"),
    Computes("type", kGroup + kAverage + "compute: { max: 'title' into: 'number' }",
        "fills T.number, which must be of the type of Book.title"),
    Computes("text", kGroup + kCount + "compute: { avg: 'title' into: 'real' }",
        "adds up Book.title, which is no number"),
    Computes("no_time", kCount + kAverage + "group_by: { month: 'title' into: 'name' }",
        "groups by a part of Book.title, which is no Timestamp"),
    Computes("no_zone", kCount + kAverage +
        "group_by: { month: 'delete_time' into: 'name' time_zone: 'Mars/Olympus' }",
        "which is no name of the IANA database"),
    Computes("zone_path", kCount + kAverage +
        "group_by: { month: 'delete_time' into: 'name' time_zone: '../../etc/passwd' }",
        "which is no name of the IANA database"),
    Computes("limit", kCount + kGroup + kAverage + "limit: -1", "has limit -1"),
    Computes("unused", kCount + kGroup + kAverage, "R.x has no meaning in Report", "int32 x = 1;"),
    One("both", "rpc GetBook(R) returns (Book) { option (storegate.v1.aggregate) = {}; "
        "option (storegate.v1.native) = { sqlite: 'SELECT 1' }; }", "message R { string id = 1; }",
        {{"5:3", "has more than one of"}}),
    One("no_text", "rpc Report(R) returns (S) { option (storegate.v1.native) = {}; }",
        "message R {} message S { repeated T rows = 1; } message T { string name = 1; }",
        {{"", "has a native query without a text"}}),
    One("parameter", "rpc Report(R) returns (S) { option (storegate.v1.native) = { sqlite: 'x' }; }",
        "message R { S s = 1; } message S { repeated T rows = 1; } message T { string name = 1; }",
        {{"", "R.s cannot be a parameter"}}),
    One("no_rows", "rpc Report(R) returns (S) { option (storegate.v1.native) = { sqlite: 'x' }; }",
        "message R {} message S { string name = 1; }",
        {{"", "must have one field: a repeated message"}})),
        CaseName);

}  // namespace
}  // namespace storegate::schema
