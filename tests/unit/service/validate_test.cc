#include "server/service/validate.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "server/service/normalize.h"
#include "tests/unit/service/library.h"

namespace storegate::service {
namespace {

// "author.name: required, but not set", one line each.
std::string Wrong(const google::protobuf::Message& record, const schema::Entity& entity) {
  Violations violations;
  const Path root, path(root, "author");
  for (const schema::Field& field : entity.fields) {
    if (!field.stored()) continue;
    ValidateEntityField(record, field, path, &violations);
  }
  std::string out;
  const Status status = violations.ToStatus();
  for (const Violation& v : status.violations()) out += v.field + ": " + v.description + "\n";
  return out;
}

std::string WrongAuthor(const std::string& text) {
  const auto record = MakeRecord("Author", "name: 'n' slug: 's'");
  record->MergeFrom(*MakeRecord("Author", text));
  for (const schema::Field& field : EntityOf("Author").fields) NormalizeField(record.get(), field);
  return Wrong(*record, EntityOf("Author"));
}

TEST(Validate, TakesWhatKeepsTheRules) {
  EXPECT_EQ(WrongAuthor(R"(id: "01890a5d-ac96-774b-bcce-b302099a8057" age: 149 rating: -1e308
      tags: "a" tags: "b" tags: "c" links { key: "" value: "mailto:a" }
      address { street: "0123456789" floors { key: "a" value: 0 } } mood: SAD
      born { seconds: -62135596800 } nap { seconds: -1 nanos: -5 } weight { value: inf }
      anything { null_value: NULL_VALUE })"),
            "");
}

TEST(Validate, GathersAllInOrderOfTheFields) {
  const auto record = MakeRecord("Author", R"(
      tags: "" rating: 11 age: -1 places { street: "s" }
      places { floors { key: "k" value: -1 } })");
  EXPECT_EQ(Wrong(*record, EntityOf("Author")),
            "author.name: required, but not set\n"
            "author.slug: required, but not set\n"
            "author.age: must be at least 0; got -1\n"
            "author.rating: must be at most 10; got 11\n"
            "author.tags[0]: must have at least 1 characters; has 0\n"
            "author.places[1].street: required, but not set\n"
            "author.places[1].floors[\"k\"]: must be at least 0; got -1\n");
}

TEST(Validate, CountsCodePointsNotBytes) {
  EXPECT_EQ(WrongAuthor("address { street: 'ääääääääää' }"), "");
  EXPECT_EQ(WrongAuthor("address { street: 'äääääääääää' }"),
            "author.address.street: must have at most 10 characters; has 11\n");
}

TEST(Validate, NamesPatternAndFormat) {
  EXPECT_EQ(WrongAuthor("slug: 'a1'"), "author.slug: must match [a-z-]+; got \"a1\"\n");
  EXPECT_EQ(WrongAuthor("links { key: 'a' value: 'x' }"),
            "author.links[\"a\"]: must be an absolute URI (scheme:rest); got \"x\"\n");
  EXPECT_EQ(WrongAuthor("id: 'X'"),
            "author.id: must be a UUID in canonical lower case; got \"X\"\n");
}

TEST(Validate, KnowsNoOtherEnumNumbers) {
  auto record = MakeRecord("Author", "name: 'n' slug: 's'");
  const auto* field = record->GetDescriptor()->FindFieldByName("mood");
  record->GetReflection()->SetEnumValue(record.get(), field, 7);
  EXPECT_EQ(Wrong(*record, EntityOf("Author")),
            "author.mood: must be a value of library.v1.Mood; got the unknown number 7\n");
}

TEST(Validate, FindsNulAndNaNWhereverTheyAre) {
  EXPECT_EQ(WrongAuthor(R"(rating: nan weight { value: nan } links { key: "a\000" value: "a:b" }
      address { city: "a\000b" } settings { fields { key: "k\000" value { list_value {
        values { string_value: "\000" } values { number_value: inf } values {} } } } })"),
            "author.rating: must not be NaN\n"
            "author.links[\"a\\u0000\"]: the key must not hold a NUL\n"
            "author.settings[\"k\\u0000\"]: the key must not hold a NUL\n"
            "author.settings[\"k\\u0000\"][0]: must not hold a NUL\n"
            "author.settings[\"k\\u0000\"][1]: a number in a Struct must be finite; got inf\n"
            "author.settings[\"k\\u0000\"][2]: a value without a kind; null is null_value\n"
            "author.address.street: required, but not set\n"
            "author.address.city: must not hold a NUL; byte 1 is one\n"
            "author.weight: must not be NaN\n");
}

TEST(Validate, KnowsTheRangesOfTimes) {
  EXPECT_EQ(WrongAuthor("born { seconds: 253402300800 nanos: -1 }"),
            "author.born: must be from year 1 to year 9999; got 253402300800 seconds\n"
            "author.born: nanos must be from 0 to 999,999,999; got -1\n");
  EXPECT_EQ(WrongAuthor("nap { seconds: 1 nanos: -1 }"),
            "author.nap: seconds and nanos must have one sign; got 1 and -1\n");
  EXPECT_EQ(WrongAuthor("nap { seconds: 315576000001 }"),
            "author.nap: must be within 10,000 years; got 315576000001 seconds\n");
}

TEST(Validate, NeverShowsAPassword) {
  const auto record = MakeRecord("Account", "email: 'a@b.c' password: 'hunter2'");
  EXPECT_EQ(Wrong(*record, EntityOf("Account")),
            "author.password: must have at least 8 characters; has 7\n");
  const auto nul = MakeRecord("Account", R"(email: 'a@b.c' password: "hunter2\000hunter2")");
  EXPECT_EQ(Wrong(*nul, EntityOf("Account")).find("hunter2"), std::string::npos);
}

TEST(Validate, KeepsFewAndCountsAll) {
  auto record = MakeRecord("Author", "name: 'n' slug: 's'");
  const auto* field = record->GetDescriptor()->FindFieldByName("tags");
  for (int i = 0; i < 5000; ++i) record->GetReflection()->AddString(record.get(), field, "");
  Violations violations;
  ValidateEntityField(*record, *EntityOf("Author").Find("tags"), Path(), &violations);
  const Status status = violations.ToStatus();
  EXPECT_EQ(violations.total(), 5001u);
  EXPECT_EQ(status.violations().size(), Violations::kKept);
  EXPECT_EQ(status.metadata().at("violations_total"), "5001");
}

TEST(Validate, TextIdsAreAnyTextOf255Bytes) {
  EXPECT_EQ(Wrong(*MakeRecord("Book", "title: 't' author_id: 'a' id: ' É\\t'"), EntityOf("Book")),
            "author.author_id: must be a UUID in canonical lower case; got \"a\"\n");
  auto record = MakeRecord("Note", "id: -3");
  EXPECT_EQ(Wrong(*record, EntityOf("Note")), "author.id: must be positive; got -3\n");
}

std::string KeyError(const std::string& entity, const std::string& field, Value value) {
  Violations violations;
  CheckKeyValue(*EntityOf(entity).Find(field), Path(Path(), "k"), &value, &violations);
  return violations.empty() ? "" : violations.ToStatus().message();
}

TEST(KeyValues, AreCheckedBeforeTheyAreLookedUp) {
  EXPECT_EQ(KeyError("Book", "id", std::string(255, 'x')), "");
  EXPECT_EQ(KeyError("Book", "id", std::string(256, 'x')), "k: must be at most 255 bytes; has 256");
  EXPECT_EQ(KeyError("Book", "id", std::string("a\0", 2)), "k: must not hold a NUL");
  EXPECT_EQ(KeyError("Author", "id", std::string("0")),
            "k: must be a UUID in canonical lower case; got \"0\"");
  EXPECT_EQ(KeyError("Author", "slug", std::string(21, 'x')),
            "k: must have at most 20 characters; has 21");
  EXPECT_EQ(KeyError("Note", "id", int64_t{-1}), "k: must be positive; got -1");
  Value value = std::string("ÀDA");
  Violations violations;
  CheckKeyValue(*EntityOf("Author").Find("slug"), Path(), &value, &violations);
  EXPECT_EQ(std::get<std::string>(value), "àda");
}

TEST(Normalize, CutsLowersAndDropsEqualKeys) {
  auto record = MakeRecord("Author", R"(
      slug: "ÀB" rating: -0.0 born { seconds: -1 nanos: 999999999 }
      nap { seconds: -1 nanos: -1999 }
      weight { value: -0.0 } settings { fields { key: "a" value { number_value: -0.0 } } })");
  const auto* links = record->GetDescriptor()->FindFieldByName("links");
  for (const char* value : {"1", "2", "3"}) {
    auto* entry = record->GetReflection()->AddMessage(record.get(), links);
    entry->GetReflection()->SetString(entry, entry->GetDescriptor()->FindFieldByNumber(1), "k");
    entry->GetReflection()->SetString(entry, entry->GetDescriptor()->FindFieldByNumber(2), value);
  }
  for (const schema::Field& field : EntityOf("Author").fields) NormalizeField(record.get(), field);
  const auto expected = MakeRecord("Author", R"(
      slug: "àb" born { seconds: -1 nanos: 999000000 } nap { seconds: -1 nanos: -1000 }
      weight { } settings { fields { key: "a" value { number_value: 0 } } }
      links { key: "k" value: "3" })");
  record->GetReflection()->ClearField(record.get(),
                                      record->GetDescriptor()->FindFieldByName("rating"));
  EXPECT_EQ(Text(*record), Text(*expected));
}

TEST(Normalize, LeavesInvalidTimesInvalid) {
  auto record = MakeRecord("Author", "born { nanos: -1 } nap { seconds: 1 nanos: -1 }");
  for (const schema::Field& field : EntityOf("Author").fields) NormalizeField(record.get(), field);
  EXPECT_EQ(Text(*record), "born { nanos: -1 } nap { seconds: 1 nanos: -1 }");
}

TEST(Normalize, ClearsWhatCallersDoNotWrite) {
  auto record = MakeRecord("Author",
                           R"(name: "n" grade: "A" etag: "e" create_time { seconds: 1 })");
  ClearNotWritten(record.get(), EntityOf("Author"), true);
  EXPECT_EQ(Text(*record), R"(name: "n" create_time { seconds: 1 })");
  ClearNotWritten(record.get(), EntityOf("Author"), false);
  ApplyDefaults(record.get(), EntityOf("Author"));
  EXPECT_EQ(Text(*record), R"(name: "n" age: 18)");
}

}  // namespace
}  // namespace storegate::service
