#include "server/service/mask.h"

#include <gtest/gtest.h>

#include "tests/unit/service/library.h"

namespace storegate::service {
namespace {

Result<Mask> Parse(const std::vector<std::string>& paths, const std::string& record = "") {
  return ParseMask(paths, "update_mask", EntityOf("Author"), *MakeRecord("Author", record));
}

std::string Names(const Mask& mask) {
  std::string out;
  for (const schema::Field* field : mask.whole) out += field->name + " ";
  return out;
}

// `to` after the paths were taken from `from`.
std::string Applied(const std::vector<std::string>& paths, const std::string& from,
                    const std::string& to) {
  Result<Mask> mask = Parse(paths);
  if (!mask.ok()) return mask.status().message();
  const auto source = MakeRecord("Author", from);
  const auto target = MakeRecord("Author", to);
  for (const MaskPath& path : mask->nested) ApplyMaskPath(path, *source, target.get());
  return Text(*target);
}

TEST(Mask, IsRequired) {
  EXPECT_EQ(Parse({}).status().reason(), "UPDATE_MASK_REQUIRED");
}

TEST(Mask, HoldsEachFieldOnceInOrder) {
  EXPECT_EQ(Names(*Parse({"rating", "name", "name", "age"})), "name age rating ");
}

TEST(Mask, StarIsAllThatCallersWrite) {
  const std::string without = Names(*Parse({"*"}));
  EXPECT_EQ(without,
            "name age rating tags links settings address places mood born nap weight phone mail "
            "visit by_year anything ");
  EXPECT_NE(Names(*Parse({"*"}, "secret: 's'")).find("secret"), std::string::npos);
}

TEST(Mask, NamesEveryPathThatIsWrong) {
  const Status status =
      Parse({"name", "nmae", "id", "etag", "slug", "grade", "create_time", "contact", "tags.x",
             "name.x", "address.strt", "by_year.x.street", "*", "a..b", "", "links.`a",
                 "born.seconds",
             "address.", "places.street", "`"})
          .status();
  EXPECT_EQ(status.reason(), "INVALID_UPDATE_MASK");
  std::string all;
  for (const Violation& v : status.violations()) all += v.description + "\n";
  EXPECT_EQ(all,
            "\"nmae\": no field of Author\n"
            "\"id\": the id never changes\n"
            "\"etag\": the gateway sets it\n"
            "\"slug\": it is immutable\n"
            "\"grade\": it is output only\n"
            "\"create_time\": the gateway sets it\n"
            "\"contact\": no field of Author\n"
            "\"tags.x\": \"tags\" is a list, which is set as a whole\n"
            "\"name.x\": \"name\" has nothing below it\n"
            "\"address.strt\": \"strt\" is no field of library.v1.Address\n"
            "\"by_year.x.street\": \"x\" is no key of \"by_year\"\n"
            "\"*\": stands alone; no other path goes with it\n"
            "\"a..b\": malformed: names joined by dots, other keys in backquotes\n"
            "\"\": malformed: names joined by dots, other keys in backquotes\n"
            "\"links.`a\": malformed: names joined by dots, other keys in backquotes\n"
            "\"born.seconds\": \"born\" has nothing below it\n"
            "\"address.\": malformed: names joined by dots, other keys in backquotes\n"
            "\"places.street\": \"places\" is a list, which is set as a whole\n"
            "\"`\": malformed: names joined by dots, other keys in backquotes\n");
}

TEST(Mask, HasAtMostAThousandPaths) {
  EXPECT_TRUE(Parse(std::vector<std::string>(1000, "name")).ok());
  EXPECT_EQ(Parse(std::vector<std::string>(1001, "name")).status().reason(), "BATCH_TOO_LARGE");
}

TEST(Mask, WholeFieldsCoverWhatIsBelowThem) {
  Result<Mask> mask = Parse({"address.street", "address", "links.a"});
  EXPECT_EQ(Names(*mask), "address ");
  ASSERT_EQ(mask->nested.size(), 1u);
  EXPECT_EQ(mask->nested[0].below, std::vector<std::string>{"a"});
}

TEST(Mask, ReachesIntoMessages) {
  EXPECT_EQ(Applied({"address.street"}, "address { street: 'new' city: 'x' }",
                    "address { street: 'old' city: 'c' }"),
            R"(address { street: "new" city: "c" })");
  EXPECT_EQ(Applied({"address.street"}, "", "address { street: 'old' city: 'c' }"),
            R"(address { city: "c" })");
  EXPECT_EQ(Applied({"address.street"}, "", ""), "");
  EXPECT_EQ(Applied({"address.other.street"}, "address { other { street: 's' } }", ""),
            R"(address { other { street: "s" } })");
}

TEST(Mask, ReachesIntoMaps) {
  EXPECT_EQ(Applied({"links.a"}, "links { key: 'a' value: '1' } links { key: 'b' value: '2' }", ""),
            R"(links { key: "a" value: "1" })");
  EXPECT_EQ(Applied({"links.a"}, "", "links { key: 'a' value: '1' } links { key: 'b' value: '2' }"),
            R"(links { key: "b" value: "2" })");
  EXPECT_EQ(Applied({"links.`a.b`", "links.```"}, "links { key: 'a.b' value: '1' }", ""),
            "update_mask: \"links.```\": malformed: names joined by dots, other keys in "
            "backquotes");
  EXPECT_EQ(Applied({"links.`a.b`", "links.````"},
                    "links { key: 'a.b' value: '1' } links { key: '`' value: '2' }", ""),
            R"(links { key: "`" value: "2" } links { key: "a.b" value: "1" })");
  EXPECT_EQ(Applied({"links.``"}, "links { key: '' value: '1' }", ""),
            R"(links { key: "" value: "1" })");
  EXPECT_EQ(Applied({"by_year.7.street"}, "by_year { key: 7 value { street: 'n' city: 'no' } }",
                    "by_year { key: 7 value { street: 'o' city: 'c' } }"),
            R"(by_year { key: 7 value { street: "n" city: "c" } })");
  EXPECT_EQ(Applied({"by_year.7.street"}, "by_year { key: 7 value { street: 'n' city: 'no' } }",
                    ""),
            R"(by_year { key: 7 value { street: "n" } })");
  EXPECT_EQ(Applied({"by_year.7.street"}, "", ""), "");
}

TEST(Mask, ReachesIntoStructs) {
  const std::string deep =
      "settings { fields { key: 'a' value { struct_value { fields { key: 'b' value { "
      "string_value: 'x' } } } } } }";
  EXPECT_EQ(Applied({"settings.a.b"}, deep, ""), Text(*MakeRecord("Author", deep)));
  EXPECT_EQ(Applied({"settings.a.b"}, "", deep),
            "settings { fields { key: \"a\" value { struct_value { } } } }");
  EXPECT_EQ(Applied({"settings.a"}, "", deep), "settings { }");
  EXPECT_EQ(Applied({"settings.a.b.c"}, "", deep), Text(*MakeRecord("Author", deep)));
  EXPECT_EQ(Applied({"settings.n.b"}, "settings { fields { key: 'n' value { number_value: 1 } } }",
                    ""),
            "settings { }");
  // What stands in the way gives way to what is given.
  EXPECT_EQ(Applied({"settings.a.b"}, deep,
                    "settings { fields { key: 'a' value { number_value: 1 } } }"),
            Text(*MakeRecord("Author", deep)));
  EXPECT_EQ(Applied({"anything.k"},
                    "anything { struct_value { fields { key: 'k' value { bool_value: true } } } }",
                        ""),
            "anything { struct_value { fields { key: \"k\" value { bool_value: true } } } }");
}

TEST(Mask, SettingAMemberOfAOneofClearsTheOthers) {
  EXPECT_EQ(Applied({"visit.street"}, "visit { street: 's' }", "phone: '1'"),
            R"(visit { street: "s" })");
  EXPECT_EQ(Applied({"visit.street"}, "", "phone: '1'"), R"(phone: "1")");
}

}  // namespace
}  // namespace storegate::service
