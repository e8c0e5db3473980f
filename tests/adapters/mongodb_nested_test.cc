// Nested values between records and MongoDB's documents, those of other programs and
// damaged ones too.
#include "server/adapters/mongodb/nested.h"

#include <gtest/gtest.h>

#include "server/repository/json.h"
#include "tests/adapters/mongodb_documents.h"
#include "tests/unit/repository/long_run.h"

namespace storegate::mongodb {
namespace {

using google::protobuf::Message;
using repository::Below;
using repository::NewSample;
using repository::Repeats;
using repository::SampleEntity;
using repository::SameMessage;
using repository::SampleField;
using repository::Seed;
using repository::SetRandomField;
using schema::Field;
using schema::Presence;

Bson Nested(const Message& record, const Field& field) {
  Bson document;
  EXPECT_TRUE(AppendNested(record, field, "v", document.get())) << field.name;
  return document;
}

bool IsSet(const Message& message, const Field& field) {
  return field.presence != Presence::kOptional ||
         message.GetReflection()->HasField(message, field.descriptor);
}

// A sample with one field read from {"v": …}.
std::unique_ptr<Message> Read(const Bson& document, const std::string& name) {
  std::string bytes = "before";
  EXPECT_TRUE(NestedToWire(First(document), SampleField(name), &bytes))
      << name << " " << Shown(document);
  std::unique_ptr<Message> record = NewSample();
  EXPECT_TRUE(record->ParseFromString(bytes.substr(6))) << name;
  return record;
}

void ExpectRead(const std::string& name, const std::string& value, const std::string& record) {
  std::string difference;
  EXPECT_TRUE(SameMessage(*SampleOf(record), *Read(FromJson("{\"v\":" + value + "}"), name),
                          &difference))
      << name << " " << value << "\n" << difference;
}

void ExpectMalformed(const Bson& document, const std::string& name) {
  std::string bytes = "before";
  EXPECT_FALSE(NestedToWire(First(document), SampleField(name), &bytes)) << name;
  EXPECT_EQ(bytes, "before") << name;
}

void ExpectMalformed(const std::string& name, const std::string& value) {
  SCOPED_TRACE(value);
  ExpectMalformed(FromJson("{\"v\":" + value + "}"), name);
}

// Documents hold what the JSON of SQL databases holds: what they read back as is the
// same, byte for byte.
TEST(MongodbNestedTest, DocumentsReadAsJsonDoes) {
  const uint64_t seed = Seed();
  repository::Random random(seed);
  SCOPED_TRACE("--gtest_random_seed=" + std::to_string(seed));
  for (int round = 0; round < Repeats(1000); ++round) {
    for (const Field& field : SampleEntity().fields) {
      std::unique_ptr<Message> record = NewSample();
      SetRandomField(record.get(), field.descriptor, &random);
      if (!IsSet(*record, field)) continue;
      std::string json, from_json, from_document;
      repository::AppendJson(*record, field, &json);
      ASSERT_TRUE(repository::JsonToWire(json, field, &from_json).ok()) << json;
      const Bson document = Nested(*record, field);
      ASSERT_TRUE(NestedToWire(First(document), field, &from_document)) << Shown(document);
      ASSERT_EQ(from_document, from_json) << field.name << " " << json << Shown(document);
      std::unique_ptr<Message> back = NewSample();
      ASSERT_TRUE(back->ParseFromString(from_document));
      std::string difference;
      ASSERT_TRUE(SameMessage(*record, *back, &difference)) << field.name << difference;
    }
  }
}

TEST(MongodbNestedTest, DocumentsAreAsTheSchemaLanguageSays) {
  const struct {
    const char* field;
    const char* record;
    const char* value;
  } kCases[] = {
      {"repeated_uint32", "repeated_uint32: [0, 4294967295]",
       R"([{"$numberLong":"0"},{"$numberLong":"4294967295"}])"},
      {"repeated_wrapped_string", "repeated_wrapped_string: [{}, {value: 'x'}]", R"(["","x"])"},
      {"by_int32", "by_int32 {key: 10 value: 'b'} by_int32 {key: -5 value: 'a'} "
                   "by_int32 {key: 9 value: 'c'}",
       R"({"-5":"a","9":"c","10":"b"})"},
      {"by_bool", "by_bool {key: true value: 'b'} by_bool {key: false value: 'a'}",
       R"({"false":"a","true":"b"})"},
      {"by_string", "by_string {key: 'a.b' value: '1'} by_string {key: '$x' value: '2'} "
                    "by_string {key: '' value: '3'} by_string {key: '%' value: '4'}",
       R"({"%":"3","%24x":"2","%25":"4","a%2Eb":"1"})"},
      {"map_of_color", "map_of_color {key: 'k' value: COLOR_BLUE}", R"({"k":"COLOR_BLUE"})"},
      // Plain fields always, others when they are set.
      {"outer", "outer {}", R"({"title":""})"},
      {"outer",
       "outer {count: 0 middle {inner {time {} color: COLOR_VERDANT}} took {nanos: -1000}}",
       R"({"middle":{"inner":{"note":"","color":"COLOR_GREEN",
           "time":{"$date":{"$numberLong":"0"}}}},"title":"","count":{"$numberInt":"0"},
           "took":{"$numberLong":"-1"}})"},
      {"outer", "outer {which_text: '' wrapped {}}",
       R"({"title":"","wrapped":"","which_text":""})"},
      {"a_struct", "a_struct {fields {key: '$gt' value {number_value: -0.0}} "
                   "fields {key: '.' value {list_value {values {} values {bool_value: true}}}}}",
       R"({"%24gt":{"$numberDouble":"0.0"},"%2E":[null,true]})"},
      {"a_value", "a_value {struct_value {}}", "{}"},
      {"a_value", "a_value {}", "null"},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(Shown(Nested(*SampleOf(test.record), SampleField(test.field))),
              Shown(FromJson(std::string("{\"v\":") + test.value + "}")))
        << test.record;
  }
}

TEST(MongodbNestedTest, WhatAnotherProgramWroteIsReadWhereItIsTheSame) {
  ExpectRead("repeated_int64", R"([1,{"$numberDouble":"2.0"},{"$numberDecimal":"3"}])",
             "repeated_int64: [1, 2, 3]");
  ExpectRead("repeated_double", R"([1,{"$numberLong":"2"},0.5])", "repeated_double: [1, 2, 0.5]");
  ExpectRead("repeated_timestamp", R"(["1970-01-01T01:00:01+01:00"])",
             "repeated_timestamp {seconds: 1}");
  ExpectRead("repeated_duration", R"(["-1.5s",{"$numberDouble":"1000000"}])",
             "repeated_duration {seconds: -1 nanos: -500000000} repeated_duration {seconds: 1}");
  ExpectRead("repeated_bytes", R"(["/w=="])", "repeated_bytes: '\\377'");
  ExpectRead("repeated_color", R"([2,"COLOR_VERDANT","PUCE",-3])",
             "repeated_color: [COLOR_GREEN, COLOR_GREEN, COLOR_BLUE]");
  ExpectRead("repeated_color", R"(["PUCE"])", "");
  ExpectRead("map_of_color", R"({"a":"PUCE","b":"COLOR_RED"})",
             "map_of_color {key: 'b' value: COLOR_RED}");
  ExpectRead("outer", R"({"title":"x","new":{"a":[1]},"middle":null,"count":null})",
             "outer {title: 'x'}");
  ExpectRead("by_string", R"({"100%":"a"})", "by_string {key: '100%' value: 'a'}");
  ExpectRead("a_struct", R"({"n":{"$numberLong":"5"},"z":null,"a":[[]]})",
             "a_struct {fields {key: 'n' value {number_value: 5}} "
             "fields {key: 'z' value {null_value: NULL_VALUE}} "
             "fields {key: 'a' value {list_value {values {list_value {}}}}}}");
  ExpectRead("a_value", "null", "a_value {null_value: NULL_VALUE}");
  ExpectRead("repeated_value", "[null]", "repeated_value {null_value: NULL_VALUE}");
  ExpectRead("repeated_value", "null", "");
  ExpectRead("a_list_value", "null", "");
}

TEST(MongodbNestedTest, ValuesOfAnotherTypeAreMalformed) {
  const struct {
    const char* field;
    const char* value;
  } kCases[] = {
      {"repeated_bool", "[1]"},
      {"repeated_bool", "[null]"},
      {"repeated_bool", "true"},
      {"repeated_bool", "{}"},
      {"repeated_int32", R"([{"$numberLong":"2147483648"}])"},
      {"repeated_int32", "[1.5]"},
      {"repeated_int32", R"(["1"])"},
      {"repeated_uint32", "[-1]"},
      {"repeated_float", "[3.5e38]"},
      {"repeated_double", R"([{"$numberDouble":"NaN"}])"},
      {"repeated_string", "[1]"},
      {"repeated_string", R"({"0":"a"})"},
      {"repeated_bytes", R"(["A"])"},
      {"repeated_bytes", R"([{"$binary":{"base64":"AA==","subType":"04"}}])"},
      {"repeated_color", "[true]"},
      {"repeated_color", R"([{"$numberLong":"2147483648"}])"},
      {"repeated_timestamp", R"(["yesterday"])"},
      {"repeated_timestamp", "[0]"},
      {"repeated_timestamp", R"([{"$date":{"$numberLong":"253402300800000"}}])"},
      {"repeated_duration", R"([{"$numberLong":"9223372036854775807"}])"},
      {"repeated_duration", R"(["1"])"},
      {"repeated_struct", "[[]]"},
      {"repeated_struct", "[null]"},
      {"repeated_list_value", "[{}]"},
      {"repeated_outer", "[[]]"},
      {"repeated_wrapped_string", "[null]"},
      {"by_bool", R"({"yes":"a"})"},
      {"by_int32", R"({"2147483648":"a"})"},
      {"by_int32", R"({"1.0":"a"})"},
      {"by_int32", R"({"%":"a"})"},
      {"by_uint32", R"({"-1":"a"})"},
      {"by_string", R"({"a":null})"},
      {"by_string", R"(["a"])"},
      {"map_of_outer", R"({"a":null})"},
      {"outer", R"({"title":1})"},
      {"outer", R"({"middle":{"inner":{"numbers":["x"]}}})"},
      {"a_struct", R"({"a":{"$oid":"0123456789abcdef01234567"}})"},
      {"a_struct", R"({"a":{"$date":{"$numberLong":"0"}}})"},
      {"a_value", R"({"$numberDouble":"Infinity"})"},
      {"a_value", R"({"$numberLong":"9007199254740993"})"},
      {"a_value", R"({"$regularExpression":{"pattern":"a","options":""}})"},
  };
  for (const auto& test : kCases) ExpectMalformed(test.field, test.value);
}

TEST(MongodbNestedTest, ANameTwiceInAMessageIsMalformedAndTheLastOfAKeyCounts) {
  const auto twice = [](const char* name, const Bson& value) {
    return std::move(Bson().AddDocument(
        "v", Bson().AddText("title", "x").AddDocument(name, value).AddDocument(name, value)));
  };
  ExpectMalformed(twice("middle", Bson()), "outer");
  EXPECT_EQ(Read(twice("unknown", Bson()), "outer")->ShortDebugString(),
            "outer { title: \"x\" }");
  // Also where two names stand for one key.
  const Bson keys = std::move(
      Bson().AddDocument("v", Bson().AddText("a.b", "first").AddText("a%2Eb", "last")));
  EXPECT_EQ(Shown(Nested(*Read(keys, "by_string"), SampleField("by_string"))),
            Shown(FromJson(R"({"v":{"a%2Eb":"last"}})")));
}

TEST(MongodbNestedTest, BytesThatAreNotUtf8AreMalformedWhereTheyWouldBeShown) {
  for (const char* text :
       {"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    Bson list, map, names;
    list.AddText("0", text);
    map.AddText("k", text);
    names.AddText(text, "x");
    ExpectMalformed(Bson().AddArray("v", list), "repeated_string");
    ExpectMalformed(Bson().AddArray("v", list), "a_list_value");
    ExpectMalformed(Bson().AddArray("v", list), "repeated_color");
    ExpectMalformed(Bson().AddDocument("v", map), "by_string");
    ExpectMalformed(Bson().AddDocument("v", names), "by_string");
    ExpectMalformed(Bson().AddDocument("v", names), "a_struct");
    EXPECT_TRUE(NestedToWire(First(Bson().AddDocument("v", names)), SampleField("outer"),
                             std::make_unique<std::string>().get()));
  }
}

TEST(MongodbNestedTest, WhatIsWrittenIsAsDeepAsWhatIsRead) {
  for (const bool one_more : {false, true}) {
    // A tree is a document, and in the list of one above it.
    std::unique_ptr<Message> trees = NewSample();
    AddTrees(trees.get(), one_more ? kLevelsMax / 2 + 2 : kLevelsMax / 2 + 1);
    Bson document;
    EXPECT_EQ(AppendNested(*trees, SampleField("tree"), "v", document.get()), !one_more);

    Bson structs, lists;
    for (int i = 1; i < kLevelsMax + one_more; ++i) {
      structs = std::move(Bson().AddDocument("v", structs));
      lists = std::move(Bson().AddArray("0", lists));
    }
    std::string bytes;
    structs = std::move(Bson().AddDocument("v", structs));
    EXPECT_EQ(NestedToWire(First(structs), SampleField("a_struct"), &bytes), !one_more);
    lists = std::move(Bson().AddArray("v", lists));
    EXPECT_EQ(NestedToWire(First(lists), SampleField("a_list_value"), &bytes), !one_more);
    EXPECT_EQ(bytes.empty(), one_more);
    if (one_more) continue;
    std::string difference;
    EXPECT_TRUE(SameMessage(*Read(document, "tree"), *trees, &difference)) << difference;
  }
}

TEST(MongodbNestedTest, HostileDepthIsRefusedWithoutDeepRecursion) {
  // Made by hand: libbson would copy all of it for each level.
  constexpr int kLevels = 20000;
  constexpr uint32_t kEmpty = 5, kEach = 8;  // bytes of {}, and of what is around it: {"a": }
  std::string content;
  for (int i = kLevels; i >= 0; --i) {
    const uint32_t size = kEmpty + kEach * static_cast<uint32_t>(i);
    content.append(reinterpret_cast<const char*>(&size), 4);
    if (i > 0) content.append(i == kLevels ? "\x03v" : "\x03" "a", 3);
  }
  content.append(kLevels + 1, '\0');
  bson_t document;
  ASSERT_TRUE(bson_init_static(&document, reinterpret_cast<const uint8_t*>(content.data()),
                               content.size()));
  bson_iter_t at;
  ASSERT_TRUE(bson_iter_init(&at, &document) && bson_iter_next(&at));
  std::string bytes;
  EXPECT_FALSE(NestedToWire(at, SampleField("a_struct"), &bytes));
  EXPECT_FALSE(NestedToWire(at, SampleField("a_value"), &bytes));
  // Names that nobody knows are passed over without a look.
  EXPECT_TRUE(NestedToWire(at, SampleField("outer"), &bytes));
  EXPECT_EQ(Read(Bson(bson_copy(&document)), "outer")->ShortDebugString(), "outer { }");
}

TEST(MongodbNestedTest, HugeValuesComeBack) {
  const std::unique_ptr<Message> record =
      SampleOf("by_string {key: '" + std::string(100000, '.') + "' value: '" +
               std::string(3 << 20, 'x') + "'}");
  std::string difference;
  EXPECT_TRUE(SameMessage(*record, *Read(Nested(*record, SampleField("by_string")), "by_string"),
                          &difference));
}

// Documents with a few bytes changed: refused with nothing appended, or wire format that
// parses, and is stable from then on.
TEST(MongodbNestedTest, DamagedBytesAreRefusedOrMeanSomething) {
  const uint64_t seed = Seed();
  repository::Random random(seed);
  SCOPED_TRACE("--gtest_random_seed=" + std::to_string(seed));
  const auto& fields = SampleEntity().fields;
  int accepted = 0, refused = 0;
  for (int round = 0; round < Repeats(400000); ++round) {
    const Field& field = fields[Below(fields.size(), &random)];
    std::unique_ptr<Message> record = NewSample();
    SetRandomField(record.get(), field.descriptor, &random, 2);
    if (!IsSet(*record, field)) continue;
    const Bson whole = Nested(*record, field);
    std::string data(reinterpret_cast<const char*>(bson_get_data(whole.get())), whole.get()->len);
    for (uint64_t i = Below(4, &random); i > 0; --i) {
      const size_t place = 4 + Below(data.size() - 5, &random);
      data[place] = static_cast<char>(Below(2, &random) == 0 ? random() : Below(20, &random));
    }
    bson_t document;
    bson_iter_t at;
    if (!bson_init_static(&document, reinterpret_cast<const uint8_t*>(data.data()), data.size()) ||
        !bson_iter_init(&at, &document) || !bson_iter_next(&at)) {
      continue;
    }
    std::string bytes = "before";
    if (!NestedToWire(at, field, &bytes)) {
      ASSERT_EQ(bytes, "before") << field.name;
      ++refused;
      continue;
    }
    ++accepted;
    std::unique_ptr<Message> read = NewSample();
    ASSERT_TRUE(read->ParseFromString(bytes.substr(6))) << field.name;
    ASSERT_TRUE(read->GetReflection()->GetUnknownFields(*read).empty()) << field.name;
    if (!IsSet(*read, field)) continue;
    const Bson once = Nested(*read, field);
    std::string wire;
    ASSERT_TRUE(NestedToWire(First(once), field, &wire)) << Shown(once);
    std::unique_ptr<Message> again = NewSample();
    ASSERT_TRUE(again->ParseFromString(wire));
    if (!IsSet(*again, field)) continue;
    ASSERT_TRUE(bson_equal(Nested(*again, field).get(), once.get())) << Shown(once);
  }
  EXPECT_GT(accepted, 0);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace storegate::mongodb
