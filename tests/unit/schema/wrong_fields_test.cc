// Each mistake in an entity's fields gives exactly its own diagnostic.
#include "tests/unit/schema/protos.h"

namespace storegate::schema {
namespace {

class WrongField : public testing::TestWithParam<WrongCase> {};

TEST_P(WrongField, IsReportedWhereItIs) { ExpectWrong(LoadBody(GetParam().body),
    GetParam().expected); }

// An entity Book with one more field, on line 4.
WrongCase One(std::string name, const std::string& field, std::string part) {
  std::string body = "message Book { option (storegate.v1.entity) = {};\n  string id = 1;\n  " +
                     field + "\n}\nenum Color { COLOR_NONE = 0; COLOR_RED = 1; }\n"
                     "message Part { string note = 1; }\n";
  // In a oneof, the field is behind its "oneof o { ".
  std::string place = field.rfind("oneof", 0) == 0 ? "4:13" : "4:3";
  return {std::move(name), body, {{place, std::move(part)}}};
}

// The same with (storegate.v1.field) = {options} behind it.
WrongCase Rule(std::string name, const std::string& field, const std::string& options,
               std::string part) {
  return One(std::move(name), field + " [(storegate.v1.field) = {" + options + "}];",
             std::move(part));
}

INSTANTIATE_TEST_SUITE_P(Types, WrongField, testing::Values(
    One("uint64", "uint64 x = 2;",
        "Book.x is uint64, which not every database can hold; use int64"),
    One("fixed64", "repeated fixed64 x = 2;", "Book.x is fixed64"),
    One("uint64_value", "google.protobuf.UInt64Value x = 2;", "use Int64Value"),
    One("uint64_key", "map<uint64, string> x = 2;", "Book.x has keys of type uint64"),
    One("uint64_map_value", "map<string, uint64> x = 2;", "Book.x is uint64"),
    One("any", "google.protobuf.Any x = 2;", "google.protobuf.Any, whose content nobody can check"),
    One("entity_inside", "Book x = 2;", "Book.x holds Book, an entity, which is stored on its own"),
    One("entity_in_list", "repeated Book x = 2;", "Book.x holds Book, an entity"),
    One("entity_in_map", "map<string, Book> x = 2;", "Book.x holds Book, an entity"),
    One("where", "string x = 2 [(storegate.v1.where) = \"x = $\"];",
        "for fields of List requests")),
    CaseName);

INSTANTIATE_TEST_SUITE_P(Standard, WrongField, testing::Values(
    One("create_time", "int64 create_time = 2;", "must be a plain google.protobuf.Timestamp"),
    One("delete_time", "repeated google.protobuf.Timestamp delete_time = 2;", "known by its name"),
    One("etag", "bytes etag = 2;", "Book.etag is known by its name and must be a plain string"),
    One("optional_etag", "optional string etag = 2;", "must be a plain string"),
    Rule("etag_rule", "string etag = 2", "max_len: 5",
        "is the record's etag and cannot have max_len"),
    Rule("time_rule", "google.protobuf.Timestamp update_time = 2", "required: true immutable: true",
         "is set by the gateway and cannot have required and immutable")), CaseName);

INSTANTIATE_TEST_SUITE_P(Rules, WrongField, testing::Values(
    Rule("required_number", "int32 x = 2", "required: true",
        "Book.x is a plain int32 and cannot be required"),
    Rule("required_bool", "bool x = 2", "required: true", "make it optional"),
    One("required_oneof", "oneof o { string x = 2 [(storegate.v1.field).required = true]; }",
        "member of oneof o"),
    Rule("len_on_number", "int32 x = 2", "max_len: 3", "which is for strings and bytes"),
    Rule("negative_len", "string x = 2", "min_len: -1", "neither can be negative"),
    Rule("len_crossed", "string x = 2", "min_len: 5 max_len: 3",
        "min_len 5 and max_len 3; no value"),
    Rule("items_on_single", "string x = 2", "max_items: 3",
        "which is for repeated fields and maps"),
    Rule("items_crossed", "repeated string x = 2", "min_items: 2 max_items: 1",
        "no value satisfies"),
    Rule("bad_pattern", "string x = 2", "pattern: '[a-'", "a pattern that RE2 does not take"),
    Rule("pattern_on_number", "int32 x = 2", "pattern: 'a'",
        "pattern or format, which is for strings"),
    Rule("format_on_bytes", "bytes x = 2", "format: UUID",
        "pattern or format, which is for strings"),
    Rule("short_uuid", "string x = 2", "format: UUID max_len: 10", "a UUID has 36 characters"),
    Rule("bound_on_string", "string x = 2", "gte: 1", "gte, lte, gt or lt, which is for numbers"),
    Rule("two_lower", "int32 x = 2", "gte: 1 gt: 0", "two lower or two upper bounds"),
    Rule("broken_bound", "int32 x = 2", "lte: 1.5", "the bound 1.5; on an integer"),
    Rule("far_bound", "int64 x = 2", "lte: 9007199254740994", "within ±2^53"),
    Rule("infinite_bound", "double x = 2", "lte: inf", "not a finite number"),
    Rule("nan_bound", "double x = 2", "lte: nan", "not a finite number"),
    Rule("bounds_crossed", "double x = 2", "gte: 2 lte: 1", "bounds that no double satisfies"),
    Rule("bounds_open", "double x = 2", "gt: 1 lte: 1", "bounds that no double satisfies"),
    Rule("no_integer_between", "int32 x = 2", "gt: 1 lt: 2", "bounds that no int32 satisfies"),
    Rule("out_of_type", "uint32 x = 2", "lt: 0", "bounds that no uint32 satisfies")), CaseName);

INSTANTIATE_TEST_SUITE_P(Defaults, WrongField, testing::Values(
    Rule("plain", "int32 x = 2", "default: '1'", "has a default but is not optional"),
    Rule("message", "Part x = 2", "default: '1'", "has a default but is not optional"),
    Rule("required", "optional int32 x = 2", "default: '1' required: true", "could never be used"),
    Rule("no_number", "optional int32 x = 2", "default: 'many'",
        "\"many\", which is no whole number from -2147483648"),
    Rule("too_large", "optional int32 x = 2", "default: '2147483648'", "is no whole number"),
    Rule("negative_unsigned", "optional uint32 x = 2", "default: '-1'",
        "is no whole number from 0"),
    Rule("own_rule", "optional int32 x = 2", "default: '11' lte: 10", "is above lte 10"),
    Rule("no_bool", "optional bool x = 2", "default: 'yes'", "is neither true nor false"),
    Rule("no_enum", "optional Color x = 2", "default: 'COLOR_RAD'",
        "is no value of t.v1.Color; did you mean \"COLOR_RED\"?"),
    Rule("nan", "optional double x = 2", "default: 'nan'", "is no finite number"),
    Rule("bytes", "optional bytes x = 2", "default: 'a'", "stands for no value"),
    Rule("too_long", "optional string x = 2", "default: 'abc' max_len: 2",
        "is longer than max_len 2"),
    Rule("no_match", "optional string x = 2", "default: 'abc' pattern: 'b'",
        "does not match the pattern"),
    Rule("upper", "optional string x = 2", "default: 'ABC' lower_case: true",
        "is not in lower case")), CaseName);

INSTANTIATE_TEST_SUITE_P(Meaning, WrongField, testing::Values(
    Rule("searchable_number", "int32 x = 2", "searchable: true",
        "searchable, which is for single strings"),
    Rule("lower_case_list", "repeated string x = 2", "lower_case: true",
        "lower_case, which is for single strings"),
    Rule("password_bytes", "bytes x = 2", "password: true",
        "password, which is for single strings"),
    Rule("searchable_password", "string x = 2", "password: true searchable: true",
        "is a password and cannot be searchable"),
    Rule("unique_input_only", "string x = 2", "input_only: true unique: ALL max_len: 9",
        "is input_only and cannot be unique"),
    Rule("input_and_output", "string x = 2", "input_only: true output_only: true",
        "cannot be output_only"),
    Rule("required_output_only", "string x = 2", "required: true output_only: true",
        "callers cannot set it"),
    Rule("two_passwords", "string w = 3 [(storegate.v1.field).password = true]; string x = 2",
        "password: true", "second password beside Book.x"),
    Rule("password_format", "string x = 2", "password: true format: EMAIL",
        "is a password, which cannot have"),
    Rule("via_alone", "string x = 2", "via: 'Book'", "is not embedded and cannot have via"),
    Rule("column_underscore", "string x = 2", "column: '_x'", "must not start with _"),
    Rule("column_words", "string x = 2", "column: 'a b'", "must be letters, digits and _"),
    Rule("column_system", "string x = 2", "column: 'XMin'", "a column that PostgreSQL has"),
    Rule("column_long", "string x = 2",
        "column: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' searchable: true",
        "at most 55"),
    Rule("column_twice", "string x = 2", "column: 'ID'",
        "\"ID\" of Book.x is also that of Book.id")), CaseName);

TEST(WrongFields, OfANestedMessageAreReportedThere) {
  ExpectWrong(LoadBody("message Book { option (storegate.v1.entity) = {};\n"
                       "  string id = 1; Part part = 2;\n"
                       "}\n"
                       "message Part {\n"
                       "  string a = 1 [(storegate.v1.field).unique = ALL];\n"
                       "  int32 b = 2 [(storegate.v1.field).required = true];\n"
                       "  uint64 c = 3;\n"
                       "  Book d = 4;\n"
                       "  string e = 5 [(storegate.v1.field) = {min_len: 2 max_len: 1}];\n"
                       "}\n"),
              {{"6:3", "Part.a is a field within a stored message, where unique cannot be"},
               {"7:3", "Part.b is a plain int32 and cannot be required"},
               {"8:3", "Part.c is uint64"},
               {"9:3", "Part.d holds Book, an entity"},
               {"10:3", "no value satisfies both"}});
}

TEST(WrongFields, RulesThatNothingChecksAreReported) {
  ExpectWrong(LoadBody("message Book { option (storegate.v1.entity) = {}; string id = 1; }\n"
                       "message Draft {\n"
                       "  string a = 1 [(storegate.v1.field).max_len = 5];\n"
                       "}\n"),
              {{"4:3", "Draft.a has rules that nothing checks: Draft is no entity"}});
}

TEST(WrongFields, IdsAreOneOfTwoTypes) {
  for (std::string id : {"int32 id = 1;", "optional string id = 1;", "repeated string id = 1;",
                         "google.protobuf.StringValue id = 1;", "uint32 id = 1;"}) {
    ExpectWrong(LoadBody("message Book { option (storegate.v1.entity) = {};\n" + id + "\n}\n"),
                {{"3:1", "Book.id is known by its name and must be a plain string or int64"}});
  }
  ExpectWrong(LoadBody("message Book {\n  option (storegate.v1.entity) = {};\n}\n"),
              {{"3:3", "Book has no id; add `string id = 1;`"}});
  ExpectWrong(LoadBody("message Book { option (storegate.v1.entity) = {};\n"
                       "string id = 1 [(storegate.v1.field) = {required: true lower_case: true}];"
                       "\n}\n"),
              {{"3:1", "is the record's id and cannot have required and lower_case"}});
}

TEST(WrongFields, SeveralMistakesAreAllReportedInOrder) {
  ExpectWrong(Load({{"a.proto", Header() +
                                    "message Book { option (storegate.v1.entity) = {};\n"
                                    "  uint64 x = 2;\n"
                                    "  string y = 3 [(storegate.v1.field).references = "
                                        "'Autor.id'];\n"
                                    "}\n"
                                    "message Author { option (storegate.v1.entity) = {\n"
                                    "  index: { fields: 'nmae' } };\n"
                                    "  string id = 1; string name = 2;\n"
                                    "}\n"
                                    "service BookStore { rpc Frob(Book) returns (Book); }\n"},
                    {"b.proto", "syntax = \"proto3\"; package t.v1;\nservice Other {}\n"}}),
              {{"2:16", "Book has no id"},
               {"3:3", "Book.x is uint64"},
               {"4:3", "there is no message Autor; did you mean \"Author\"?"},
               {"6:18", "index field \"nmae\" of Author is no field; did you mean \"name\"?"},
               {"10:21", "Frob has no meaning in a store of Book"},
               {"", "b.proto:2:1: service Other is no store: its name does not end in Store"}});
}

TEST(WrongFields, AStoreCannotPreferADatabaseThatCannotBeNamedSo) {
  ExpectWrong(Load({{"a.proto", Header() +
                                    "message Book { option (storegate.v1.entity) = {};\n"
                                    "  string id = 1;\n"
                                    "}\n"
                                    "service BookStore { option (storegate.v1.store).database =\n"
                                    "  'My Books'; }\n"}}),
              {{"5:21", "\"My Books\" is no name of a database"}});
}

}  // namespace
}  // namespace storegate::schema
