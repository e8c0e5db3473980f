// Which index each kind of database is said to use, by cases: a filter, an order, and what
// is expected of PostgreSQL, SQLite and MongoDB. That the databases do so is tested where
// they are (tests/conformance/index_test.cc).
#include "server/query/index_choice.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/query/order.h"
#include "tests/unit/query/test_schema.h"

namespace storegate::query {
namespace {

constexpr std::string_view kSchema = R"proto(
syntax = "proto3";
package lib.v1;
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "storegate/v1/schema.proto";

message Book {
  option (storegate.v1.entity) = {
    index: { fields: "author_id" fields: "create_time desc" }
    index: { fields: "shelf" fields: "kind" fields: "pages" }
    index: { fields: "pages" }
    index: { fields: "create_time desc" }
    index: { fields: "year" where: "pages >= 100 AND kind = NOVEL" name: "idx_long" }
    index: { fields: "language" where: "year : *" name: "idx_dated" }
    default_order_by: "create_time desc"
    search_index: true
  };
  enum Kind { KIND_UNSPECIFIED = 0; NOVEL = 1; POEM = 2; }
  string id = 1 [(storegate.v1.field).format = UUID];
  string title = 2 [(storegate.v1.field) = { max_len: 100 searchable: true }];
  string isbn = 3 [(storegate.v1.field) = { max_len: 20 unique: ALL }];
  optional string code = 4 [(storegate.v1.field) = { max_len: 20 unique: LIVE }];
  optional int64 author_id = 5 [(storegate.v1.field) = { references: "Author.id" }];
  optional int64 editor_id = 6 [(storegate.v1.field) = { references: "Author.id" }];
  string shelf = 7 [(storegate.v1.field).max_len = 20];
  Kind kind = 8;
  int32 pages = 9;
  optional int32 year = 10;
  string language = 11 [(storegate.v1.field).max_len = 20];
  repeated string tags = 12;
  google.protobuf.Struct extra = 13;
  string blurb = 14 [(storegate.v1.field) = { max_len: 500 searchable: true }];
  google.protobuf.Timestamp create_time = 15;
  google.protobuf.Timestamp delete_time = 16;
  Author author = 17 [(storegate.v1.field).embed = "author_id"];
}
message Author {
  int64 id = 1;
  string name = 2 [(storegate.v1.field) = { max_len: 50 unique: ALL }];
  optional string nick = 3 [(storegate.v1.field) = { max_len: 50 unique: ALL }];
  string note = 4 [(storegate.v1.field) = { max_len: 50 searchable: true }];
}
service BookStore { rpc GetBook(GetBookRequest) returns (Book); }
message GetBookRequest { string id = 1; }
service AuthorStore { rpc GetAuthor(GetAuthorRequest) returns (Author); }
message GetAuthorRequest { int64 id = 1; }
)proto";

const schema::Schema& Books() {
  static const auto* loaded = new schema::LoadResult(LoadText(kSchema));
  if (loaded->schema == nullptr) {
    for (const auto& diagnostic : loaded->diagnostics) ADD_FAILURE() << diagnostic.ToString();
    std::abort();
  }
  return *loaded->schema;
}

const schema::Entity& EntityOf(std::string_view name) {
  return *Books().FindEntity("lib.v1." + std::string(name));
}

Predicate Filter(const schema::Entity& entity, const std::string& text) {
  if (text.empty()) return Predicate::True();
  Result<Template> parsed = Template::Parse(text, entity, nullptr, nullptr);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status().message();
  return *parsed->Bind(nullptr);
}

Order OrderOf(const schema::Entity& entity, const std::string& text) {
  if (text == "any") return {};
  Result<Order> order = ParseOrder(text, entity);
  EXPECT_TRUE(order.ok()) << text;
  return *order;
}

std::string Chosen(const schema::Entity& entity, Engine engine, const std::string& filter,
                   const std::string& order, bool show_deleted = false) {
  return Describe(IndexChooser(entity, engine)
                      .Choose(Filter(entity, filter), OrderOf(entity, order), show_deleted));
}

struct Case {
  std::string filter, order, postgres, sqlite, mongodb;
};

void Check(const schema::Entity& entity, const std::vector<Case>& cases, bool show_deleted) {
  for (const Case& each : cases) {
    const std::string what = "[" + each.filter + "] by [" + each.order + "]";
    EXPECT_EQ(Chosen(entity, Engine::kPostgres, each.filter, each.order, show_deleted),
              each.postgres) << what << " in PostgreSQL";
    EXPECT_EQ(Chosen(entity, Engine::kSqlite, each.filter, each.order, show_deleted),
              each.sqlite) << what << " in SQLite";
    EXPECT_EQ(Chosen(entity, Engine::kMongodb, each.filter, each.order, show_deleted),
              each.mongodb) << what << " in MongoDB";
  }
}

// The same of all three.
Case Alike(std::string filter, std::string order, std::string choice) {
  return {std::move(filter), std::move(order), choice, choice, choice};
}

TEST(IndexChoice, OrderWithoutACondition) {
  Check(EntityOf("Book"), {
      Alike("", "", "idx_books_create_time, in order"),
      Alike("", "id", "the id, in order"),
      Alike("", "id desc", "the id, in order"),
      Alike("", "pages", "idx_books_pages, in order"),
      // The id ends an index ascending: backward it would be descending.
      {"", "pages desc", "idx_books_pages, in order, ties sorted",
       "idx_books_pages, in order, ties sorted", "reads all, sorted"},
      Alike("", "pages desc, id desc", "idx_books_pages, in order"),
      {"", "create_time", "idx_books_create_time, in order, ties sorted",
       "idx_books_create_time, in order, ties sorted", "reads all, sorted"},
      Alike("", "blurb", "reads all, sorted"),
      Alike("", "shelf, kind, pages", "idx_books_shelf_kind_pages, in order"),
      {"", "shelf, title", "idx_books_shelf_kind_pages, in order, ties sorted",
       "idx_books_shelf_kind_pages, in order, ties sorted", "reads all, sorted"},
      // A unique index does not end with the id.
      {"", "isbn", "uq_books_isbn, in order, ties sorted", "uq_books_isbn, in order",
       "reads all, sorted"},
      // Partial: of the living ones; in MongoDB without those that have none.
      {"", "code", "uq_books_code, in order, ties sorted", "uq_books_code, in order, ties sorted",
       "reads all, sorted"},
      Alike("", "any", "reads all, as asked"),
  }, false);
  Check(EntityOf("Book"), {Alike("", "code", "reads all, sorted")}, true);
}

TEST(IndexChoice, Equality) {
  const std::string id = "01890a5d-ac96-774b-bcce-b302099a8057";
  Check(EntityOf("Book"), {
      Alike("id = \"" + id + "\"", "", "the id (1 equal)"),
      Alike("author_id = 5", "", "idx_books_author_id_create_time (1 equal)"),
      Alike("author_id = 5", "pages", "idx_books_author_id_create_time (1 equal), sorted"),
      Alike("author_id = 5", "any", "idx_books_author_id_create_time (1 equal)"),
      Alike("editor_id = 5", "", "idx__ref_books_editor_id (1 equal), sorted"),
      Alike("editor_id = 5", "editor_id, id", "idx__ref_books_editor_id (1 equal)"),
      Alike("isbn = \"x\"", "", "uq_books_isbn (1 equal)"),
      Alike("shelf = \"a\" AND kind = POEM", "pages", "idx_books_shelf_kind_pages (2 equal)"),
      Alike("shelf = \"a\" AND kind = POEM AND pages > 5", "pages",
            "idx_books_shelf_kind_pages (2 equal, range)"),
      Alike("shelf = \"a\" AND pages = 5", "", "idx_books_shelf_kind_pages (1 equal), sorted"),
      Alike("pages = 5", "", "idx_books_pages (1 equal), sorted"),
      Alike("pages = 5", "id", "idx_books_pages (1 equal)"),
      Alike("blurb = \"x\"", "", "reads all, in order of idx_books_create_time"),
      Alike("blurb = \"x\"", "any", "reads all"),
      // What has one value orders nothing, in SQL also where no index has it.
      {"blurb = \"x\"", "blurb, pages", "reads all, in order of idx_books_pages",
       "reads all, in order of idx_books_pages", "reads all, sorted"},
      // Several values are several ranges.
      {"author_id IN (5, 6)", "", "idx_books_author_id_create_time (1 equal), sorted",
       "idx_books_author_id_create_time (1 equal), sorted",
       "idx_books_author_id_create_time (1 equal)"},
      // No text that is no UUID can be looked for among UUIDs.
      {"id = \"x\"", "", "reads all, in order of idx_books_create_time", "the id (1 equal)",
       "the id (1 equal)"},
  }, false);
}

TEST(IndexChoice, UniqueAmongTheLiving) {
  Check(EntityOf("Book"), {
      {"code = \"x\"", "", "uq_books_code (1 equal)", "uq_books_code (1 equal)",
       "uq_books_code (1 equal), sorted"},
  }, false);
  Check(EntityOf("Book"), {
      {"code = \"x\"", "", "reads all, in order of idx_books_create_time",
       "reads all, in order of idx_books_create_time", "uq_books_code (1 equal), sorted"},
  }, true);
}

TEST(IndexChoice, Ranges) {
  const std::string wide = "idx_books_pages (range), sorted; or idx_books_create_time, in order";
  Check(EntityOf("Book"), {
      Alike("pages >= 5", "", wide),
      Alike("pages >= 5 AND pages < 9", "", wide),
      Alike("pages >= 5", "pages", "idx_books_pages (range)"),
      Alike("create_time > \"2026-01-01T00:00:00Z\"", "", "idx_books_create_time (range)"),
      Alike("shelf = \"A*\"", "", "idx_books_shelf_kind_pages (range), sorted; or "
                                  "idx_books_create_time, in order"),
      Alike("shelf = \"*A\"", "", "reads all, in order of idx_books_create_time"),
      {"id = \"018*\"", "id", "reads all, in order of the id", "the id (range)",
       "the id (range)"},
      {"author_id : *", "id",
       "idx_books_author_id_create_time (range), sorted; or the id, in order",
       "reads all, in order of the id",
       "idx_books_author_id_create_time (range), sorted; or the id, in order"},
  }, false);
}

TEST(IndexChoice, WhatNoIndexServes) {
  const std::string all = "reads all, in order of idx_books_create_time";
  Check(EntityOf("Book"), {
      Alike("tags : \"x\"", "", all),
      Alike("extra.a = 5", "", all),
      Alike("NOT pages = 5", "", all),
      Alike("pages != 5", "", all),
      Alike("NOT author_id : *", "", all),
      Alike("tags : \"x\" AND author_id = 5", "", "idx_books_author_id_create_time (1 equal)"),
  }, false);
}

TEST(IndexChoice, EitherOr) {
  Check(EntityOf("Book"), {
      Alike("author_id = 5 OR isbn = \"x\"", "",
            "idx_books_author_id_create_time (1 equal) or uq_books_isbn (1 equal), sorted"),
      Alike("author_id = 5 OR blurb = \"x\"", "", "reads all, in order of idx_books_create_time"),
      Alike("(author_id = 5 OR blurb = \"x\") AND pages = 3", "id", "idx_books_pages (1 equal)"),
      Alike("author_id = 5 OR (isbn = \"x\" AND tags : \"y\")", "any",
            "idx_books_author_id_create_time (1 equal) or uq_books_isbn (1 equal)"),
  }, false);
}

TEST(IndexChoice, PartialIndexes) {
  const std::string all = "reads all, in order of idx_books_create_time";
  const std::string pages = "idx_books_pages (range), sorted; or idx_books_create_time, in order";
  Check(EntityOf("Book"), {
      Alike("year = 1984 AND kind = NOVEL AND pages >= 100", "", "idx_long (1 equal), sorted"),
      {"year = 1984 AND kind = NOVEL AND pages >= 200", "", "idx_long (1 equal), sorted", pages,
       "idx_long (1 equal), sorted"},
      {"year = 1984 AND kind = NOVEL AND pages = 200", "year", "idx_long (1 equal)",
       "idx_books_pages (1 equal)", "idx_long (1 equal)"},
      Alike("year = 1984 AND kind = NOVEL AND pages >= 99", "", pages),
      Alike("year = 1984", "", all),
      Alike("language = \"en\"", "", all),
      Alike("language = \"en\" AND year > 1900", "", "idx_dated (1 equal), sorted"),
      Alike("language = \"en\" AND year : *", "", "idx_dated (1 equal), sorted"),
      {"language = \"en\" AND year = 1900", "", "idx_dated (1 equal), sorted", all,
       "idx_dated (1 equal), sorted"},
  }, false);
}

TEST(IndexChoice, RecordsThatAreReferredTo) {
  const std::string all = "reads all, in order of idx_books_create_time";
  Check(EntityOf("Book"), {
      Alike("author.name = \"x\"", "", "idx_books_author_id_create_time (1 equal), sorted"),
      Alike("author.name = \"x\" AND author_id = 5", "",
            "idx_books_author_id_create_time (1 equal)"),
      Alike("author.note = \"x\"", "", all),
      Alike("author : *", "", all),
      Alike("NOT author.name = \"x\"", "", all),
  }, false);
}

TEST(IndexChoice, NumbersAsIds) {
  Check(EntityOf("Author"), {
      Alike("id = 5", "", "the id (1 equal)"),
      Alike("id > 5", "", "the id (range)"),
      {"id IN (1, 2)", "", "the id (1 equal), sorted", "the id (1 equal), sorted",
       "the id (1 equal), sorted"},
      // In SQLite it is the row's own number, which ends each index.
      {"", "nick", "uq_authors_nick, in order, ties sorted", "uq_authors_nick, in order",
       "reads all, sorted"},
      {"nick > \"a\"", "nick", "uq_authors_nick (range), ties sorted",
       "uq_authors_nick (range)", "uq_authors_nick (range), sorted"},
  }, false);
}

// search: folded text of one of several fields.
Predicate Search(const schema::Entity& entity, const std::string& text) {
  std::vector<Predicate> any;
  for (const schema::Field* field : entity.searchable) {
    Predicate contains;
    contains.kind = Predicate::Kind::kContains;
    contains.path.field = field;
    contains.path.type = field->type;
    contains.path.presence = field->presence;
    contains.value = text;
    any.push_back(std::move(contains));
  }
  return Predicate::Or(std::move(any));
}

TEST(IndexChoice, Search) {
  const schema::Entity& book = EntityOf("Book");
  const Order order = OrderOf(book, "");
  const auto chosen = [&](Engine engine, const std::string& text) {
    return Describe(IndexChooser(book, engine).Choose(Search(book, text), order, false));
  };
  const std::string all = "reads all, in order of idx_books_create_time";
  EXPECT_EQ(chosen(Engine::kPostgres, "red"), "idx__search_books (trigrams), sorted");
  EXPECT_EQ(chosen(Engine::kPostgres, "größe"), "idx__search_books (trigrams), sorted");
  EXPECT_EQ(chosen(Engine::kPostgres, "re"), all);
  EXPECT_EQ(chosen(Engine::kPostgres, "r-e-d"), all);
  EXPECT_EQ(chosen(Engine::kPostgres, "%_\\"), all);
  EXPECT_EQ(chosen(Engine::kSqlite, "red"), all);
  EXPECT_EQ(chosen(Engine::kMongodb, "red"), all);

  const schema::Entity& author = EntityOf("Author");
  EXPECT_EQ(Describe(IndexChooser(author, Engine::kPostgres)
                         .Choose(Search(author, "red"), OrderOf(author, ""), false)),
            "reads all, in order of the id");
}

TEST(IndexChoice, NothingIsRead) {
  const schema::Entity& book = EntityOf("Book");
  Predicate nothing;
  nothing.kind = Predicate::Kind::kFalse;
  EXPECT_EQ(Describe(IndexChooser(book, Engine::kSqlite).Choose(nothing, {}, false)),
            "reads nothing");
}

TEST(IndexChoice, SaysWhatWouldHelp) {
  const schema::Entity& book = EntityOf("Book");
  const auto remedy = [&](Engine engine, const Predicate& where, const std::string& order) {
    return IndexChooser(book, engine).Remedy(where, OrderOf(book, order), false);
  };
  EXPECT_EQ(remedy(Engine::kSqlite, Filter(book, "blurb = \"x\""), ""),
            "An index of Book would serve it: "
            "index: { fields: \"blurb\" fields: \"create_time desc\" }.");
  EXPECT_EQ(remedy(Engine::kSqlite, Filter(book, "year > 5"), "pages"),
            "An index of Book would serve it: index: { fields: \"year\" }.");
  EXPECT_EQ(remedy(Engine::kSqlite, Filter(book, ""), "blurb desc"),
            "An index of Book would serve it: index: { fields: \"blurb desc\" }.");
  EXPECT_EQ(remedy(Engine::kSqlite, Filter(book, "tags : \"x\""), ""),
            "Conditions on id, isbn, code, author_id, shelf, pages, create_time and editor_id "
            "are served by an index; join one with AND.");
  EXPECT_EQ(remedy(Engine::kPostgres, Search(book, "x"), "").substr(0, 82),
            "The index of `search` serves texts with three letters or digits in a row. Conditio");
  const schema::Entity& author = EntityOf("Author");
  EXPECT_EQ(IndexChooser(author, Engine::kPostgres).Remedy(Search(author, "red"), {}, false),
            "`search_index: true` of Author would make an index for `search`. "
            "Conditions on id, name and nick are served by an index; join one with AND.");
}

}  // namespace
}  // namespace storegate::query
