// Rows written field by field are what protobuf itself would have written.
#include "server/repository/wire_sink.h"

#include <limits>

#include <gtest/gtest.h>

#include "server/base/text.h"
#include "server/base/wire.h"
#include "server/repository/json.h"
#include "tests/unit/repository/long_run.h"
#include "tests/unit/repository/types_schema.h"

namespace storegate::repository {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using schema::Field;
using schema::Presence;
using schema::Type;

// Gives a field of a message to a sink, as a session would from a row.
void Give(const Message& message, const Field& field, Sink* sink) {
  const Reflection* reflection = message.GetReflection();
  if (field.presence == Presence::kOptional && !reflection->HasField(message, field.descriptor)) {
    return;
  }
  if (field.nested()) {
    std::string json;
    AppendJson(message, field, &json);
    ASSERT_TRUE(sink->Json(field, json).ok());
    return;
  }
  const Message* holder = &message;
  const FieldDescriptor* value = field.descriptor;
  if (value->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    holder = &reflection->GetMessage(message, field.descriptor);
    reflection = holder->GetReflection();
    value = holder->GetDescriptor()->field(0);
  }
  const auto nanos = [&] {
    return reflection->GetInt32(*holder, holder->GetDescriptor()->FindFieldByName("nanos"));
  };
  switch (field.type) {
    case Type::kBool: return sink->Bool(field, reflection->GetBool(*holder, value));
    case Type::kInt32: return sink->Int64(field, reflection->GetInt32(*holder, value));
    case Type::kInt64: return sink->Int64(field, reflection->GetInt64(*holder, value));
    case Type::kUint32: return sink->Int64(field, reflection->GetUInt32(*holder, value));
    case Type::kFloat: return sink->Double(field, reflection->GetFloat(*holder, value));
    case Type::kDouble: return sink->Double(field, reflection->GetDouble(*holder, value));
    case Type::kString: return sink->Text(field, reflection->GetString(*holder, value));
    case Type::kBytes: return sink->Bytes(field, reflection->GetString(*holder, value));
    case Type::kEnum:
      return sink->Text(field, field.enum_type->NameOf(reflection->GetEnumValue(*holder, value)));
    case Type::kTimestamp:
      return sink->Int64(field, reflection->GetInt64(*holder, value) * 1000 + nanos() / 1000000);
    case Type::kDuration:
      return sink->Int64(field, reflection->GetInt64(*holder, value) * 1000000 + nanos() / 1000);
    default: FAIL() << field.name;
  }
}

TEST(WireSinkTest, RowsAreWhatProtobufWrites) {
  const uint64_t seed = Seed();
  Random random(seed);
  SCOPED_TRACE("--gtest_random_seed=" + std::to_string(seed));
  for (int round = 0; round < 200; ++round) {
    std::unique_ptr<Message> message = NewSample();
    std::unique_ptr<Message> scalars = NewSample();
    for (const Field& field : SampleEntity().fields) {
      if (field.input_only || field.role == schema::Role::kEtag || Below(3, &random) == 0) continue;
      SetRandomField(message.get(), field.descriptor, &random);
    }
    std::string row, scalar_row;
    WireSink sink(&row), scalar_sink(&scalar_row);
    sink.BeginRow();
    scalar_sink.BeginRow();
    for (const Field& field : SampleEntity().fields) {
      Give(*message, field, &sink);
      if (field.nested() || field.oneof == "choice") continue;
      Give(*message, field, &scalar_sink);
    }
    EXPECT_TRUE(sink.EndRow());
    std::unique_ptr<Message> read = NewSample();
    ASSERT_TRUE(read->ParseFromString(row));
    std::string difference;
    ASSERT_TRUE(SameMessage(*message, *read, &difference)) << difference;
    // Without maps, whose order is nobody's, the very bytes are the same.
    ASSERT_TRUE(scalars->ParseFromString(scalar_row));
    ASSERT_EQ(scalars->SerializeAsString(), scalar_row);
  }
}

// The bytes of one field, given by one call.
template <typename Give>
std::string Written(const Give& give) {
  std::string out;
  WireSink sink(&out);
  sink.BeginRow();
  give(sink);
  sink.EndRow();
  return out;
}

TEST(WireSinkTest, ZeroIsLeftOutOfPlainFieldsOnly) {
  for (const Field& field : SampleEntity().fields) {
    if (field.nested() || field.input_only) continue;
    const std::string out = Written([&](WireSink& sink) {
      switch (field.type) {
        case Type::kBool: return sink.Bool(field, false);
        case Type::kFloat: return sink.Double(field, -0.0);
        case Type::kDouble: return sink.Double(field, -0.0);
        case Type::kString: return sink.Text(field, "");
        case Type::kBytes: return sink.Bytes(field, "");
        case Type::kEnum: return sink.Text(field, "COLOR_UNSPECIFIED");
        default: return sink.Int64(field, 0);
      }
    });
    EXPECT_EQ(out.empty(), field.presence == Presence::kPlain) << field.name;
    std::unique_ptr<Message> message = NewSample();
    ASSERT_TRUE(message->ParseFromString(out));
    EXPECT_EQ(message->GetReflection()->HasField(*message, field.descriptor), !out.empty())
        << field.name;
    EXPECT_EQ(message->SerializeAsString(), out) << field.name;
  }
}

TEST(WireSinkTest, TimesBeforeTheirEpochAreWrittenAsTheirMessagesWantThem) {
  const auto parts = [](const char* name, int64_t value) {
    const Field& field = SampleField(name);
    std::unique_ptr<Message> message = NewSample();
    EXPECT_TRUE(message->ParseFromString(
        Written([&](WireSink& sink) { sink.Int64(field, value); })));
    const Message& time = message->GetReflection()->GetMessage(*message, field.descriptor);
    const auto* type = time.GetDescriptor();
    return std::pair(time.GetReflection()->GetInt64(time, type->FindFieldByName("seconds")),
                     time.GetReflection()->GetInt32(time, type->FindFieldByName("nanos")));
  };
  EXPECT_EQ(parts("a_timestamp", -1), std::pair(int64_t{-1}, 999000000));
  EXPECT_EQ(parts("a_timestamp", -1000), std::pair(int64_t{-1}, 0));
  EXPECT_EQ(parts("a_timestamp", -62135596800000), std::pair(int64_t{-62135596800}, 0));
  EXPECT_EQ(parts("a_timestamp", 1001), std::pair(int64_t{1}, 1000000));
  EXPECT_EQ(parts("a_duration", -1), std::pair(int64_t{0}, -1000));
  EXPECT_EQ(parts("a_duration", -1500000), std::pair(int64_t{-1}, -500000000));
  EXPECT_EQ(parts("a_duration", 1500000), std::pair(int64_t{1}, 500000000));
}

TEST(WireSinkTest, AnEnumNameThatNobodyKnowsIsPassedOver) {
  EXPECT_EQ(Written([](WireSink& sink) { sink.Text(SampleField("optional_color"), "COLOR_NEW"); }),
            "");
}

TEST(WireSinkTest, InputOnlyFieldsAreHiddenUnlessSecretsAreWanted) {
  const Field& secret = SampleField("input_only_string");
  for (const bool with_secrets : {false, true}) {
    std::string out;
    WireSink sink(&out, 0, with_secrets);
    sink.BeginRow();
    sink.Text(secret, "s");
    sink.Bytes(secret, "s");
    sink.Int64(secret, 1);
    sink.Bool(secret, true);
    sink.Double(secret, 1);
    sink.Wire(secret, "s");
    EXPECT_TRUE(sink.Json(secret, with_secrets ? "\"s\"" : "not even JSON").ok());
    sink.EndRow();
    EXPECT_EQ(out.empty(), !with_secrets);
  }
}

TEST(WireSinkTest, TheVersionIsTheEtag) {
  std::string out;
  WireSink sink(&out);
  sink.BeginRow();
  sink.Version(255);
  EXPECT_EQ(out, "") << "of no entity that it knows";
  sink.SetEntity(&SampleEntity());
  sink.Version(255);
  sink.EndRow();
  std::unique_ptr<Message> message = NewSample();
  ASSERT_TRUE(message->ParseFromString(out));
  EXPECT_EQ(message->GetReflection()->GetString(*message, SampleEntity().etag->descriptor),
            FormatEtag(255));
}

TEST(WireSinkTest, RowsOfAListAreElementsOfItsField) {
  std::string out, bare;
  WireSink sink(&out, 7), bare_sink(&bare);
  const std::string lengths[] = {"", std::string(5, 'a'), std::string(127, 'b'),
                                 std::string(128, 'c'), std::string(70000, 'd')};
  std::string expected;
  for (const std::string& text : lengths) {
    for (WireSink* one : {&sink, &bare_sink}) {
      one->BeginRow();
      one->Text(SampleField("renamed_string"), text);
      EXPECT_TRUE(one->EndRow());
    }
    wire::AppendBytes(7, bare, &expected);
    EXPECT_EQ(out, expected);
    bare.clear();
  }
  EXPECT_EQ(sink.rows(), 5u);
}

TEST(WireSinkTest, APageIsFullOnceItHasItsBytes) {
  std::string out = "what was there before does not count";
  WireSink sink(&out, 1);
  sink.StopAfter(100);
  const auto row = [&](size_t size) {
    sink.BeginRow();
    sink.Text(SampleField("plain_string"), std::string(size, 'x'));
    return sink.EndRow();
  };
  EXPECT_TRUE(row(40));
  EXPECT_TRUE(row(40));
  EXPECT_FALSE(sink.full());
  EXPECT_FALSE(row(40));
  EXPECT_TRUE(sink.full());
  EXPECT_EQ(sink.rows(), 3u) << "the row that filled it is in";

  std::string large;
  WireSink first(&large, 1);
  first.StopAfter(10);
  first.BeginRow();
  first.Text(SampleField("plain_string"), std::string(1000, 'x'));
  EXPECT_FALSE(first.EndRow());
  EXPECT_GT(large.size(), 1000u) << "the first row always goes in";
}

TEST(WireSinkTest, RemembersTheSortKeysOfTheLastRow) {
  const query::Order order = {{&SampleField("optional_string"), true},
                              {&SampleField("plain_color"), false},
                              {&SampleField("a_timestamp"), false},
                              {&SampleField("optional_double"), false},
                              {&SampleField("plain_bytes"), false},
                              {&SampleField("plain_bool"), false},
                              {&SampleField("id"), false}};
  std::string out;
  WireSink sink(&out);
  sink.Remember(&order);
  for (int64_t id = 1; id <= 2; ++id) {
    sink.BeginRow();
    sink.Int64(SampleField("id"), id);
    sink.Int64(SampleField("plain_int32"), 5);
    sink.Text(SampleField("plain_color"), id == 1 ? "COLOR_RED" : "COLOR_NEW");
    if (id == 1) sink.Text(SampleField("optional_string"), "x");
    sink.Int64(SampleField("a_timestamp"), 0);
    sink.Double(SampleField("optional_double"), -0.0);
    sink.Bytes(SampleField("plain_bytes"), "");
    sink.Bool(SampleField("plain_bool"), false);
    sink.EndRow();
    EXPECT_EQ(sink.last_values(),
              (std::vector<Value>{id == 1 ? Value("x") : Value(),
                                  Value(id == 1 ? "COLOR_RED" : "COLOR_NEW"), Value(int64_t{0}),
                                  Value(0.0), Value(Bytes{}), Value(false), Value(id)}))
        << "null where the row has none, zero where it was left out";
  }
}

TEST(WireSinkTest, NumbersBeyondTheirTypeAreCutAsAParserCutsThem) {
  // Another program may have written anything into an integer column.
  for (const char* name : {"plain_int32", "plain_sint32", "plain_sfixed32", "plain_uint32",
                           "plain_fixed32", "plain_bool"}) {
    for (const int64_t value : {std::numeric_limits<int64_t>::min(), int64_t{1} << 40,
                                std::numeric_limits<int64_t>::max()}) {
      std::unique_ptr<Message> message = NewSample();
      EXPECT_TRUE(message->ParseFromString(
          Written([&](WireSink& sink) { sink.Int64(SampleField(name), value); })));
    }
  }
}

}  // namespace
}  // namespace storegate::repository
