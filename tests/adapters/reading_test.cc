// What a query may leave out or look beyond: masks, so many of each, records related to
// others, and how the database says that it answers; the same on each backend.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/repository/wire_sink.h"
#include "tests/adapters/adapter_case.h"

namespace storegate::test {
namespace {

using query::Predicate;
using repository::KeyValues;
using repository::Query;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

KeyValues Key(const char* text) { return {Value(std::string(text))}; }

class ReadingCase : public AdapterCase {
 protected:
  void Put(const schema::Entity& entity, const std::string& text) {
    const Status status = InsertText(*session_, entity, text);
    EXPECT_TRUE(status.ok()) << status.ToString() << " " << text;
  }
  void PutAuthor(const std::string& id, const std::string& more = "") {
    Put(Author(), "id: '" + id + "' name: 'N" + id + "' slug: 's" + id + "' " + more);
  }
  void PutBook(int id, const std::string& author, const std::string& more = "") {
    Put(Book(), "id: " + std::to_string(id) + " author_slug: 's" + author + "' shelf: 'A' place: " +
                    std::to_string(id) + " " + more);
  }
  void Delete(const schema::Entity& entity, Value id) {
    repository::Mutation mutation = Change(repository::Change::kDelete, entity, std::move(id));
    mutation.check_referrers.clear();
    const Status status = Apply(*session_, {std::move(mutation)});
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  std::vector<std::string> List(const Query& query) {
    Result<std::vector<std::string>> rows = Rows(*session_, query);
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    return rows.ok() ? *rows : std::vector<std::string>{"ERROR"};
  }
  // The wire bytes of the first row.
  std::string Wire(const Query& query) {
    std::string bytes;
    repository::WireSink sink(&bytes);
    sink.SetEntity(query.entity);
    const Status status = session_->List(query, &sink);
    EXPECT_TRUE(status.ok()) << status.ToString();
    return bytes;
  }

  std::unique_ptr<repository::Session> session_ = Writer(*backend_);
};
STOREGATE_ADAPTERS(ReadingCase);

TEST_P(ReadingCase, AMaskTrimsAListedRow) {
  PutAuthor("1", "email: 'a@x' born: 5");
  Query query = All(Author());
  query.fields = Fields(Author(), "id,born");
  EXPECT_THAT(List(query), ElementsAre("id: \"1\" born: 5"));
  query.fields = Fields(Author(), "id,slug,mentor_id");
  EXPECT_THAT(List(query), ElementsAre("id: \"1\" slug: \"s1\""));
  query.fields = Fields(Author(), "id,mentor,books");
  EXPECT_THAT(List(query), ElementsAre("id: \"1\""));
  query.fields.clear();
  EXPECT_THAT(List(query), ElementsAre("id: \"1\" name: \"N1\" slug: \"s1\" email: \"a@x\" born: 5"));
}

TEST_P(ReadingCase, AMaskNamesTheEtagOrThereIsNone) {
  PutAuthor("1");
  const auto has_etag = [&](const std::string& mask) {
    Query query = All(Author());
    query.fields = Fields(Author(), mask);
    const std::unique_ptr<google::protobuf::Message> record(Author().prototype->New());
    EXPECT_TRUE(record->ParseFromString(Wire(query)));
    std::string scratch;
    const auto* reflection = record->GetReflection();
    return !reflection->GetStringReference(*record, Author().etag->descriptor, &scratch).empty();
  };
  EXPECT_TRUE(has_etag(""));
  EXPECT_FALSE(has_etag("id"));
  EXPECT_FALSE(has_etag("id,name,delete_time"));
  EXPECT_TRUE(has_etag("id,etag"));
  EXPECT_TRUE(has_etag("id,delete_time,etag"));
}

TEST_P(ReadingCase, AMaskTrimsWhatAGetFindsAndNotWhatItSays) {
  PutAuthor("1", "email: 'a@x'");
  PutAuthor("2", "email: 'b@x' born: 7");
  Delete(Author(), std::string("2"));
  for (const std::vector<KeyValues>& keys :
       {std::vector<KeyValues>{Key("2")}, {Key("2"), Key("none"), Key("1")}}) {
    std::vector<Got> got = Get(*session_, Author(), "id", keys, "born");
    EXPECT_EQ(got[0].state, "deleted");
    EXPECT_EQ(got[0].row, "born: 7");
    if (keys.size() > 1) {
      EXPECT_EQ(got[1].state, "none");
      EXPECT_EQ(got[2].state, "living");
      EXPECT_EQ(got[2].row, "");
    }
    got = Get(*session_, Author(), "id", keys, "name,delete_time");
    EXPECT_EQ(got[0].state, "deleted");
    EXPECT_THAT(got[0].row, HasSubstr("delete_time"));
    got = Get(*session_, Author(), "id", keys, "id,etag");
    EXPECT_EQ(got[0].row, "id: \"2\"");
    got = Get(*session_, Author(), "id", keys, "mentor");
    EXPECT_EQ(got[0].state, "deleted");
    EXPECT_EQ(got[0].row, "");
  }
}

TEST_P(ReadingCase, AMaskLeavesKeysOfAnyKindAlone) {
  PutAuthor("1", "email: 'a@x'");
  Delete(Author(), std::string("1"));
  PutAuthor("2", "email: 'a@x' born: 7");
  std::vector<Got> got = Get(*session_, Author(), "email", {Key("a@x"), Key("b@x")}, "born");
  EXPECT_EQ(got[0].state, "living");
  EXPECT_EQ(got[0].row, "born: 7");
  EXPECT_EQ(got[1].state, "none");
  got = Get(*session_, Author(), "email", {Key("a@x")}, "name");
  EXPECT_EQ(got[0].row, "name: \"N2\"");
  PutBook(1, "2", "title: 'x'");
  PutBook(2, "2", "title: 'y'");
  const Value shelf = std::string("A");
  got = Get(*session_, Book(), "shelf,place", {{shelf, int64_t{2}}, {shelf, int64_t{1}}}, "title");
  EXPECT_EQ(got[0].row, "title: \"y\"");
  EXPECT_EQ(got[1].row, "title: \"x\"");
  got = Get(*session_, Book(), "shelf,place", {{shelf, int64_t{2}}, {shelf, int64_t{1}}}, "place");
  EXPECT_EQ(got[1].row, "place: 1");
  Put(Note(), "id: 'a' key: '\\001' tags: 't'");  // without delete_time
  got = Get(*session_, Note(), "id", {Key("a"), Key("b")}, "tags");
  EXPECT_EQ(got[0].row, "tags: \"t\"");
  EXPECT_EQ(got[1].state, "none");
}

TEST_P(ReadingCase, MaskedPagesAreThoseOfWholeRows) {
  for (int i = 0; i < 12; ++i) {
    PutAuthor(std::to_string(100 + i), i % 3 == 0 ? "" : "born: " + std::to_string(i % 3));
  }
  for (const char* order : {"born desc", "born", "id desc"}) {
    Query query = All(Author(), order);
    query.fields = Fields(Author(), "id,born");
    const std::vector<std::string> whole = List(query);
    ASSERT_EQ(whole.size(), 12u);
    std::vector<std::string> pages;
    query.limit = 5;
    while (true) {
      std::string bytes;
      repository::WireSink sink(&bytes);
      sink.Remember(&query.order);
      ASSERT_TRUE(session_->List(query, &sink).ok());
      if (sink.rows() == 0) break;
      for (std::string& row : List(query)) pages.push_back(std::move(row));
      query.after = sink.last_values();
    }
    EXPECT_EQ(pages, whole) << order;
  }
}

TEST_P(ReadingCase, SoManyOfEach) {
  for (const char* author : {"1", "2", "3"}) PutAuthor(author);
  int id = 0;
  for (const char* author : {"1", "2", "1", "1", "2", "1"}) {
    ++id;
    PutBook(id, author, "pages: " + std::to_string(10 - id));
  }
  Query query = All(Book(), "pages");
  query.each = Book().Find("author_slug");
  query.fields = Fields(Book(), "id,author_slug,pages");
  const auto row = [](int id, const char* author) {
    return "id: " + std::to_string(id) + " author_slug: \"s" + author + "\" pages: " +
           std::to_string(10 - id);
  };
  EXPECT_THAT(List(query), ElementsAre(row(6, "1"), row(4, "1"), row(3, "1"), row(1, "1"),
                                       row(5, "2"), row(2, "2")));
  query.each_limit = 2;
  EXPECT_THAT(List(query), ElementsAre(row(6, "1"), row(4, "1"), row(5, "2"), row(2, "2")));
  query.each_limit = 1;
  EXPECT_THAT(List(query), ElementsAre(row(6, "1"), row(5, "2")));
  query.where = Parsed("pages > 4", Book());
  EXPECT_THAT(List(query), ElementsAre(row(4, "1"), row(5, "2")));
  Delete(Book(), int64_t{4});
  EXPECT_THAT(List(query), ElementsAre(row(3, "1"), row(5, "2")));
  query.show_deleted = true;
  EXPECT_THAT(List(query), ElementsAre(row(4, "1"), row(5, "2")));
  query.limit = 1;
  EXPECT_THAT(List(query), ElementsAre(row(4, "1")));
  query.fields.clear();
  EXPECT_THAT(List(query), ElementsAre(HasSubstr("shelf: \"A\" place: 4")));
}

TEST_P(ReadingCase, EachValueThatIsUnsetIsOneToo) {
  PutAuthor("0");
  for (const char* mentored : {"1", "2"}) PutAuthor(mentored, "mentor_id: '0'");
  for (const char* alone : {"3", "4"}) PutAuthor(alone);
  Query query = All(Author(), "name desc");
  query.each = Author().Find("mentor_id");
  query.each_limit = 2;
  query.fields = Fields(Author(), "id,name,mentor_id");
  EXPECT_THAT(List(query), ElementsAre(HasSubstr("id: \"4\""), HasSubstr("id: \"3\""),
                                       HasSubstr("id: \"2\""), HasSubstr("id: \"1\"")));
  // By the field that is ordered by.
  query.order = All(Author(), "mentor_id desc, id desc").order;
  EXPECT_THAT(List(query), ElementsAre(HasSubstr("id: \"4\""), HasSubstr("id: \"3\""),
                                       HasSubstr("id: \"2\""), HasSubstr("id: \"1\"")));
}

// A predicate over the records that an embed is filled with.
Predicate Related(const schema::Entity& entity, const char* embed, Predicate inner) {
  Predicate predicate;
  predicate.kind = Predicate::Kind::kRelated;
  predicate.path.field = entity.Find(embed);
  predicate.path.type = schema::Type::kMessage;
  predicate.path.presence = predicate.path.field->presence;
  predicate.children.push_back(std::move(inner));
  return predicate;
}

class RelatedCase : public ReadingCase {
 protected:
  void SetUp() override {
    PutAuthor("1", "born: 1900");
    PutAuthor("2", "born: 1950 mentor_id: '1'");
    PutAuthor("3", "mentor_id: '2'");
    PutAuthor("4", "born: 1900 mentor_id: '4'");
    PutBook(1, "1", "title: 'a' pages: 10");
    PutBook(2, "1", "title: 'b' pages: 20");
    PutBook(3, "2", "title: 'a' pages: 30");
    PutBook(4, "3", "title: 'c'");
    for (const char* genre : {"x", "y", "z"}) {
      Put(Genre(), "id: '" + std::string(genre) + "' name: 'G" + genre + "'");
    }
    Put(BookGenre(), "id: '1' book_id: 1 genre_id: 'x'");
    Put(BookGenre(), "id: '2' book_id: 1 genre_id: 'y'");
    Put(BookGenre(), "id: '3' book_id: 2 genre_id: 'y'");
    Put(BookGenre(), "id: '4' book_id: 3");
    Put(BookGenre(), "id: '5' genre_id: 'x'");
  }
  // Those and no others, and the complement of NOT.
  void Expect(const schema::Entity& entity, const Predicate& predicate,
              const std::vector<std::string>& ids) {
    EXPECT_EQ(Where(*session_, entity, predicate), ids) << query::Describe(predicate);
    std::vector<std::string> rest;
    for (const std::string& id : Where(*session_, entity, Predicate::True())) {
      if (std::ranges::find(ids, id) == ids.end()) rest.push_back(id);
    }
    EXPECT_EQ(Where(*session_, entity, Predicate::Not(predicate)), rest)
        << "NOT " << query::Describe(predicate);
  }
  // One level.
  void Expect(const schema::Entity& entity, const char* embed, std::string_view inner,
              const std::vector<std::string>& ids) {
    const schema::Entity& other = *entity.Find(embed)->embed_entity;
    Expect(entity, Related(entity, embed, Parsed(inner, other)), ids);
  }
};
STOREGATE_ADAPTERS(RelatedCase);

TEST_P(RelatedCase, ToOne) {
  Expect(Book(), "author", "born = 1900", {"1", "2"});
  Expect(Book(), "author", "NOT born = 1900", {"3", "4"});
  Expect(Book(), "author", "name = 'N3'", {"4"});
  Expect(Book(), "author", "name = 'nobody'", {});
  Expect(Book(), Related(Book(), "author", Predicate::True()), {"1", "2", "3", "4"});
  Expect(Book(), Related(Book(), "author", Predicate::Not(Predicate::True())), {});
}

TEST_P(RelatedCase, ToOneOfItsOwnKindAndUnset) {
  Expect(Author(), "mentor", "born = 1900", {"2", "4"});
  Expect(Author(), "mentor", "NOT born = 1900", {"3"});
  Expect(Author(), "mentor", "mentor_id : *", {"3", "4"});
  Expect(Author(), "pupils", "born = 1950", {"1"});
  Expect(Author(), "pupils", "id = '4'", {"4"});
  Expect(Author(), Related(Author(), "pupils", Predicate::True()), {"1", "2", "4"});
}

TEST_P(RelatedCase, ToMany) {
  Expect(Author(), "books", "title = 'a'", {"1", "2"});
  Expect(Author(), "books", "pages > 15", {"1", "2"});
  Expect(Author(), "books", "title = 'a' AND pages > 15", {"2"});
  Expect(Author(), "books", "NOT title = 'a'", {"1", "3"});
}

TEST_P(RelatedCase, Via) {
  Expect(Book(), "genres", "name = 'Gx'", {"1"});
  Expect(Book(), "genres", "name = 'Gy'", {"1", "2"});
  Expect(Book(), "genres", "name = 'Gz'", {});
  Expect(Book(), Related(Book(), "genres", Predicate::True()), {"1", "2"});
  Expect(Genre(), "books", "title = 'b'", {"y"});
  Expect(Genre(), Related(Genre(), "books", Predicate::True()), {"x", "y"});
}

TEST_P(RelatedCase, OnlyLivingRecordsCount) {
  Delete(Author(), std::string("1"));
  Expect(Book(), "author", "born = 1900", {});
  Expect(Author(), "mentor", "born = 1900", {"4"});
  Delete(Book(), int64_t{3});
  Expect(Author(), "books", "title = 'a'", {});
  Delete(BookGenre(), std::string("2"));
  Expect(Book(), "genres", "name = 'Gy'", {"2"});
  Delete(Genre(), std::string("y"));
  Expect(Book(), "genres", "name = 'Gy'", {});
  Expect(Book(), Related(Book(), "genres", Predicate::True()), {"1"});
}

TEST_P(RelatedCase, DeeperAndTogether) {
  const auto mentor = [](Predicate inner) { return Related(Author(), "mentor", std::move(inner)); };
  Expect(Author(), mentor(mentor(Parsed("born = 1900", Author()))), {"3", "4"});
  Expect(Author(), mentor(Predicate::Not(mentor(Parsed("born = 1900", Author())))), {"2"});
  Expect(Book(), Related(Book(), "author", mentor(Parsed("born = 1950", Author()))), {"4"});
  Expect(Genre(), Related(Genre(), "books", Related(Book(), "author", Parsed("born = 1900", Author()))),
         {"x", "y"});
  Expect(Author(),
         Related(Author(), "books", Related(Book(), "genres", Parsed("name = 'Gx'", Genre()))),
         {"1"});
  Expect(Author(),
         Predicate::And({Parsed("born = 1900", Author()),
                         Predicate::Or({Related(Author(), "books", Parsed("title = 'b'", Book())),
                                        mentor(Parsed("id = '4'", Author()))})}),
         {"1", "4"});
}

TEST_P(RelatedCase, WhatIsLookedIntoMayBeAnything) {
  Put(Note(), "id: 'a' key: 'a' tags: 't'");
  Expect(Book(), "author", "name = '*1'", {"1", "2"});
  Expect(Book(), "author", "name IN ('N1', 'N2')", {"1", "2", "3"});
  Expect(Book(), "author", "email : *", {});
}

TEST_P(RelatedCase, ListsWithOrderAndPages) {
  Query query = All(Book(), "title desc");
  query.where = Related(Book(), "author", Parsed("born : *", Author()));
  query.limit = 2;
  query.fields = Fields(Book(), "id,title");
  EXPECT_THAT(List(query), ElementsAre("id: 2 title: \"b\"", "id: 1 title: \"a\""));
  query.after = {std::string("a"), int64_t{1}};
  EXPECT_THAT(List(query), ElementsAre("id: 3 title: \"a\""));
}

TEST_P(ReadingCase, TheDatabaseSaysHowItLists) {
  std::vector<repository::Mutation> mutations;
  std::vector<std::unique_ptr<google::protobuf::Message>> records;
  for (int i = 0; i < 500; ++i) {
    records.push_back(Record(Author(), "id: '" + std::to_string(i) + "' name: 'x' slug: '" +
                                           std::to_string(i) + "' create_time { seconds: " +
                                           std::to_string(i) + " }"));
    mutations.push_back(Insert(*records.back()));
  }
  ASSERT_TRUE(Apply(*session_, std::move(mutations)).ok());
  Query query = All(Author(), "create_time desc");
  query.limit = 3;
  query.show_deleted = true;
  const Result<std::string> by_index = session_->Explain(query);
  ASSERT_TRUE(by_index.ok()) << by_index.status().ToString();
  EXPECT_THAT(*by_index, HasSubstr("authors_create_time")) << *by_index;
  query.where = Parsed("born = 5", Author());
  query.order = All(Author(), "name").order;
  const Result<std::string> by_scan = session_->Explain(query);
  ASSERT_TRUE(by_scan.ok()) << by_scan.status().ToString();
  if (GetParam() == "sqlite") {
    EXPECT_THAT(*by_scan, HasSubstr("SCAN authors"));
    EXPECT_THAT(*by_scan, HasSubstr("TEMP B-TREE"));
  } else {
    EXPECT_THAT(*by_index, HasSubstr("rows=3"));
    EXPECT_THAT(*by_scan, HasSubstr("Rows Removed by Filter: 500"));
  }
}

TEST_P(ReadingCase, CapabilitiesSaySo) {
  EXPECT_TRUE(backend_->capabilities().joins);
  EXPECT_TRUE(backend_->capabilities().aggregates);
}

}  // namespace
}  // namespace storegate::test
