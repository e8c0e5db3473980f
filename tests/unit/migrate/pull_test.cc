// Protos for a database that is there: they load, and say what is there.
#include "server/migrate/pull.h"

#include <gmock/gmock.h>

#include "server/migrate/pull_names.h"
#include "server/query/check.h"
#include "tests/unit/schema/protos.h"

namespace storegate::migrate {
namespace {

using schema::Presence;
using schema::Role;
using schema::Type;
using schema::Unique;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// What is pulled, and read back as a schema.
struct Pulled {
  PullResult result;
  std::unique_ptr<const schema::Schema> schema;

  const schema::Entity& Entity(const std::string& name) const {
    const schema::Entity* found = schema->FindEntity("data.v1." + name);
    EXPECT_NE(found, nullptr) << name;
    return *found;
  }
  const schema::Field& Field(const std::string& entity, const std::string& name) const {
    const schema::Field* found = Entity(entity).Find(name);
    EXPECT_NE(found, nullptr) << entity << "." << name;
    return *found;
  }
};

Pulled Pull(PulledDatabase database) {
  Pulled pulled;
  Result<PullResult> result = WriteProtos(database, "data.v1");
  EXPECT_TRUE(result.ok()) << result.status().ToString();
  if (!result.ok()) return pulled;
  pulled.result = *std::move(result);
  std::map<std::string, std::string> files(pulled.result.files.begin(),
                                           pulled.result.files.end());
  schema::LoadResult loaded = schema::Load(files);
  std::string all;
  for (const auto& [name, text] : files) all += name + "\n" + text;
  EXPECT_NE(loaded.schema, nullptr) << schema::Show(loaded) << all;
  if (loaded.schema != nullptr) {
    EXPECT_THAT(query::CheckTexts(*loaded.schema), IsEmpty());
  }
  pulled.schema = std::move(loaded.schema);
  return pulled;
}

PulledColumn Column(const std::string& name, const std::string& type, bool nullable = false) {
  PulledColumn column;
  column.name = name;
  column.type = type;
  column.nullable = nullable;
  column.found = "a " + type;
  return column;
}

PulledTable Table(const std::string& name, std::vector<PulledColumn> columns) {
  PulledTable table;
  table.name = name;
  table.columns = {Column("id", "int64")};
  table.columns.insert(table.columns.end(), columns.begin(), columns.end());
  table.primary_key = {"id"};
  return table;
}

TEST(PullTest, ATableIsAnEntityWithAStoreOfAllMethods) {
  Pulled pulled = Pull({{Table("book_loans", {Column("note", "string"),
                                              Column("created_at", "google.protobuf.Timestamp"),
                                              Column("updatedAt", "google.protobuf.Timestamp"),
                                              Column("deleted_at", "google.protobuf.Timestamp",
                                                     true)})}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_THAT(pulled.result.left_out, IsEmpty());
  EXPECT_EQ(pulled.result.files[0].first, "data/v1/book_loan_store.proto");
  const schema::Entity& entity = pulled.Entity("BookLoan");
  EXPECT_EQ(entity.collection, "book_loans");
  EXPECT_EQ(entity.id->type, Type::kInt64);
  ASSERT_NE(entity.create_time, nullptr);
  EXPECT_EQ(entity.create_time->column, "created_at");
  ASSERT_NE(entity.update_time, nullptr);
  EXPECT_EQ(entity.update_time->column, "updatedAt");
  ASSERT_TRUE(entity.soft_delete());
  EXPECT_EQ(entity.delete_time->column, "deleted_at");
  EXPECT_NE(entity.etag, nullptr);
  ASSERT_EQ(pulled.schema->stores.size(), 1u);
  EXPECT_EQ(pulled.schema->stores[0].methods.size(), 9u);
}

TEST(PullTest, WithoutADeleteTimeThereIsNothingToUndelete) {
  Pulled pulled = Pull({{Table("books", {})}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_EQ(pulled.schema->stores[0].methods.size(), 7u);
}

TEST(PullTest, NullabilityAndTypesAreThoseOfTheColumns) {
  PulledColumn small = Column("stars", "int32");
  small.small = true;
  PulledColumn text = Column("title", "string");
  text.max_len = 80;
  PulledColumn uuid = Column("code", "string", true);
  uuid.uuid = true;
  PulledColumn always = Column("origin", "string");
  always.uuid = true;
  PulledColumn object_id = Column("owner", "string", true);
  object_id.object_id = true;
  PulledColumn list = Column("tags", "string");
  list.repeated = true;
  Pulled pulled = Pull({{Table("books", {small, text, uuid, always, object_id, list,
                                         Column("pages", "int32", true),
                                         Column("due", "google.protobuf.Timestamp"),
                                         Column("extra", "google.protobuf.Value", true)})}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_EQ(pulled.Field("Book", "stars").gte, -32768);
  EXPECT_EQ(pulled.Field("Book", "title").max_len, 80);
  EXPECT_EQ(pulled.Field("Book", "title").presence, Presence::kPlain);
  EXPECT_EQ(pulled.Field("Book", "code").format, schema::Format::kUuid);
  EXPECT_FALSE(pulled.Field("Book", "code").required);
  // Plain it would be a text column: "" is no UUID.
  EXPECT_EQ(pulled.Field("Book", "origin").format, schema::Format::kUuid);
  EXPECT_TRUE(pulled.Field("Book", "origin").required);
  EXPECT_EQ(pulled.Field("Book", "owner").format, schema::Format::kObjectId);
  EXPECT_EQ(pulled.Field("Book", "tags").presence, Presence::kRepeated);
  EXPECT_EQ(pulled.Field("Book", "pages").presence, Presence::kOptional);
  EXPECT_TRUE(pulled.Field("Book", "due").required);
  EXPECT_FALSE(pulled.Field("Book", "extra").required);
}

TEST(PullTest, WhatNoTypeHoldsIsLeftOutAndSaid) {
  PulledColumn price = Column("price", "");
  price.found = "numeric(10,2)";
  PulledColumn cover = Column("cover", "", true);
  cover.why = "the database computes it";
  Pulled pulled = Pull({{Table("books", {price, cover})}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_THAT(pulled.result.left_out,
              ElementsAre("books.\"price\" (numeric(10,2)): storegate has no type that holds it; "
                          "it is NOT NULL without a default, so that no record can be created",
                          "books.\"cover\" (a ): the database computes it"));
  EXPECT_THAT(pulled.result.files[0].second, HasSubstr("// Left out: \"price\" (numeric(10,2))"));
}

TEST(PullTest, TablesThatAreNoEntityAreLeftOutAndSaid) {
  PulledTable none = Table("logs", {});
  none.primary_key.clear();
  PulledTable two = Table("book_tags", {Column("tag", "string")});
  two.primary_key = {"id", "tag"};
  PulledTable date = Table("days", {});
  date.columns[0] = Column("id", "google.protobuf.Timestamp");
  PulledTable space = Table("my books", {});
  Pulled pulled = Pull({{none, two, date, space, Table("books", {})}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_EQ(pulled.schema->entities.size(), 1u);
  EXPECT_THAT(pulled.result.left_out,
              ElementsAre("\"logs\": it has no primary key",
                          "\"book_tags\": its primary key has more than one column",
                          StartsWith("\"days\": its key is"),
                          StartsWith("\"my books\": its name")));
  Result<PullResult> nothing = WriteProtos({{none}}, "data.v1");
  EXPECT_EQ(nothing.status().reason(), "NOTHING_TO_PULL");
}

TEST(PullTest, NamesAreMappedAndTheirColumnsSaid) {
  Pulled pulled = Pull({{Table("books", {Column("categorySlug", "string"),
                                         Column("category_slug", "string"),
                                         Column("etag", "string"), Column("delete_time", "string"),
                                         Column("option", "string"), Column("message", "string"),
                                         Column("_hidden", "string"), Column("a_1", "string"),
                                         Column("a1", "string")})}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_EQ(pulled.Field("Book", "category_slug").column, "categorySlug");
  EXPECT_EQ(pulled.Field("Book", "category_slug_2").column, "category_slug");
  EXPECT_EQ(pulled.Field("Book", "etag_2").column, "etag");
  EXPECT_EQ(pulled.Field("Book", "etag").role, Role::kEtag);
  EXPECT_EQ(pulled.Field("Book", "delete_time_2").column, "delete_time");
  EXPECT_EQ(pulled.Field("Book", "option").column, "option");
  EXPECT_EQ(pulled.Field("Book", "a1_2").column, "a1");
  EXPECT_THAT(pulled.result.left_out, ElementsAre(HasSubstr("_hidden")));
}

TEST(PullTest, TheKeyMayHaveAnotherName) {
  PulledTable table = Table("books", {Column("isbn", "string")});
  table.primary_key = {"isbn"};
  Pulled pulled = Pull({{table}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_EQ(pulled.Entity("Book").id->column, "isbn");
  EXPECT_EQ(pulled.Field("Book", "id_2").column, "id");
}

TEST(PullTest, NamesOfMessagesDoNotMeet) {
  Pulled pulled = Pull({{Table("books", {}), Table("book", {}), Table("get_book_requests", {}),
                         Table("news", {}), Table("categories", {}), Table("missing_ids", {}),
                         Table("statuses", {}), Table("boxes", {}), Table("2nd", {})}});
  ASSERT_NE(pulled.schema, nullptr);
  std::vector<std::string> names;
  for (const schema::Entity& entity : pulled.schema->entities) {
    names.push_back(entity.name + " " + entity.collection);
  }
  EXPECT_THAT(names, ElementsAre("Book books", "BookRecord book", "Box boxes",
                                 "Category categories", "GetBookRequestRecord get_book_requests",
                                 "MissingIdRecord missing_ids", "News news", "Status statuses"));
}

TEST(PullTest, AllowedWordsAreAnEnum) {
  PulledColumn state = Column("state", "string");
  state.values = {"open", "done"};
  PulledColumn other = Column("other", "string", true);
  other.values = {"open", "x"};  // beside the other enum's
  PulledColumn odd = Column("odd", "string");
  odd.values = {"in progress"};
  Pulled pulled = Pull({{Table("tasks", {state, other, odd})}});
  ASSERT_NE(pulled.schema, nullptr);
  const schema::Field& field = pulled.Field("Task", "state");
  ASSERT_EQ(field.type, Type::kEnum);
  EXPECT_TRUE(field.required);
  EXPECT_EQ(field.enum_type->NumberOf("done"), 2);
  EXPECT_EQ(pulled.Field("Task", "other").type, Type::kString);
  EXPECT_EQ(pulled.Field("Task", "odd").type, Type::kString);
  EXPECT_THAT(pulled.result.files[0].second, HasSubstr("takes \"in progress\" only"));
}

TEST(PullTest, ReferencesAndKeysAreThoseOfTheDatabase) {
  PulledTable authors = Table("authors", {Column("handle", "string"), Column("mail", "string")});
  authors.uniques = {{{"handle"}, ""}, {{"mail"}, "mail <> ''"}};
  PulledTable books = Table(
      "books", {Column("author_id", "int32"), Column("editor_id", "int64", true),
                Column("handle", "string"), Column("shelf", "string"), Column("place", "int32"),
                Column("deleted_at", "google.protobuf.Timestamp", true), Column("isbn", "string")});
  books.references = {{"author_id", "authors", "id"},
                      {"editor_id", "authors", "id"},
                      {"handle", "authors", "handle"}};
  books.uniques = {{{"shelf", "place"}, ""},
                   {{"isbn"}, "(\"deleted_at\" IS NULL)"},
                   {{"author_id", "shelf"}, ""}};
  books.index_names = {"idx_books_author_id", "uq_books_shelf_place"};
  Pulled pulled = Pull({{authors, books}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_EQ(pulled.Field("Author", "handle").unique, Unique::kAll);
  EXPECT_TRUE(pulled.Field("Author", "handle").immutable);
  const schema::Field& author = pulled.Field("Book", "author_id");
  ASSERT_TRUE(author.references.has_value());
  EXPECT_TRUE(author.required);
  EXPECT_EQ(author.type, Type::kInt64);
  EXPECT_FALSE(pulled.Field("Book", "editor_id").required);
  EXPECT_TRUE(pulled.Field("Book", "handle").references.has_value());
  EXPECT_EQ(pulled.Field("Book", "isbn").unique, Unique::kLive);
  std::vector<std::string> names;
  for (const schema::Index& index : pulled.Entity("Book").indexes) names.push_back(index.name);
  // Those that the database has are left as they are.
  EXPECT_THAT(names, Contains("idx_books_author_id_2"));
  EXPECT_THAT(names, Contains("uq_books_shelf_place_2"));
  EXPECT_THAT(pulled.result.left_out,
              ElementsAre(StartsWith("authors.unique mail: it holds for some rows only"),
                          StartsWith("books.unique author_id and shelf: author_id can be unset")));
}

TEST(PullTest, PasswordsAreNotReturned) {
  Pulled pulled = Pull({{Table("users", {Column("password_hash", "string")})}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_TRUE(pulled.Field("User", "password_hash").input_only);
}

TEST(PullTest, NoNameOfADatabaseEndsAComment) {
  PulledColumn column = Column("a\nmessage Evil {}", "string");
  column.found = "x\ny";
  PulledColumn state = Column("state", "string");
  state.values = {"a\nmessage Evil {}"};
  state.default_value = "'\nmessage Evil {}'";
  Pulled pulled = Pull({{Table("books", {column, state})}});
  ASSERT_NE(pulled.schema, nullptr);
  EXPECT_EQ(pulled.schema->pool->FindMessageTypeByName("data.v1.Evil"), nullptr);
}

TEST(PullTest, APackageIsNames) {
  for (const char* bad : {"", "a..b", "1a", "a b", "google.x", "storegate", "a.google.b"}) {
    EXPECT_EQ(WriteProtos({{Table("books", {})}}, bad).status().reason(), "INVALID_PACKAGE") << bad;
  }
  EXPECT_TRUE(WriteProtos({{Table("books", {})}}, "library").ok());
}

// A SQL table as adapters describe it.
TEST(PulledFromModelTest, ReadsKeysUniquesAndChecksOfColumnsTablesAndIndexes) {
  repository::TableModel model;
  model.name = "books";
  auto add = [&](const std::string& name, bool not_null, const std::string& check,
                 const std::string& rest) {
    repository::ColumnModel column;
    column.name = name;
    column.type = "text";
    column.not_null = not_null;
    column.check = check;
    column.rest = rest;
    model.columns.push_back(column);
  };
  add("id", false, "", "PRIMARY KEY");
  add("slug", true, "", "UNIQUE");
  add("state", true, "((state = ANY (ARRAY['open'::text, 'it''s'::text])))", "");
  add("kind", true, "\"kind\" IN ('a', 'b')", "");
  add("size", true, "length(size) > 3", "");
  add("twice", true, "", "GENERATED ALWAYS AS (\"slug\" || \"slug\") STORED");
  add("_version", true, "", "");
  add("_folded_slug", true, "", "");
  model.constraints = {"UNIQUE (\"slug\", \"state\")", "CHECK (\"a\" > 1)"};
  model.indexes = {{"i1", true, "(\"kind\" DESC NULLS LAST) WHERE (\"x\" IS NULL)", true},
                   {"i2", true, "(lower(\"slug\"))", true},
                   {"i3", false, "(\"slug\")", true}};
  model.references = {{"slug", "others", "id", "", ""}};
  PulledTable table = PulledFromModel(
      model, [](const repository::ColumnModel&, PulledColumn* column) { column->type = "string"; });
  EXPECT_THAT(table.primary_key, ElementsAre("id"));
  ASSERT_EQ(table.columns.size(), 6u);
  EXPECT_THAT(table.columns[2].values, ElementsAre("open", "it's"));
  EXPECT_THAT(table.columns[3].values, ElementsAre("a", "b"));
  EXPECT_THAT(table.columns[4].values, IsEmpty());
  EXPECT_EQ(table.columns[5].type, "");
  ASSERT_EQ(table.uniques.size(), 3u);
  EXPECT_THAT(table.uniques[1].columns, ElementsAre("slug", "state"));
  EXPECT_THAT(table.uniques[2].columns, ElementsAre("kind"));
  EXPECT_EQ(table.uniques[2].where, "(\"x\" IS NULL)");
  EXPECT_THAT(table.index_names, ElementsAre("i1", "i2", "i3"));
  ASSERT_EQ(table.references.size(), 1u);
}

}  // namespace
}  // namespace storegate::migrate
