// What Compare finds between two schemas: each kind of change, where, and for whom.
#include "server/schema/compatibility.h"

#include <google/protobuf/text_format.h>

#include "tests/unit/schema/protos.h"

namespace storegate::schema {
namespace {

// A change of one line of a schema: `body` of before and of after stands behind the header,
// from line 2. Expected: "api RULE element line" or "data RULE element line table.column".
struct CompareCase {
  std::string name;
  std::string before;
  std::string after;
  std::vector<std::string> expected;
};

void PrintTo(const CompareCase& each, std::ostream* out) { *out << each.name; }

std::vector<std::string> Brief(const std::vector<Incompatibility>& found) {
  std::vector<std::string> all;
  for (const Incompatibility& each : found) {
    std::string text = each.kind == Incompatibility::Kind::kApi ? "api " : "data ";
    text += std::string(each.rule) + " " + each.element + " " + std::to_string(each.location.line);
    if (each.kind == Incompatibility::Kind::kData) text += " " + each.table + "." + each.column;
    all.push_back(text);
  }
  return all;
}

std::unique_ptr<const Schema> MustLoad(const std::string& body) {
  LoadResult loaded = LoadBody(body);
  EXPECT_NE(loaded.schema, nullptr) << Show(loaded) << body;
  return std::move(loaded.schema);
}

// An entity on lines 2 to 4: its id, and one line of fields.
std::string Book(const std::string& fields) {
  return "message Book { option (storegate.v1.entity) = {};\n string id = 1;\n" + fields + "\n}\n";
}
// The same with a message and an enum that fields may use, on lines 6 and 7.
std::string Shelf(const std::string& fields, const std::string& part, const std::string& genre) {
  return Book(fields) + "message Part {" + part + "}\nenum Genre {" + genre + "}\n";
}
constexpr char kGenre[] = "NONE = 0; NOVEL = 1; ESSAY = 2;";
// A store: methods on line 7, the request on line 9.
std::string Store(const std::string& methods, const std::string& request) {
  return Book(" string title = 2;") + "service BookStore {\n" + methods + "\n}\n" + request + "\n";
}
constexpr char kGet[] = " rpc GetBook(GetBookRequest) returns (Book);";
constexpr char kGetRequest[] = "message GetBookRequest { string id = 1; }";

class CompareTest : public testing::TestWithParam<CompareCase> {};

TEST_P(CompareTest, SaysWhatBreaksWhereAndForWhom) {
  auto before = MustLoad(GetParam().before);
  auto after = MustLoad(GetParam().after);
  ASSERT_TRUE(before != nullptr && after != nullptr);
  std::vector<Incompatibility> found = Compare(*before, *after);
  EXPECT_EQ(Brief(found), GetParam().expected);
  for (const Incompatibility& each : found) {
    EXPECT_EQ(each.location.file, "a.proto");
    EXPECT_FALSE(each.message.empty());
  }
}

std::string Name(const testing::TestParamInfo<CompareCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Fields, CompareTest,
    testing::Values(
        CompareCase{"AFieldIsAdded", Book(""), Book(" string title = 2;"), {}},
        CompareCase{"AFieldIsRemoved", Book(" string title = 2;"), Book(""),
                    {"api FIELD_REMOVED t.v1.Book.title 2",
                     "data FIELD_REMOVED t.v1.Book.title 2 books.title"}},
        CompareCase{"AFieldIsRemovedAndReserved", Book(" string title = 2;"),
                    Book(" reserved 2; reserved \"title\";"),
                    {"data FIELD_REMOVED t.v1.Book.title 2 books.title"}},
        CompareCase{"ANumberAloneIsReserved", Book(" string title = 2;"), Book(" reserved 2;"),
                    {"api FIELD_REMOVED t.v1.Book.title 2",
                     "data FIELD_REMOVED t.v1.Book.title 2 books.title"}},
        CompareCase{"AFieldIsRenamed", Book(" string title = 2;"), Book(" string name = 2;"),
                    {"api FIELD_RENAMED t.v1.Book.name 4",
                     "data COLUMN_CHANGED t.v1.Book.name 4 books.title"}},
        CompareCase{"AFieldIsRenamedAndKeepsItsColumn", Book(" string title = 2;"),
                    Book(" string name = 2 [(storegate.v1.field).column = \"title\"];"),
                    {"api FIELD_RENAMED t.v1.Book.name 4"}},
        CompareCase{"AFieldIsRenumbered", Book(" string title = 2;"), Book(" string title = 3;"),
                    {"api FIELD_RENUMBERED t.v1.Book.title 4"}},
        CompareCase{"ANumberIsReused", Book(" string title = 2;"), Book(" int32 pages = 2;"),
                    {"api NUMBER_REUSED t.v1.Book.pages 4",
                     "data NUMBER_REUSED t.v1.Book.title 4 books.title"}},
        CompareCase{"NamesAreSwapped", Book(" string a = 2; string b = 3;"),
                    Book(" string b = 2; string a = 3;"),
                    {"api FIELD_RENUMBERED t.v1.Book.a 4", "api FIELD_RENUMBERED t.v1.Book.b 4"}},
        CompareCase{"AColumnIsNamed", Book(" string title = 2;"),
                    Book(" string title = 2 [(storegate.v1.field).column = \"name\"];"),
                    {"data COLUMN_CHANGED t.v1.Book.title 4 books.title"}},
        CompareCase{"DeletesAreNoLongerSoft", Book(" google.protobuf.Timestamp delete_time = 2;"),
                    Book(" reserved 2; reserved \"delete_time\";"),
                    {"data FIELD_REMOVED t.v1.Book.delete_time 2 books.delete_time"}},
        CompareCase{"AFieldBecomesAPassword", Book(" string word = 2;"),
                    Book(" string word = 2 [(storegate.v1.field).password = true];"),
                    {"api READING_CHANGED t.v1.Book.word 4",
                     "data MEANING_CHANGED t.v1.Book.word 4 books.word"}},
        CompareCase{"AFieldBecomesLowerCase", Book(" string mail = 2;"),
                    Book(" string mail = 2 [(storegate.v1.field).lower_case = true];"),
                    {"data MEANING_CHANGED t.v1.Book.mail 4 books.mail"}},
        CompareCase{"AFieldBecomesSearchable", Book(" string title = 2;"),
                    Book(" string title = 2 [(storegate.v1.field).searchable = true];"), {}}),
    Name);

CompareCase TypeCase(const std::string& name, const std::string& before, const std::string& after,
                     bool api, bool data, const std::string& rule = "TYPE_CHANGED") {
  CompareCase made{name, Shelf(" " + before + " f = 2;", " string a = 1;", kGenre),
                   Shelf(" " + after + " f = 2;", " string a = 1;", kGenre), {}};
  if (api) made.expected.push_back("api " + rule + " t.v1.Book.f 4");
  if (data) made.expected.push_back("data " + rule + " t.v1.Book.f 4 books.f");
  return made;
}

// Wire: protobuf.dev/programming-guides/proto3, "Updating A Message Type".
INSTANTIATE_TEST_SUITE_P(
    Types, CompareTest,
    testing::Values(
        TypeCase("Int32ToInt64", "int32", "int64", false, false),
        TypeCase("Int64ToInt32", "int64", "int32", true, true),
        TypeCase("Uint32ToInt64", "uint32", "int64", false, false),
        TypeCase("Int32ToUint32", "int32", "uint32", true, true),
        TypeCase("BoolToInt32", "bool", "int32", false, true),
        TypeCase("Int32ToBool", "int32", "bool", true, true),
        TypeCase("Int32ToSint32", "int32", "sint32", true, false),
        TypeCase("Sint32ToSint64", "sint32", "sint64", false, false),
        TypeCase("Int32ToSfixed32", "int32", "sfixed32", true, false),
        TypeCase("Fixed32ToSfixed32", "fixed32", "sfixed32", true, true),
        TypeCase("Int64ToFixed32", "int64", "fixed32", true, true),
        TypeCase("FloatToDouble", "float", "double", true, false),
        TypeCase("DoubleToFloat", "double", "float", true, true),
        TypeCase("Int64ToDouble", "int64", "double", true, true),
        TypeCase("StringToBytes", "string", "bytes", false, true),
        TypeCase("BytesToString", "bytes", "string", true, true),
        TypeCase("EnumToInt32", "Genre", "int32", false, true),
        TypeCase("EnumToString", "Genre", "string", true, false),
        TypeCase("StringToEnum", "string", "Genre", true, true),
        TypeCase("StringToTimestamp", "string", "google.protobuf.Timestamp", true, true),
        TypeCase("MessageToStruct", "Part", "google.protobuf.Struct", true, true),
        TypeCase("OptionalToWrapper", "optional string", "google.protobuf.StringValue", true,
                 false, "CARDINALITY_CHANGED"),
        TypeCase("PlainToOptional", "string", "optional string", true, false,
                 "CARDINALITY_CHANGED"),
        TypeCase("OptionalToPlain", "optional string", "string", true, true,
                 "CARDINALITY_CHANGED"),
        TypeCase("SingleToRepeated", "string", "repeated string", true, true,
                 "CARDINALITY_CHANGED"),
        TypeCase("RepeatedToSingle", "repeated string", "string", true, true,
                 "CARDINALITY_CHANGED"),
        TypeCase("RepeatedToMap", "repeated Part", "map<string, Part>", true, true,
                 "CARDINALITY_CHANGED"),
        TypeCase("ListsWiden", "repeated int32", "repeated int64", false, false),
        TypeCase("ValuesOfMapsWiden", "map<string, int32>", "map<string, int64>", false, false),
        TypeCase("ValuesOfMapsChange", "map<string, int32>", "map<string, string>", true, true),
        TypeCase("KeysOfMapsWiden", "map<int32, string>", "map<int64, string>", false, false),
        TypeCase("KeysOfMapsBecomeText", "map<int32, string>", "map<string, string>", true, false),
        TypeCase("KeysOfMapsBecomeNumbers", "map<string, string>", "map<int32, string>", true,
                 true)),
    Name);

INSTANTIATE_TEST_SUITE_P(
    MessagesAndEnums, CompareTest,
    testing::Values(
        CompareCase{"AnEnumValueIsAdded", Shelf(" Genre genre = 2;", "", kGenre),
                    Shelf(" Genre genre = 2;", "", std::string(kGenre) + " PLAY = 3;"), {}},
        CompareCase{"AnEnumValueIsRemoved", Shelf(" Genre genre = 2;", "", kGenre),
                    Shelf(" Genre genre = 2;", "", "NONE = 0; NOVEL = 1;"),
                    {"api ENUM_VALUE_REMOVED t.v1.Genre.ESSAY 7",
                     "data ENUM_VALUE_REMOVED t.v1.Genre.ESSAY 7 books.genre"}},
        CompareCase{"AnEnumValueIsRenamed", Shelf(" Genre genre = 2;", "", kGenre),
                    Shelf(" Genre genre = 2;", "", "NONE = 0; NOVEL = 1; TEXT = 2;"),
                    {"api ENUM_VALUE_RENAMED t.v1.Genre.ESSAY 7",
                     "data ENUM_VALUE_REMOVED t.v1.Genre.ESSAY 7 books.genre"}},
        CompareCase{"AnEnumValueIsRenamedAndKeptAsAnAlias", Shelf(" Genre genre = 2;", "", kGenre),
                    Shelf(" Genre genre = 2;", "",
                          "option allow_alias = true; NONE = 0; NOVEL = 1; TEXT = 2; ESSAY = 2;"),
                    {}},
        CompareCase{"AnEnumValueIsRenumbered", Shelf(" Genre genre = 2;", "", kGenre),
                    Shelf(" Genre genre = 2;", "", "NONE = 0; NOVEL = 1; ESSAY = 3;"),
                    {"api ENUM_VALUE_RENUMBERED t.v1.Genre.ESSAY 7"}},
        CompareCase{"AnEnumThatNobodyKeepsLosesAValue", Shelf("", "", kGenre),
                    Shelf("", "", "NONE = 0; NOVEL = 1;"),
                    {"api ENUM_VALUE_REMOVED t.v1.Genre.ESSAY 7"}},
        CompareCase{"AnEnumWithinAMessageLosesAValue",
                    Shelf(" repeated Part parts = 2;", " Genre genre = 1;", kGenre),
                    Shelf(" repeated Part parts = 2;", " Genre genre = 1;", "NONE = 0; NOVEL = 1;"),
                    {"api ENUM_VALUE_REMOVED t.v1.Genre.ESSAY 7",
                     "data ENUM_VALUE_REMOVED t.v1.Genre.ESSAY 7 books.parts"}},
        CompareCase{"AFieldWithinAMessageIsRenamed",
                    Shelf(" Part part = 2;", " string a = 1;", kGenre),
                    Shelf(" Part part = 2;", " string b = 1;", kGenre),
                    {"api FIELD_RENAMED t.v1.Part.b 6",
                     "data FIELD_REMOVED t.v1.Part.a 6 books.part"}},
        CompareCase{"AFieldWithinAMessageIsRenumbered",
                    Shelf(" Part part = 2;", " string a = 1;", kGenre),
                    Shelf(" Part part = 2;", " string a = 2;", kGenre),
                    {"api FIELD_RENUMBERED t.v1.Part.a 6"}},
        CompareCase{"AFieldWithinAMessageChangesItsType",
                    Shelf(" map<string, Part> part = 2;", " string a = 1; int32 b = 2;", kGenre),
                    Shelf(" map<string, Part> part = 2;", " bytes a = 1; int64 b = 2;", kGenre),
                    {"data TYPE_CHANGED t.v1.Part.a 6 books.part"}},
        CompareCase{"AMessageThatHoldsItself",
                    Shelf(" Part part = 2;", " Part next = 1; string a = 2;", kGenre),
                    Shelf(" Part part = 2;", " Part next = 1; int32 a = 2;", kGenre),
                    {"api TYPE_CHANGED t.v1.Part.a 6",
                     "data TYPE_CHANGED t.v1.Part.a 6 books.part"}},
        CompareCase{"AMessageIsMoved",
                    Shelf(" Part part = 2;", " string a = 1;", kGenre),
                    Book(" message Part { string a = 1; } Part part = 2;") + "enum Genre {" +
                        kGenre + "}",
                    {"api TYPE_CHANGED t.v1.Book.part 4", "api MESSAGE_REMOVED t.v1.Part 6"}},
        CompareCase{"AnEnumIsMoved", Shelf("", "", kGenre),
                    Book(std::string(" enum Genre {") + kGenre + "}") + "message Part {}",
                    {"api ENUM_REMOVED t.v1.Genre 7"}},
        CompareCase{"AFieldMovesIntoAOneof", Book(" optional string a = 2; optional string b = 3;"),
                    Book(" oneof c { string a = 2; } optional string b = 3;"),
                    {"api ONEOF_CHANGED t.v1.Book.a 4"}},
        CompareCase{"FieldsMoveIntoOneOneof",
                    Book(" optional string a = 2; optional string b = 3;"),
                    Book(" oneof c { string a = 2; string b = 3; }"),
                    {"api ONEOF_CHANGED t.v1.Book.a 4", "api ONEOF_CHANGED t.v1.Book.b 4",
                     "data ONEOF_CHANGED t.v1.Book.b 4 books.b"}},
        CompareCase{"AFieldLeavesAOneof", Book(" oneof c { string a = 2; string b = 3; }"),
                    Book(" oneof c { string a = 2; } optional string b = 3;"),
                    {"api ONEOF_CHANGED t.v1.Book.b 4"}}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Entities, CompareTest,
    testing::Values(
        CompareCase{"ACollectionIsNamed", Book(""),
                    "message Book { option (storegate.v1.entity).collection = \"tomes\";\n "
                    "string id = 1; }",
                    {"data COLLECTION_CHANGED t.v1.Book 2 books."}},
        CompareCase{"AnEntityIsRenamedAndKeepsItsCollection", Book(" string title = 2;"),
                    "message Tome { option (storegate.v1.entity).collection = \"books\";\n "
                    "string id = 1; string title = 2; }",
                    {"api MESSAGE_REMOVED t.v1.Book 2"}},
        CompareCase{"AnEntityIsRemoved", Book("") + "message Author {"
                    " option (storegate.v1.entity) = {}; string id = 1; }",
                    Book(""),
                    {"api MESSAGE_REMOVED t.v1.Author 6", "data ENTITY_REMOVED t.v1.Author 6 "
                                                          "authors."}},
        CompareCase{"TheIdBecomesANumber", Book(""),
                    "message Book { option (storegate.v1.entity) = {};\n int64 id = 1; }",
                    {"api TYPE_CHANGED t.v1.Book.id 3", "data ID_CHANGED t.v1.Book 2 books."}},
        CompareCase{"TheIdIsAnotherColumn", Book(""),
                    "message Book { option (storegate.v1.entity) = {};\n"
                    " string id = 1 [(storegate.v1.field).column = \"key\"]; }",
                    {"data ID_CHANGED t.v1.Book 2 books."}},
        CompareCase{"TextsBecomeObjectIds", Book(" optional string f = 2;"),
                    Book(" optional string f = 2 [(storegate.v1.field).format = OBJECT_ID];"),
                    {"api RULE_TIGHTENED t.v1.Book.f 4", "data TYPE_CHANGED t.v1.Book.f 4 "
                                                         "books.f"}},
        CompareCase{"ObjectIdsBecomeTexts",
                    Book(" optional string f = 2 [(storegate.v1.field).format = OBJECT_ID];"),
                    Book(" optional string f = 2;"),
                    {"data TYPE_CHANGED t.v1.Book.f 4 books.f"}},
        CompareCase{"TheIdBecomesAUuid", Book(""),
                    "message Book { option (storegate.v1.entity) = {};\n"
                    " string id = 1 [(storegate.v1.field).format = UUID]; }",
                    {"api RULE_TIGHTENED t.v1.Book.id 3", "data TYPE_CHANGED t.v1.Book.id 3 "
                                                          "books.id"}}),
    Name);

CompareCase RuleCase(const std::string& name, const std::string& type, const std::string& before,
                     const std::string& after, bool tightened) {
  auto field = [&](const std::string& rules) {
    return Book(" " + type + " f = 2 [(storegate.v1.field) = {" + rules + "}];");
  };
  CompareCase made{name, field(before), field(after), {}};
  if (tightened) made.expected.push_back("api RULE_TIGHTENED t.v1.Book.f 4");
  return made;
}

INSTANTIATE_TEST_SUITE_P(
    Rules, CompareTest,
    testing::Values(
        RuleCase("RequiredIsAdded", "string", "", "required: true", true),
        RuleCase("RequiredIsRemoved", "string", "required: true", "", false),
        RuleCase("MaxLenIsLowered", "string", "max_len: 10", "max_len: 9", true),
        RuleCase("MaxLenIsSet", "string", "", "max_len: 9", true),
        RuleCase("MaxLenIsRaised", "string", "max_len: 9", "max_len: 10", false),
        RuleCase("MinLenIsRaised", "string", "min_len: 1", "min_len: 2", true),
        RuleCase("MaxItemsIsLowered", "repeated string", "max_items: 2", "max_items: 1", true),
        RuleCase("PatternIsAdded", "string", "", "pattern: \"[a-z]+\"", true),
        RuleCase("PatternIsRemoved", "string", "pattern: \"[a-z]+\"", "", false),
        RuleCase("FormatIsAdded", "string", "", "format: EMAIL", true),
        RuleCase("GteBecomesGt", "int32", "gte: 1", "gt: 1", true),
        RuleCase("GtBecomesGte", "int32", "gt: 1", "gte: 1", false),
        RuleCase("LteIsLowered", "int32", "lte: 10", "lte: 9", true),
        RuleCase("LtIsRemoved", "int32", "lt: 10", "", false),
        RuleCase("ImmutableIsAdded", "string", "", "immutable: true", true),
        RuleCase("OutputOnlyIsAdded", "string", "", "output_only: true", true),
        CompareCase{"UniqueIsAdded", Book(" string f = 2 [(storegate.v1.field).max_len = 9];"),
                    Book(" string f = 2 [(storegate.v1.field) = { max_len: 9 unique: ALL }];"),
                    {"api RULE_TIGHTENED t.v1.Book 4"}},
        CompareCase{"ANewFieldIsRequired", Book(""),
                    Book(" string f = 2 [(storegate.v1.field).required = true];"),
                    {"api RULE_TIGHTENED t.v1.Book.f 4"}},
        CompareCase{"ARuleWithinAMessage", Shelf(" Part part = 2;", " string a = 1;", kGenre),
                    Shelf(" Part part = 2;",
                          " string a = 1 [(storegate.v1.field).required = true];", kGenre),
                    {"api RULE_TIGHTENED t.v1.Part.a 6"}},
        CompareCase{"AReferenceIsAdded",
                    Book(" string f = 2 [(storegate.v1.field).required = true];"),
                    Book(" string f = 2 [(storegate.v1.field) = { required: true references: "
                         "\"Book.id\" }];"),
                    {"api RULE_TIGHTENED t.v1.Book.f 4"}}),
    Name);

INSTANTIATE_TEST_SUITE_P(
    Services, CompareTest,
    testing::Values(
        CompareCase{"AMethodIsRemoved",
                    Store(std::string(kGet) + " rpc DeleteBook(DeleteBookRequest) returns (Book);",
                          std::string(kGetRequest) +
                              " message DeleteBookRequest { string id = 1; }"),
                    Store(kGet, std::string(kGetRequest) +
                                    " message DeleteBookRequest { string id = 1; }"),
                    {"api METHOD_REMOVED t.v1.BookStore.DeleteBook 6"}},
        CompareCase{"AServiceIsRenamed", Store(kGet, kGetRequest),
                    Book(" string title = 2;") +
                        "service BooksStore { option (storegate.v1.store).entity = \"Book\";\n" +
                        kGet + "\n}\n" + kGetRequest,
                    {"api SERVICE_REMOVED t.v1.BookStore 6"}},
        CompareCase{"ARequestIsAnother", Store(kGet, kGetRequest),
                    Store(" rpc GetBook(FetchBookRequest) returns (Book);",
                          std::string(kGetRequest) +
                              " message FetchBookRequest { string id = 1; }"),
                    {"api REQUEST_CHANGED t.v1.BookStore.GetBook 7"}},
        CompareCase{"AResponseIsAnother",
                    Store(" rpc DeleteBook(DeleteBookRequest) returns (Book);",
                          "message DeleteBookRequest { string id = 1; }"),
                    Store(" rpc DeleteBook(DeleteBookRequest) returns (google.protobuf.Empty);",
                          "message DeleteBookRequest { string id = 1; }"),
                    {"api RESPONSE_CHANGED t.v1.BookStore.DeleteBook 7"}},
        CompareCase{"APredicateIsAnother",
                    Store(" rpc ListBooks(ListBooksRequest) returns (ListBooksResponse);",
                          "message ListBooksRequest { optional string a = 1 "
                          "[(storegate.v1.where) = \"title >= $\"]; } message ListBooksResponse { repeated Book books = 1; "
                          "string next_page_token = 2; }"),
                    Store(" rpc ListBooks(ListBooksRequest) returns (ListBooksResponse);",
                          "message ListBooksRequest { optional string a = 1 "
                          "[(storegate.v1.where) = \"title > $\"]; } message ListBooksResponse { repeated Book books = 1; "
                          "string next_page_token = 2; }"),
                    {"api PREDICATE_CHANGED t.v1.ListBooksRequest.a 9"}}),
    Name);

TEST(CompareTest, AUniqueIndexIsAddedWhereNoneWasWithinIt) {
  const std::string fields = " string a = 2 [(storegate.v1.field).max_len = 9];"
                             " string b = 3 [(storegate.v1.field).max_len = 9];";
  auto entity = [&](const std::string& index) {
    return MustLoad("message Book { option (storegate.v1.entity) = {\n" + index +
                    "};\n string id = 1;" + fields + "}");
  };
  auto none = entity("");
  auto one = entity("index: { fields: \"a\" unique: ALL }");
  auto both = entity("index: { fields: \"a\" fields: \"b\" unique: ALL }");
  EXPECT_EQ(Brief(Compare(*none, *both)),
            std::vector<std::string>{"api RULE_TIGHTENED t.v1.Book 2"});
  EXPECT_TRUE(Compare(*one, *both).empty());
  EXPECT_EQ(Compare(*both, *one).size(), 1u);
  EXPECT_TRUE(Compare(*both, *none).empty());
}

TEST(CompareTest, APackageThatIsRenamedIsOneChangeAndItsContentIsStillCompared) {
  const std::string body = "\nimport \"storegate/v1/schema.proto\";\nmessage Book { option "
                           "(storegate.v1.entity) = {}; string id = 1; Part part = 2;";
  LoadResult before = Load({{"a.proto", "syntax = \"proto3\"; package t.v1;" + body +
                                            " string title = 3; } message Part { string a = 1; "
                                            "}"}});
  LoadResult after = Load({{"a.proto", "syntax = \"proto3\";\npackage u.v2;" + body +
                                           "} message Part { string a = 1; }"}});
  ASSERT_NE(before.schema, nullptr) << Show(before);
  ASSERT_NE(after.schema, nullptr) << Show(after);
  EXPECT_EQ(Brief(Compare(*before.schema, *after.schema)),
            (std::vector<std::string>{"api PACKAGE_CHANGED u.v2 2",
                                      "api FIELD_REMOVED t.v1.Book.title 4",
                                      "data FIELD_REMOVED t.v1.Book.title 4 books.title"}));
}

TEST(CompareTest, NothingIsWrongWithTheSameSchema) {
  auto schema = MustLoad(Shelf(" Part part = 2; Genre genre = 3; map<string, Part> parts = 4;",
                               " Part next = 1; Genre genre = 2;", kGenre));
  EXPECT_TRUE(Compare(*schema, *schema).empty());
}

TEST(DescriptorsOfTest, ASchemaReadBackFromTheirTextIsTheSame) {
  auto schema = MustLoad(Shelf(" Part part = 2; string mail = 3 [(storegate.v1.field) = { "
                               "required: true max_len: 9 unique: ALL column: \"e_mail\" }];",
                               " Genre genre = 2;", kGenre));
  google::protobuf::FileDescriptorSet set = DescriptorsOf(*schema);
  ASSERT_EQ(set.file_size(), 1);
  std::string text;
  ASSERT_TRUE(google::protobuf::TextFormat::PrintToString(set, &text));
  google::protobuf::FileDescriptorSet read;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &read)) << text;
  LoadResult loaded = LoadDescriptors("snapshot", read);
  ASSERT_NE(loaded.schema, nullptr) << Show(loaded);
  EXPECT_TRUE(Compare(*schema, *loaded.schema).empty());
  EXPECT_TRUE(Compare(*loaded.schema, *schema).empty());
  EXPECT_EQ(loaded.schema->entities[0].Find("mail")->column, "e_mail");
  EXPECT_EQ(DescriptorsOf(*loaded.schema).SerializeAsString(), set.SerializeAsString());
}

TEST(DescriptorsOfTest, OptionsThatNobodyHereKnowsDoNotKeepTheTextFromBeingRead) {
  LoadResult loaded = Load(
      {{"others.proto", "syntax = \"proto3\"; package o; "
                        "import \"google/protobuf/descriptor.proto\";"
                        "extend google.protobuf.FieldOptions { string note = 60000; }"},
       {"a.proto", "syntax = \"proto3\"; package t.v1; import \"others.proto\"; import "
                   "\"storegate/v1/schema.proto\"; "
                   "message Book { option (storegate.v1.entity) = {}; string id = 1; string title = 2 [(o.note) = \"x\"]; }"}});
  ASSERT_NE(loaded.schema, nullptr) << Show(loaded);
  std::string text;
  google::protobuf::FileDescriptorSet read;
  ASSERT_TRUE(
      google::protobuf::TextFormat::PrintToString(DescriptorsOf(*loaded.schema), &text));
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &read)) << text;
  LoadResult again = LoadDescriptors("snapshot", read);
  ASSERT_NE(again.schema, nullptr) << Show(again);
  EXPECT_TRUE(Compare(*loaded.schema, *again.schema).empty());
}

TEST(IncompatibilityTest, IsShownWithFileAndLine) {
  auto before = MustLoad(Book(" string title = 2;"));
  auto after = MustLoad(Book(" int32 title = 2;"));
  std::vector<Incompatibility> found = Compare(*before, *after);
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].ToString().rfind("a.proto:4:2: t.v1.Book.title: the type was string and is "
                                      "int32", 0), 0u)
      << found[0].ToString();
}

}  // namespace
}  // namespace storegate::schema
