// The generator over a dialect that only names things.
#include "server/migrate/ddl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/schema/loader.h"
#include "tests/unit/migrate/fake_dialect.h"

namespace storegate::migrate {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Has no predicate `size = 13`, and hardly any types.
class NamingDialect : public FakeDialect {
 public:
  std::string ColumnType(const schema::Field&) const override { return "T"; }
  std::string ZeroLiteral(const schema::Field&) const override { return "0"; }
  std::string IdColumn(const schema::Field&) const override { return "ID"; }
  std::string TextType() const override { return "TEXT"; }
  std::string VersionType() const override { return "V"; }
  std::string EnumCheck(const schema::Field&) const override { return ""; }
  bool InlineReferences() const override { return true; }
  std::string IndexColumn(const schema::IndexField& field) const override {
    return field.field->column + (field.descending ? " DESC" : "");
  }
  Result<std::string> PredicateSql(const schema::Entity& entity,
                                   std::string_view where) const override {
    if (where == "size = 13") {
      return Status(Code::kFailedPrecondition, "UNSUPPORTED_INDEX", "Not\n13.");
    }
    return FakeDialect::PredicateSql(entity, where);
  }
};

constexpr char kProto[] = R"(
syntax = "proto3";
package a.v1;
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";
message Leaf {
  option (storegate.v1.entity) = {
    index: { fields: "size desc" where: "size > 5" }
    index: { fields: "size" where: "size = 13" name: "second" }
    index: { fields: "note" unique: LIVE where: "size > 1" name: "third" }
  };
  string id = 1;
  optional string note = 2 [(storegate.v1.field) = { searchable: true max_len: 9 unique: LIVE column: "Note" }];
  int32 size = 3;
  string tree_id = 4 [(storegate.v1.field) = { required: true references: "Tree.id" }];
  google.protobuf.Timestamp delete_time = 5;
}
message Tree {
  option (storegate.v1.entity) = { index: { fields: "next_id" fields: "name" } };
  string id = 1;
  string name = 2 [(storegate.v1.field) = { searchable: true max_len: 9 }];
  optional string next_id = 3 [(storegate.v1.field).references = "Tree.id"];
}
message CreateLeafRequest { Leaf leaf = 1; }
message CreateTreeRequest { Tree tree = 1; }
service LeafStore { rpc CreateLeaf(CreateLeafRequest) returns (Leaf); }
service TreeStore { rpc CreateTree(CreateTreeRequest) returns (Tree); }
)";

class Ddl : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const schema::Diagnostic& diagnostic : loaded_.diagnostics) {
      ADD_FAILURE() << diagnostic.ToString();
    }
    ASSERT_NE(loaded_.schema, nullptr);
    for (const schema::Entity& entity : loaded_.schema->entities) entities_.push_back(&entity);
  }

  schema::LoadResult loaded_ = schema::LoadEmbedded({{"a.proto", kProto}});
  std::vector<const schema::Entity*> entities_;
  NamingDialect dialect_;
};

TEST_F(Ddl, ATableComesBehindThoseItRefersTo) {
  EXPECT_EQ(CreateSql(dialect_, entities_),
            "CREATE TABLE \"trees\" (\n"
            "  \"id\" ID,\n"
            "  \"name\" T NOT NULL DEFAULT 0,\n"
            "  \"next_id\" T REFERENCES \"trees\" (\"id\"),\n"
            "  \"_folded_name\" TEXT NOT NULL DEFAULT '',\n"
            "  \"_version\" V\n"
            ");\n"
            "CREATE INDEX \"idx_trees_next_id_name\" ON \"trees\" (next_id, name, id);\n"
            "\n"
            "CREATE TABLE \"leafs\" (\n"
            "  \"id\" ID,\n"
            "  \"Note\" T,\n"
            "  \"size\" T NOT NULL DEFAULT 0,\n"
            "  \"tree_id\" T NOT NULL DEFAULT 0 REFERENCES \"trees\" (\"id\"),\n"
            "  \"delete_time\" T,\n"
            "  \"_folded_Note\" TEXT,\n"
            "  \"_version\" V\n"
            ");\n"
            "CREATE UNIQUE INDEX \"uq_leafs_Note\" ON \"leafs\" (Note) WHERE \"delete_time\" IS "
            "NULL;\n"
            "CREATE INDEX \"idx__deleted_leafs_Note\" ON \"leafs\" (Note) WHERE \"delete_time\" IS "
            "NOT NULL;\n"
            "CREATE INDEX \"idx_leafs_size\" ON \"leafs\" (size DESC, id) WHERE <size > 5>;\n"
            "-- Left out: index second. Not 13.\n"
            "CREATE UNIQUE INDEX \"third\" ON \"leafs\" (Note) WHERE \"delete_time\" IS NULL AND "
            "(<size > 1>);\n"
            "CREATE INDEX \"idx__ref_leafs_tree_id\" ON \"leafs\" (tree_id, id);\n");
}

TEST_F(Ddl, AReferenceToAnotherDatabaseIsNoForeignKey) {
  EXPECT_THAT(CreateSql(dialect_, {entities_[0]}), Not(HasSubstr("REFERENCES")));
}

TEST_F(Ddl, AnIndexThatTheDatabaseCannotHaveIsNamedWithItsPlace) {
  const Status status = CheckIndexes(dialect_, entities_);
  EXPECT_EQ(status.code(), Code::kFailedPrecondition);
  EXPECT_EQ(status.reason(), "UNSUPPORTED_INDEX");
  EXPECT_THAT(status.message(), HasSubstr("a.proto:7: index second of Leaf"));
  EXPECT_TRUE(CheckIndexes(dialect_, {entities_[1]}).ok());
}

TEST_F(Ddl, ColumnsAreThoseOfTheTable) {
  EXPECT_THAT(ColumnNames(*entities_[0]), ElementsAre("id", "Note", "size", "tree_id",
                                                      "delete_time", "_folded_Note", "_version"));
}

TEST(QuoteIdentifier, DoublesQuotes) { EXPECT_EQ(QuoteIdentifier("a\"b"), "\"a\"\"b\""); }

}  // namespace
}  // namespace storegate::migrate
