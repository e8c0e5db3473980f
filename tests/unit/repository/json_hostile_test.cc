// JSON that another program wrote, or nobody meant: a clear status, nothing
// appended, and never a crash.
#include <gtest/gtest.h>

#include "server/repository/json.h"
#include "tests/unit/repository/long_run.h"
#include "tests/unit/repository/types_schema.h"

namespace storegate::repository {
namespace {

using google::protobuf::Message;

void ExpectMalformed(const std::string& field, std::string_view json) {
  std::string out = "before";
  const Status status = JsonToWire(json, SampleField(field), &out);
  const std::string_view shown = json.substr(0, 80);
  EXPECT_EQ(status.code(), Code::kInternal) << field << " " << shown;
  EXPECT_EQ(status.reason(), "MALFORMED_DATA") << field << " " << shown;
  EXPECT_EQ(out, "before") << field << " " << shown;
  if (!status.ok()) {
    EXPECT_EQ(status.metadata().at("field"), "types.v1.Sample." + field);
  }
}

TEST(JsonHostileTest, TextThatIsNotJsonIsMalformed) {
  for (const char* json :
       {"", " ", "{", "}", "[", "]", "[1,]", "[,1]", "[1 2]", "[1]x", "[1],", "{\"a\"}", "{\"a\":}",
        "{\"a\":1,}", "{a:1}", "{'a':1}", "{\"a\":1 \"b\":2}", "{\"a\":1}{", "\"", "\"\\", "\"\\\"",
        "nul", "nulll", "tru", "True", "[01]", "[1.]", "[.5]", "[+1]", "[-]", "[1e]", "[1e+]", "[--1]",
        "[0x1]", "[NaN]", "[Infinity]", "[1_0]", "// c", "[\"a\nb\"]", "[\"\x01\"]", "[\"\\x\"]",
        "[\"\\u\"]", "[\"\\u12\"]", "[\"\\u12g4\"]", "[\"\\ud800\"]", "[\"\\udc00\"]",
        "[\"\\ud800\\u0041\"]", "[\"\\ud800\\ud800\"]", "[\"\\ud800x\"]", "[\"\\u+123\"]"}) {
    ExpectMalformed("a_value", json);
    ExpectMalformed("a_struct", json);
    ExpectMalformed("a_list_value", json);
    ExpectMalformed("outer", json);
    ExpectMalformed("repeated_string", json);
    ExpectMalformed("by_string", json);
  }
}

TEST(JsonHostileTest, BytesThatAreNotUtf8AreMalformed) {
  for (const char* text : {"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    const std::string in_list = "[\"" + std::string(text) + "\"]";
    ExpectMalformed("repeated_string", in_list);
    ExpectMalformed("a_list_value", in_list);
    ExpectMalformed("outer", "{\"unknown\":\"" + std::string(text) + "\"}");
  }
  ExpectMalformed("repeated_string", std::string_view("[\"a\0b\"]", 7));
  ExpectMalformed("repeated_int32", std::string_view("[1]\0", 4));
}

TEST(JsonHostileTest, ValuesOfAnotherTypeAreMalformed) {
  const struct {
    const char* field;
    const char* json;
  } kCases[] = {
      {"repeated_bool", "[1]"},
      {"repeated_bool", "[\"true\"]"},
      {"repeated_bool", "[null]"},
      {"repeated_bool", "true"},
      {"repeated_bool", "{}"},
      {"repeated_int32", "[2147483648]"},
      {"repeated_int32", "[-2147483649]"},
      {"repeated_int32", "[1.5]"},
      {"repeated_int32", "[\"\"]"},
      {"repeated_int32", "[\"1 \"]"},
      {"repeated_int32", "[true]"},
      {"repeated_uint32", "[-1]"},
      {"repeated_uint32", "[4294967296]"},
      {"repeated_int64", "[9223372036854775808]"},
      {"repeated_int64", "[1e19]"},
      {"repeated_int64", "[1e999999999]"},
      {"repeated_int64", "[0.5]"},
      {"repeated_float", "[3.5e38]"},
      {"repeated_float", "[\"1.5\"]"},
      {"repeated_double", "[1e309]"},
      {"repeated_double", "[\"NaN\"]"},
      {"repeated_double", "[\"infinity\"]"},
      {"repeated_string", "[1]"},
      {"repeated_string", "[[]]"},
      {"repeated_bytes", "[\"A\"]"},
      {"repeated_bytes", "[\"A*==\"]"},
      {"repeated_color", "[2147483648]"},
      {"repeated_color", "[true]"},
      {"repeated_timestamp", "[\"yesterday\"]"},
      {"repeated_timestamp", "[0]"},
      {"repeated_timestamp", "[\"10000-01-01T00:00:00Z\"]"},
      {"repeated_duration", "[\"1\"]"},
      {"repeated_duration", "[1]"},
      {"repeated_struct", "[[]]"},
      {"repeated_struct", "[null]"},
      {"repeated_list_value", "[{}]"},
      {"repeated_outer", "[[]]"},
      {"repeated_outer", "[null]"},
      {"repeated_wrapped_string", "[null]"},
      {"by_bool", R"({"yes":"a"})"},
      {"by_int32", R"({"2147483648":"a"})"},
      {"by_int32", R"({"1.0":"a"})"},
      {"by_int32", R"({"":"a"})"},
      {"by_uint32", R"({"-1":"a"})"},
      {"by_sfixed64", R"({"9223372036854775808":"a"})"},
      {"by_string", R"({"a":null})"},
      {"by_string", R"(["a"])"},
      {"map_of_outer", R"({"a":null})"},
      {"outer", R"({"title":1})"},
      {"outer", R"({"count":"x"})"},
      {"outer", R"({"wrapped":1})"},
      {"outer", R"({"middle":{"inner":{"numbers":["x"]}}})"},
      {"a_value", "1e400"},
  };
  for (const auto& test : kCases) ExpectMalformed(test.field, test.json);
}

TEST(JsonHostileTest, ANameTwiceInAMessageIsMalformed) {
  ExpectMalformed("outer", R"({"title":"a","title":"b"})");
  ExpectMalformed("outer", R"({"tags":["a"],"tags":["b"]})");
  ExpectMalformed("outer", R"({"middle":{"name":"a"},"\u006diddle":{"inner":{}}})");
}

std::string Nested(const std::string& open, const std::string& close, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += open;
  for (int i = 0; i < times; ++i) text += close;
  return text;
}

TEST(JsonHostileTest, TwoHundredLevelsAreReadAndOneMoreIsMalformed) {
  std::string out;
  EXPECT_TRUE(JsonToWire(Nested("[", "]", 200), SampleField("a_value"), &out).ok());
  EXPECT_TRUE(JsonToWire(Nested("[", "]", 200), SampleField("a_list_value"), &out).ok());
  ExpectMalformed("a_value", Nested("[", "]", 201));
  ExpectMalformed("a_value", Nested("{\"a\":", "}", 201));
  // A name that nobody knows is no way around the bound.
  ExpectMalformed("outer", "{\"unknown\":" + Nested("[", "]", 200) + "}");
  for (const int times : {1000, 1000000}) {
    ExpectMalformed("a_value", Nested("[", "]", times));
    ExpectMalformed("a_value", Nested("[", "", times));
    ExpectMalformed("a_struct", Nested("{\"a\":", "", times));
    ExpectMalformed("tree", Nested("{\"children\":[", "", times));
  }
}

TEST(JsonHostileTest, AMegabyteOfAnythingIsReadOrRefused) {
  const size_t size = 1 << 20;
  std::string out;
  EXPECT_TRUE(JsonToWire('"' + std::string(size, 'x') + '"', SampleField("a_value"), &out).ok());
  EXPECT_TRUE(JsonToWire(std::string(size, ' ') + "null", SampleField("a_value"), &out).ok());
  EXPECT_TRUE(JsonToWire(std::string(size, '9'), SampleField("a_value"), &out).code() ==
              Code::kInternal);
  EXPECT_TRUE(JsonToWire("0." + std::string(size, '9'), SampleField("a_value"), &out).ok());
  std::string escapes = "\"";
  for (size_t i = 0; i < size / 6; ++i) escapes += "\\u20ac";
  EXPECT_TRUE(JsonToWire(escapes + '"', SampleField("a_value"), &out).ok());
  std::string keys = "{\"k\":0";
  for (size_t i = 0; i < size / 6; ++i) keys += ",\"k\":1";
  EXPECT_TRUE(JsonToWire(keys + '}', SampleField("a_struct"), &out).ok());
  // Lengths that are known only at the end, a hundred within each other.
  std::string deep;
  for (int i = 0; i < 99; ++i) deep += "[1,";
  deep += '"' + std::string(size, 'x') + '"' + std::string(99, ']');
  EXPECT_TRUE(JsonToWire(deep, SampleField("a_value"), &out).ok());
}

// Valid JSON with a few bytes changed: it is refused and nothing is appended, or
// what is appended is wire format that reads back, writes as JSON, and is stable
// from then on.
TEST(JsonHostileTest, MutatedTextIsRefusedOrMeansSomething) {
  const uint64_t seed = Seed();
  Random random(seed);
  SCOPED_TRACE("--gtest_random_seed=" + std::to_string(seed));
  static const std::string kBytes = "{}[]\",:\\/0123456789.eE+-tfnul \x01\x7f\x80\xc3\xff";
  int accepted = 0;
  const auto& fields = SampleEntity().fields;
  for (int round = 0; round < Repeats(400000); ++round) {
    const schema::Field& field = fields[Below(fields.size(), &random)];
    std::unique_ptr<Message> message = NewSample();
    SetRandomField(message.get(), field.descriptor, &random, 2);
    if (field.presence == schema::Presence::kOptional &&
        !message->GetReflection()->HasField(*message, field.descriptor)) {
      continue;
    }
    std::string json;
    AppendJson(*message, field, &json);
    for (uint64_t i = Below(4, &random); i > 0 && !json.empty(); --i) {
      const size_t at = Below(json.size(), &random);
      const char byte = kBytes[Below(kBytes.size(), &random)];
      switch (Below(5, &random)) {
        case 0: json[at] = byte; break;
        case 1: json.insert(at, 1, byte); break;
        case 2: json.erase(at, 1 + Below(3, &random)); break;
        case 3: json.insert(at, json.substr(Below(json.size(), &random), Below(20, &random))); break;
        default: json.resize(at); break;
      }
    }
    std::string bytes = "before";
    if (!JsonToWire(json, field, &bytes).ok()) {
      ASSERT_EQ(bytes, "before") << json;
      continue;
    }
    ++accepted;
    std::unique_ptr<Message> read = NewSample();
    ASSERT_TRUE(read->ParseFromString(bytes.substr(6))) << json;
    ASSERT_TRUE(read->GetReflection()->GetUnknownFields(*read).empty()) << json;
    if (field.presence == schema::Presence::kOptional &&
        !read->GetReflection()->HasField(*read, field.descriptor)) {
      continue;
    }
    std::string once, twice, wire;
    AppendJson(*read, field, &once);
    ASSERT_TRUE(JsonToWire(once, field, &wire).ok()) << once;
    ASSERT_TRUE(read->ParseFromString(wire));
    if (field.presence == schema::Presence::kOptional &&
        !read->GetReflection()->HasField(*read, field.descriptor)) {
      ASSERT_EQ(once, "null");
      continue;
    }
    AppendJson(*read, field, &twice);
    ASSERT_EQ(once, twice) << json;
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace storegate::repository
