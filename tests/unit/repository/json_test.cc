// Message → JSON → wire bytes → message, for every type that there is.
#include "server/repository/json.h"

#include <gtest/gtest.h>

#include "tests/unit/repository/long_run.h"
#include "tests/unit/repository/types_schema.h"

namespace storegate::repository {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using schema::Presence;

bool IsSet(const Message& message, const schema::Field& field) {
  return field.descriptor->is_repeated() ||
         message.GetReflection()->HasField(message, field.descriptor) ||
         field.presence == Presence::kPlain;
}

// A sample with one field read from its JSON text.
std::unique_ptr<Message> FromJson(const std::string& name, std::string_view json) {
  std::string bytes;
  const Status status = JsonToWire(json, SampleField(name), &bytes);
  EXPECT_TRUE(status.ok()) << json << " " << status.ToString();
  std::unique_ptr<Message> message = NewSample();
  EXPECT_TRUE(message->ParseFromString(bytes));
  return message;
}

std::string ToJson(const Message& message, const std::string& name) {
  std::string json;
  AppendJson(message, SampleField(name), &json);
  return json;
}

// What the text becomes when it is read and written again.
std::string Again(const std::string& name, std::string_view json) {
  return ToJson(*FromJson(name, json), name);
}

TEST(JsonTest, EveryFieldComesBackAsItWas) {
  const uint64_t seed = Seed();
  Random random(seed);
  SCOPED_TRACE("--gtest_random_seed=" + std::to_string(seed));
  for (int round = 0; round < Repeats(1000); ++round) {
    for (const schema::Field& field : SampleEntity().fields) {
      std::unique_ptr<Message> message = NewSample();
      SetRandomField(message.get(), field.descriptor, &random);
      if (!IsSet(*message, field)) continue;
      const std::string json = ToJson(*message, field.name);
      std::unique_ptr<Message> back = FromJson(field.name, json);
      std::string difference;
      ASSERT_EQ(ToJson(*back, field.name), json) << field.name;
      ASSERT_TRUE(SameMessage(*message, *back, &difference)) << field.name << json << difference;
    }
  }
}

TEST(JsonTest, TextIsWhatTheSchemaLanguageSays) {
  const struct {
    const char* field;
    const char* json;
  } kCases[] = {
      {"repeated_bool", "[true,false]"},
      {"repeated_int32", "[-2147483648,0,2147483647]"},
      {"repeated_uint32", "[0,4294967295]"},
      {"repeated_int64", "[-9223372036854775808,9223372036854775807]"},
      {"repeated_sint64", "[-1,1]"},
      {"repeated_float", "[0.1,3.4028235e+38,-1.5]"},
      {"repeated_double", R"([0.1,1e+300,-2,5e-324,"Infinity","-Infinity"])"},
      {"repeated_string", R"(["","ä€𝄞","\"\\/\b\f\n\r\t\u0001\u001f"])"},
      {"repeated_bytes", R"(["","AA==","/+8="])"},
      {"repeated_color", R"(["COLOR_UNSPECIFIED","COLOR_GREEN","COLOR_BLUE"])"},
      {"repeated_timestamp",
       R"(["0001-01-01T00:00:00.000Z","1969-12-31T23:59:59.999Z","9999-12-31T23:59:59.999Z"])"},
      {"repeated_duration", R"(["0s","-0.000001s","1.500s","-3.000250s"])"},
      {"repeated_wrapped_string", R"(["","x"])"},
      {"repeated_struct", R"([{},{"":null,"a":[1,"x",{"b":true}],"c":-0.5}])"},
      {"repeated_value", R"([null,false,0,"",[],{}])"},
      {"repeated_list_value", "[[],[null,[1]]]"},
      {"by_bool", R"({"false":"f","true":"t"})"},
      {"by_int32", R"({"-5":"a","0":"b","10":"c","9":"d"})"},
      {"by_string", R"({"":"e","B":"x","a":"y","ä":"z"})"},
      {"map_of_wrapped_int64", R"({"a":0,"b":5})"},
      {"map_of_color", R"({"a":"COLOR_RED"})"},
      {"map_of_value", R"({"a":null})"},
      {"a_value", "null"},
      {"outer", R"({"title":""})"},
      {"outer",
       R"({"middle":{"inner":{"note":"n","number":0,"color":"COLOR_RED"}},"title":"t","count":0,)"
       R"("wrapped":"","which_number":0})"},
      {"tree", R"({"name":"a","children":[{"name":"b"},{"name":""}]})"},
      {"optional_int32", "0"},
      {"wrapped_int64", "0"},
      {"wrapped_bool", "false"},
      {"choice_outer", R"({"title":""})"},
  };
  for (const auto& test : kCases) {
    if (std::string_view(test.field) == "by_int32") {
      EXPECT_EQ(Again(test.field, test.json), R"({"-5":"a","0":"b","9":"d","10":"c"})");
      continue;
    }
    EXPECT_EQ(Again(test.field, test.json),
              std::string_view(test.json).find("\\/") == std::string_view::npos
                  ? test.json
                  : R"(["","ä€𝄞","\"\\/\b\f\n\r\t\u0001\u001f"])");
  }
}

TEST(JsonTest, OtherSpellingsAreRead) {
  EXPECT_EQ(Again("repeated_int64", R"( [ "5" , 5.0, 5e0, 50e-1 ,"-9223372036854775808"] )"),
            "[5,5,5,5,-9223372036854775808]");
  EXPECT_EQ(Again("repeated_double", "[-0.0,0e5,1E+2,1e-400]"), "[0,0,100,0]");
  EXPECT_EQ(Again("repeated_color", R"(["COLOR_VERDANT",2,"COLOR_GREEN"])"),
            R"(["COLOR_GREEN","COLOR_GREEN","COLOR_GREEN"])")
      << "the first name of a number is the one that is kept";
  EXPECT_EQ(Again("repeated_string", R"(["\u00e4\ud834\udd1e\/","\u20AC"])"), R"(["ä𝄞/","€"])");
  EXPECT_EQ(Again("repeated_timestamp", R"(["2026-01-31T23:59:59.1239+02:00"])"),
            R"(["2026-01-31T21:59:59.123Z"])");
  EXPECT_EQ(Again("repeated_bytes", R"(["AA","_-8"])"), R"(["AA==","/+8="])");
}

TEST(JsonTest, NullIsAnUnsetField) {
  for (const schema::Field& field : SampleEntity().fields) {
    std::string bytes;
    EXPECT_TRUE(JsonToWire("null", field, &bytes).ok()) << field.name;
    EXPECT_EQ(bytes.empty(), field.name != "a_value") << field.name;
  }
  EXPECT_EQ(Again("outer", R"({"title":null,"wrapped":null,"tags":null,"middle":null})"),
            R"({"title":""})");
}

TEST(JsonTest, WhatANewerSchemaAddedIsPassedOver) {
  EXPECT_EQ(Again("outer", R"({"new":{"a":[1,{"b":"\n"}]},"title":"t","newer":null})"),
            R"({"title":"t"})");
  EXPECT_EQ(Again("repeated_color", R"(["COLOR_RED","COLOR_NEW"])"), R"(["COLOR_RED"])");
  EXPECT_EQ(Again("map_of_color", R"({"a":"COLOR_NEW","b":"COLOR_RED"})"), R"({"b":"COLOR_RED"})");
  EXPECT_EQ(Again("repeated_color", R"(["COLOR_NEW"])"), "[]");
}

TEST(JsonTest, OfAKeyGivenTwiceTheLastOneCounts) {
  EXPECT_EQ(Again("by_string", R"({"a":"1","b":"2","a":"3"})"), R"({"a":"3","b":"2"})");
  EXPECT_EQ(Again("a_struct", R"({"a":{"x":1},"a":{"y":2}})"), R"({"a":{"y":2}})");
}

TEST(JsonTest, AMessageThatHoldsAKeyTwiceIsWrittenWithTheLast) {
  std::unique_ptr<Message> message = NewSample();
  // by_string (72): {"a": "1"}, {"b": "2"}, {"a": "3"}.
  ASSERT_TRUE(message->ParseFromString("\xc2\x04\x06\x0a\x01" "a\x12\x01" "1"
                                       "\xc2\x04\x06\x0a\x01" "b\x12\x01" "2"
                                       "\xc2\x04\x06\x0a\x01" "a\x12\x01" "3"));
  EXPECT_EQ(ToJson(*message, "by_string"), R"({"a":"3","b":"2"})");
}

TEST(JsonTest, EmptyListsAndMapsAreNothingOnTheWire) {
  for (const schema::Field& field : SampleEntity().fields) {
    std::string bytes;
    if (field.presence == Presence::kRepeated) {
      EXPECT_TRUE(JsonToWire("[]", field, &bytes).ok()) << field.name;
    } else if (field.presence == Presence::kMap) {
      EXPECT_TRUE(JsonToWire("{}", field, &bytes).ok()) << field.name;
    }
    EXPECT_EQ(bytes, "");
  }
}

TEST(JsonTest, ListsOfNumbersArePacked) {
  std::string bytes;
  ASSERT_TRUE(JsonToWire("[1,2,3]", SampleField("repeated_int32"), &bytes).ok());
  EXPECT_EQ(bytes, std::string("\xfa\x01\x03\x01\x02\x03", 6));
}

TEST(JsonTest, TheDeepestMessageThatAParserTakesComesBack) {
  // The record is one of the hundred messages, its tree the next ones.
  std::string json = R"({"name":""})";
  for (int i = 1; i < 99; ++i) json = R"({"name":"","children":[)" + json + "]}";
  EXPECT_EQ(Again("tree", json), json);
}

TEST(JsonTest, EqualValuesHaveEqualText) {
  EXPECT_EQ(Again("a_struct", R"({"b":1,"a":{"y":[],"x":0.10}})"),
            Again("a_struct", R"({ "a" : {"x":1e-1,"y":[]}, "b":1.0 })"));
  EXPECT_EQ(Again("by_int64", R"({"10":"a","-1":"b","9":"c"})"),
            R"({"-1":"b","9":"c","10":"a"})");
}

}  // namespace
}  // namespace storegate::repository
