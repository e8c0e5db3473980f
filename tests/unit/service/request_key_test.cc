#include "server/service/request_key.h"

#include <gtest/gtest.h>

#include "server/service/wire_check.h"
#include "tests/unit/service/library.h"

namespace storegate::service {
namespace {

constexpr char kUuid[] = "01890a5d-ac96-774b-bcce-b302099a8057";

// By scanning and by parsing, which must agree.
Result<RequestedKey> Read(const std::string& text) {
  const schema::Method& method = MethodOf("AuthorStore", "GetAuthor");
  const auto request = Make(*method.request, text);
  Result<RequestedKey> parsed = ReadKey(method, *request);
  const auto scanned = ScanKey(method, request->SerializeAsString());
  EXPECT_TRUE(scanned);
  EXPECT_EQ(scanned->ok(), parsed.ok());
  EXPECT_EQ(scanned->status().ToString(), parsed.status().ToString());
  if (parsed.ok()) {
    EXPECT_EQ((*scanned)->key, parsed->key);
    EXPECT_EQ((*scanned)->values, parsed->values);
    EXPECT_EQ((*scanned)->show_deleted, parsed->show_deleted);
  }
  return parsed;
}

TEST(RequestKey, IsTheOneWhoseFieldsAreSet) {
  Result<RequestedKey> by_id = Read("id: '" + std::string(kUuid) + "' show_deleted: true");
  ASSERT_TRUE(by_id.ok());
  EXPECT_EQ(by_id->key->fields[0]->name, "id");
  EXPECT_TRUE(by_id->show_deleted);
  Result<RequestedKey> by_slug = Read("slug: 'ADA'");
  ASSERT_TRUE(by_slug.ok());
  EXPECT_EQ(by_slug->values, repository::KeyValues{std::string("ada")});
}

TEST(RequestKey, MustBeExactlyOne) {
  EXPECT_EQ(Read("").status().reason(), "KEY_REQUIRED");
  EXPECT_EQ(Read("").status().message(), "id: required: set id, or slug");
  EXPECT_EQ(Read("show_deleted: true").status().reason(), "KEY_REQUIRED");
  EXPECT_EQ(Read("id: '" + std::string(kUuid) + "' slug: 'a'").status().reason(), "KEY_AMBIGUOUS");
  EXPECT_EQ(Read("id: 'x'").status().reason(), "INVALID_FIELD");
}

TEST(RequestKey, ScanLeavesMalformedBytesToTheCheck) {
  const schema::Method& method = MethodOf("AuthorStore", "GetAuthor");
  for (const std::string& bytes :
       {std::string("\x0a\x05""a"), std::string("\xff"), std::string("\x0b"),
        std::string("\x08\x01"),
        std::string("\x0a\x01\xff"), std::string("\x1a\x00", 2),
            std::string("\x0d\x01\x02\x03\x04"),
        std::string("\x00", 1)}) {
    EXPECT_FALSE(ScanKey(method, bytes)) << testing::PrintToString(bytes);
  }
}

TEST(RequestKey, OfAnIntegerIsNeverZeroOrLess) {
  const schema::Method& method = MethodOf("NoteStore", "GetNote");
  EXPECT_EQ(ScanKey(method, "")->status().reason(), "KEY_REQUIRED");
  EXPECT_EQ(ScanKey(method, std::string("\x08\x00", 2))->status().reason(), "KEY_REQUIRED");
  EXPECT_EQ((*ScanKey(method, "\x08\x07"))->values, repository::KeyValues{int64_t{7}});
  const std::string minus = Make(*method.request, "id: -1")->SerializeAsString();
  EXPECT_EQ(ScanKey(method, minus)->status().reason(), "INVALID_FIELD");
  // Of a field that comes twice the last is meant.
  EXPECT_EQ((*ScanKey(method, "\x08\x07\x08\x09"))->values, repository::KeyValues{int64_t{9}});
}

}  // namespace
}  // namespace storegate::service
