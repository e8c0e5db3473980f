// Fields between records and MongoDB's documents, and the names that keys get. Nested
// values are in mongodb_nested_test.cc.
#include "server/adapters/mongodb/types.h"

#include <gtest/gtest.h>

#include "server/adapters/mongodb/keys.h"
#include "tests/adapters/mongodb_documents.h"
#include "tests/unit/repository/long_run.h"

namespace storegate::mongodb {
namespace {

using google::protobuf::Message;
using repository::NewSample;
using repository::Repeats;
using repository::SampleEntity;
using repository::SameMessage;
using repository::SampleField;
using repository::Seed;
using repository::SetRandomField;
using schema::Field;

TEST(MongodbKeysTest, NamesAreWhatMongodbCanHold) {
  const struct {
    const char* key;
    const char* name;
  } kCases[] = {
      {"", "%"},           {"a", "a"},           {"a.b", "a%2Eb"},    {".", "%2E"},
      {"..", "%2E%2E"},    {"$", "%24"},         {"$set", "%24set"},  {"$$", "%24$"},
      {"a$", "a$"},        {"%", "%25"},         {"%%", "%25%25"},    {"%2E", "%252E"},
      {"%24", "%2524"},    {"%25", "%2525"},     {"%2e", "%252e"},    {"0", "0"},
      {"_id", "_id"},      {"-1", "-1"},         {" ", " "},          {"$.%", "%24%2E%25"},
      {"\n", "\n"},        {"\u00e9", "\u00e9"}, {"\U0001f600", "\U0001f600"},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(EscapeKey(test.key), test.name) << test.key;
    EXPECT_EQ(UnescapeKey(test.name), test.key) << test.name;
  }
}

TEST(MongodbKeysTest, EveryKeyComesBackAndHasANameOfItsOwn) {
  const uint64_t seed = Seed();
  repository::Random random(seed);
  SCOPED_TRACE("--gtest_random_seed=" + std::to_string(seed));
  static constexpr char kBytes[] = "%$.2E45a";
  std::map<std::string, std::string> keys;
  for (int round = 0; round < Repeats(200000); ++round) {
    std::string key;
    for (uint64_t i = repository::Below(9, &random); i > 0; --i) {
      key += kBytes[repository::Below(sizeof kBytes - 1, &random)];
    }
    const std::string name = EscapeKey(key);
    ASSERT_FALSE(name.empty() || name[0] == '$' || name.find('.') != std::string::npos) << key;
    ASSERT_EQ(UnescapeKey(name), key) << name;
    ASSERT_EQ(keys.emplace(name, key).first->second, key) << name;
  }
  const std::string huge(1 << 20, '.');
  EXPECT_EQ(UnescapeKey(EscapeKey(huge)), huge);
}

TEST(MongodbKeysTest, NamesThatNobodyEscapedStayAsTheyAre) {
  for (const char* name : {"100%", "%%", "%2", "%2e", "a%24", "%zz", "%2E%", "$x%25", "a.b%25",
                           "a.b", "$set", "%2F", "%25%"}) {
    EXPECT_EQ(UnescapeKey(name), name);
  }
}

// The document of the field alone; empty when it is not set.
Bson Written(const Message& record, const Field& field) {
  Bson document;
  bool set = false;
  const Status status = AppendField(record, field, document.get(), &set);
  EXPECT_TRUE(status.ok()) << field.name << " " << status.ToString();
  EXPECT_EQ(set, !document.empty()) << field.name;
  return document;
}

// What a sink gets of a document's only element, as a record.
std::unique_ptr<Message> Read(const Bson& document, const Field& field) {
  std::string bytes;
  repository::WireSink sink(&bytes, 0, true);
  if (!document.empty()) {
    const Status status = ReadField(First(document), field, &sink);
    EXPECT_TRUE(status.ok()) << field.name << " " << Shown(document);
  }
  std::unique_ptr<Message> record = NewSample();
  EXPECT_TRUE(record->ParseFromString(bytes)) << field.name;
  return record;
}

TEST(MongodbTypesTest, EveryFieldComesBackAsItWas) {
  const uint64_t seed = Seed();
  repository::Random random(seed);
  SCOPED_TRACE("--gtest_random_seed=" + std::to_string(seed));
  for (int round = 0; round < Repeats(1000); ++round) {
    for (const Field* field : SampleEntity().stored) {
      std::unique_ptr<Message> record = NewSample();
      SetRandomField(record.get(), field->descriptor, &random);
      const Bson document = Written(*record, *field);
      const std::unique_ptr<Message> back = Read(document, *field);
      std::string difference;
      ASSERT_TRUE(SameMessage(*record, *back, &difference))
          << field->name << " " << Shown(document) << difference;
      ASSERT_TRUE(bson_equal(document.get(), Written(*back, *field).get())) << field->name;
      if (field->nested() || document.empty()) continue;
      ASSERT_EQ(*ReadValue(First(document), *field),
                *query::ReadValue(*record, field->descriptor))
          << field->name;
    }
  }
}

TEST(MongodbTypesTest, UnsetFieldsAreLeftOutAndPlainOnesAreZero) {
  const std::unique_ptr<Message> empty = NewSample();
  for (const Field* field : SampleEntity().stored) {
    const Bson document = Written(*empty, *field);
    EXPECT_EQ(document.empty(), field->presence == schema::Presence::kOptional) << field->name;
    std::string difference;
    EXPECT_TRUE(SameMessage(*empty, *Read(document, *field), &difference)) << difference;
  }
}

TEST(MongodbTypesTest, DocumentsAreWhatAUserOfMongodbWouldMake) {
  const struct {
    const char* record;
    const char* field;
    const char* document;
  } kCases[] = {
      {"id: 5", "id", R"({"_id":{"$numberLong":"5"}})"},
      {"renamed_string: 'x'", "renamed_string", R"({"OldName":"x"})"},
      {"", "plain_bool", R"({"plain_bool":false})"},
      {"plain_int32: -2147483648", "plain_int32",
       R"({"plain_int32":{"$numberInt":"-2147483648"}})"},
      {"plain_uint32: 4294967295", "plain_uint32",
       R"({"plain_uint32":{"$numberLong":"4294967295"}})"},
      {"plain_int64: -9223372036854775808", "plain_int64",
       R"({"plain_int64":{"$numberLong":"-9223372036854775808"}})"},
      {"plain_double: -0.0", "plain_double", R"({"plain_double":{"$numberDouble":"0.0"}})"},
      {"plain_double: -inf", "plain_double", R"({"plain_double":{"$numberDouble":"-Infinity"}})"},
      {"plain_float: 0.5", "plain_float", R"({"plain_float":{"$numberDouble":"0.5"}})"},
      {"", "plain_string", R"({"plain_string":""})"},
      {"plain_bytes: '\\377\\000'", "plain_bytes",
       R"({"plain_bytes":{"$binary":{"base64":"/wA=","subType":"00"}}})"},
      {"plain_color: COLOR_VERDANT", "plain_color", R"({"plain_color":"COLOR_GREEN"})"},
      {"wrapped_int32 {}", "wrapped_int32", R"({"wrapped_int32":{"$numberInt":"0"}})"},
      {"a_timestamp { seconds: -1 nanos: 999999999 }", "a_timestamp",
       R"({"a_timestamp":{"$date":{"$numberLong":"-1"}}})"},
      {"a_duration { seconds: -1 nanos: -500000000 }", "a_duration",
       R"({"a_duration":{"$numberLong":"-1500000"}})"},
      {"", "repeated_int32", R"({"repeated_int32":[]})"},
      {"", "by_string", R"({"by_string":{}})"},
      {"a_value { null_value: NULL_VALUE }", "a_value", R"({"a_value":null})"},
  };
  for (const auto& test : kCases) {
    EXPECT_EQ(Shown(Written(*SampleOf(test.record), SampleField(test.field))),
              Shown(FromJson(test.document)))
        << test.record;
  }
}

TEST(MongodbTypesTest, NumbersOfAnyTypeAreReadWhereTheyAreTheSame) {
  const struct {
    const char* field;
    const char* value;
    const char* record;
  } kCases[] = {
      {"plain_int64", R"({"$numberInt":"5"})", "plain_int64: 5"},
      {"plain_int64", R"({"$numberDouble":"5.0"})", "plain_int64: 5"},
      {"plain_int64", R"({"$numberDouble":"-9223372036854775808"})",
       "plain_int64: -9223372036854775808"},
      {"plain_int64", R"({"$numberDecimal":"9223372036854775807"})",
       "plain_int64: 9223372036854775807"},
      {"plain_int64", R"({"$numberDecimal":"-9223372036854775808"})",
       "plain_int64: -9223372036854775808"},
      {"plain_int64", R"({"$numberDecimal":"12.50E+1"})", "plain_int64: 125"},
      {"plain_int64", R"({"$numberDecimal":"7.000"})", "plain_int64: 7"},
      {"plain_int64", R"({"$numberDecimal":"-0E+6000"})", ""},
      {"plain_int32", R"({"$numberLong":"-7"})", "plain_int32: -7"},
      {"plain_uint32", R"({"$numberInt":"7"})", "plain_uint32: 7"},
      {"plain_double", R"({"$numberInt":"3"})", "plain_double: 3"},
      {"plain_double", R"({"$numberLong":"9007199254740992"})", "plain_double: 9007199254740992"},
      {"plain_double", R"({"$numberDecimal":"0.375"})", "plain_double: 0.375"},
      {"plain_double", R"({"$numberDecimal":"-1E+22"})", "plain_double: -1e22"},
      {"plain_double", R"({"$numberDecimal":"9007199254740992"})",
       "plain_double: 9007199254740992"},
      {"plain_float", R"({"$numberDouble":"0.1"})", "plain_float: 0.1"},
      {"plain_float", R"({"$numberDouble":"Infinity"})", "plain_float: inf"},
      {"a_duration", R"({"$numberDouble":"1500000"})",
       "a_duration { seconds: 1 nanos: 500000000 }"},
      {"plain_double", R"({"$numberDouble":"-0.0"})", ""},
      {"plain_bool", "null", ""},
      {"optional_string", "null", ""},
      {"a_struct", "null", ""},
      {"repeated_string", "null", ""},
      {"plain_color", R"("COLOR_OF_TOMORROW")", ""},
      {"plain_color", R"("COLOR_VERDANT")", "plain_color: COLOR_GREEN"},
  };
  for (const auto& test : kCases) {
    const Bson document = FromJson(std::string("{\"v\":") + test.value + "}");
    std::string difference;
    EXPECT_TRUE(SameMessage(*SampleOf(test.record), *Read(document, SampleField(test.field)),
                            &difference))
        << test.field << " " << test.value << difference;
  }
}

void ExpectMalformed(const Bson& document, const std::string& name) {
  const Field& field = SampleField(name);
  std::string bytes;
  repository::WireSink sink(&bytes);
  const Status status = ReadField(First(document), field, &sink);
  EXPECT_EQ(status.reason(), "MALFORMED_DATA") << name << " " << Shown(document);
  EXPECT_EQ(bytes, "") << name;
  if (!field.nested()) {
    EXPECT_EQ(ReadValue(First(document), field).status().reason(), "MALFORMED_DATA") << name;
  }
}

TEST(MongodbTypesTest, ValuesOfAnotherTypeAreMalformed) {
  const struct {
    const char* field;
    const char* value;
  } kCases[] = {
      {"plain_bool", "1"},
      {"plain_bool", R"("true")"},
      {"plain_int32", R"({"$numberLong":"2147483648"})"},
      {"plain_int32", R"({"$numberDouble":"5.5"})"},
      {"plain_int32", "true"},
      {"plain_int32", R"("5")"},
      {"plain_uint32", "-1"},
      {"plain_int64", R"({"$numberDouble":"9223372036854775808"})"},
      {"plain_int64", R"({"$numberDouble":"NaN"})"},
      {"plain_int64", R"({"$numberDouble":"Infinity"})"},
      {"plain_int64", R"({"$numberDecimal":"9223372036854775808"})"},
      {"plain_int64", R"({"$numberDecimal":"1E+6000"})"},
      {"plain_int64", R"({"$numberDecimal":"1E-6000"})"},
      {"plain_int64", R"({"$numberDecimal":"0.5"})"},
      {"plain_int64", R"({"$numberDecimal":"NaN"})"},
      {"plain_int64", R"({"$date":{"$numberLong":"0"}})"},
      {"plain_double", R"({"$numberDouble":"NaN"})"},
      {"plain_double", R"({"$numberLong":"9007199254740993"})"},
      {"plain_double", R"({"$numberLong":"9223372036854775807"})"},
      {"plain_double", R"({"$numberDecimal":"0.1"})"},
      {"plain_double", R"({"$numberDecimal":"9007199254740993"})"},
      {"plain_double", R"({"$numberDecimal":"1E+6000"})"},
      {"plain_double", R"({"$numberDecimal":"1E-6000"})"},
      {"plain_double", R"("1")"},
      {"plain_float", R"({"$numberDouble":"3.5e38"})"},
      {"plain_string", "1"},
      {"plain_string", R"({"$symbol":"x"})"},
      {"plain_string", R"({"$oid":"0123456789abcdef01234567"})"},
      {"plain_string", "[]"},
      {"plain_bytes", R"("AA==")"},
      {"plain_bytes", R"({"$binary":{"base64":"AA==","subType":"05"}})"},
      {"plain_color", "1"},
      {"a_timestamp", R"({"$date":{"$numberLong":"253402300800000"}})"},
      {"a_timestamp", R"({"$date":{"$numberLong":"-62135596800001"}})"},
      {"a_timestamp", R"({"$numberLong":"0"})"},
      {"a_timestamp", R"("2026-01-01T00:00:00Z")"},
      {"a_timestamp", R"({"$timestamp":{"t":1,"i":1}})"},
      {"a_duration", R"({"$numberLong":"315576000001000000"})"},
      {"a_duration", R"({"$numberLong":"-9223372036854775808"})"},
      {"a_duration", R"("1s")"},
      {"repeated_string", R"("x")"},
      {"outer", "[]"},
      {"a_struct", "5"},
      {"plain_int32", R"({"$undefined":true})"},
      {"plain_int32", R"({"$minKey":1})"},
  };
  for (const auto& test : kCases) {
    ExpectMalformed(FromJson(std::string("{\"v\":") + test.value + "}"), test.field);
  }
}

TEST(MongodbTypesTest, TextThatIsNotUtf8IsMalformedAndANulIsNot) {
  for (const char* text :
       {"\x80", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff"}) {
    ExpectMalformed(Bson().AddText("v", text), "plain_string");
    ExpectMalformed(Bson().AddText("v", text), "plain_color");
  }
  const Bson with_nul = std::move(Bson().AddText("v", std::string_view("a\0b", 3)));
  EXPECT_EQ(*ReadValue(First(with_nul), SampleField("plain_string")),
            Value(std::string("a\0b", 3)));
}

TEST(MongodbTypesTest, WhatARecordCannotHaveIsRefused) {
  Bson document;
  bool set = true;
  Status status = AppendField(*SampleOf("plain_double: nan"), SampleField("plain_double"),
                              document.get(), &set);
  EXPECT_EQ(status.reason(), "INVALID_FIELD");
  EXPECT_FALSE(set);
  std::unique_ptr<Message> deep = NewSample();
  AddTrees(deep.get(), 100);
  status = AppendField(*deep, SampleField("tree"), document.get(), &set);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.reason(), "NESTED_TOO_DEEP");
  ASSERT_EQ(status.violations().size(), 1u);
  EXPECT_EQ(status.violations()[0].field, "tree");
  EXPECT_FALSE(set);
}

TEST(MongodbTypesTest, ValuesAreAppendedAsFieldsOfTheirTypeAre) {
  Bson document;
  AppendValue("narrow", Value(int64_t{5}), schema::Type::kInt32, document.get());
  // A filter may ask for more than the field can hold.
  AppendValue("wide", Value(int64_t{1} << 40), schema::Type::kInt32, document.get());
  AppendValue("unsigned", Value(int64_t{5}), schema::Type::kUint32, document.get());
  AppendValue("time", Value(int64_t{5}), schema::Type::kTimestamp, document.get());
  AppendValue("zero", Value(-0.0), schema::Type::kDouble, document.get());
  AppendValue("bytes", Value(Bytes{""}), schema::Type::kBytes, document.get());
  AppendValue("null", Value(), schema::Type::kString, document.get());
  EXPECT_EQ(Shown(document),
            Shown(FromJson(R"({"narrow":{"$numberInt":"5"},"wide":{"$numberLong":"1099511627776"},
                "unsigned":{"$numberLong":"5"},"time":{"$date":{"$numberLong":"5"}},
                "zero":{"$numberDouble":"0.0"},
                "bytes":{"$binary":{"base64":"","subType":"00"}},"null":null})")));
}

}  // namespace
}  // namespace storegate::mongodb
