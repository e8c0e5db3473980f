#include "server/service/wire_check.h"

#include <random>

#include <gtest/gtest.h>

#include "server/base/wire.h"
#include "tests/unit/service/library.h"

namespace storegate::service {
namespace {

const google::protobuf::Descriptor& Request() {
  return *MethodOf("AuthorStore", "CreateAuthor").request->GetDescriptor();
}

Status Check(const std::string& bytes, WireLimits limits = {}) {
  return CheckWire(bytes, Request(), limits);
}

std::string InAuthor(const std::string& author) {
  std::string out;
  wire::AppendBytes(1, author, &out);
  return out;
}

std::string Field(int number, std::string_view content) {
  std::string out;
  wire::AppendBytes(number, content, &out);
  return out;
}

TEST(WireCheck, TakesWhatProtobufWrites) {
  const auto request = Make(*MethodOf("AuthorStore", "CreateAuthor").request, R"(
      author { name: "Ada" slug: "ada" age: 3 rating: 1.5 tags: "a" tags: "b"
               links { key: "home" value: "https://x" } places { street: "s" } mood: GLAD
               settings { fields { key: "a"
                                   value { list_value { values { number_value: 1 } } } } } })");
  EXPECT_TRUE(Check(request->SerializeAsString()).ok());
  EXPECT_TRUE(Check("").ok());
}

TEST(WireCheck, NamesPathAndByteOfInvalidUtf8) {
  const Status status = Check(InAuthor(Field(6, "ok") + Field(6, "ab\xff")));
  EXPECT_EQ(status.reason(), "INVALID_UTF8");
  EXPECT_EQ(status.violations().at(0).field, "author.tags[1]");
  EXPECT_EQ(status.violations().at(0).description, "not UTF-8 at byte 2 of its 3");
}

TEST(WireCheck, NamesTheKeyOfAMapsEntry) {
  const Status status = Check(InAuthor(Field(7, Field(1, "home") + Field(2, "\xff"))));
  EXPECT_EQ(status.violations().at(0).field, "author.links[\"home\"]");
}

TEST(WireCheck, RefusesUnknownFieldsInWritesOnly) {
  std::string bytes = InAuthor(Field(9, Field(99, "x")));
  const Status status = Check(bytes);
  EXPECT_EQ(status.reason(), "UNKNOWN_FIELD");
  EXPECT_EQ(status.violations().at(0).field, "author.address");
  EXPECT_EQ(status.violations().at(0).description,
            "field number 99 is not known in library.v1.Address");
  WireLimits limits;
  limits.refuse_unknown = false;
  EXPECT_TRUE(Check(bytes, limits).ok());
}

TEST(WireCheck, RefusesAKnownFieldOfAnotherType) {
  std::string name;
  wire::AppendVarint(wire::Tag(2, wire::kVarint), &name);
  wire::AppendVarint(5, &name);
  const Status status = Check(InAuthor(name));
  EXPECT_EQ(status.reason(), "WRONG_TYPE");
  EXPECT_EQ(status.violations().at(0).field, "author.name");
}

TEST(WireCheck, RefusesWhatIsNoMessage) {
  for (const std::string& bytes :
       {std::string("\x0a\x05""ab"), std::string("\x0a"),
        std::string("\xff\xff\xff\xff\xff\xff\xff"),
        std::string("\x00\x01", 2), std::string("\x0b\x0c"), std::string("\x0e\x01"),
        InAuthor(std::string("\x29\x01\x02", 3)), InAuthor("\x20\xff")}) {
    EXPECT_EQ(Check(bytes).reason(), "MALFORMED_REQUEST") << testing::PrintToString(bytes);
  }
}

TEST(WireCheck, NamesTheLimitOfNesting) {
  const auto nested = [](int levels) {
    std::string address;
    for (int i = 0; i < levels; ++i) address = Field(4, address);
    return InAuthor(Field(9, address));
  };
  WireLimits limits;
  limits.max_nesting = 20;
  EXPECT_TRUE(Check(nested(17), limits).ok());  // request, author, address, and 17
  const Status status = Check(nested(18), limits);
  EXPECT_EQ(status.reason(), "NESTED_TOO_DEEP");
  EXPECT_NE(status.message().find("20"), std::string::npos);
  // Far past any stack.
  std::string deep;
  for (int i = 0; i < 20'000; ++i) deep = Field(4, deep);
  EXPECT_EQ(Check(InAuthor(Field(9, deep))).reason(), "NESTED_TOO_DEEP");
}

TEST(WireCheck, CountsMessagesBeforeTheyTakeMemory) {
  std::string many;
  for (size_t i = 0; i <= kMaxMessages; ++i) many += "\x52" + std::string(1, '\0');
  const Status status = Check(InAuthor(many));
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(status.reason(), "TOO_MANY_ELEMENTS");
  EXPECT_EQ(status.metadata().at("limit"), std::to_string(kMaxMessages));
  EXPECT_EQ(status.metadata().at("actual"), std::to_string(kMaxMessages + 2));
}

TEST(WireCheck, CountsElements) {
  std::string many;
  for (size_t i = 0; i <= kMaxElements; ++i) many += "\x32" + std::string(1, '\0');
  EXPECT_EQ(Check(InAuthor(many)).reason(), "TOO_MANY_ELEMENTS");
}

TEST(WireCheck, BoundsABatchBeforeLookingIntoIt) {
  const schema::Method& method = MethodOf("AuthorStore", "BatchGetAuthors");
  WireLimits limits;
  limits.batch = method.ids;
  limits.max_batch = 3;
  std::string bytes = Field(1, "a") + Field(1, "b") + Field(1, "c");
  EXPECT_TRUE(CheckWire(bytes, *method.request->GetDescriptor(), limits).ok());
  const Status status =
      CheckWire(bytes + Field(1, "\xff"), *method.request->GetDescriptor(), limits);
  EXPECT_EQ(status.reason(), "BATCH_TOO_LARGE");
  EXPECT_EQ(status.metadata().at("limit"), "3");
  EXPECT_EQ(status.metadata().at("actual"), "4");
}

TEST(WireCheck, WhatItTakesProtobufParses) {
  // Random damage to good bytes: never a crash, and OK means that it parses.
  const auto request = Make(*MethodOf("AuthorStore", "CreateAuthor").request, R"(
      author { name: "Ada" tags: "a" links { key: "home" value: "https://x" }
               by_year { key: 7 value { street: "s" floors { key: "k" value: 3 } } }
               settings { fields { key: "a" value { string_value: "b" } } } })");
  const std::string good = request->SerializeAsString();
  std::mt19937 random(testing::UnitTest::GetInstance()->random_seed());
  WireLimits limits;
  limits.refuse_unknown = false;
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = good;
    for (int n = random() % 4; n >= 0; --n) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 3 == 0) bytes.resize(random() % bytes.size());
    if (!Check(bytes, limits).ok()) continue;
    EXPECT_TRUE(MessagePtr(request->New())->ParseFromString(bytes));
    google::protobuf::Arena arena;
    EXPECT_NE(ParseChecked(bytes, *request, &arena), nullptr);
  }
}

}  // namespace
}  // namespace storegate::service
