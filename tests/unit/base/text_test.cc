#include "server/base/text.h"

#include <random>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace storegate {
namespace {

constexpr size_t kValid = std::string_view::npos;

TEST(Utf8Test, AcceptsWhatIsWellFormed) {
  for (const char* text : {"", "a", "Straße", "日本語", "😀", "\x7f", "\xC2\x80", "\xDF\xBF",
                           "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80",
                           "\xF4\x8F\xBF\xBF", "0123456789abcdefé"}) {
    EXPECT_EQ(FindInvalidUtf8(text), kValid) << text;
  }
  EXPECT_EQ(FindInvalidUtf8(std::string_view("\0a\0", 3)), kValid);
}

TEST(Utf8Test, FindsTheFirstWrongByte) {
  EXPECT_EQ(FindInvalidUtf8("\x80"), 0u);
  EXPECT_EQ(FindInvalidUtf8("abc\xC0\x80"), 3u);               // overlong NUL
  EXPECT_EQ(FindInvalidUtf8("é\xED\xA0\x80"), 2u);             // surrogate
  EXPECT_EQ(FindInvalidUtf8("\xF4\x90\x80\x80"), 0u);          // past U+10FFFF
  EXPECT_EQ(FindInvalidUtf8("\xE0\x9F\xBF"), 0u);              // overlong
  EXPECT_EQ(FindInvalidUtf8("\xF0\x8F\xBF\xBF"), 0u);          // overlong
  EXPECT_EQ(FindInvalidUtf8("12345678\xE2\x82"), 8u);          // cut off
  EXPECT_EQ(FindInvalidUtf8("\xFF"), 0u);
  EXPECT_EQ(FindInvalidUtf8("\xF5\x80\x80\x80"), 0u);
}

TEST(Utf8Test, CountsCharactersAndNotBytes) {
  EXPECT_EQ(CountCodePoints(""), 0u);
  EXPECT_EQ(CountCodePoints("aé日😀"), 4u);
}

TEST(CaseTest, LowersEveryCharacterByItself) {
  EXPECT_EQ(LowerCase("ABC-xyz"), "abc-xyz");
  EXPECT_EQ(LowerCase("ÀÉÎ ΑΒΓ ДЖ"), "àéî αβγ дж");
  EXPECT_EQ(LowerCase("Straße"), "straße");
  EXPECT_EQ(LowerCase("e\u0301"), "e\u0301");  // stays decomposed
  EXPECT_EQ(LowerCase(std::string_view("A\0B", 3)), std::string("a\0b", 3));
}

TEST(CaseTest, FoldsFullyAndComposes) {
  EXPECT_EQ(FoldCase("Straße"), FoldCase("STRASSE"));
  EXPECT_EQ(FoldCase("ẞ"), "ss");
  EXPECT_EQ(FoldCase("ΣΊΣΥΦΟΣ"), FoldCase("σίσυφος"));
  EXPECT_EQ(FoldCase("E\u0301"), "é");
  EXPECT_NE(FoldCase("e"), FoldCase("é"));
  EXPECT_EQ(FoldCase("ﬀ"), "ff");
  EXPECT_EQ(FoldCase(std::string_view("É\0B", 4)), std::string("é\0b", 4));
  // Marks in another order, and one (U+0345) that folds into a letter.
  EXPECT_EQ(FoldCase("a\u0323\u0301"), FoldCase("A\u0301\u0323"));
  EXPECT_EQ(FoldCase("α\u0345\u0301"), FoldCase("α\u0301\u0345"));
}

// A character in UTF-8. REQUIRES: no surrogate.
std::string Utf8(char32_t code) {
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

TEST(CaseTest, FoldingTwiceChangesNothing) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (int j = 0; j < 8; ++j) {
      const char32_t code = random() % (j % 2 ? 0x2000 : 0x1F000);
      text += Utf8(code >= 0xD800 && code < 0xE000 ? 'x' : code);
    }
    const std::string folded = FoldCase(text);
    ASSERT_EQ(FindInvalidUtf8(folded), kValid);
    ASSERT_EQ(FoldCase(folded), folded) << Quoted(text);
  }
}

TEST(CaseTest, HostileTextsAreFoldedAllTheSame) {
  // A megabyte of combining marks in the worst order: quadratic for who sorts
  // them by exchanging neighbours.
  std::string marks = "a";
  for (int i = 0; i < 250000; ++i) marks += "\u0301\u0323";
  const std::string folded = FoldCase(marks);
  EXPECT_EQ(FindInvalidUtf8(folded), kValid);
  EXPECT_EQ(FoldCase("\xFF\x80x\xC3"), "\uFFFD\uFFFDx\uFFFD");
  EXPECT_EQ(LowerCase("\xFFÀ"), "\uFFFDà");
}

TEST(QuotedTest, IsShortAndShowsWhatIsHidden) {
  EXPECT_EQ(Quoted("abc"), "\"abc\"");
  EXPECT_EQ(Quoted("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\n\\u0001\"");
  EXPECT_EQ(Quoted(std::string_view("\0", 1)), "\"\\u0000\"");
  EXPECT_EQ(Quoted("\xFF"), "\"\\xff\"");
  EXPECT_EQ(Quoted("x\u202Ey"), "\"x\\u202ey\"");  // right-to-left override
  const std::string quoted = Quoted(std::string(1000000, 'x'));
  EXPECT_EQ(quoted, "\"" + std::string(60, 'x') + "…\" (1000000 bytes)");
  std::string wide;
  for (int i = 0; i < 100; ++i) wide += "日";
  EXPECT_EQ(FindInvalidUtf8(Quoted("a" + wide)), kValid);
}

TEST(JsonTest, StringsAreAlwaysJson) {
  const auto json = [](std::string_view text) {
    std::string out;
    AppendJsonString(text, &out);
    return out;
  };
  EXPECT_EQ(json("a\"b\\\n"), "\"a\\\"b\\\\\\n\"");
  EXPECT_EQ(json("é😀"), "\"é😀\"");
  EXPECT_EQ(json("\x01\x7f"), "\"\\u0001\\u007f\"");
  EXPECT_EQ(json("x\xFFy"), "\"x\uFFFDy\"");
}

TEST(Base64Test, MatchesTheVectorsOfRfc4648) {
  const std::vector<std::pair<std::string, std::string>> vectors = {
      {"", ""},         {"f", "Zg=="},       {"fo", "Zm8="},        {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(Base64(bytes), text);
    EXPECT_EQ(Base64Decode(text), bytes);
    EXPECT_EQ(Base64Decode(Base64Url(bytes)), bytes);
  }
  EXPECT_EQ(Base64("\xFB\xFF"), "+/8=");
  EXPECT_EQ(Base64Url("\xFB\xFF"), "-_8");
  EXPECT_EQ(Base64Decode("-_8="), "\xFB\xFF");
}

TEST(Base64Test, RefusesWhatIsNeither) {
  for (const char* text : {"A", "AB=", "A===", "====", "=", "AB C", "AB\n=", "+_8", "Zg==x",
                           "Zh==", "Zm9=", "é"}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
}

TEST(UuidTest, OnlyTheCanonicalFormIsOne) {
  EXPECT_TRUE(IsCanonicalUuid("01890a5d-ac96-774b-bcce-b302099a8057"));
  EXPECT_FALSE(IsCanonicalUuid("01890A5D-ac96-774b-bcce-b302099a8057"));
  EXPECT_FALSE(IsCanonicalUuid("01890a5dac96774bbcceb302099a8057"));
  EXPECT_FALSE(IsCanonicalUuid("01890a5d-ac96-774b-bcce-b302099a805"));
  EXPECT_FALSE(IsCanonicalUuid("01890a5d-ac96-774b-bcce-b302099a8057 "));
  EXPECT_FALSE(IsCanonicalUuid("{1890a5d-ac96-774b-bcce-b302099a8057"));
}

TEST(ObjectIdTest, HasTwentyFourLowerCaseHexDigits) {
  EXPECT_TRUE(IsObjectId("507f1f77bcf86cd799439011"));
  EXPECT_FALSE(IsObjectId("507F1F77BCF86CD799439011"));
  EXPECT_FALSE(IsObjectId("507f1f77bcf86cd79943901"));
  EXPECT_FALSE(IsObjectId("507f1f77bcf86cd7994390111"));
  EXPECT_FALSE(IsObjectId("507f1f77bcf86cd79943901g"));
  EXPECT_FALSE(IsObjectId(""));
}

TEST(ObjectIdTest, LaterOnesSortLater) {
  std::string last;
  for (int i = 0; i < 10000; ++i) {
    const std::string id = NewObjectId();
    ASSERT_TRUE(IsObjectId(id)) << id;
    ASSERT_LT(last, id);
    last = id;
  }
}

TEST(UuidTest, LaterOnesSortLater) {
  std::string last;
  for (int i = 0; i < 20000; ++i) {
    const std::string id = NewUuidV7();
    ASSERT_TRUE(IsCanonicalUuid(id)) << id;
    ASSERT_EQ(id[14], '7');
    ASSERT_TRUE(std::string_view("89ab").find(id[19]) != kValid) << id;
    ASSERT_LT(last, id);
    last = id;
  }
}

TEST(UuidTest, ThreadsNeverGetTheSame) {
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  for (auto& ids : made) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < 5000; ++i) ids.push_back(NewUuidV7());
    });
  }
  for (auto& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& ids : made) {
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), 20000u);
}

TEST(EtagTest, ComesBackFromItsText) {
  EXPECT_EQ(FormatEtag(0), "0000000000000000");
  EXPECT_EQ(FormatEtag(0xABC), "0000000000000abc");
  EXPECT_EQ(ParseEtag("7fffffffffffffff"), INT64_MAX);
  for (int i = 0; i < 1000; ++i) {
    const int64_t version = NewVersion();
    ASSERT_GT(version, 0);
    ASSERT_EQ(ParseEtag(FormatEtag(version)), version);
  }
  for (const char* text :
       {"", "abc", "000000000000000G", "0000000000000ABC", "00000000000000000"}) {
    EXPECT_EQ(ParseEtag(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace storegate
